import { randomUUID } from 'node:crypto';
import type { Clock } from '../shared/clock.ts';
import { PauseError, RetryError, TerminalError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { assertNever } from '../shared/assert.ts';
import type { Cache, CacheReader } from './cache.ts';
import { withDeadline } from './deadline.ts';
import { objectKeyOf, objectNameOf } from './object-key.ts';
import type { ObjectKey } from './object-key.ts';
import type { Queue, QueueMetrics } from './queue.ts';
import type { KubeObject } from './types.ts';

/** What a reconcile that did not throw wants next. */
export type ReconcileResult = { kind: 'settled' } | { kind: 'requeue'; afterMs: number };

/** One kind of object whose changes wake the controller. */
export interface Watch {
  whenSynced: CacheReader<KubeObject>['whenSynced'];
  /** Calls `enqueue` for each key that a change concerns, until the returned function is called. */
  start(enqueue: (key: ObjectKey) => void): () => void;
}

/** For the controller_runtime_* metrics, and the workqueue_* metrics of the controller's queue. */
export interface ControllerMetrics {
  /** Give it to the queue when that is made. */
  readonly queue?: QueueMetrics;
  reconciled?(result: 'success' | 'requeue_after' | 'error', durationMs: number): void;
  terminalError?(): void;
  activeWorkers?(count: number): void;
}

export interface ControllerOptions {
  name: string;
  queue: Queue;
  watches: readonly Watch[];
  /** `signal` aborts at the timeout and when the process is told to stop at once. */
  reconcile(key: ObjectKey, signal: AbortSignal, logger: Logger): Promise<ReconcileResult>;
  /** Workers. Default 1. */
  concurrency?: number;
  /** Longest single reconcile. Default 2 min. */
  reconcileTimeoutMs?: number;
  /** Default 2 min. */
  syncTimeoutMs?: number;
  clock: Clock;
  logger: Logger;
  metrics?: ControllerMetrics;
  /** Aborts running reconciles; a stop alone lets them finish. */
  abortSignal?: AbortSignal;
}

/** Caches did not fill in time: the process should end and be started again. */
export class CacheSyncError extends Error {
  override readonly name = 'CacheSyncError';
}

/**
 * Wakes for every change of `cache`. Without `toKeys`, for the changed object itself; with it, for the keys of
 * the old and of the new object.
 */
export function watchCache<T extends KubeObject>(
  cache: Cache<T>,
  toKeys: (object: T) => readonly ObjectKey[] = (object) => [objectKeyOf(object.metadata)],
  isInteresting: (object: T, old: T) => boolean = () => true,
): Watch {
  return {
    whenSynced: (signal) => cache.whenSynced(signal),
    start(enqueue) {
      const wake = (...objects: T[]): void => {
        for (const key of new Set(objects.flatMap(toKeys))) enqueue(key);
      };
      return cache.addHandler({
        added: (object) => wake(object),
        updated: (object, old) => isInteresting(object, old) && wake(object, old),
        deleted: (old) => wake(old),
      });
    },
  };
}

/**
 * Reconciles keys until `signal` aborts, then lets running reconciles finish.
 * @throws CacheSyncError when a cache has not synced within the sync timeout
 */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { queue, name } = options;
  const logger = options.logger.child({ controller: name });
  if (!(await waitForCaches(options, signal))) return;
  const stops = options.watches.map((watch) => watch.start((key) => queue.add(key)));
  const concurrency = options.concurrency ?? 1;
  logger.info('Starting workers', { concurrency });
  const shutDown = (): void => void queue.shutDown();
  signal.addEventListener('abort', shutDown, { once: true });
  if (signal.aborted) shutDown();
  try {
    await Promise.all(Array.from({ length: concurrency }, () => work(options, logger)));
  } finally {
    signal.removeEventListener('abort', shutDown);
    for (const stop of stops) stop();
  }
  logger.info('Stopped all workers');
}

async function waitForCaches(options: ControllerOptions, signal: AbortSignal): Promise<boolean> {
  const afterMs = options.syncTimeoutMs ?? 120_000;
  const isSynced = await withDeadline({ clock: options.clock, afterMs, signal }, async (inner) => {
    const answers = await Promise.all(options.watches.map((watch) => watch.whenSynced(inner)));
    return answers.every(Boolean);
  });
  if (!isSynced && !signal.aborted) {
    throw new CacheSyncError(`the caches of controller ${options.name} did not sync within ${afterMs} ms`);
  }
  return isSynced;
}

async function work(options: ControllerOptions, logger: Logger): Promise<void> {
  const { queue } = options;
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    options.metrics?.activeWorkers?.(queue.active());
    try {
      await reconcileOnce(options, key, logger.child({ ...objectNameOf(key), reconcileId: randomUUID() }));
    } finally {
      queue.done(key);
      options.metrics?.activeWorkers?.(queue.active());
    }
  }
}

async function reconcileOnce(options: ControllerOptions, key: ObjectKey, logger: Logger): Promise<void> {
  const { clock, queue, metrics } = options;
  const startedAt = clock.monotonic();
  const afterMs = options.reconcileTimeoutMs ?? 120_000;
  try {
    const result = await withDeadline({ clock, afterMs, signal: options.abortSignal }, (signal) =>
      options.reconcile(key, signal, logger),
    );
    queue.forget(key);
    switch (result.kind) {
      case 'settled':
        metrics?.reconciled?.('success', clock.monotonic() - startedAt);
        return;
      case 'requeue':
        metrics?.reconciled?.('requeue_after', clock.monotonic() - startedAt);
        queue.addAfter(key, result.afterMs);
        return;
      default:
        assertNever(result);
    }
  } catch (error) {
    metrics?.reconciled?.('error', clock.monotonic() - startedAt);
    retryAfterError(options, key, error, logger);
  }
}

function retryAfterError(options: ControllerOptions, key: ObjectKey, error: unknown, logger: Logger): void {
  const { queue, metrics } = options;
  if (error instanceof TerminalError || error instanceof PauseError) {
    metrics?.terminalError?.();
    queue.forget(key);
    logger.error('Reconcile failed and waits for a change', { err: error, reason: error.reason });
    return;
  }
  if (error instanceof RetryError && error.afterMs !== undefined) {
    logger.info('Reconcile waits', { reason: error.reason, afterMs: error.afterMs });
    queue.addAfter(key, error.afterMs);
    return;
  }
  queue.addRateLimited(key);
  logger.error('Reconcile failed', { err: error, retries: queue.retriesOf(key) });
}
