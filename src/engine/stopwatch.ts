import type { StepEntry } from '../api/upgrade-run.ts';
import { parseDuration } from '../shared/duration.ts';

interface Lap {
  readonly key: string;
  readonly consumedMs: number;
  readonly seenAt: number;
  readonly runs: boolean;
}

/**
 * Time a step has had, by a clock that never jumps, beginning from what the journal says. Time in which nobody
 * looked (the controller was down) and time spent waiting for people do not count, so a deadline that passed
 * unseen never fails a step that was not looked at.
 */
export class Stopwatch {
  readonly #laps = new Map<string, Lap>();
  readonly #monotonic: () => number;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** Consumed milliseconds of the attempt under way of this run. */
  read(runUID: string, entry: StepEntry): number {
    const key = `${entry.id}/${entry.attempt}`;
    const lap = this.#laps.get(runUID);
    const now = this.#monotonic();
    const journalled = entry.consumed === undefined ? 0 : parseDuration(entry.consumed);
    const consumedMs = lap?.key === key ? lap.consumedMs + (lap.runs ? Math.max(0, now - lap.seenAt) : 0) : journalled;
    this.#laps.set(runUID, { key, consumedMs, seenAt: now, runs: lap?.key === key ? lap.runs : true });
    return consumedMs;
  }

  /** Does the time from now on count? */
  setRunning(runUID: string, runs: boolean): void {
    const lap = this.#laps.get(runUID);
    if (lap !== undefined) this.#laps.set(runUID, { ...lap, runs });
  }

  forget(runUID: string): void {
    this.#laps.delete(runUID);
  }
}
