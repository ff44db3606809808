import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import type { ManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient, createMemoryServer } from '../../test/fakes/memory-client.ts';
import type { MemoryServer } from '../../test/fakes/memory-client.ts';
import type { Clock } from '../shared/clock.ts';
import { silentLogger } from '../shared/logger.ts';
import { KubeError } from './kube-error.ts';
import { createElector } from './leader.ts';
import { configMaps, leases } from './resources.ts';

const lease = { namespace: 'belay', name: 'leader' };

/** A clock of one process: while the process is stopped its timers are late, but time goes on. */
function createProcessClock(world: ManualClock) {
  let isStopped = false;
  const late: (() => void)[] = [];
  const clock: Clock = {
    now: () => world.now(),
    monotonic: () => world.monotonic(),
    setTimer(callback, delayMs) {
      let isCancelled = false;
      const cancel = world.setTimer(() => {
        const fire = (): void => (isCancelled ? undefined : callback());
        if (isStopped) late.push(fire);
        else fire();
      }, delayMs);
      return () => {
        isCancelled = true;
        cancel();
      };
    },
  };
  return {
    clock,
    isStopped: () => isStopped,
    stop: () => (isStopped = true),
    /** Runs `first` before any late timer, as code that was stopped in the middle does. */
    continue(first: () => void) {
      isStopped = false;
      first();
      for (const fire of late.splice(0)) fire();
    },
  };
}

function createProcess(world: ManualClock, server: MemoryServer, identity: string) {
  const runtime = createProcessClock(world);
  const client = createMemoryClient({ clock: runtime.clock, server, user: identity });
  const seen = { elected: [] as number[], lost: 0 };
  const elector = createElector({
    client,
    lease,
    identity,
    clock: runtime.clock,
    logger: silentLogger,
    random: () => 0.5,
    onElected: (epoch) => seen.elected.push(epoch),
    onLost: () => seen.lost++,
  });
  const stop = new AbortController();
  const ended = elector.run(stop.signal);
  const fenced = client.using({ mayWrite: () => elector.isLeader() });
  return { ...runtime, elector, seen, stop: stop, pause: runtime.stop, ended, fenced, client, identity };
}

const make = () => {
  const world = createManualClock();
  return { world, server: createMemoryServer(world) };
};

