import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planOf } from '../../../test/simulation/checks.ts';
import { majorSetting } from '../../../test/simulation/major.ts';
import { setting } from '../../../test/simulation/story.ts';
import { listNames } from './steps.ts';

/** `UpgradeRun.spec.steps.title`. */
const maxTitle = 200;

describe('titles of rows', () => {
  it('name every group while there is room, in the order of the plan', () => {
    assert.equal(listNames(['group-2', 'group-1']), 'group-2, group-1');
    assert.equal(listNames(['a'.repeat(63), 'b'.repeat(63), 'c']), `${'a'.repeat(63)} and 2 more`);
  });

  for (const [procedure, told] of Object.entries({
    rolling: setting({ groups: 24 }),
    downtime: majorSetting({ groups: 24 }),
  })) {
    it(`${procedure}: of two dozen groups fit into the plan`, () => {
      const steps = planOf(told);
      assert.match(steps[0]?.title ?? '', /^Check the requirements, lock group-1, group-2, .* and 15 more$/);
      for (const { id, title } of steps) assert.ok(title.length <= maxTitle, `${id}: ${title.length} characters`);
    });
  }
});
