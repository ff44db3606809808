import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pool, serverGroup } from '../../test/builders/objects.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import type { Pool, PoolStatus } from '../api/pool.ts';
import { pools } from '../api/resources.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import type { RunContext } from '../drivers/contract.ts';
import { isOurs, type InstanceLook, type InspectedPool } from '../drivers/pools/kind.ts';
import { createCache, type Cache } from '../kube/cache.ts';
import type { KubeObject } from '../kube/types.ts';
import type { MemberState } from '../planner/observed.ts';
import { silentLogger } from '../shared/logger.ts';
import { setAt, upgradeRun } from '../status/fixture.test.ts';
import { reconcilePool } from './pool-status.ts';

const never = new AbortController().signal;
const name = { namespace: 'shop', name: 'web' };

interface World {
  states: Record<string, MemberState>;
  /** Users of members that are out. */
  open: number;
  instances: InstanceLook[];
}

/** Says of every member that is out what a load balancer says to whoever did not take it out. */
function observe(
  world: World,
  context: RunContext,
  members: readonly { pool: string; member: string }[],
): InspectedPool {
  return {
    pool: 'web',
    canHold: true,
    reachable: { known: true, value: true },
    members: members.map(({ pool, member }) => {
      const state = world.states[member] ?? 'Serving';
      const out = state === 'Drained' || state === 'Draining';
      const foreign = out && !isOurs(context, { pool, member }) ? 'drain set by somebody else on haproxy-0:9999' : '';
      return { member, state, connections: { known: true, value: world.open }, foreign, detail: '', held: out };
    }),
    minServing: 1,
    settleMs: 0,
    countsConnections: true,
    instances: world.instances,
  };
}

function filled<T extends KubeObject>(objects: readonly T[]): Cache<T> {
  const cache = createCache<T>({ logger: silentLogger });
  cache.replaced([...objects], '1');
  return cache;
}

function scene(runs: readonly UpgradeRun[] = [], set: UpgradeSet = setAt('portal-1')) {
  const clock = createManualClock();
  const client = createMemoryClient({ clock });
  client.seed<Pool>(pools, pool('web'));
  const up = (address: string): InstanceLook => ({ address, reachable: true, version: '3.2.1', message: '' });
  const world: World = { states: {}, open: 2, instances: [up('tcp://haproxy-0:9999')] };
  const caches = {
    pools: filled<Pool>([]),
    serverGroups: filled([serverGroup(1), serverGroup(2)]),
    upgradeRuns: filled(runs),
    upgradeSets: filled([set]),
  };
  const drivers = {
    pools: {
      observe: async (context: RunContext, _pool: string, members: readonly { pool: string; member: string }[]) =>
        observe(world, context, members),
      request: async () => {},
    },
  };
  return {
    clock,
    world,
    writes: () => client.server.writes.length,
    async look(): Promise<PoolStatus | undefined> {
      const stored = await client.get<Pool>(pools, name);
      caches.pools.replaced([stored], stored.metadata.resourceVersion ?? '');
      const context = { client, caches, drivers, now: () => clock.now() };
      assert.deepEqual(await reconcilePool(context, name, never), { kind: 'requeue', afterMs: 30_000 });
      return (await client.get<Pool>(pools, name)).status;
    },
  };
}

const ours = { 'drained/web/web-1': 'ours' };
const drained = { id: 'g1-drain', state: 'Succeeded', handles: ours } as const;

describe('status of a Pool', () => {
  it('shows its driver, its processes and its members, and is written only when something changed', async () => {
    const { clock, world, look, writes } = scene();
    const status = await look();
    assert.deepEqual(
      {
        driver: status?.driver,
        serving: status?.serving,
        total: status?.total,
        instances: status?.instances,
        members: status?.members,
      },
      {
        driver: 'haproxy',
        serving: 2,
        total: 2,
        instances: [
          { address: 'tcp://haproxy-0:9999', reachable: true, version: '3.2.1', since: '2026-01-01T00:00:00.000Z' },
        ],
        members: [
          { name: 'web-1', state: 'Serving' },
          { name: 'web-2', state: 'Serving' },
        ],
      },
    );
    const before = writes();
    world.open = 212;
    for (let turn = 0; turn < 5; turn += 1) {
      await clock.advance(30_000);
      await look();
    }
    assert.equal(writes(), before);
    world.instances = [
      { address: 'tcp://haproxy-0:9999', reachable: false, version: '', message: 'haproxy-0:9999: refused' },
    ];
    const away = {
      address: 'tcp://haproxy-0:9999',
      reachable: false,
      message: 'haproxy-0:9999: refused',
      since: '2026-01-01T00:02:30.000Z',
    };
    assert.deepEqual((await look())?.instances, [away]);
    await clock.advance(30_000);
    assert.deepEqual((await look())?.instances, [away]);
    assert.equal(writes(), before + 1);
  });

  const cases: Readonly<
    Record<string, readonly [runs: readonly UpgradeRun[], set: UpgradeSet | undefined, drainedBy: string]>
  > = {
    'a person, where no run has it out': [[], undefined, 'Person'],
    'the run that drains it': [[upgradeRun('portal-1', [{ ...drained, state: 'Running' }])], undefined, 'run/portal-1'],
    'the run that drained it and goes on': [
      [upgradeRun('portal-1', [drained, { id: 'g1-stop' }])],
      undefined,
      'run/portal-1',
    ],
    'a person, where the run has put it back since': [
      [upgradeRun('portal-1', [drained, { id: 'g1-join', state: 'Succeeded' }])],
      undefined,
      'Person',
    ],
    'a person, where the run found it so': [
      [upgradeRun('portal-1', [{ ...drained, handles: { 'drained/web/web-1': 'person' } }])],
      undefined,
      'Person',
    ],
    'the run that handed it over': [
      [
        upgradeRun('portal-1', [drained], {
          phase: 'Failed',
          handedOver: [{ group: 'group-1', object: 'pool/web/web-1', reason: 'NotVerified', message: 'mend it' }],
        }),
      ],
      undefined,
      'run/portal-1',
    ],
    'a person, where the run that handed it over is history': [
      [
        upgradeRun('portal-1', [drained], {
          phase: 'Failed',
          handedOver: [{ group: 'group-1', object: 'pool/web/web-1', reason: 'NotVerified', message: 'mend it' }],
        }),
      ],
      setAt('portal-2'),
      'Person',
    ],
    'the rollback, which took it over from the upgrade': [
      [
        upgradeRun('portal-1', [drained], { phase: 'RollingBack' }),
        upgradeRun('portal-1-back', [drained, { id: 'g1-stop' }]),
      ],
      setAt('portal-1-back'),
      'run/portal-1-back',
    ],
  };
  for (const [whom, [runs, set, drainedBy]] of Object.entries(cases)) {
    it(`says that a member was taken out by ${whom}`, async () => {
      const { world, look } = scene(runs, set);
      world.states = { 'web-1': 'Drained' };
      const message = drainedBy === 'Person' ? { message: 'drain set by somebody else on haproxy-0:9999' } : {};
      assert.deepEqual((await look())?.members, [
        { name: 'web-1', state: 'Drained', connections: 2, drainedBy, ...message },
        { name: 'web-2', state: 'Serving' },
      ]);
    });
  }
});
