/** What outlives an upgrade: who decided, what to go back to, and which runs are kept. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decision, packageOf, pool, probeSuite, serverGroup, upgradeSet } from '../../test/builders/objects.ts';
import { seedStatefulSet } from '../../test/conformance/scene.ts';
import { contextOver } from '../../test/fakes/controllers.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import type { Decision } from '../api/decision.ts';
import type { Package } from '../api/package.ts';
import type { Pool } from '../api/pool.ts';
import type { ProbeSuite } from '../api/probe-suite.ts';
import * as kinds from '../api/resources.ts';
import type { ServerGroup } from '../api/server-group.ts';
import type { StepEntry, UpgradeRun, UpgradeRunStatus } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { Pacer } from '../engine/pacer.ts';
import { Stopwatch } from '../engine/stopwatch.ts';
import type { Cache } from '../kube/cache.ts';
import type { KubeObject, Resource } from '../kube/types.ts';
import { silentLogger } from '../shared/logger.ts';
import { planHash, upgradeRun } from '../status/fixture.test.ts';
import type { ControllerContext } from './context.ts';
import { createDeploymentLog } from './deployment-log.ts';
import { LastSeen } from './last-seen.ts';
import { Pace } from './pace.ts';
import { reconcileGroup } from './reconcile-objects.ts';
import { reconcileRun } from './reconcile-run.ts';
import { reconcileSet } from './reconcile-set.ts';

const never = new AbortController().signal;

function scene() {
  const clock = createManualClock(Date.parse('2026-12-05T21:00:00Z'));
  const client = createMemoryClient({ clock });
  const { caches, context: usual } = contextOver(client, clock);
  const notes: string[] = [];
  const context: ControllerContext = {
    ...usual,
    announcer: {
      announce: (_, type, reason, __, note) => {
        notes.push(`${type} ${reason} ${note}`);
      },
    },
  };
  for (const name of ['web-1', 'web-2']) seedStatefulSet({ client, clock }, name);
  return { clock, client, context, caches, notes };
}

type Scene = ReturnType<typeof scene>;

/** In the API server, and seen. */
function put<T extends KubeObject>({ client }: Scene, kind: Resource<T>, cache: Cache<T>, objects: readonly T[]): void {
  cache.replaced(
    objects.map((object) => client.seed<T>(kind, object)),
    '1',
  );
}

const namesOf = (runs: readonly UpgradeRun[]): string[] => runs.map(({ metadata }) => metadata.name).toSorted();

describe('a run on which somebody has decided (001-126, 001-142)', () => {
  const failed: Partial<StepEntry> & { readonly id: string } = {
    id: 'g1-stop',
    state: 'Failed',
    reason: 'StopFailed',
    message: 'no',
    finished: '2026-12-05T20:10:00.000Z',
  };

  it('keeps who, what, why and which evidence in its status, and says it in an event', async () => {
    const made = scene();
    const { context, caches, client, notes } = made;
    put(made, kinds.upgradeSets, caches.upgradeSets, [upgradeSet()]);
    // Every step has its entry, as in a journal that the engine has begun.
    const rest = upgradeRun('portal-1', []).spec.steps.map(
      ({ id }) => ({ id, state: 'Pending', attempt: 0, operation: '' }) as const,
    );
    const done = ['preflight', 'baseline', 'g1-drain', 'g1-others'];
    const entries = rest.map((entry) =>
      entry.id === failed.id
        ? failed
        : done.includes(entry.id)
          ? { ...entry, state: 'Succeeded' as const, attempt: 1 }
          : entry,
    );
    const run = upgradeRun('portal-1', entries, { phase: 'AwaitingDecision' });
    const spec = { ...run.spec, upgradeSetUID: upgradeSet().metadata.uid ?? '' };
    put(made, kinds.upgradeRuns, caches.upgradeRuns, [{ ...run, spec }]);
    const word = decision('portal-1', { choice: 'Resume', planHash, evidence: 'https://tickets.example/7' });
    const metadata = { ...word.metadata, creationTimestamp: '2026-12-05T20:20:00Z' };
    const status = { observedGeneration: 1, phase: 'Accepted' as const, message: 'first valid decision' };
    put<Decision>(made, kinds.decisions, caches.decisions, [{ ...word, metadata, status }]);
    const memory = {
      stopwatch: new Stopwatch(() => made.clock.monotonic()),
      pacer: new Pacer(),
      lastSeen: new LastSeen(),
      deploymentLog: createDeploymentLog(context),
    };
    await reconcileRun(context, memory, { namespace: 'shop', name: 'portal-1' }, never, silentLogger);
    const stored = await client.get<UpgradeRun>(kinds.upgradeRuns, { namespace: 'shop', name: 'portal-1' });
    assert.deepEqual(
      stored.status?.decisions?.map(({ name, choice, by, at, reason, evidence, phase }) => [
        ...[name, choice, by, at, reason, evidence, phase],
      ]),
      [
        [
          ...['portal-1-resume', 'Resume', 'ana@example.org', '2026-12-05T20:20:00Z', 'the service desk agrees'],
          ...['https://tickets.example/7', 'Accepted'],
        ],
      ],
    );
    assert.deepEqual(
      notes.filter((note) => note.includes('DecisionTaken')),
      [
        'Normal DecisionTaken ana@example.org decided Resume by portal-1-resume: the service desk agrees; evidence: https://tickets.example/7',
      ],
    );
  });
});

