import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pool, serverGroup } from '../../test/builders/objects.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import type { Pool } from '../api/pool.ts';
import { pools, serverGroups } from '../api/resources.ts';
import type { ServerGroup } from '../api/server-group.ts';
import { createDrivers, createPreflightChecks } from '../drivers/assemble.ts';
import { createMetrics } from '../observability/metrics.ts';
import { silentLogger } from '../shared/logger.ts';
import { assembleControllers, createCaches } from './assemble.ts';

describe('assembled controllers', () => {
  it('feed the metrics of their queues, stop when told to, and close the probes', async () => {
    const clock = createManualClock();
    const client = createMemoryClient({ clock });
    client.seed<Pool>(pools, pool('web', { service: { name: 'web' } }));
    client.seed<ServerGroup>(serverGroups, serverGroup(1));
    const watching = { client, watcher: client, namespaces: [], logger: silentLogger, random: () => 0.5, clock };
    const { caches, runnables } = createCaches(watching);
    const metrics = createMetrics({ sets: () => [], isLeader: () => true, version: '1.0.0' });
    const drivers = createDrivers(watching);
    const abort = new AbortController();
    const controllers = assembleControllers({
      ...watching,
      caches,
      context: {
        client,
        caches,
        drivers,
        preflight: createPreflightChecks({ client, pools: drivers.pools }),
        clock,
        now: () => clock.now(),
        leader: { mayAct: () => true, epoch: () => 1 },
        announcer: { announce() {} },
        logger: silentLogger,
        counters: metrics,
        requireServiceAccount: false,
      },
      metrics: metrics.controller,
      counters: metrics,
      abortSignal: abort.signal,
    });
    const stop = new AbortController();
    const running = [...runnables, ...controllers].map((runnable) => runnable.run(stop.signal));
    for (let turn = 0; turn < 20; turn += 1) await clock.advance(100);
    const { status } = await client.get<Pool>(pools, { namespace: 'shop', name: 'web' });
    assert.deepEqual(
      [status?.driver, status?.members?.map(({ name, state }) => `${name} ${state}`)],
      ['service', ['web-1 Unknown']],
    );
    const text = await metrics.scrape();
    const shown = text
      .split('\n')
      .filter((line) => /^workqueue_(adds|depth).*controller="(pool|upgraderun)"/.test(line));
    assert.equal(shown.length, 4);
    assert.match(text, /^workqueue_adds_total\{name="pool",controller="pool"\} [1-9]/m);
    assert.match(text, /^workqueue_work_duration_seconds_count\{name="pool",controller="pool"\} [1-9]/m);
    stop.abort();
    await clock.settle();
    await Promise.all(running);
    const request = { id: 'a/b/1/0', suite: 's', scope: 'Pool', parameters: {}, workloads: [] } as const;
    const operation = {
      namespace: 'shop',
      run: 'r',
      runUID: 'a',
      upgradeSet: 's',
      user: undefined,
      handles: {},
      operation: 'a/b/1',
    };
    const suite = { attempts: { interval: '1s', success: 1, failure: 1, errors: 1, deadline: '1s' }, probes: [] };
    await assert.rejects(
      drivers.probes.request(operation, { kind: 'RunProbes', request }, suite, new AbortController().signal),
      /closed/,
    );
  });
});
