import { createServer } from 'node:net';
import type { Pool } from '../../src/api/pool.ts';
import { pools } from '../../src/api/resources.ts';
import { createPoolDriver } from '../../src/drivers/pools/driver.ts';
import { systemClock } from '../../src/kube/system-clock.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { pool } from '../builders/objects.ts';
import { createMemoryClient } from '../fakes/memory-client.ts';
import type { Harness } from './harness.ts';
import { freePort, haproxy } from './haproxy-process.ts';
import { realHarness } from './real-harness.ts';

/** The real driver against a real HAProxy; what changed is counted by its own log of admin states. */
export async function haproxyHarness(): Promise<Harness> {
  const port = await freePort();
  const server = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const process = await haproxy({ servers: [{ name: 'web-1', port }] });
  await process.start();
  const client = createMemoryClient({ clock: systemClock });
  client.seed<Pool>(pools, pool('web', { haproxy: { endpoints: [process.endpoint], backend: 'web' } }));
  const others = await realHarness();
  let seen = '0';
  let changes = 0;
  const note = async (): Promise<void> => {
    const now =
      (await process.type('show servers state web'))
        .split('\n')
        .find((line) => line.includes(' web-1 '))
        ?.split(' ')[6] ?? '';
    if (now !== seen) changes += 1;
    seen = now;
  };
  const driver = createPoolDriver({ client, clock: systemClock, logger: silentLogger });
  return {
    drivers: {
      ...others.drivers,
      pools: {
        observe: (...input) => driver.observe(...input),
        async request(...input) {
          await driver.request(...input);
          await note();
        },
      },
    },
    settle: () => Promise.resolve(),
    changes: () => changes,
    async takeOut() {
      await process.type('set server web/web-1 state maint');
    },
    abortable: true,
    async close() {
      await process[Symbol.asyncDispose]();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
