import type { Clock } from '../../src/shared/clock.ts';

export interface ManualClock extends Clock {
  /** Moves time on; timers fire in order of their time, with pending promises settled after each. */
  advance(ms: number): Promise<void>;
  /** Moves time without firing anything, as when the process is stopped: late timers fire at the next `advance`. */
  freeze(ms: number): void;
  /** Lets wall time jump, monotonic time does not. */
  jump(ms: number): void;
  /** Settles pending promises at the present time. */
  settle(): Promise<void>;
  pendingTimers(): number;
}

interface Timer {
  at: number;
  order: number;
  callback: () => void;
}

/** A clock that stands still until told. `start` is wall time, default 2026-01-01T00:00:00Z. */
export function createManualClock(start = Date.UTC(2026, 0, 1)): ManualClock {
  let monotonic = 0;
  let offset = start;
  let order = 0;
  const timers = new Set<Timer>();

  function nextDue(limit: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.at > limit) continue;
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) {
        first = timer;
      }
    }
    return first;
  }

  return {
    now: () => offset + monotonic,
    monotonic: () => monotonic,
    setTimer(callback, delayMs) {
      const timer: Timer = { at: monotonic + Math.min(Math.max(0, delayMs), 2 ** 31 - 1), order: order++, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async advance(ms) {
      const end = monotonic + ms;
      await settleMicrotasks();
      for (let timer = nextDue(end); timer !== undefined; timer = nextDue(end)) {
        timers.delete(timer);
        monotonic = Math.max(monotonic, timer.at);
        timer.callback();
        await settleMicrotasks();
      }
      monotonic = end;
      await settleMicrotasks();
    },
    freeze(ms) {
      monotonic += ms;
    },
    jump(ms) {
      offset += ms;
    },
    settle: settleMicrotasks,
    pendingTimers: () => timers.size,
  };
}

/** The event loop turns once after all microtasks ran: that covers promise chains of any length. */
async function settleMicrotasks(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
