/** Another run after one that has ended: the controller of sets, over a server in memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decision, imageOf, packageOf, serverGroup, upgradeSet } from '../../test/builders/objects.ts';
import { contextOver } from '../../test/fakes/controllers.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import type { Decision } from '../api/decision.ts';
import * as kinds from '../api/resources.ts';
import type { UpgradeRun, UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { isConflict } from '../kube/kube-error.ts';
import { statefulSets } from '../kube/resources.ts';
import { followsAnnotation } from '../planner/follow-up.ts';
import { PauseError, RetryError } from '../shared/errors.ts';
import { formatInstant } from '../shared/instant.ts';
import { silentLogger } from '../shared/logger.ts';
import type { ControllerContext } from './context.ts';
import { Pace } from './pace.ts';
import { reconcileSet } from './reconcile-set.ts';

const at = Date.UTC(2026, 11, 5, 20);
const place = { namespace: 'shop' };

/** One server in no pool runs 1.1.0, and 1.2.0 is asked for. */
function scene() {
  const clock = createManualClock(at);
  const client = createMemoryClient({ clock });
  const { caches, context: usual } = contextOver(client, clock);
  const preflight: Error[] = [];
  const context: ControllerContext = {
    ...usual,
    preflight: {
      async findProblems(...args) {
        const [error] = preflight.splice(0, 1);
        if (error !== undefined) throw error;
        return usual.preflight.findProblems(...args);
      },
    },
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
  const set = () => client.get<UpgradeSet>(kinds.upgradeSets, { ...place, name: 'portal' });
  const lookOnce = async (): Promise<UpgradeSet> => {
    caches.upgradeSets.replaced(client.all<UpgradeSet>(kinds.upgradeSets), String(clock.now()));
    caches.upgradeRuns.replaced(runs(), String(clock.now()));
    caches.decisions.replaced(client.all<Decision>(kinds.decisions), String(clock.now()));
    await reconcileSet(context, pace, { ...place, name: 'portal' }, new AbortController().signal, silentLogger);
    return set();
  };
  return {
    clock,
    client,
    runs,
    /** Errors that the looks at the cluster before a plan end with, one each. */
    preflight,
    set,
    names: () => runs().map(({ metadata }) => metadata.name),
    /** With caches that know everything, again after a conflict. @returns what the set says of it */
    async look(): Promise<string> {
      for (let looks = 0; looks < 3; looks += 1) {
        try {
          await lookOnce();
        } catch (error) {
          if (!isConflict(error)) throw error;
        }
      }
      return (await set()).status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? '';
    },
    lookOnce,
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

describe('a set whose next run cannot be planned', () => {
  it('design 6: says why, as what it waits for, and plans as soon as it can', async () => {
    const { look, set, names, preflight } = scene();
    preflight.push(new RetryError('Conflict', 'checking the cluster before the plan: somebody writes'));
    await assert.rejects(look(), /somebody writes/);
    const { status } = await set();
    assert.deepEqual([status?.phase, status?.blockers?.map(({ type }) => type)], ['Blocked', ['Conflict']]);
    const said = Object.fromEntries((status?.conditions ?? []).map(({ type, status: is }) => [type, is]));
    assert.deepEqual([said['Ready'], said['Reconciling'], said['Stalled']], ['False', 'True', 'False']);
    await look();
    assert.deepEqual([names(), (await set()).status?.blockers], [['portal-1'], undefined]);
  });

  it('design 6: what does not pass by itself has stalled it, and is looked at again', async () => {
    const { look, lookOnce, names, preflight } = scene();
    preflight.push(new PauseError('RefusedByServer', 'web-1 is invalid; mend it'));
    const { conditions = [] } = (await lookOnce()).status ?? {};
    const stalled = conditions.find(({ type }) => type === 'Stalled');
    assert.deepEqual([stalled?.status, stalled?.reason], ['True', 'RefusedByServer']);
    await look();
    assert.deepEqual(names(), ['portal-1']);
  });

  it('design 6: a set that is as it should be does not say so of what passes', async () => {
    const { look, set, preflight, client } = scene();
    const before = await set();
    const conditions = [
      {
        type: 'Ready',
        status: 'True' as const,
        reason: 'UpToDate',
        message: '',
        lastTransitionTime: formatInstant(at),
      },
    ];
    const status = { observedGeneration: before.metadata.generation ?? 1, phase: 'Completed' as const, conditions };
    await client.replace<UpgradeSet>(kinds.upgradeSets, { ...before, status }, { subresource: 'status' });
    preflight.push(new RetryError('ApiUnavailable', 'the API server does not answer'));
    await assert.rejects(look(), /does not answer/);
    assert.deepEqual((await set()).status?.conditions, conditions);
  });
});

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

  it('who wants to tell other people asks for nothing new, and a line that is no longer there is no trouble', async () => {
    const { look, end, names, client } = scene();
    const edit = (patch: object): Promise<unknown> =>
      client.mergePatch(kinds.upgradeSets, { ...place, name: 'portal' }, patch);
    const shown = async (): Promise<string[]> => {
      const set = await client.get<UpgradeSet>(kinds.upgradeSets, { ...place, name: 'portal' });
      return (set.status?.conditions ?? []).map(({ type, status }) => `${type} ${status}`);
    };
    await edit({ spec: { notify: [{ secret: 'ops-chat' }] } });
    await look();
    await end('portal-1', 'Failed');
    await look();
    const { status } = await client.get<UpgradeSet>(kinds.upgradeSets, { ...place, name: 'portal' });
    const said = {
      status: 'False',
      reason: 'NotifyFailed',
      message: 'it is down',
      lastTransitionTime: formatInstant(at),
    };
    const conditions = [...(status?.conditions ?? []), { type: 'Notified', ...said }];
    await client.mergePatch(
      kinds.upgradeSets,
      { ...place, name: 'portal' },
      { status: { conditions } },
      { subresource: 'status' },
    );
    const before = client.server.writes.length;
    await look();
    assert.equal(client.server.writes.length, before, 'what others say of the set is left as it stands');
    assert.ok((await shown()).includes('Notified False'));
    await edit({ spec: { notify: null } });
    await look();
    assert.deepEqual(names(), ['portal-1']);
    assert.ok(!(await shown()).includes('Notified False'));
  });
});
