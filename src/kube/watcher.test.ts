import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { KubeConfig } from '@kubernetes/client-node';
import { startFakeApiServer } from '../../test/fakes/api-server.ts';
import type { Fault } from '../../test/fakes/api-server.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import { silentLogger } from '../shared/logger.ts';
import { createCache } from './cache.ts';
import { createClient } from './client.ts';
import { createCredentialSource } from './credentials.ts';
import { KubeError } from './kube-error.ts';
import type { ConfigMap } from './objects.ts';
import { runReflector } from './reflector.ts';
import { configMaps } from './resources.ts';
import { createTransport } from './transport.ts';
import { createWatcher } from './watcher.ts';

function configMap(name: string, text = ''): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'ns', name }, data: { text } };
}

async function make() {
  const clock = createManualClock();
  const memory = createMemoryClient({ clock });
  const server = await startFakeApiServer({ client: memory });
  const load = (): KubeConfig => {
    const config = new KubeConfig();
    config.loadFromClusterAndUser({ name: 'c', server: server.url, skipTLSVerify: true }, { name: 'u' });
    return config;
  };
  const transport = createTransport({ credentials: createCredentialSource({ load, clock }), logger: silentLogger });
  const watcher = createWatcher({ transport, clock });
  const client = createClient({ transport, clock, logger: silentLogger, random: () => 0 });
  const stop = new AbortController();
  const seen: string[] = [];

  /** Follows one watch; answers with how it ended. */
  async function follow(): Promise<string> {
    const query = { resourceVersion: String(memory.server.state.resourceVersion()), timeoutSeconds: 300 };
    try {
      for await (const { type, object } of watcher.watch(configMaps, query, stop.signal))
        seen.push(`${type} ${object.metadata.name}`);
      return 'end';
    } catch (error) {
      return error instanceof KubeError ? `${error.status} ${error.reason}` : `not ours: ${String(error)}`;
    }
  }
  /** Turns of the event loop until real I/O has done its part; time stands still unless `stepMs` moves it. */
  async function until(isDone: () => boolean, stepMs = 0): Promise<void> {
    for (let turns = 0; turns < 20_000 && !isDone(); turns++) await clock.advance(stepMs);
    assert.ok(isDone(), 'never came');
  }
  const close = async (): Promise<void> => {
    stop.abort();
    await transport.close();
    await server.close();
  };
  return { clock, memory, server, watcher, client, stop, seen, follow, until, close };
}

describe('watcher over HTTP', () => {
  it('reads events in pieces, with letters of several bytes cut in two, and ends with the server', async () => {
    const { memory, server, seen, follow, until, close } = await make();
    const ended = follow();
    await until(() => server.watches.size === 1);
    await memory.create(configMaps, configMap('long', 'ä'.repeat(300_000)));
    await memory.create(configMaps, configMap('b'));
    await until(() => seen.length === 2);
    for (const watch of server.watches) watch.end();
    assert.deepEqual([await ended, seen], ['end', ['ADDED long', 'ADDED b']]);
    await close();
  });

  const endings: Record<string, { act: (server: Awaited<ReturnType<typeof make>>['server']) => void; want: string }> = {
    'a reset as a lost connection': {
      act: ({ watches }) => watches.forEach((one) => one.reset()),
      want: '0 ConnectionLost',
    },
    'an ERROR line as the error it carries': {
      act: ({ watches }) => watches.forEach((one) => one.fail(410, 'Expired')),
      want: '410 Expired',
    },
    'a line that is no JSON as malformed': {
      act: ({ watches }) => watches.forEach((one) => one.send('{"type":')),
      want: '0 Malformed',
    },
    'an event of no known type as malformed': {
      act: ({ watches }) => watches.forEach((one) => one.send('{"type":"ODD"}')),
      want: '0 Malformed',
    },
  };
  for (const [name, { act, want }] of Object.entries(endings)) {
    it(`reports ${name}`, async () => {
      const { server, follow, until, close } = await make();
      const ended = follow();
      await until(() => server.watches.size === 1);
      act(server);
      assert.equal(await ended, want);
      await close();
    });
  }

  it('reports an answer other than 200, and headers that do not come within 30 s', async () => {
    const { server, follow, until, close } = await make();
    server.fault = () => ({ kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 });
    assert.equal(await follow(), '429 TooManyRequests');
    server.fault = () => ({ kind: 'hang' });
    let ended = '';
    void follow().then((how) => (ended = how));
    await until(() => ended !== '', 1000);
    assert.equal(ended, '0 Timeout');
    await close();
  });

  it('closes its connection when the reader leaves or the signal aborts', async () => {
    const { memory, server, watcher, stop, follow, until, close } = await make();
    const query = { resourceVersion: '1', timeoutSeconds: 300 };
    memory.seed(configMaps, configMap('a'));
    for await (const event of watcher.watch(configMaps, query, stop.signal)) {
      assert.equal(event.type, 'ADDED');
      break;
    }
    await until(() => server.watches.size === 0 && server.open() === 0);
    const ended = follow();
    await until(() => server.watches.size === 1);
    stop.abort();
    await ended;
    await until(() => server.open() === 0);
    await close();
  });
});

