/** Each row of both procedures fails once: the end of every one, whole. `crash.test.ts` kills the controller on the way. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDuration } from '../../src/shared/duration.ts';
import { formatInstant } from '../../src/shared/instant.ts';
import { befall } from '../../src/simulation/faults.ts';
import { isServing, setInstance } from '../../src/simulation/pools.ts';
import type { Simulation, StoryEvent } from '../../src/simulation/simulation.ts';
import { must, type World } from '../../src/simulation/world.ts';
import { planOf } from './checks.ts';
import { downtimeRows, rollingRows } from './failing-rows.ts';
import { rowSetting, rowStories } from './failing-rows-story.ts';
import { assertEnd, play, runNamed, setting, whenStep, type Ended, type Story } from './story.ts';

describe('each row of both procedures is made to fail once', () => {
  const tables = { rolling: rollingRows, downtime: downtimeRows };
  for (const procedure of ['rolling', 'downtime'] as const) {
    it(`holds every row of the ${procedure} procedure, with the number it has in the plan`, () => {
      const plan = planOf(rowSetting(procedure, { signOff: 'Required' }));
      const numbers = tables[procedure].map(({ step, number }) => [step, number]);
      assert.deepEqual(
        numbers,
        tables[procedure].map(({ step }) => [step, plan.find(({ id }) => id === step)?.number]),
      );
      // The last one with a number is ours: it releases the locks.
      const vendors = plan.map(({ number }) => number).filter((number) => /^[1-9]\d*$/.test(number));
      const missing = vendors.slice(0, -1).filter((number) => !tables[procedure].some((row) => row.number === number));
      assert.deepEqual([missing, vendors.length - 1], [[], procedure === 'rolling' ? 14 : 15]);
    });
  }

  for (const story of rowStories) it(`${story.ids}: ${story.title}`, async () => assertEnd(story, await play(story)));
});

/** How long nobody served in any pool, in milliseconds. */
function watchOutage(world: World): () => number {
  let total = 0;
  let since: number | undefined;
  world.listeners.add(() => {
    const now = world.clock.now();
    const isServed = [...world.pools.values()].some((pool) => pool.members.some((one) => isServing(world, pool, one)));
    if (isServed && since !== undefined) total += now - since;
    since = isServed ? undefined : (since ?? now);
  });
  return () => total;
}

async function playWatched(story: Story): Promise<{ ended: Ended; outageMs: number }> {
  let outage = (): number => 0;
  const tell = (): ReturnType<Story['tell']> => {
    const told = story.tell();
    outage = watchOutage(told.world);
    return told;
  };
  const ended = await play({ tell });
  return { ended, outageMs: outage() };
}

describe('the clock of the downtime', () => {
  const rows = ['6a', '5a', '5', '6b', '6c'];
  for (const row of rows) {
    it(`A-18: stops when the way back lets users in again, not at its end (row ${row})`, async () => {
      const story = rowStories.find(({ name }) => name === `downtime-row-${row}-automatic`);
      const { ended, outageMs } = await playWatched(must(story, row));
      const { clocks, started, finished } = runNamed(ended, 'portal-1').status ?? {};
      const actualMs = parseDuration(clocks?.downtime.actual ?? '');
      const [whole, least] = [Date.parse(finished ?? '') - Date.parse(started ?? ''), outageMs - 1_000];
      assert.ok(outageMs > 10_000 && outageMs < whole, `nobody served for ${outageMs} of ${whole} ms`);
      // Announced a little before, when the first users are asked to leave.
      assert.ok(actualMs >= least && actualMs <= outageMs + 15_000, `${actualMs} ms said, ${outageMs} ms seen`);
    });
  }
});

/** A pool that accepts what it is told from some moment on, and does none of it. */
function deafSince(step: string, more: (simulation: Simulation) => void = () => {}): StoryEvent {
  return whenStep(step, 'Running', 'the pool stops following', (simulation) => {
    befall(simulation.world, { kind: 'PoolDeaf', pool: 'web' });
    more(simulation);
  });
}

