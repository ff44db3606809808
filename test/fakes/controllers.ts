/** All controllers over a server in memory, on a manual clock. */
import { assembleControllers, createCaches } from '../../src/controllers/assemble.ts';
import type { ControllerContext } from '../../src/controllers/context.ts';
import { createDrivers, createPreflightChecks } from '../../src/drivers/assemble.ts';
import type { Drivers } from '../../src/drivers/contract.ts';
import type { Send } from '../../src/drivers/send-message.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { type ManualClock, createManualClock } from './manual-clock.ts';
import { type MemoryClient, createMemoryClient } from './memory-client.ts';

export interface RunningControllers {
  readonly clock: ManualClock;
  readonly client: MemoryClient;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly drivers: Drivers;
  stop(): Promise<void>;
}

/** What controllers are made of: caches, drivers and a context in which this process leads and announces nothing. */
export function contextOver(client: MemoryClient, clock: ManualClock) {
  const watching = { client, watcher: client, namespaces: [], logger: silentLogger, random: () => 0.5, clock };
  const { caches, runnables } = createCaches(watching);
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
  return { watching, caches, runnables, drivers, context };
}

/**
 * The controllers over what `seed` puts there.
 * @param send of messages to people; without it nobody is told
 */
export function startControllers(seed: (client: MemoryClient) => void, send?: Send): RunningControllers {
  const clock = createManualClock();
  const client = createMemoryClient({ clock });
  seed(client);
  const { watching, caches, runnables, drivers, context } = contextOver(client, clock);
  const metrics = createMetrics({ sets: () => [], isLeader: () => true, version: '1.0.0' });
  const controllers = assembleControllers({
    ...watching,
    caches,
    context: { ...context, counters: metrics },
    metrics: metrics.controller,
    counters: metrics,
    ...(send === undefined ? {} : { send }),
    abortSignal: new AbortController().signal,
  });
  const stop = new AbortController();
  const running = [...runnables, ...controllers].map((runnable) => runnable.run(stop.signal));
  return {
    clock,
    client,
    metrics,
    drivers,
    async stop() {
      stop.abort();
      await clock.settle();
      await Promise.all(running);
    },
  };
}