describe('reflector over HTTP', () => {
  it('equals the server once resets, refusals, 410, half-open and broken lines are over (model)', async () => {
    const fault: fc.Arbitrary<Fault> = fc.constantFrom<Fault>(
      { kind: 'reset' },
      { kind: 'status', status: 500 },
      { kind: 'status', status: 410, reason: 'Expired' },
      { kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 3 },
      { kind: 'hang' },
    );
    const step = fc.oneof(
      fc.record({ do: fc.constant('write' as const), name: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constant('delete' as const), name: fc.constantFrom('a', 'b', 'c') }),
      fc.record({
        do: fc.constant('break' as const),
        how: fc.constantFrom('reset', 'end', 'silence', 'fail', 'garbage'),
      }),
      fc.record({ do: fc.constant('fault' as const), fault }),
      fc.record({ do: fc.constant('compact' as const) }),
      fc.record({
        do: fc.constant('turn' as const),
        count: fc.integer({ min: 1, max: 20 }),
        ms: fc.constantFrom(0, 500),
      }),
    );
    const seed = Date.now() & 0x7fffffff;
    process.stdout.write(`reflector over HTTP seed ${seed}\n`);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        await playModel(steps);
      }),
      { seed, numRuns: 40 },
    );
  });
});

type Step =
  | { do: 'write' | 'delete'; name: string }
  | { do: 'break'; how: string }
  | { do: 'fault'; fault: Fault }
  | { do: 'compact' }
  | { do: 'turn'; count: number; ms: number };

async function playModel(steps: readonly Step[]): Promise<void> {
  const setup = await make();
  const { clock, memory, server, watcher, client, stop, until } = setup;
  const cache = createCache<ConfigMap>({ logger: silentLogger });
  const faults: Fault[] = [];
  server.fault = () => faults.shift();
  const options = { resource: configMaps, selection: {}, client, watcher, sink: cache, clock, logger: silentLogger };
  try {
    const ended = runReflector({ ...options, random: () => 0 }, stop.signal);
    for (const step of steps) await playStep(step, setup, faults);
    const isEqual = (): boolean => contents(cache.list()) === contents(memory.all(configMaps));
    await until(() => faults.length === 0 && cache.hasSynced() && isEqual(), 500);
    stop.abort();
    await ended;
    // A request that was on the wire when the stop came still arrives, before the answers to requests made since.
    for (let i = 0; i < 5; i++) await client.list(configMaps, {});
    const requests = server.requests.length;
    for (let i = 0; i < 20; i++) await clock.advance(60_000);
    assert.equal(server.requests.length, requests);
  } finally {
    await setup.close();
  }
}

async function playStep(step: Step, setup: Awaited<ReturnType<typeof make>>, faults: Fault[]): Promise<void> {
  const { clock, memory, server } = setup;
  switch (step.do) {
    case 'write':
      memory.seed(configMaps, configMap(step.name, String(memory.server.state.resourceVersion())));
      return;
    case 'delete':
      await memory.delete(configMaps, { namespace: 'ns', name: step.name }).catch(() => {});
      return;
    case 'fault':
      faults.push(step.fault);
      return;
    case 'compact':
      memory.compact(configMaps);
      return;
    case 'turn':
      for (let i = 0; i < step.count; i++) await clock.advance(step.ms);
      return;
    case 'break':
      for (const watch of server.watches) {
        if (step.how === 'fail') watch.fail(410, 'Expired');
        else if (step.how === 'garbage') watch.send('{');
        else if (step.how === 'reset') watch.reset();
        else if (step.how === 'end') watch.end();
        else watch.silence();
      }
  }
}

function contents(objects: readonly ConfigMap[]): string {
  return objects
    .map(({ metadata, data }) => `${metadata.name} ${data?.['text']}`)
    .toSorted()
    .join();
}
