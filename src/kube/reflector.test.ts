import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import type { ManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import type { MemoryClient } from '../../test/fakes/memory-client.ts';
import { silentLogger } from '../shared/logger.ts';
import { createCache } from './cache.ts';
import { KubeError } from './kube-error.ts';
import type { ConfigMap } from './objects.ts';
import { runReflector } from './reflector.ts';
import { configMaps } from './resources.ts';
import type { KubeObject, KubeWatcher, Resource, WatchOptions } from './types.ts';

const at = (name: string) => ({ namespace: 'ns', name });

function configMap(name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: at(name), data };
}

/** The memory server's watches, which can be broken while they run. */
function createFragileWatcher(memory: MemoryClient) {
  const open = new Set<{ breakWith: (error: KubeError | 'end' | 'silence') => void }>();
  const queries: WatchOptions[] = [];
  const watcher: KubeWatcher = {
    async *watch<T extends KubeObject>(resource: Resource<T>, query: WatchOptions, signal: AbortSignal) {
      queries.push(query);
      const inner = new AbortController();
      const stop = (): void => inner.abort();
      signal.addEventListener('abort', stop, { once: true });
      let failure: KubeError | undefined;
      let isSilent = false;
      const handle = {
        breakWith(what: KubeError | 'end' | 'silence') {
          if (what === 'silence') isSilent = true;
          else {
            if (what !== 'end') failure = what;
            inner.abort();
          }
        },
      };
      open.add(handle);
      try {
        for await (const event of memory.watch(resource, query, inner.signal)) {
          if (!isSilent) yield event;
        }
        // A half-open connection does not end by itself either.
        if (isSilent && !signal.aborted)
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        if (failure !== undefined) throw failure;
      } finally {
        open.delete(handle);
        signal.removeEventListener('abort', stop);
      }
    },
  };
  return { watcher, open, queries };
}

function start(clock: ManualClock, memory: MemoryClient, random = () => 0) {
  const fragile = createFragileWatcher(memory);
  const cache = createCache<ConfigMap>({ logger: silentLogger });
  const stop = new AbortController();
  const lists = { count: 0 };
  const client: Pick<MemoryClient, 'list'> = {
    list: (...input) => {
      lists.count++;
      return memory.list(...input);
    },
  };
  let hasEnded = false;
  const options = {
    resource: configMaps,
    selection: {},
    client,
    watcher: fragile.watcher,
    sink: cache,
    clock,
    logger: silentLogger,
    random,
  };
  const ended = runReflector(options, stop.signal).then(() => (hasEnded = true));
  return { ...fragile, cache, stop, lists, ended, hasEnded: () => hasEnded };
}

const error = (status: number, reason: string, retryAfterMs?: number): KubeError =>
  new KubeError({ status, reason, message: reason, retryAfterMs });

const contents = (objects: readonly ConfigMap[]) =>
  objects
    .map(({ metadata, data }) => `${metadata.name}@${metadata.resourceVersion} ${JSON.stringify(data)}`)
    .toSorted();

async function setUp() {
  const clock = createManualClock();
  const memory = createMemoryClient({ clock });
  memory.seed(configMaps, configMap('a'));
  const run = start(clock, memory);
  await clock.settle();
  return { clock, memory, ...run };
}