describe('a group during an upgrade (001-129)', () => {
  it('shows what it can go back to, with the write that shows its lock', async () => {
    const made = scene();
    const { context, caches, client } = made;
    const handles = { 'revision/StatefulSet/web-1': 'portal-1-statefulset-web-1' };
    const run = upgradeRun('portal-1', [{ id: 'g1-upgrade', handles }], { started: '2026-12-05T20:00:00.000Z' });
    put(made, kinds.upgradeRuns, caches.upgradeRuns, [run]);
    const lock = { run: 'portal-1', uid: 'uid-portal-1' };
    const group: ServerGroup = { ...serverGroup(1), status: { observedGeneration: 1, lock } };
    put(made, kinds.serverGroups, caches.serverGroups, [group]);
    await reconcileGroup(context, { namespace: 'shop', name: 'group-1' }, never);
    const stored = await client.get<ServerGroup>(kinds.serverGroups, { namespace: 'shop', name: 'group-1' });
    assert.deepEqual(
      [stored.status?.phase, stored.status?.lastKnownGood],
      ['Upgrading', { version: '1.1.0', revisions: ['portal-1-statefulset-web-1'] }],
    );
    assert.equal(client.server.writes.length, 1);
  });
});

describe('the history of a set (001-142)', () => {
  const limit = 2;
  const ended = (name: string, status: Partial<UpgradeRunStatus> = {}): UpgradeRun => {
    const run = upgradeRun(name, [{ id: 'preflight', state: 'Succeeded' }], { phase: 'Failed', ...status });
    return { ...run, spec: { ...run.spec, upgradeSetUID: upgradeSet().metadata.uid ?? '' } };
  };

  async function keptOf(runs: readonly UpgradeRun[], looks = 10): Promise<string[]> {
    const made = scene();
    const { context, caches, client } = made;
    put<UpgradeSet>(made, kinds.upgradeSets, caches.upgradeSets, [upgradeSet({ historyLimit: limit })]);
    put<Package>(made, kinds.packages, caches.packages, [packageOf('1.1.0'), packageOf('1.2.0')]);
    put<Pool>(made, kinds.pools, caches.pools, [pool('web', { service: { name: 'web' } })]);
    put<ProbeSuite>(made, kinds.probeSuites, caches.probeSuites, [probeSuite()]);
    put<ServerGroup>(made, kinds.serverGroups, caches.serverGroups, [serverGroup(1), serverGroup(2)]);
    put<UpgradeRun>(made, kinds.upgradeRuns, caches.upgradeRuns, runs);
    const pace = new Pace(() => made.clock.monotonic(), 1_000);
    for (let look = 0; look < looks; look += 1) {
      await reconcileSet(context, pace, { namespace: 'shop', name: 'portal' }, never, silentLogger);
      caches.upgradeRuns.replaced(client.all<UpgradeRun>(kinds.upgradeRuns), String(look + 2));
      caches.upgradeSets.replaced(client.all<UpgradeSet>(kinds.upgradeSets), String(look + 2));
    }
    const names = new Set(namesOf(runs));
    return namesOf(client.all<UpgradeRun>(kinds.upgradeRuns)).filter((name) => names.has(name));
  }

  const back = (name: string): UpgradeRun => {
    const run = ended(name, { phase: 'RolledBack' });
    return { ...run, spec: { ...run.spec, purpose: 'Rollback', previous: name.replace('-back', '') } };
  };
  const running = ended('portal-10', { phase: 'Running' });

  it('keeps the newest attempts, by number and not by name, with their rollbacks', async () => {
    const runs = [ended('portal-8'), ended('portal-9'), back('portal-9-back'), running];
    assert.deepEqual(await keptOf(runs), ['portal-10', 'portal-9', 'portal-9-back']);
  });

  it('never prunes a run that still keeps the way back', async () => {
    const retained = [{ kind: 'VolumeSnapshot' as const, name: 'portal-7-data' }];
    const runs = [ended('portal-7', { retained }), ended('portal-8'), ended('portal-9'), running];
    assert.deepEqual(await keptOf(runs), ['portal-10', 'portal-7', 'portal-9']);
  });

  it('never prunes a run that has not ended', async () => {
    const runs = [ended('portal-7', { phase: 'RollingBack' }), ended('portal-8'), ended('portal-9'), running];
    assert.deepEqual(await keptOf(runs), ['portal-10', 'portal-7', 'portal-9']);
  });
});
