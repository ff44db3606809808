import type { Clock } from '../shared/clock.ts';

/** The reason a signal of `withDeadline` carries when its time is over. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
}

export interface DeadlineOptions {
  clock: Clock;
  afterMs: number;
  /** Ends `run` before the deadline. */
  signal?: AbortSignal | undefined;
}

/**
 * Runs `run` with a signal that aborts at the deadline or with `options.signal`, whichever is first.
 * The timer and the listener are gone when the returned promise settles.
 */
export async function withDeadline<T>(options: DeadlineOptions, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const outer = options.signal;
  const forward = (): void => controller.abort(outer?.reason);
  if (outer?.aborted === true) forward();
  // Not AbortSignal.any: its composite stays registered with a long-lived outer signal after the call is over.
  outer?.addEventListener('abort', forward, { once: true });
  const cancel = options.clock.setTimer(
    () => controller.abort(new DeadlineExceeded(`no answer within ${options.afterMs} ms`)),
    options.afterMs,
  );
  try {
    return await run(controller.signal);
  } finally {
    cancel();
    outer?.removeEventListener('abort', forward);
  }
}

/** Resolves after `ms`, or at once when the signal aborts: check the signal afterwards. Never rejects. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const finish = (): void => {
      cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.setTimer(finish, ms);
    signal?.addEventListener('abort', finish, { once: true });
  });
}
