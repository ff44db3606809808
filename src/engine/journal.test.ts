import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { advance, begin, note } from './journal.ts';

const now = Date.parse('2026-12-05T20:00:00Z');

describe('a journal without an entry for a step of the plan', () => {
  it('has one as soon as the step begins: a pass that changed nothing would be repeated for ever', () => {
    assert.deepEqual(
      begin([], 'g1-drain', 'uid', now).map(({ id, state, operation }) => [id, state, operation]),
      [['g1-drain', 'Running', 'uid/g1-drain/1']],
    );
  });

  it('has one when the step ends, is skipped, or notes something', () => {
    const ended = advance([], [{ id: 'g1-drain', state: 'Failed', message: 'no answer' }], 'uid', now, 1_000);
    assert.deepEqual([ended[0]?.state, ended[0]?.message, ended[0]?.consumed], ['Failed', 'no answer', '1s']);
    const passed = advance([], [{ id: 'g1-drain', state: 'Skipped', message: 'planned' }], 'uid', now, 0);
    assert.deepEqual([passed[0]?.state, passed[0]?.attempt], ['Skipped', 0]);
    assert.deepEqual(note([], 'g1-drain', { key: 'value' })[0]?.handles, { key: 'value' });
  });
});
