import assert from 'node:assert/strict';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Pool } from '../../src/api/pool.ts';
import { pools } from '../../src/api/resources.ts';
import { createPoolDriver } from '../../src/drivers/pools/driver.ts';
import type { PoolDriver } from '../../src/drivers/contract.ts';
import type { MemberObservation, PoolObservation } from '../../src/planner/observed.ts';
import { systemClock } from '../../src/kube/system-clock.ts';
import { PauseError, RetryError } from '../../src/shared/errors.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { pool } from '../builders/objects.ts';
import { createMemoryClient } from '../fakes/memory-client.ts';
import { type HaproxyOptions, type HaproxyProcess, freePort, haproxy, waitFor } from './haproxy-process.ts';
import { context, never, operation } from './scene.ts';

const member = { pool: 'web', member: 'web-1', workload: { kind: 'StatefulSet', name: 'web-1' } } as const;
const ours = { 'drained/web/web-1': 'ours' };

/** Two members that say nothing and keep every connection, behind as many processes as asked for. */
class Farm implements AsyncDisposable {
  readonly backends: Server[] = [];
  readonly sockets = new Set<Socket>();
  readonly processes: HaproxyProcess[] = [];
  readonly driver: PoolDriver;
  readonly #client = createMemoryClient({ clock: systemClock });

