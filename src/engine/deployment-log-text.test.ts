import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { upgradeRun } from '../status/fixture.test.ts';
import { cutMiddle, maxStepLogBytes, renderStepLog, type StepLog } from './deployment-log-text.ts';

const [step] = upgradeRun('portal-1', []).spec.steps;

function logWith(change: Partial<StepLog>): string {
  if (step === undefined) throw new RangeError('a plan has steps');
  return renderStepLog({
    run: 'portal-1',
    user: undefined,
    step,
    entry: {
      id: step.id,
      state: 'Failed',
      attempt: 2,
      operation: 'uid/preflight/2',
      started: '2026-12-05T20:00:00.000Z',
      finished: '2026-12-05T20:01:00.000Z',
      reason: 'LockHeld',
      message: 'locked by portal-0',
    },
    asked: [],
    evidence: [],
    ...change,
  });
}

describe('the log of a step as text', () => {
  it('ends with what became of it, and says when nothing was asked (001-119)', () => {
    const lines = logWith({}).split('\n');
    assert.deepEqual(
      [lines.includes('nothing was asked for'), lines.at(-1)],
      [true, '2026-12-05T20:01:00.000Z Failed LockHeld: locked by portal-0'],
    );
  });

  it('says what was asked when, how often, and with which refusal (001-120)', () => {
    const at = Date.parse('2026-12-05T20:00:10Z');
    const asked = [
      { at, lastAt: at, what: 'LockGroup ServerGroup/group-1', because: 'it begins', times: 1, answer: 'held' },
      { at, lastAt: at + 5_000, what: 'DrainMember web-1 of pool web', because: '', times: 3, answer: '' },
    ];
    const text = logWith({
      asked,
      askedSince: '2026-12-05T20:00:05.000Z',
      user: 'system:serviceaccount:shop:deployer',
    });
    assert.match(text, /^as: system:serviceaccount:shop:deployer$/m);
    assert.match(text, /^what was asked before 2026-12-05T20:00:05\.000Z is not known/m);
    assert.match(text, /^\S+10\.000Z asked: LockGroup ServerGroup\/group-1, because it begins\n +refused: held$/m);
    assert.match(text, /^\S+ asked: DrainMember web-1 of pool web \(3 times, last \S+15\.000Z\)$/m);
  });

  it('keeps the beginning and the end of what is too long, and says how much is missing', () => {
    const output = Array.from({ length: 20_000 }, (_, line) => `line ${line} é`).join('\n');
    const text = logWith({ evidence: [{ title: 'Job a', facts: [], output }] });
    assert.ok(Buffer.byteLength(text) <= maxStepLogBytes && Buffer.byteLength(text) > maxStepLogBytes - 200);
    assert.match(text, /^run portal-1, step /);
    assert.match(text, /\n… \d+ bytes are cut out here …\n {2}\| line \d+ é\n/);
    assert.match(text, /\| line 19999 é\n\n\S+ Failed LockHeld: locked by portal-0$/);
  });

  it('cuts a text of one line without breaking a character', () => {
    const cut = cutMiddle('é'.repeat(10_000), 2_000);
    assert.ok(Buffer.byteLength(cut) <= 2_000 && !cut.includes('\uFFFD'));
    assert.match(cut, /^… \d+ bytes are cut out here …\né+$/);
  });

  it('sends no control characters to terminals', () => {
    const text = logWith({ evidence: [{ title: 'Job a', facts: [['said', '\u001b[2J']], output: '\u0007bell\tend' }] });
    assert.match(text, /said: \[2J$/m);
    assert.match(text, /\| bell {2}end$/m);
  });
});