describe('leader election', () => {
  it('makes the lease, renews it every 2 s to 2.4 s, and writes times of six digits', async () => {
    const { world, server } = make();
    const one = createProcess(world, server, 'one');
    await world.advance(60_000);
    assert.deepEqual([one.elector.isLeader(), one.elector.epoch(), one.seen.elected], [true, 0, [0]]);
    const renewals = server.writes.length - 1;
    assert.ok(renewals >= 25 && renewals <= 30, String(renewals));
    const { spec } = await one.client.get(leases, lease);
    assert.match(spec?.renewTime ?? '', /\.\d{6}Z$/);
    assert.deepEqual([spec?.leaseDurationSeconds, spec?.acquireTime], [15, '2026-01-01T00:00:00.000000Z']);
  });

  it('lets a second process wait, and take over with the next epoch once the first is gone for 15 s', async () => {
    const { world, server } = make();
    const one = createProcess(world, server, 'one');
    await world.advance(1_000);
    const two = createProcess(world, server, 'two');
    await world.advance(30_000);
    assert.deepEqual([one.elector.isLeader(), two.elector.isLeader()], [true, false]);
    one.pause();
    await world.advance(12_000);
    assert.equal(two.elector.isLeader(), false);
    await world.advance(8_000);
    assert.deepEqual([two.elector.isLeader(), two.elector.epoch()], [true, 1]);
  });

  it('hands over at once after a release', async () => {
    const { world, server } = make();
    const one = createProcess(world, server, 'one');
    await world.advance(1_000);
    const two = createProcess(world, server, 'two');
    await world.advance(3_000);
    one.stop.abort();
    await one.ended;
    await one.elector.release();
    assert.equal(one.elector.isLeader(), false);
    await world.advance(2_500);
    assert.deepEqual([two.elector.isLeader(), two.elector.epoch(), one.seen.lost], [true, 1, 0]);
  });

  it('does not compare clocks: a lease of a year ago is waited for, one of the future is not trusted longer', async () => {
    for (const renewTime of ['2025-01-01T00:00:00.000000Z', '2030-01-01T00:00:00.000000Z']) {
      const { world, server } = make();
      const spec = { holderIdentity: 'gone', leaseDurationSeconds: 15, renewTime, leaseTransitions: 7 };
      createMemoryClient({ clock: world, server }).seed(leases, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { ...lease },
        spec,
      });
      const one = createProcess(world, server, 'one');
      await world.advance(14_000);
      assert.equal(one.elector.isLeader(), false);
      await world.advance(4_000);
      assert.deepEqual([one.elector.isLeader(), one.elector.epoch()], [true, 8]);
    }
  });

  it('stops being the leader 10 s after the last renewal when the server is away, and says so once', async () => {
    const { world, server } = make();
    const one = createProcess(world, server, 'one');
    await world.advance(1_000);
    server.interceptors.push(() =>
      Promise.reject(new KubeError({ status: 0, reason: 'ConnectionLost', message: 'away' })),
    );
    await world.advance(8_900);
    assert.equal(one.elector.isLeader(), true);
    await world.advance(100);
    assert.equal(one.elector.isLeader(), false);
    await world.advance(30_000);
    assert.deepEqual([one.seen.lost, one.elector.epoch()], [1, undefined]);
    await one.ended;
  });

  it('keeps leading through a foreign label and through a renewal whose answer was lost', async () => {
    const { world, server } = make();
    const one = createProcess(world, server, 'one');
    await world.advance(1_000);
    const admin = createMemoryClient({ clock: world, server });
    await admin.mergePatch(leases, lease, { metadata: { labels: { seen: 'yes' } } });
    await world.advance(3_000);
    await admin.mergePatch(leases, lease, { spec: { renewTime: '2026-01-01T00:00:04.000000Z' } });
    await world.advance(60_000);
    assert.deepEqual([one.elector.isLeader(), one.seen.lost, one.elector.epoch()], [true, 0, 0]);
  });

  it('gives up when the lease names another holder, whatever the epoch says', async () => {
    const { world, server } = make();
    const one = createProcess(world, server, 'one');
    await world.advance(1_000);
    const admin = createMemoryClient({ clock: world, server });
    await admin.mergePatch(leases, lease, { spec: { holderIdentity: 'somebody' } });
    await world.advance(3_000);
    assert.deepEqual([one.elector.isLeader(), one.seen.lost], [false, 1]);
    assert.equal((await admin.get(leases, lease)).spec?.holderIdentity, 'somebody');
  });

  it('ends a call to a server that does not answer in time for a second one', async () => {
    const { world, server } = make();
    const one = createProcess(world, server, 'one');
    await world.advance(1_000);
    let isHanging = true;
    server.interceptors.push(({ user }) => (isHanging && user === 'one' ? new Promise<void>(() => {}) : undefined));
    await world.advance(5_000);
    isHanging = false;
    await world.advance(10_000);
    assert.deepEqual([one.elector.isLeader(), one.seen.lost], [true, 0]);
    one.stop.abort();
  });

  it('finds it is not the leader before its first write after a pause, and its writes end at the deadline', async () => {
    const seed = Date.now() & 0x7fffffff;
    process.stdout.write(`elector model seed ${seed}\n`);
    const step = fc.oneof(
      fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
      fc.record({ do: fc.constant('pause' as const), who: fc.nat(1) }),
      fc.record({ do: fc.constant('continue' as const), who: fc.nat(1) }),
      fc.record({ do: fc.constant('cut' as const), who: fc.nat(1) }),
      fc.record({ do: fc.constant('mend' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { world, server } = make();
        const processes = [createProcess(world, server, 'one'), createProcess(world, server, 'two')];
        const cut = new Set<string>();
        server.interceptors.push(({ user }) => {
          if (cut.has(user)) throw new KubeError({ status: 0, reason: 'Unreachable', message: 'cut' });
        });
        const data = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'belay', name: 'data' } };
        createMemoryClient({ clock: world, server }).seed(configMaps, data);
        /** One write by whoever thinks it leads; the lease must not name another by then. */
        const write = async (one: (typeof processes)[number]): Promise<void> => {
          if (one.isStopped() || !one.elector.isLeader()) return;
          const epoch = one.elector.epoch();
          const holder = server.state.find(leases, lease);
          await one.fenced.mergePatch(configMaps, data.metadata, { data: { by: one.identity } }).catch(() => {});
          assert.deepEqual(Reflect.get(holder ?? {}, 'spec').holderIdentity, one.identity);
          assert.equal(Reflect.get(holder ?? {}, 'spec').leaseTransitions, epoch);
        };
        for (const move of steps) {
          if (move.do === 'advance') await world.advance(move.ms);
          else if (move.do === 'mend') cut.clear();
          else {
            const one = processes[move.who];
            if (one === undefined) continue;
            if (move.do === 'cut') cut.add(one.identity);
            if (move.do === 'pause') one.pause();
            // The write comes before any timer of the process has run.
            if (move.do === 'continue') one.continue(() => void write(one));
          }
          for (const one of processes) await write(one);
          assert.ok(processes.filter((one) => !one.isStopped() && one.elector.isLeader()).length <= 1, 'two leaders');
        }
        const epochs = processes.flatMap((one) => one.seen.elected);
        assert.equal(new Set(epochs).size, epochs.length, 'an epoch was used twice');
        for (const one of processes) one.stop.abort();
      }),
      { seed, numRuns: 200 },
    );
  });
});
