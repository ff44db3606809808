import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import { silentLogger } from '../shared/logger.ts';
import { KubeError } from './kube-error.ts';
import { createElector } from './leader.ts';
import { runManager } from './manager.ts';
import type { Runnable } from './manager.ts';
import { leases } from './resources.ts';

const lease = { namespace: 'belay', name: 'leader' };

function make() {
  const clock = createManualClock();
  const client = createMemoryClient({ clock });
  const elector = createElector({ client, lease, identity: 'one', clock, logger: silentLogger, random: () => 0 });
  const log: string[] = [];
  const holder = (): string => client.all(leases)[0]?.spec?.holderIdentity ?? 'nobody';
  const part = (name: string, stopsAfterMs = 0): Runnable => ({
    name,
    run(signal) {
      log.push(`${name} starts`);
      return new Promise((resolve) => {
        const end = (): void => {
          log.push(`${name} ends, ${holder()} leads`);
          resolve();
        };
        signal.addEventListener('abort', () => (stopsAfterMs === 0 ? end() : clock.setTimer(end, stopsAfterMs)));
      });
    },
  });
  const stop = new AbortController();
  return { clock, client, elector, log, holder, part, stop };
}

describe('manager', () => {
  it('starts workers when elected, stops them first, and releases the lease when none is left', async () => {
    const { clock, elector, log, holder, part, stop } = make();
    const outcome = runManager(
      { always: [part('cache')], whileLeading: [part('worker', 20_000)], elector, clock, logger: silentLogger },
      stop.signal,
    );
    assert.deepEqual(log, ['cache starts']);
    await clock.advance(1_000);
    stop.abort();
    await clock.advance(20_000);
    assert.deepEqual(await outcome, { kind: 'stopped' });
    assert.deepEqual(log, ['cache starts', 'worker starts', 'worker ends, one leads', 'cache ends, one leads']);
    assert.equal(holder(), '');
    assert.equal(clock.pendingTimers(), 0);
  });

  it('keeps the lease when a worker does not end in time, and names it', async () => {
    const { clock, elector, holder, part, stop } = make();
    const abort = new AbortController();
    const outcome = runManager(
      { always: [], whileLeading: [part('stuck', 1_000_000)], elector, clock, logger: silentLogger, abort },
      stop.signal,
    );
    await clock.advance(1_000);
    stop.abort();
    await clock.advance(25_000);
    assert.equal(abort.signal.aborted, true);
    await clock.advance(5_000);
    assert.deepEqual(await outcome, { kind: 'timed-out', running: ['stuck'] });
    assert.equal(holder(), 'one');
  });

  it('aborts running work at once when leadership is lost', async () => {
    const { clock, client, elector, part, stop } = make();
    const abort = new AbortController();
    const outcome = runManager(
      { always: [part('cache')], whileLeading: [part('worker')], elector, clock, logger: silentLogger, abort },
      stop.signal,
    );
    await clock.advance(1_000);
    client.server.interceptors.push(() => {
      throw new KubeError({ status: 0, reason: 'Unreachable', message: 'away' });
    });
    await clock.advance(15_000);
    assert.deepEqual([await outcome, abort.signal.aborted], [{ kind: 'lost-leadership' }, true]);
  });

  it('stops everything when one part fails or ends by itself', async () => {
    const error = new Error('boom');
    const failing: Runnable = { name: 'bad', run: () => Promise.reject(error) };
    const throwing: Runnable = {
      name: 'bad',
      run() {
        throw error;
      },
    };
    for (const bad of [failing, throwing]) {
      const { clock, log, part, stop } = make();
      const outcome = runManager(
        { always: [part('cache'), bad], whileLeading: [], clock, logger: silentLogger },
        stop.signal,
      );
      await clock.advance(30_000);
      assert.deepEqual(await outcome, { kind: 'failed', runnable: 'bad', error });
      assert.deepEqual(log, ['cache starts', 'cache ends, nobody leads']);
    }
  });

  it('leads without an elector, and stops before it was elected', async () => {
    const alone = make();
    const first = runManager(
      { always: [], whileLeading: [alone.part('w')], clock: alone.clock, logger: silentLogger },
      alone.stop.signal,
    );
    await alone.clock.settle();
    alone.stop.abort();
    await alone.clock.settle();
    assert.deepEqual([await first, alone.log.length], [{ kind: 'stopped' }, 2]);
    const other = make();
    const spec = { holderIdentity: 'other', leaseDurationSeconds: 15 };
    other.client.seed(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { ...lease }, spec });
    const options = {
      always: [],
      whileLeading: [other.part('w')],
      elector: other.elector,
      clock: other.clock,
      logger: silentLogger,
    };
    const second = runManager(options, other.stop.signal);
    await other.clock.advance(5_000);
    other.stop.abort();
    await other.clock.advance(1_000);
    assert.deepEqual([await second, other.log, other.holder()], [{ kind: 'stopped' }, [], 'other']);
  });
});
