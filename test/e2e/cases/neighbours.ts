/** People, tools and load balancers that do their own things while a run is under way. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Blocker } from '../../../src/api/upgrade-run.ts';
import { waitFor } from '../../cluster/poll.ts';
import type { Bed } from '../bed.ts';
import { assertClean, assertUnharmed, portalImages, runningImages } from '../checks.ts';
import type { Example } from '../example.ts';
import { holdConnection, letGo } from '../guest.ts';
import { getRuns, waitForOutcome } from '../outcome.ts';
import { adminStates, askHaproxy } from '../runtime-api.ts';
import { tellStory, untilStep } from '../story.ts';

const old = portalImages('1.0.0');
const good = { release: 'portal:1.1.0', version: '1.1.0' } as const;

export function registerNeighbours(bed: () => Bed): void {
  it('S-12 R: the set is deleted in mid-run: undone, gone in time, users unharmed', async () => deletion(bed()));
  it('S-18 R: HAProxy is restarted in mid-drain: seen, drained again, no request fails', async () =>
    haproxyRestart(bed()));
  it('S-16 R: a member that a person drained stays drained, and the last one is not taken', async () =>
    drainedByPerson(bed()));
  it('design 4.2 R: manifests re-applied every five seconds: a named blocker, no fight', async () => reapplied(bed()));
  for (const onTimeout of ['Hold', 'Force', 'Fail'] as const) {
    it(`S-15 R: a connection that does not end, onTimeout ${onTimeout}`, async () => stuckConnection(bed(), onTimeout));
  }
}

async function deletion(bed: Bed): Promise<void> {
  const story = await tellStory({
    ...bed.options('deletion', 'service'),
    ...good,
    // The set is gone in the end; the load and the checks come after.
    until: () => true,
    afterwards: async (example, outcome) => {
      await untilStep(example, 'g1-upgrade');
      await example.kubectl(['delete', 'upgradesets.belay.dev', 'portal', '--timeout=120s']);
      return outcome;
    },
  });
  assertUnharmed(story.report);
  assert.deepEqual(await runningImages(story.example), old);
  await assertClean(story.example);
  await story.example.remove();
}

async function haproxyRestart(bed: Bed): Promise<void> {
  const story = await tellStory({
    ...bed.options('restart', 'haproxy'),
    ...good,
    isOneShot: true,
    meanwhile: async (example) => {
      await untilStep(example, 'g1-drain');
      await example.kubectl(['delete', 'pod', 'haproxy-0', '--wait=false']);
    },
  });
  assert.equal(story.outcome.phase, 'Completed');
  assertUnharmed(story.report);
  assert.deepEqual(await adminStates(story.example, 'portal-1'), [0, 0]);
  await assertClean(story.example);
  await story.example.remove();
}

async function drainedByPerson(bed: Bed): Promise<void> {
  const story = await tellStory({
    ...bed.options('person', 'haproxy'),
    ...good,
    prepare: async (example) => {
      for (const instance of [0, 1]) await askHaproxy(example, instance, 'set server portal/portal-1 state drain');
    },
    // With one member out by a person's hand, taking the other would leave nobody: the run must end without doing so.
    edit: (text) => text.replaceAll('drain: {timeout: 1m', 'drain: {timeout: 10s'),
  });
  assert.notEqual(story.outcome.phase, 'Completed');
  assertUnharmed(story.report);
  const states = await adminStates(story.example, 'portal-1');
  assert.ok(
    states.every((state) => (state & 8) !== 0),
    `portal-1 was put back: ${states.join(', ')}`,
  );
  assert.deepEqual(await adminStates(story.example, 'portal-2'), [0, 0]);
  await story.example.remove();
}

async function reapplied(bed: Bed): Promise<void> {
  const foreign: Blocker[] = [];
  const story = await tellStory({
    ...bed.options('reapplied', 'service'),
    ...good,
    meanwhile: async (example) => {
      await untilStep(example, 'g1-drain');
      // Until it was noticed and three times more, or all is over: a fight would show in the number of changes.
      const deadline = performance.now() + 300_000;
      const isOver = async (): Promise<boolean> =>
        performance.now() > deadline || (await getRuns(example)).every(({ status }) => status?.finished !== undefined);
      for (let more = 3; more > 0 && !(await isOver()); more -= foreign.length > 0 ? 1 : 0) {
        await example.kubectl(['apply', '-f', '-'], example.manifests(['application.yaml']));
        for (let look = 0; look < 5; look += 1) {
          await delay(1_000);
          foreign.push(...(await currentBlockers(example)).filter((blocker) => blocker.type === 'Foreign'));
        }
      }
    },
  });
  assert.ok(foreign.length > 0, `nobody was named, and the run ended as ${story.outcome.phase}`);
  assert.ok(
    foreign.every((blocker) => /StatefulSet/.test(`${blocker.object} ${blocker.message}`)),
    JSON.stringify(foreign),
  );
  const set = await story.example.getJson<{ metadata: { generation: number } }>(['statefulset', 'portal-1']);
  assert.ok(set.metadata.generation < 40, `${set.metadata.generation} changes of the workload look like a fight`);
  assertUnharmed(story.report);
  await story.example.remove();
}

async function currentBlockers(example: Example): Promise<Blocker[]> {
  const runs = await getRuns(example);
  return runs.flatMap((run) => run.status?.blockers ?? []);
}

async function stuckConnection(bed: Bed, onTimeout: 'Hold' | 'Force' | 'Fail'): Promise<void> {
  const story = await tellStory({
    ...bed.options(`stuck-${onTimeout.toLowerCase()}`, 'service'),
    ...good,
    edit: (text) =>
      text.replaceAll('drain: {timeout: 1m, onTimeout: Hold}', `drain: {timeout: 6s, onTimeout: ${onTimeout}}`),
    prepare: holdConnection,
    // Held: the run asks or says what blocks it, and goes on once the connection is gone.
    ...(onTimeout === 'Hold'
      ? { until: (_set, runs) => runs.some((run) => (run.status?.blockers ?? []).length > 0) }
      : {}),
    afterwards: async (example, outcome) => {
      if (onTimeout !== 'Hold') return outcome;
      const [blocker] = await waitForBlocker(example);
      assert.match(blocker?.message ?? '', /portal-1/);
      assert.match(blocker?.message ?? '', /\b1\b/, 'the count is the evidence');
      await letGo(example);
      return waitForOutcome(example, {
        earlier: [],
        until: (set) => ['Completed', 'AwaitingDecision'].includes(set.status?.phase ?? ''),
      });
    },
  });
  const { phase } = story.outcome;
  if (onTimeout === 'Force') assert.equal(phase, 'Completed');
  if (onTimeout === 'Fail') assert.ok(['Failed', 'RolledBack'].includes(phase), phase);
  if (onTimeout === 'Fail') assert.deepEqual(await runningImages(story.example), old);
  assertUnharmed(story.report);
  if (phase !== 'AwaitingDecision') await assertClean(story.example);
  await story.example.remove();
}

async function waitForBlocker(example: Example): Promise<Blocker[]> {
  return waitFor({
    what: 'a blocker that names the drain',
    timeoutMs: 60_000,
    intervalMs: 500,
    check: async () => {
      const found = (await currentBlockers(example)).filter((blocker) => /connection/.test(blocker.message));
      return found.length > 0 ? found : undefined;
    },
  });
}