function handedOver({ result }: Ended): string[] {
  return result.runs.flatMap((run) => run.status?.handedOver?.map(({ object, reason }) => `${object} ${reason}`) ?? []);
}

describe('a load balancer that accepts and does nothing is not asked for ever', () => {
  const fail = { drain: { timeout: '1m', onTimeout: 'Fail' } } as const;

  it('S-17: the drain fails at its deadline, and nothing was touched', async () => {
    const ended = await play({ tell: () => ({ ...setting({ group: fail }), events: [deafSince('baseline')] }) });
    const { phase, failure, service } = runNamed(ended, 'portal-1').status ?? {};
    assert.deepEqual(
      [phase, failure?.reason, service?.serving, handedOver(ended), ended.result.violations],
      ['Failed', 'DrainTimeout', ['group-1', 'group-2'], [], []],
    );
  });

  it('S-17 001-98: where the policy is Hold, it is asked on, and what is in the way is shown', async () => {
    const hold = { drain: { timeout: '1m', onTimeout: 'Hold' } } as const;
    const seen: unknown[] = [];
    const look = ({ store }: Simulation): void => {
      const { phase, blockers = [], conditions } = store.runs.at(-1)?.status ?? {};
      const ready = conditions?.find(({ type }) => type === 'Ready')?.reason;
      seen.push([phase, ready, blockers.map(({ type, object, message }) => `${type} ${object}: ${message}`)]);
    };
    const ended = await play({
      tell: () => ({
        ...setting({ group: hold, set: { signOff: 'NotRequired' } }),
        events: [
          deafSince('baseline'),
          { what: 'look', atMs: 600_000, act: look },
          {
            what: 'it follows again',
            atMs: 660_000,
            act: ({ world }: Simulation) => void (must(world.pools.get('web'), 'web').ignoresChanges = 0),
          },
        ],
      }),
    });
    const message =
      'pool web does not let go of web-1 after 1m; the policy is Hold, so it is asked on: mend the pool, or abort';
    assert.deepEqual(seen, [['Running', 'DrainHeld', [`Drain pool/web: ${message}`]]]);
    const { phase, blockers } = runNamed(ended, 'portal-1').status ?? {};
    assert.deepEqual([phase, blockers, ended.result.violations], ['Completed', undefined, []]);
  });

  it('S-17 S-18: it forgot who is out while that group is being changed: the step fails at its deadline', async () => {
    const forget = ({ world }: Simulation): void => {
      setInstance(world, 'web', 0, false);
      setInstance(world, 'web', 0, true);
    };
    const set = { timeouts: { Snapshot: '1m', Stop: '1m' } };
    const ended = await play({
      tell: () => ({ ...setting({ group: fail, set }), events: [deafSince('g1-snapshot', forget)], limitMs: 600_000 }),
    });
    const { failure } = runNamed(ended, 'portal-1').status ?? {};
    assert.deepEqual([failure?.step, failure?.reason], ['g1-snapshot', 'PoolNotFollowing']);
  });

  it('S-12 design 5.8: the set is deleted and time runs out: who was not taken back is handed over by name', async () => {
    const remove = ({ objects, world }: Simulation): void => {
      const deletionTimestamp = formatInstant(world.clock.now());
      objects.sets = objects.sets.map((set) => ({ ...set, metadata: { ...set.metadata, deletionTimestamp } }));
    };
    const ended = await play({
      tell: () => ({
        ...setting({ group: fail, set: { finalizeTimeout: '2m' } }),
        events: [deafSince('g1-others', remove)],
      }),
    });
    const { phase, service } = runNamed(ended, 'portal-1').status ?? {};
    assert.deepEqual(
      [phase, service?.serving, handedOver(ended), ended.result.violations],
      ['Failed', ['group-2'], ['pool/web/web-1 NotServing'], []],
    );
  });
});
