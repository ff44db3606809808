/** The controller's own processes: frozen, replaced and killed while runs are under way, also those of other stories. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { upgradeRuns } from '../../../src/api/resources.ts';
import type { UpgradeRun } from '../../../src/api/upgrade-run.ts';
import { configMaps, pods } from '../../../src/kube/resources.ts';
import { type Random, seededRandom } from '../../../src/simulation/random.ts';
import { waitFor } from '../../cluster/poll.ts';
import type { Bed } from '../bed.ts';
import { assertAfter, portalImages } from '../checks.ts';
import { controllerNamespace, findLeader, killLeader, signalAll, waitForNextLeader } from '../controllers.ts';
import { untilMigrating } from '../database.ts';
import type { Example } from '../example.ts';
import { holdConnection, letGo } from '../guest.ts';
import { getRuns } from '../outcome.ts';
import { adminStates } from '../runtime-api.ts';
import { tellStory, untilStep } from '../story.ts';
import type { Story, StoryOptions } from '../story.ts';
import { assertMigratedOnce, lastStatement, tellMajor } from './major.ts';

const old = portalImages('1.0.0');
const upgraded = portalImages('1.1.0');
const good = { release: 'portal:1.1.0', version: '1.1.0' } as const;

export function registerLeaders(bed: () => Bed): void {
  describe('leaders', { concurrency: 1 }, () => {
    it('S-03 R: the leader freezes between journal and effect for longer than its lease, then goes on', async () =>
      frozenLeader(bed()));
    it('S-03 R: the leader changes in mid-drain: the drain is neither repeated nor undone', async () =>
      changedInMidDrain(bed()));
    it('S-02 R: the leader is killed with SIGKILL at twenty random instants of good and bad runs', async () =>
      killedTwentyTimes(bed()));
    it('001-82, S-02 R: the controller is killed with SIGKILL in mid-migration: one Job, one migration', async () =>
      killedInMigration(bed()));
  });
}

async function frozenLeader(bed: Bed): Promise<void> {
  const story = await tellStory({
    ...bed.options('frozen', 'haproxy'),
    ...good,
    meanwhile: async (example) => {
      await untilStep(example, 'g1-drain', ['Running']);
      const leader = await findLeader(bed.client);
      signalAll(leader.pids, 'SIGSTOP');
      try {
        await waitForNextLeader(bed.client, leader);
        // The next one has begun to act: now the two may meet.
        await untilStep(example, 'g1-drain', ['Succeeded']);
      } finally {
        signalAll(leader.pids, 'SIGCONT');
      }
    },
  });
  assert.equal(story.outcome.phase, 'Completed');
  await assertAfter(story, upgraded);
}

async function changedInMidDrain(bed: Bed): Promise<void> {
  const story = await tellStory({
    ...bed.options('mid-drain', 'service'),
    ...good,
    // Only the guest decides how long it takes.
    edit: (text) => text.replaceAll('drain: {timeout: 1m', 'drain: {timeout: 5m'),
    prepare: holdConnection,
    meanwhile: (example) => changeLeaderInDrain(bed, example),
  });
  assert.equal(story.outcome.phase, 'Completed');
  const drain = story.outcome.runs[0]?.status?.steps.find(({ id }) => id === 'g1-drain');
  assert.deepEqual({ state: drain?.state, attempt: drain?.attempt }, { state: 'Succeeded', attempt: 1 });
  await assertAfter(story, upgraded);
}

/** What a drain is in the cluster; equal before and after where nobody repeated or undid it. */
interface DrainFacts {
  /** Attempt, operation and start of the step. */
  readonly step: string;
  /** What keeps new pods out of the pool, by UID. */
  readonly holds: readonly string[];
  readonly pod: string | undefined;
  readonly isInPool: boolean;
}

async function changeLeaderInDrain(bed: Bed, example: Example): Promise<void> {
  await untilStep(example, 'g1-drain', ['Running']);
  const before = await waitFor({
    what: 'portal-1 to leave its pool',
    timeoutMs: 60_000,
    check: async () => {
      const facts = await drainFacts(example);
      return facts.isInPool ? undefined : facts;
    },
  });
  const leader = await findLeader(bed.client);
  // In good order: it gives the lease back, and its drain is under way.
  await bed.cluster.kubectl(['-n', controllerNamespace, 'delete', 'pod', leader.pod, '--wait=false']);
  const seen: DrainFacts[] = [];
  await waitFor({
    what: 'the next leader to look at the run',
    timeoutMs: 60_000,
    check: async () => {
      const isLookedAt = ((await upgradeOf(example))?.status?.epoch ?? 0) > leader.epoch;
      seen.push(await drainFacts(example));
      return isLookedAt ? true : undefined;
    },
  });
  // A few looks more: it must leave the drain as it is for as long as the guest stays.
  for (let look = 0; look < 20; look += 1) {
    await delay(100);
    seen.push(await drainFacts(example));
  }
  for (const facts of seen) assert.deepEqual(facts, before, 'the drain when the leader changes');
  await letGo(example);
}

async function upgradeOf(example: Example): Promise<UpgradeRun | undefined> {
  return (await getRuns(example)).find(({ spec }) => spec.purpose === 'Upgrade');
}

