/** Another run after one that has ended: the controller of sets, over a server in memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decision, imageOf, packageOf, serverGroup, upgradeSet } from '../../test/builders/objects.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import type { Decision } from '../api/decision.ts';
import * as kinds from '../api/resources.ts';
import type { UpgradeRun, UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { createDrivers, createPreflightChecks } from '../drivers/assemble.ts';
import { isConflict } from '../kube/kube-error.ts';
import { statefulSets } from '../kube/resources.ts';
import { followsAnnotation } from '../planner/follow-up.ts';
import { formatInstant } from '../shared/instant.ts';
import { silentLogger } from '../shared/logger.ts';
import { createCaches } from './assemble.ts';
import type { ControllerContext } from './context.ts';
import { Pace } from './pace.ts';
import { reconcileSet } from './reconcile-set.ts';

const at = Date.UTC(2026, 11, 5, 20);
const place = { namespace: 'shop' };

/** One server in no pool runs 1.1.0, and 1.2.0 is asked for. */
function scene() {
  const clock = createManualClock(at);
  const client = createMemoryClient({ clock });
  const watching = { client, watcher: client, namespaces: [], logger: silentLogger, random: () => 0.5, clock };
  const { caches } = createCaches(watching);
  const drivers = createDrivers(watching);
  const context: ControllerContext = {
    client,
    caches,
    drivers,
    preflight: createPreflightChecks({ client, clock, pools: drivers.pools }),
    clock,
    now: () => clock.now(),
    leader: { mayAct: () => true, epoch: () => 1 },
    announcer: { announce() {} },
    logger: silentLogger,
    counters: { effectMade() {}, runEnded() {} },
    requireServiceAccount: false,
  };
  client.seed(statefulSets, {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'web-1', ...place, uid: 'web-1-uid' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'web-1' } },
      template: { spec: { containers: [{ name: 'portal', image: imageOf('1.1.0') }] } },
    },
  });
  const servers = [{ name: 'web-1', workload: { kind: 'StatefulSet' as const, name: 'web-1' } }];
  const group = serverGroup(1, { servers, probes: undefined, snapshot: undefined });
  caches.packages.replaced(
    [client.seed(kinds.packages, packageOf('1.1.0')), client.seed(kinds.packages, packageOf('1.2.0'))],
    '1',
  );
  caches.serverGroups.replaced([client.seed(kinds.serverGroups, group)], '1');
  client.seed<UpgradeSet>(kinds.upgradeSets, upgradeSet({ serverGroups: ['group-1'] }));
  const pace = new Pace(() => clock.monotonic(), 1_000);
  const runs = (): UpgradeRun[] => client.all<UpgradeRun>(kinds.upgradeRuns);
  return {
    clock,
    client,
    runs,
    names: () => runs().map(({ metadata }) => metadata.name),
    /** With caches that know everything, again after a conflict. @returns what the set says of it */
    async look(): Promise<string> {
      for (let looks = 0; looks < 3; looks += 1) {
        caches.upgradeSets.replaced(client.all<UpgradeSet>(kinds.upgradeSets), String(clock.now()));
        caches.upgradeRuns.replaced(runs(), String(clock.now()));
        caches.decisions.replaced(client.all<Decision>(kinds.decisions), String(clock.now()));
        try {
          await reconcileSet(context, pace, { ...place, name: 'portal' }, new AbortController().signal, silentLogger);
        } catch (error) {
          if (!isConflict(error)) throw error;
        }
      }
      const set = await client.get<UpgradeSet>(kinds.upgradeSets, { ...place, name: 'portal' });
      return set.status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? '';
    },
    async end(name: string, phase: 'RolledBack' | 'Failed'): Promise<void> {
      const run = await client.get<UpgradeRun>(kinds.upgradeRuns, { ...place, name });
      const finished = formatInstant(clock.now());
      const status = { observedGeneration: 1, epoch: 1, steps: [], phase, finished };
      await client.replace(kinds.upgradeRuns, { ...run, status }, { subresource: 'status' });
    },
    /** Its way back. */
    async goBack(facts: Record<string, string>): Promise<void> {
      const run = await client.get<UpgradeRun>(kinds.upgradeRuns, { ...place, name: 'portal-1' });
      const spec: UpgradeRunSpec = { ...run.spec, purpose: 'Rollback', previous: 'portal-1', facts };
      client.seed<UpgradeRun>(kinds.upgradeRuns, {
        ...run,
        metadata: { ...place, name: 'portal-1-back', uid: 'back-uid' },
        spec,
      });
    },
    async decide(choice: 'Retry' | 'Abort'): Promise<void> {
      const run = await client.get<UpgradeRun>(kinds.upgradeRuns, { ...place, name: 'portal-1' });
      const made = decision('portal-1', { choice, planHash: run.spec.planHash });
      client.seed<Decision>(kinds.decisions, { ...made, status: { observedGeneration: 1, phase: 'Accepted' } });
    },
  };
}

const followed = (run: UpgradeRun | undefined): string | undefined => run?.metadata.annotations?.[followsAnnotation];

describe('a set whose run has ended', () => {
  it('S-07 S-08 001-124: tries nothing again by itself, and once for a Retry', async () => {
    const { look, end, decide, names, runs } = scene();
    await look();
    await end('portal-1', 'Failed');
    await look();
    assert.deepEqual(names(), ['portal-1']);
    await decide('Retry');
    await look();
    await look();
    assert.deepEqual(names(), ['portal-1', 'portal-2']);
    assert.equal(followed(runs()[1]), 'decision/portal-1-retry');
    await end('portal-2', 'Failed');
    await look();
    assert.deepEqual(names(), ['portal-1', 'portal-2']);
  });

  it('001-123: begins again when everything is back for a restart, and not for any other rollback', async () => {
    for (const [facts, want] of [
      [{ next: 'Restart' }, ['portal-1', 'portal-1-back', 'portal-2']],
      [{}, ['portal-1', 'portal-1-back']],
    ] as const) {
      const { look, end, goBack, names } = scene();
      await look();
      await goBack(facts);
      await end('portal-1-back', 'RolledBack');
      await look();
      assert.deepEqual(names(), ['portal-1', 'portal-1-back'], 'not before the upgrade says that it is over');
      await end('portal-1', 'RolledBack');
      await look();
      assert.deepEqual(names().toSorted(), want);
    }
  });

  it('A-17: refuses a Retry that does not fit into the agreed window, with the numbers; a longer one lets it go on', async () => {
    const { look, end, decide, names, client } = scene();
    const agree = (minutes: number): Promise<unknown> =>
      client.mergePatch(
        kinds.upgradeSets,
        { ...place, name: 'portal' },
        { spec: { schedule: { until: formatInstant(at + minutes * 60_000) } } },
      );
    await look();
    await end('portal-1', 'Failed');
    await agree(1);
    assert.doesNotMatch(await look(), /not started again/);
    assert.deepEqual(names(), ['portal-1'], 'more time alone asks for nothing');
    await decide('Retry');
    assert.match(await look(), /not started again: all steps need .*; 1m left of the agreed window/);
    await agree(600);
    await look();
    assert.deepEqual(names(), ['portal-1', 'portal-2']);
  });
});
