import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { PauseError, RetryError, TerminalError } from '../shared/errors.ts';
import { silentLogger } from '../shared/logger.ts';
import type { LogFields, Logger } from '../shared/logger.ts';
import { createCache } from './cache.ts';
import { CacheSyncError, runController, watchCache } from './controller.ts';
import type { ControllerOptions, ReconcileResult } from './controller.ts';
import type { ConfigMap } from './objects.ts';
import { createQueue } from './queue.ts';

function configMap(name: string, resourceVersion = '1', owner?: string): ConfigMap {
  const labels = owner === undefined ? {} : { owner };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'ns', name, uid: name, resourceVersion, labels },
  };
}

function make(
  reconcile: (key: string, signal: AbortSignal, logger: Logger) => Promise<ReconcileResult>,
  changes: Partial<ControllerOptions> = {},
) {
  const clock = createManualClock();
  const queue = createQueue({ clock });
  const cache = createCache<ConfigMap>({ logger: silentLogger });
  const stop = new AbortController();
  const calls: { key: string; at: number }[] = [];
  const results: string[] = [];
  const options: ControllerOptions = {
    name: 'test',
    queue,
    watches: [watchCache(cache)],
    reconcile(key, signal, logger) {
      calls.push({ key, at: clock.monotonic() });
      return reconcile(key, signal, logger);
    },
    clock,
    logger: silentLogger,
    metrics: { reconciled: (result) => results.push(result), terminalError: () => results.push('terminal') },
    ...changes,
  };
  return { clock, queue, cache, stop, calls, results, start: () => runController(options, stop.signal) };
}

const settled: ReconcileResult = { kind: 'settled' };

describe('controller', () => {
  it('reconciles nothing before every cache has synced, then each object once', async () => {
    const { clock, cache, calls, start, stop } = make(async () => settled);
    const ended = start();
    cache.changed(configMap('early'));
    await clock.advance(60_000);
    assert.equal(calls.length, 0);
    cache.replaced([configMap('a'), configMap('b')], '5');
    await clock.settle();
    assert.deepEqual(
      calls.map((one) => one.key),
      ['ns/a', 'ns/b'],
    );
    stop.abort();
    await ended;
  });

  it('fails when a cache does not sync within two minutes', async () => {
    const { clock, start } = make(async () => settled);
    const failed = start().catch((error: unknown) => error);
    await clock.advance(120_000);
    assert.ok((await failed) instanceof CacheSyncError);
  });

  it('wakes for the keys of the old and of the new object', async () => {
    const { clock, cache, stop } = make(async () => settled);
    const seen: string[] = [];
    const watch = watchCache(
      cache,
      (object) => [object.metadata.labels?.['owner'] ?? 'none'],
      (object, old) => object.metadata.labels?.['owner'] !== old.metadata.labels?.['owner'],
    );
    const end = watch.start((key) => seen.push(key));
    cache.replaced([configMap('a', '1', 'x')], '1');
    cache.changed(configMap('a', '2', 'x'));
    cache.changed(configMap('a', '3', 'y'));
    cache.deleted(configMap('a', '4', 'y'));
    end();
    cache.changed(configMap('a', '5', 'z'));
    assert.deepEqual(seen, ['x', 'y', 'x', 'y']);
    stop.abort();
    await clock.settle();
  });

  it('backs off after an error, waits as told by a result or RetryError, and rests after a terminal one', async () => {
    const answers: (() => Promise<ReconcileResult>)[] = [
      () => Promise.reject(new Error('boom')),
      () => Promise.reject(new Error('again')),
      async () => ({ kind: 'requeue', afterMs: 1000 }),
      () => Promise.reject(new RetryError('NotReady', 'later', { afterMs: 300 })),
      () => Promise.reject(new TerminalError('Invalid', 'never')),
    ];
    const { clock, cache, calls, results, start, stop } = make(() => (answers.shift() ?? (async () => settled))());
    const ended = start();
    cache.replaced([configMap('a')], '1');
    await clock.advance(100_000);
    assert.deepEqual(
      calls.map((one) => one.at),
      [0, 5, 15, 1015, 1315],
    );
    assert.deepEqual(results, ['error', 'error', 'requeue_after', 'error', 'error', 'terminal']);
    cache.changed(configMap('a', '2'));
    await clock.settle();
    assert.equal(results.at(-1), 'success');
    stop.abort();
    await ended;
  });

  it('does not repeat what needs a person', async () => {
    const { clock, cache, calls, start, stop } = make(() => Promise.reject(new PauseError('Ask', 'somebody')));
    const ended = start();
    cache.replaced([configMap('a')], '1');
    await clock.advance(100_000);
    assert.equal(calls.length, 1);
    stop.abort();
    await ended;
  });

  it('never has one key twice at work, and runs it again when it changed meanwhile', async () => {
    let running = 0;
    let most = 0;
    const gates: (() => void)[] = [];
    const run = make(
      async () => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => gates.push(resolve));
        running--;
        return settled;
      },
      { concurrency: 4 },
    );
    const ended = run.start();
    run.cache.replaced([configMap('a')], '1');
    await run.clock.settle();
    run.cache.changed(configMap('a', '2'));
    await run.clock.settle();
    assert.deepEqual([gates.length, most], [1, 1]);
    gates[0]?.();
    await run.clock.settle();
    assert.deepEqual([gates.length, most], [2, 1]);
    gates[1]?.();
    run.stop.abort();
    await ended;
  });

  it('aborts a reconcile at its timeout and retries it', async () => {
    const { clock, cache, calls, start, stop } = make(
      (_key, signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
      { reconcileTimeoutMs: 5_000 },
    );
    const ended = start();
    cache.replaced([configMap('a')], '1');
    await clock.advance(5_005);
    assert.equal(calls.length, 2);
    stop.abort();
    await clock.advance(5_000);
    await ended;
  });

  it('lets a running reconcile finish at a stop, unless told to abort', async () => {
    const abort = new AbortController();
    let wasAborted = false;
    const { clock, cache, start, stop } = make(
      (_key, signal) =>
        new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            wasAborted = true;
            resolve(settled);
          }),
        ),
      { abortSignal: abort.signal },
    );
    let hasEnded = false;
    void start().then(() => (hasEnded = true));
    cache.replaced([configMap('a')], '1');
    await clock.settle();
    stop.abort();
    await clock.settle();
    assert.deepEqual([hasEnded, wasAborted], [false, false]);
    abort.abort();
    await clock.settle();
    assert.deepEqual([hasEnded, wasAborted], [true, true]);
  });

  it('gives each pass a logger with the object and an id of its own', async () => {
    const fields: LogFields[] = [];
    const logger = (own: LogFields): Logger => ({
      ...silentLogger,
      info: (_message, more) => fields.push({ ...own, ...more }),
      child: (more) => logger({ ...own, ...more }),
    });
    const { clock, cache, start, stop } = make(
      async (_key, _signal, log) => {
        log.info('Pass');
        return settled;
      },
      { logger: logger({}) },
    );
    const ended = start();
    cache.replaced([configMap('a'), configMap('b')], '1');
    await clock.settle();
    stop.abort();
    await ended;
    const passes = fields.filter((one) => 'reconcileId' in one);
    assert.deepEqual(
      passes.map(({ controller, namespace, name }) => [controller, namespace, name]),
      [
        ['test', 'ns', 'a'],
        ['test', 'ns', 'b'],
      ],
    );
    assert.equal(new Set(passes.map((one) => one['reconcileId'])).size, 2);
  });
});
