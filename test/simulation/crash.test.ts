/**
 * Every story again with the controller killed after every single effect and every single write of status, in fixed
 * order; then in orders drawn from seeds, with several kills. The end is the same, nothing once-only happens twice,
 * and every invariant holds at every instant.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { crashPlan } from '../../src/simulation/process.ts';
import { isEnded } from '../../src/status/summarize-run.ts';
import { seededRandom } from '../../src/simulation/random.ts';
import { assertEnd, endOf, play, type Story } from './story.ts';
import { stories } from './stories/index.ts';

/**
 * Kill at every so manieth point. All of them (`CRASH_EVERY=1`) take a quarter of an hour of one core; a test run takes
 * every fifth.
 */
const every = Number(process.env['CRASH_EVERY'] ?? '5');

/** Seeds that are always tried, and one nobody has tried yet. */
const seeds = every === 1 ? [1, 2, 3, randomInt(1, 2 ** 31)] : [1, 2, 3];
const killsPerSeed = 4;

async function pointsOf(story: Story): Promise<number> {
  const plan = crashPlan();
  await play(story, { crash: plan, validates: false });
  return plan.passed;
}

describe('S-02 S-31: killed after every effect and every write, a story ends the same', () => {
  for (const story of stories) {
    it(`${story.ids} ${story.name}: one kill, at every point`, async () => {
      const want = endOf(await play(story));
      const points = await pointsOf(story);
      for (let point = 1; point <= points; point += every * (story.killEvery ?? 1)) {
        const plan = crashPlan([point]);
        const ended = await play(story, { crash: plan, validates: false });
        const because = `killed at point ${point} of ${points}`;
        assert.equal(plan.crashes, 1, because);
        assertEnd(story, ended, because);
        assert.deepEqual(endOf(ended), want, because);
      }
    });

    it(`${story.ids} ${story.name}: several kills, in drawn orders`, async () => {
      const want = endOf(await play(story));
      const points = await pointsOf(story);
      for (const seed of seeds) {
        const random = seededRandom(seed);
        const at = Array.from({ length: killsPerSeed }, () => 1 + Math.floor(random() * Math.max(1, points)));
        const ended = await play(story, { crash: crashPlan(at), seed, validates: false });
        const because = `seed ${seed}, killed at points ${at.join(', ')}`;
        if (story.endsVary === undefined) {
          assertEnd(story, ended, because);
          assert.deepEqual(endOf(ended), want, because);
        } else {
          assert.deepEqual(ended.result.violations, [], because);
          assert.ok(
            ended.result.runs.every((run) => isEnded(run.status?.phase)),
            because,
          );
        }
      }
    });
  }
});