describe('reflector', () => {
  it('lists once and follows changes and deletions, asking for bookmarks within a bounded time', async () => {
    const { clock, memory, cache, lists, queries } = await setUp();
    await memory.create(configMaps, configMap('b'));
    await memory.delete(configMaps, at('a'));
    await clock.settle();
    assert.deepEqual([cache.list().map((one) => one.metadata.name), lists.count], [['b'], 1]);
    assert.equal(queries[0]?.timeoutSeconds, 300);
  });

  it('goes on from the last bookmark when the server ends a watch', async () => {
    const { clock, memory, queries, lists } = await setUp();
    memory.seed(configMaps, configMap('b'));
    await memory.create({ ...configMaps, plural: 'others', kind: 'Other' }, configMap('noise'));
    await clock.advance(300_000);
    assert.deepEqual([lists.count, queries.length], [1, 2]);
    assert.equal(queries[1]?.resourceVersion, String(memory.server.state.resourceVersion()));
  });

  it('watches again from the same version after a reset and a 500, without a list', async () => {
    for (const failure of [error(0, 'ConnectionLost'), error(500, 'InternalError')]) {
      const { clock, memory, open, cache, lists } = await setUp();
      for (const one of open) one.breakWith(failure);
      await memory.create(configMaps, configMap('b'));
      await clock.advance(800);
      assert.deepEqual([cache.list().length, lists.count], [2, 1]);
    }
  });

  it('lists again after 410', async () => {
    const { clock, memory, open, cache, lists } = await setUp();
    for (const one of open) one.breakWith(error(0, 'ConnectionLost'));
    await clock.settle();
    await memory.delete(configMaps, at('a'));
    memory.compact(configMaps);
    await clock.advance(800 + 1600);
    assert.deepEqual([cache.list(), lists.count], [[], 2]);
  });

  it('waits as long as Retry-After says', async () => {
    const { clock, open, queries, lists } = await setUp();
    for (const one of open) one.breakWith(error(429, 'TooManyRequests', 20_000));
    await clock.advance(19_999);
    assert.equal(queries.length, 1);
    await clock.advance(1);
    assert.deepEqual([queries.length, lists.count], [2, 1]);
  });

  it('leaves a half-open connection 30 s after the server should have ended it', async () => {
    const { clock, memory, open, cache } = await setUp();
    for (const one of open) one.breakWith('silence');
    await memory.create(configMaps, configMap('b'));
    await clock.advance(329_999);
    assert.equal(cache.list().length, 1);
    await clock.advance(1);
    assert.equal(cache.list().length, 2);
  });

  it('backs off 0.8 s doubled to 30 s while lists fail, and starts over after two quiet minutes', async () => {
    const clock = createManualClock();
    const memory = createMemoryClient({ clock });
    const times: number[] = [];
    memory.server.interceptors.push(({ verb }) => {
      if (verb !== 'list') return;
      times.push(clock.monotonic());
      throw error(500, 'InternalError');
    });
    const { cache } = start(clock, memory);
    await clock.advance(150_000);
    const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    assert.deepEqual(gaps.slice(0, 8), [800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    assert.equal(cache.hasSynced(), false);
  });

  it('does not spin on watches that end at once without an event', async () => {
    const { clock, open, queries } = await setUp();
    for (let i = 0; i < 50; i++) {
      for (const one of open) one.breakWith('end');
      await clock.advance(100);
    }
    assert.ok(queries.length <= 4, `${queries.length} watches in 5 s`);
  });

  it('opens no watch after a stop during backoff, a list or a watch, and keeps no timer', async () => {
    for (const moment of ['backoff', 'list', 'watch'] as const) {
      const clock = createManualClock();
      const memory = createMemoryClient({ clock });
      if (moment === 'backoff') memory.server.interceptors.push(() => Promise.reject(error(500, 'InternalError')));
      const run = start(clock, memory);
      if (moment !== 'list') await clock.settle();
      const watches = run.queries.length;
      run.stop.abort();
      await clock.advance(600_000);
      assert.deepEqual(
        [run.hasEnded(), run.queries.length - watches, run.open.size, clock.pendingTimers()],
        [true, 0, 0, 0],
        moment,
      );
    }
  });

  it('equals the server once faults are over, whatever they were (model)', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('write' as const), name: fc.constantFrom('a', 'b', 'c', 'd'), value: fc.nat(3) }),
      fc.record({ do: fc.constant('delete' as const), name: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({
        do: fc.constant('break' as const),
        how: fc.constantFrom('reset', '410', '429', '500', '403', 'end', 'silence'),
      }),
      fc.record({
        do: fc.constant('failNext' as const),
        verb: fc.constantFrom('list', 'watch'),
        status: fc.constantFrom(0, 429, 500, 503),
      }),
      fc.record({ do: fc.constant('compact' as const) }),
      fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(0, 10, 1_000, 40_000, 400_000) }),
    );
    const seed = Date.now() & 0x7fffffff;
    process.stdout.write(`reflector model seed ${seed}\n`);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.boolean(), async (steps, isStopped) => {
        const clock = createManualClock();
        const memory = createMemoryClient({ clock });
        const planned: { verb: string; status: number }[] = [];
        memory.server.interceptors.push(({ verb }) => {
          const index = planned.findIndex((one) => one.verb === verb);
          const [fault] = index < 0 ? [] : planned.splice(index, 1);
          if (fault !== undefined) throw error(fault.status, 'Planned', fault.status === 429 ? 5_000 : undefined);
        });
        const run = start(clock, memory, () => 0.5);
        for (const one of steps) await play(one, memory, clock, run, planned);
        if (isStopped) {
          run.stop.abort();
          const watches = run.queries.length;
          await clock.advance(1_000_000);
          assert.deepEqual([run.hasEnded(), run.queries.length, run.open.size], [true, watches, 0]);
          return;
        }
        await clock.advance(2_000_000);
        assert.deepEqual(contents(run.cache.list()), contents(memory.all(configMaps)));
        assert.equal(run.open.size, 1);
        run.stop.abort();
        await run.ended;
      }),
      { seed, numRuns: 150 },
    );
  });
});

type Step =
  | { do: 'write'; name: string; value: number }
  | { do: 'delete'; name: string }
  | { do: 'break'; how: string }
  | { do: 'failNext'; verb: string; status: number }
  | { do: 'compact' }
  | { do: 'advance'; ms: number };

async function play(
  step: Step,
  memory: MemoryClient,
  clock: ManualClock,
  run: ReturnType<typeof start>,
  planned: { verb: string; status: number }[],
): Promise<void> {
  switch (step.do) {
    case 'write': {
      const live = await memory.find(configMaps, at(step.name));
      const data = { value: String(step.value) };
      await (live === undefined
        ? memory.create(configMaps, configMap(step.name, data))
        : memory.mergePatch(configMaps, at(step.name), { data }));
      return;
    }
    case 'delete':
      await memory.delete(configMaps, at(step.name)).catch(() => {});
      return;
    case 'break': {
      const status = Number(step.how);
      const what =
        step.how === 'end' || step.how === 'silence'
          ? step.how
          : Number.isNaN(status)
            ? error(0, 'ConnectionLost')
            : error(status, 'Broken');
      for (const one of run.open) one.breakWith(what);
      return;
    }
    case 'failNext':
      planned.push(step);
      return;
    case 'compact':
      memory.compact(configMaps);
      return;
    case 'advance':
      await clock.advance(step.ms);
  }
}
