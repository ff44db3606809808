import { setTimeout as delay } from 'node:timers/promises';

interface PollOptions<T> {
  /** What is awaited, as the end of the sentence "timed out waiting for …". */
  what: string;
  timeoutMs: number;
  intervalMs?: number;
  /** A value ends the wait; `undefined` or a thrown error means not yet. */
  check(): Promise<T | undefined> | T | undefined;
  /** Called between checks; throws to end the wait early, for example because the process died. */
  abort?(): void;
}

/**
 * Asks until there is an answer.
 * @throws Error after `timeoutMs`, with the last error of `check` as its cause
 */
export async function waitFor<T>(options: PollOptions<T>): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await options.check();
      if (value !== undefined) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    options.abort?.();
    if (performance.now() > deadline) {
      const detail = last instanceof Error ? `: ${last.message}` : '';
      throw new Error(`timed out after ${options.timeoutMs} ms waiting for ${options.what}${detail}`, { cause: last });
    }
    await delay(options.intervalMs ?? 50);
  }
}
