import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Choice } from '../api/upgrade-run.ts';
import { withNextMove } from './next-move.ts';

const resume: Choice = { choice: 'Resume', message: 'mend the cause' };
const back = (data: 'Keep' | 'Discard'): Choice => ({ choice: 'Rollback', method: 'Snapshots', data });

describe('a blocker that waits for a choice', () => {
  const cases: Readonly<Record<string, readonly [got: string, want: string]>> = {
    'names the choices and where they stand': [
      withNextMove('Start group-1: it is not ready', 'portal-1', [resume, back('Keep'), back('Discard')]),
      'Start group-1: it is not ready; create a Decision for run portal-1: Resume, Rollback by Snapshots with data Keep or Rollback by Snapshots with data Discard (status.choices)',
    ],
    'names the only one there is': [
      withNextMove('the journal is gone', 'portal-1', [{ choice: 'Abort' }]),
      'the journal is gone; create a Decision for run portal-1: Abort (status.choices)',
    ],
    'names the server that would be rebuilt': [
      withNextMove('no way back is left', 'portal-1-back', [{ choice: 'Rebuild', group: 'group-1', server: 'web-1' }]),
      'no way back is left; create a Decision for run portal-1-back: Rebuild of web-1 (status.choices)',
    ],
    'says nothing more where nothing is to be chosen': [
      withNextMove('waits for the pool', 'portal-1', []),
      'waits for the pool',
    ],
  };
  for (const [name, [got, want]] of Object.entries(cases)) it(name, () => assert.equal(got, want));

  it('cuts what went wrong rather than what to do', () => {
    const got = withNextMove('x'.repeat(2_000), 'portal-1', [resume]);
    assert.equal(got.length, 1_000);
    assert.ok(got.endsWith('; create a Decision for run portal-1: Resume (status.choices)'), got);
  });
});
