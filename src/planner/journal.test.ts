import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setting } from '../../test/simulation/story.ts';
import type { StepEntry } from '../api/upgrade-run.ts';
import { planRun } from '../simulation/set-controller.ts';
import { must } from '../simulation/world.ts';
import { recordAfter, recordOf } from './journal.ts';

const told = setting();
const spec = planRun(told, must(told.objects.sets[0], 'set'));

/** Up to a step that failed and is to be tried again. */
function resumedAt(last: string): StepEntry[] {
  const end = spec.steps.findIndex(({ id }) => id === last);
  return spec.steps.map(({ id }, index): StepEntry => {
    if (index > end) return { id, state: 'Pending', attempt: 0, operation: '' };
    return { id, state: index < end ? 'Succeeded' : 'Pending', attempt: 1, operation: `uid/${id}/1` };
  });
}

describe('what became of a group', () => {
  for (const [last, fate] of [
    ['g1-stop', 'Stopped'],
    ['g1-upgrade', 'Changed'],
  ] as const) {
    it(`S-07 S-08: an end right after Resume, before ${last} is tried again, knows what its first attempt did`, () => {
      const entries = resumedAt(last);
      assert.equal(recordOf(spec, entries, 'group-1').fate, fate);
      const origin = { name: 'portal-1', uid: 'uid', spec, entries };
      assert.equal(recordAfter(origin, [], 'group-1').fate, fate);
      assert.equal(recordOf(spec, entries, 'group-2').fate, 'Untouched');
    });
  }
});
