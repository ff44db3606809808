import type { Clock } from '../shared/clock.ts';

/** For the workqueue_* metrics; all methods are optional and must not throw. */
export interface QueueMetrics {
  /** Called once, when the queue is made: reads how long each key with a worker has been there, in milliseconds. */
  attached?(workingForMs: () => readonly number[]): void;
  depth?(depth: number): void;
  added?(): void;
  retried?(): void;
  /** A key was handed to a worker after waiting. */
  started?(waitedMs: number): void;
  finished?(workedMs: number): void;
}

export interface QueueOptions {
  clock: Clock;
  /** Longest delay of `addRateLimited`; never above 1000 s. Default 1000 s. */
  maxBackoffMs?: number;
  metrics?: QueueMetrics;
}

/**
 * Keys waiting for workers. A key is in the queue at most once and with at most one worker; adding it while a
 * worker has it makes it come again when the worker is done.
 */
export interface Queue {
  add(key: string): void;
  /** Adds later. The earlier of two times counts. */
  addAfter(key: string, delayMs: number): void;
  /** Adds after 5 ms, doubled with each call since `forget`. */
  addRateLimited(key: string): void;
  forget(key: string): void;
  retriesOf(key: string): number;
  /** The next key, in order of adding; waits for one. Undefined when the queue is shut down. */
  take(): Promise<string | undefined>;
  /** Every taken key has to come back through here. */
  done(key: string): void;
  length(): number;
  /** How many keys are with workers. */
  active(): number;
  /** Refuses new keys, drops waiting ones, and resolves when no worker has a key. */
  shutDown(): Promise<void>;
}

const firstBackoffMs = 5;
const longestBackoffMs = 1_000_000;

export function createQueue(options: QueueOptions): Queue {
  const { clock } = options;
  const metrics = options.metrics ?? {};
  const maxBackoffMs = Math.min(options.maxBackoffMs ?? longestBackoffMs, longestBackoffMs);
  /** Waiting for a worker, with the time of adding; a Map keeps the order. */
  const ready = new Map<string, number>();
  const working = new Map<string, number>();
  /** Added while a worker has it. */
  const again = new Map<string, number>();
  const delayed = new Map<string, { at: number; cancel: () => void }>();
  const failures = new Map<string, number>();
  const takers: ((key: string | undefined) => void)[] = [];
  const drained: (() => void)[] = [];
  let isShutDown = false;

  function hand(key: string, addedAt: number): void {
    const now = clock.monotonic();
    ready.delete(key);
    working.set(key, now);
    metrics.started?.(now - addedAt);
  }

  function enqueue(key: string, addedAt: number): void {
    ready.set(key, addedAt);
    const taker = takers.shift();
    if (taker !== undefined) {
      hand(key, addedAt);
      taker(key);
    }
    metrics.depth?.(ready.size);
  }

  const queue: Queue = {
    add(key) {
      if (isShutDown || ready.has(key) || again.has(key)) return;
      metrics.added?.();
      const now = clock.monotonic();
      if (working.has(key)) again.set(key, now);
      else enqueue(key, now);
    },
    addAfter(key, delayMs) {
      if (isShutDown) return;
      if (delayMs <= 0) {
        queue.add(key);
        return;
      }
      const at = clock.monotonic() + delayMs;
      const present = delayed.get(key);
      if (present !== undefined && present.at <= at) return;
      present?.cancel();
      const cancel = clock.setTimer(() => {
        delayed.delete(key);
        queue.add(key);
      }, delayMs);
      delayed.set(key, { at, cancel });
    },
    addRateLimited(key) {
      const failed = failures.get(key) ?? 0;
      failures.set(key, Math.min(failed + 1, 60));
      metrics.retried?.();
      queue.addAfter(key, Math.min(firstBackoffMs * 2 ** failed, maxBackoffMs));
    },
    forget(key) {
      failures.delete(key);
    },
    retriesOf: (key) => failures.get(key) ?? 0,
    take() {
      if (isShutDown) return Promise.resolve(undefined);
      const [next] = ready;
      if (next === undefined) return new Promise((resolve) => takers.push(resolve));
      hand(...next);
      metrics.depth?.(ready.size);
      return Promise.resolve(next[0]);
    },
    done(key) {
      const startedAt = working.get(key);
      if (startedAt === undefined) return;
      working.delete(key);
      metrics.finished?.(clock.monotonic() - startedAt);
      const addedAt = again.get(key);
      again.delete(key);
      if (addedAt !== undefined && !isShutDown) enqueue(key, addedAt);
      if (isShutDown && working.size === 0) for (const resolve of drained.splice(0)) resolve();
    },
    length: () => ready.size,
    active: () => working.size,
    shutDown() {
      isShutDown = true;
      ready.clear();
      again.clear();
      for (const { cancel } of delayed.values()) cancel();
      delayed.clear();
      metrics.depth?.(0);
      for (const taker of takers.splice(0)) taker(undefined);
      return working.size === 0 ? Promise.resolve() : new Promise((resolve) => drained.push(resolve));
    },
  };
  metrics.attached?.(() => [...working.values()].map((startedAt) => clock.monotonic() - startedAt));
  return queue;
}
