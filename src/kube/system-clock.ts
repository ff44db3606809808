import type { Clock } from '../shared/clock.ts';

const longestTimerMs = 2 ** 31 - 1;

/** The time of this machine. `monotonic` goes on while the process is stopped, so a paused leader notices. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), longestTimerMs));
    return () => clearTimeout(timer);
  },
};
