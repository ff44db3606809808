import type { Effect } from '../planner/effects.ts';
import { isSameJson } from './same.ts';

/** First pause after an effect that was asked for again and changed nothing; doubled to the longest. */
const firstMs = 250;
const longestMs = 2_000;

/**
 * Slows down an effect that the planner asks for pass after pass because the world is still on its way: a pool that
 * accepted a change shows it only later. Without it the passes between would be a loop of writes.
 */
export class Pacer {
  readonly #last = new Map<string, { effect: Effect; times: number }>();

  /** How long to wait after this effect of the run; 0 the first time. */
  pauseMs(runUID: string, effect: Effect): number {
    const before = this.#last.get(runUID);
    const times = before !== undefined && isSameJson(before.effect, effect) ? before.times + 1 : 0;
    this.#last.set(runUID, { effect, times });
    return times === 0 ? 0 : Math.min(longestMs, firstMs * 2 ** (times - 1));
  }

  /** Something else happened. */
  forget(runUID: string): void {
    this.#last.delete(runUID);
  }
}
