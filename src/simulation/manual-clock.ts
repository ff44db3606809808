import type { Clock, EpochMs } from '../shared/clock.ts';

interface Timer {
  readonly at: EpochMs;
  readonly sequence: number;
  readonly callback: () => void;
}

/** Time that moves only when told to. Timers of the same instant run in the order they were set. */
export class ManualClock implements Clock {
  #now: EpochMs;
  readonly #origin: EpochMs;
  #sequence = 0;
  #timers: Timer[] = [];

  constructor(start: EpochMs) {
    this.#now = start;
    this.#origin = start;
  }

  now(): EpochMs {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - this.#origin;
  }

  setTimer(callback: () => void, delayMs: number): () => void {
    const timer = { at: this.#now + Math.max(0, delayMs), sequence: this.#sequence, callback };
    this.#sequence += 1;
    const index = this.#timers.findIndex((other) => other.at > timer.at);
    if (index === -1) this.#timers.push(timer);
    else this.#timers.splice(index, 0, timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** When the next timer runs; undefined when none is set. */
  nextAt(): EpochMs | undefined {
    return this.#timers[0]?.at;
  }

  /** Moves time to `at`, running every timer on the way at its own instant. Time never goes back. */
  advanceTo(at: EpochMs): void {
    for (let first = this.#timers[0]; first !== undefined && first.at <= at; first = this.#timers[0]) {
      this.#timers.shift();
      this.#now = Math.max(this.#now, first.at);
      first.callback();
    }
    this.#now = Math.max(this.#now, at);
  }
}
