/**
 * Every story again with the controller killed after every single effect and every single write of status, and at points
 * drawn anew in an order nobody has tried yet. The end is the same, nothing once-only happens twice, and every
 * invariant holds at every instant.
 *
 * `CRASH_ORDER=fixed` or a seed tells all in that order alone, `CRASH_STORY=NAME` that story alone, and `CRASH_AT=3,17`
 * with these kills alone. `CRASH_DRAWS=40` draws so many points of each story in a drawn order, and not twelve.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { after, describe, it } from 'node:test';
import { SweepPool } from './sweep-pool.ts';
import type { Order } from './sweep.ts';
import { sweptStories } from './stories/index.ts';

const { CRASH_STORY: onlyStory, CRASH_ORDER: onlyOrder, CRASH_AT: onlyAt, CRASH_DRAWS: singles } = process.env;

const threads = availableParallelism();
const unknownSeed = randomInt(1, 2 ** 31);
/** Far more than a story takes on a busy machine; a story that never ends is a failure, not a test run without one. */
const timeout = 20 * 60_000;
/** Tellings with several kills, beside those with one. */
const draws = 4;

function ordersToTry(): readonly Order[] {
  if (onlyOrder === undefined) return ['fixed', unknownSeed];
  return [onlyOrder === 'fixed' ? 'fixed' : Number(onlyOrder)];
}

const orders = ordersToTry();
const told = sweptStories.filter((story) => onlyStory === undefined || story.name === onlyStory);
const kills =
  onlyAt === undefined
    ? { draws, ...(singles === undefined ? {} : { singles: Number(singles) }) }
    : { kills: [onlyAt.split(',').map(Number)] };

function nameOf(order: Order): string {
  if (order === 'fixed') return 'at every point in fixed order';
  return order === unknownSeed
    ? 'here and there in an order drawn anew'
    : `here and there in the order of seed ${order}`;
}

describe(
  'S-02 S-31: killed after every effect and every write, a story ends the same',
  { concurrency: threads },
  () => {
    if (onlyOrder === undefined) console.log(`crash stories seed ${unknownSeed}`);
    const pool = new SweepPool(threads);
    after(() => pool.close());
    for (const order of orders) {
      for (const story of told) {
        it(`${story.ids} ${story.name}: killed ${nameOf(order)}`, { timeout }, async () => {
          const report = await pool.run({ story: story.name, order, ...kills });
          assert.equal(report.failures.length, 0, report.failures.join('\n\n'));
        });
      }
    }
  },
);
