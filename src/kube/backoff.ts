import type { Clock } from '../shared/clock.ts';

export interface Backoff {
  /** How long to wait before the next try, in milliseconds. */
  next(): number;
}

export interface BackoffOptions {
  clock: Clock;
  firstMs: number;
  maxMs: number;
  /** A pause of this length between two calls of `next` starts over. */
  resetAfterMs: number;
  /** In [0, 1); up to one more delay is added, so that clients do not come back together. */
  random: () => number;
}

/** Doubling delays with jitter. */
export function createBackoff(options: BackoffOptions): Backoff {
  const { clock } = options;
  let tries = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    next() {
      const now = clock.monotonic();
      if (now - lastAt > options.resetAfterMs) tries = 0;
      lastAt = now;
      const delayMs = Math.min(options.firstMs * 2 ** tries, options.maxMs);
      tries = Math.min(tries + 1, 30);
      return Math.min(delayMs * (1 + options.random()), options.maxMs);
    },
  };
}