async function drainFacts(example: Example): Promise<DrainFacts> {
  const { client, namespace } = example;
  const step = (await upgradeOf(example))?.status?.steps.find(({ id }) => id === 'g1-drain');
  const holds = await client.list(configMaps, { namespace, labelSelector: 'belay.dev/held=true' });
  const pod = await client.find(pods, { namespace, name: 'portal-1-0' });
  return {
    step: `${step?.operation}, ${step?.state}, since ${step?.started}`,
    holds: holds.items.map(({ metadata }) => metadata.uid ?? ''),
    pod: pod?.metadata.uid,
    isInPool: pod?.metadata.labels?.['belay.dev/pool'] !== undefined,
  };
}

const kills = 20;
/** Each is a good and a bad run at once, so that one kill interrupts both. */
const mostRounds = 5;
/** So many kills wait until the dead leader's lease runs out; the others hand it on, which saves 15 s each. */
const everyLapse = 7;

async function killedTwentyTimes(bed: Bed): Promise<void> {
  const seed = Number(process.env['E2E_SEED'] ?? randomInt(2 ** 31));
  console.log(`e2e: the instants of the kills come from E2E_SEED=${seed}`);
  const random = seededRandom(seed);
  let killed = 0;
  for (let round = 1; killed < kills; round += 1) {
    assert.ok(round <= mostRounds, `only ${killed} kills in ${mostRounds} rounds`);
    const now = await killInRound(bed, { round, random, most: Math.min(kills / 2, kills - killed), before: killed });
    console.log(`e2e: ${now} kills in round ${round}`);
    killed += now;
  }
}

interface Round {
  readonly round: number;
  readonly random: Random;
  readonly most: number;
  /** Kills of earlier rounds. */
  readonly before: number;
}

/** @returns how often the leader was killed */
async function killInRound(bed: Bed, { round, random, most, before }: Round): Promise<number> {
  const [one, other] = round % 2 === 1 ? (['service', 'haproxy'] as const) : (['haproxy', 'service'] as const);
  const told: StoryOptions[] = [
    { ...bed.options(`kill-good-${round}`, one), ...good },
    { ...bed.options(`kill-bad-${round}`, other), release: 'portal:1.2.0' },
  ];
  const over = new AbortController();
  const stories = Promise.all(told.map(tellStory)).finally(() => over.abort());
  const kill = async (): Promise<number> => {
    let killed = 0;
    const namespaces = told.map(({ namespace }) => namespace);
    while (killed < most && (await untilProgress(bed, namespaces, random, over.signal))) {
      killed += 1;
      const isHandedOn = (before + killed) % everyLapse !== 0;
      const next = await killLeader(bed.client, isHandedOn);
      console.log(`e2e: kill ${before + killed}: ${next.pod} leads, epoch ${next.epoch}`);
    }
    return killed;
  };
  const [[completed, rolledBack], killed] = await Promise.all([stories, kill()]);
  assert.ok(completed !== undefined && rolledBack !== undefined);
  assert.equal(completed.outcome.phase, 'Completed');
  assert.equal(rolledBack.outcome.phase, 'RolledBack');
  assert.equal(rolledBack.outcome.runs[0]?.status?.failure?.step, 'g1-isolated');
  for (const story of [completed, rolledBack]) await assertWhole(story);
  await assertAfter(completed, upgraded);
  await assertAfter(rolledBack, old);
  return killed;
}

/**
 * Waits for a number of changes in the journals that is drawn, and then for a moment.
 * @returns false when the stories were over before
 */
async function untilProgress(
  bed: Bed,
  namespaces: readonly string[],
  random: Random,
  over: AbortSignal,
): Promise<boolean> {
  let left = 1 + Math.floor(random() * 7);
  const pauseMs = Math.floor(random() * 1_500);
  let last = await journals(bed, namespaces);
  while (!over.aborted) {
    const now = await journals(bed, namespaces);
    if (now !== last) left -= 1;
    last = now;
    if (left > 0) await delay(50);
    else {
      await delay(pauseMs);
      return !over.aborted;
    }
  }
  return false;
}

/** State of every step of every run, as one text. */
async function journals(bed: Bed, namespaces: readonly string[]): Promise<string> {
  const { items } = await bed.client.list(upgradeRuns, {});
  return items
    .filter(({ metadata }) => namespaces.includes(metadata.namespace ?? ''))
    .flatMap(({ status }) => (status?.steps ?? []).map(({ operation, state }) => `${operation} ${state}`))
    .toSorted()
    .join('\n');
}

async function killedInMigration(bed: Bed): Promise<void> {
  const story = await tellMajor(bed, 'major-killed', {
    release: 'portal:2.0.0',
    version: '2.0.0',
    migration: `SELECT pg_sleep(8); ${lastStatement}`,
    meanwhile: async (example) => {
      await untilMigrating(example);
      await killLeader(bed.client, true);
    },
  });
  assert.equal(story.outcome.phase, 'Completed');
  await assertMigratedOnce(story);
}

/** Every member serves in its pool, also as HAProxy sees it. */
async function assertWhole({ example }: Story): Promise<void> {
  if (!example.hasHaproxy) return;
  for (const member of ['portal-1', 'portal-2']) assert.deepEqual(await adminStates(example, member), [0, 0], member);
}