  constructor() {
    this.driver = createPoolDriver({ client: this.#client, clock: systemClock, logger: silentLogger });
  }

  static async of(count: number, options: Partial<HaproxyOptions> = {}): Promise<Farm> {
    const farm = new Farm();
    const ports = [await farm.#listen(), await farm.#listen()];
    const servers = ports.map((port, index) => ({ name: `web-${index + 1}`, port }));
    for (let index = 0; index < count; index += 1) {
      const process = await haproxy({ servers, ...options });
      farm.processes.push(process);
      await process.start();
    }
    const endpoints = farm.processes.map((process) => process.endpoint);
    farm.#client.seed<Pool>(pools, pool('web', { haproxy: { endpoints, backend: 'web' } }));
    return farm;
  }

  async #listen(): Promise<number> {
    const port = await freePort();
    const server = createServer((socket) => this.#keep(socket));
    this.backends.push(server);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return port;
  }

  #keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.resume();
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
  }

  /** A user who connects through the first process and stays. */
  async user(): Promise<Socket> {
    const socket = connect(this.processes[0]?.frontend ?? 0, '127.0.0.1');
    this.#keep(socket);
    socket.resume();
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write('hello');
    return socket;
  }

  look(handles: Readonly<Record<string, string>> = {}): Promise<PoolObservation> {
    return this.driver.observe(context(handles), 'web', [member], never);
  }

  async one(handles: Readonly<Record<string, string>> = {}): Promise<MemberObservation> {
    const [seen] = (await this.look(handles)).members;
    assert.ok(seen !== undefined);
    return seen;
  }

  drain(force = false): Promise<void> {
    return this.driver.request(operation('g1-drain', ours), { kind: 'DrainMember', member, force }, never);
  }

  serve(): Promise<void> {
    return this.driver.request(operation('g1-undrain', ours), { kind: 'ServeMember', member }, never);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(this.processes.map((process) => process[Symbol.asyncDispose]()));
    await Promise.all(this.backends.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

async function adminStateOf(process: HaproxyProcess | undefined): Promise<number> {
  const text = (await process?.type('show servers state web')) ?? '';
  return Number(
    text
      .split('\n')
      .find((line) => line.includes(' web-1 '))
      ?.split(' ')[6],
  );
}

describe('HAProxy 2.6, the real one', () => {
  it('drains and serves again on every process; asked twice it does it once', async () => {
    await using farm = await Farm.of(2);
    assert.equal((await farm.one()).state, 'Serving');
    await farm.drain();
    await farm.drain();
    assert.deepEqual(await Promise.all(farm.processes.map(adminStateOf)), [8, 8]);
    const drained = await farm.one(ours);
    assert.deepEqual(
      [drained.state, drained.foreign, drained.held, drained.connections],
      ['Drained', '', true, { known: true, value: 0 }],
    );
    await farm.serve();
    assert.deepEqual(await Promise.all(farm.processes.map(adminStateOf)), [0, 0]);
    const serving = await farm.one(ours);
    assert.deepEqual([serving.state, serving.foreign], ['Serving', '']);
  });

  it('counts connections in use until the last user leaves (S-15)', async () => {
    await using farm = await Farm.of(1);
    const users = [await farm.user(), await farm.user(), await farm.user(), await farm.user()];
    await waitFor(async () => isDeepStrictEqual((await farm.one()).connections, { known: true, value: 2 }));
    await farm.drain();
    const draining = await farm.one(ours);
    assert.deepEqual([draining.state, draining.connections], ['Draining', { known: true, value: 2 }]);
    for (const user of users) user.destroy();
    await waitFor(async () => (await farm.one(ours)).state === 'Drained');
  });

  it('closes the door for sticky users too when forced, and never re-opens it by draining', async () => {
    await using farm = await Farm.of(1);
    await farm.drain();
    await farm.drain(true);
    assert.equal(await adminStateOf(farm.processes[0]), 1);
    await farm.drain();
    assert.equal(await adminStateOf(farm.processes[0]), 1);
    assert.equal((await farm.one(ours)).foreign, '');
  });

  for (const [name, command, want] of [
    ['maint', 'set server web/web-1 state maint', /^maint set by somebody else on 127/],
    ['drain', 'set server web/web-1 state drain', /^drain set by somebody else on 127/],
    ['weight 0', 'set server web/web-1 weight 0', /^weight 0 set by somebody else on 127/],
  ] as const) {
    it(`names ${name} set by a person on one process, and does not touch it (S-16)`, async () => {
      await using farm = await Farm.of(2);
      await farm.processes[1]?.type(command);
      assert.match((await farm.one()).foreign, want);
      const before = await Promise.all(farm.processes.map(adminStateOf));
      const request = farm.driver.request(operation('g1-drain'), { kind: 'DrainMember', member, force: false }, never);
      await assert.rejects(request, RetryError);
      assert.deepEqual(await Promise.all(farm.processes.map(adminStateOf)), before);
    });
  }

  it('sees maint that a person puts on top of its drain', async () => {
    await using farm = await Farm.of(1);
    await farm.drain();
    await farm.processes[0]?.type('set server web/web-1 state maint');
    assert.match((await farm.one(ours)).foreign, /^maint set by somebody else/);
    await assert.rejects(farm.serve(), RetryError);
  });

  it('knows nothing while one of two processes is away, and tells the other one all the same (S-18)', async () => {
    await using farm = await Farm.of(2);
    await farm.processes[1]?.stop();
    const seen = await farm.look();
    assert.equal(seen.reachable.known, false);
    assert.deepEqual([seen.members[0]?.state, seen.members[0]?.connections.known], ['Unknown', false]);
    await assert.rejects(farm.drain(), RetryError);
    assert.equal(await adminStateOf(farm.processes[0]), 8);
    await farm.processes[1]?.start();
    const back = await farm.one(ours);
    assert.deepEqual([back.state, back.held], ['Serving', false], 'the one that forgot lets users in');
    await farm.driver.request(operation('g1-drain', ours), { kind: 'HoldMember', member }, never);
    const again = await farm.one(ours);
    assert.deepEqual([again.state, again.held, again.connections], ['Drained', true, { known: true, value: 0 }]);
  });

  it('tells a half-done return from a process that forgot, also after a restart of the operator', async () => {
    await using farm = await Farm.of(2);
    await farm.drain();
    await new Promise((resolve) => setTimeout(resolve, 3_200));
    await farm.processes[0]?.type('set server web/web-1 state ready');
    const fresh = createPoolDriver({ client: seededLike(farm), clock: systemClock, logger: silentLogger });
    const [seen] = (await fresh.observe(context(ours), 'web', [member], never)).members;
    assert.equal(seen?.state, 'Draining');
  });

  it('does not know the connections of the process before a reload', async () => {
    await using farm = await Farm.of(1);
    await farm.user();
    await farm.user();
    await farm.one(ours);
    await farm.processes[0]?.reload();
    const seen = await farm.one(ours);
    assert.equal(seen.connections.known, false);
    assert.match(
      seen.connections.known ? '' : seen.connections.why,
      /was reloaded; connections of the process before are not counted/,
    );
  });

  it('tells a socket without admin level from one that is down', async () => {
    await using farm = await Farm.of(1, { level: 'operator' });
    const seen = await farm.look();
    assert.match(
      seen.reachable.known ? '' : seen.reachable.why,
      /answers at level operator; give its socket "level admin"/,
    );
    await assert.rejects(farm.drain(), RetryError);
    assert.equal(await adminStateOf(farm.processes[0]), 0);
  });

  it('is unknown where the backend has no such server', async () => {
    await using farm = await Farm.of(1);
    const stranger = { ...member, member: 'web-9' };
    const [seen] = (await farm.driver.observe(context(), 'web', [stranger], never)).members;
    assert.deepEqual([seen?.state, seen?.connections.known], ['Unknown', false]);
    const request = farm.driver.request(operation(), { kind: 'DrainMember', member: stranger, force: false }, never);
    await assert.rejects(request, PauseError);
  });

  it('ends with its signal, against a port where nobody answers', async () => {
    await using farm = await Farm.of(1);
    await assert.rejects(
      farm.driver.observe(context(), 'web', [member], AbortSignal.abort(new Error('stopped'))),
      /stopped/,
    );
  });
});

function seededLike(farm: Farm): ReturnType<typeof createMemoryClient> {
  const client = createMemoryClient({ clock: systemClock });
  client.seed<Pool>(
    pools,
    pool('web', { haproxy: { endpoints: farm.processes.map((process) => process.endpoint), backend: 'web' } }),
  );
  return client;
}
