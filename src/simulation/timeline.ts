/** What happened, in the order in which it did, as text for people. */
import type { EpochMs } from '../shared/clock.ts';
import { formatDuration } from '../shared/duration.ts';

export interface TimelineEntry {
  readonly at: EpochMs;
  /** Name of the run, of the UpgradeSet, or empty for what the story does. */
  readonly subject: string;
  readonly what: string;
  readonly because: string;
}

export class Timeline {
  readonly #start: EpochMs;
  readonly #entries: TimelineEntry[] = [];

  constructor(start: EpochMs) {
    this.#start = start;
  }

  /** Says it once: the same words again, with nothing in between, are left out. */
  add(entry: TimelineEntry): void {
    const last = this.#entries.findLast((other) => other.subject === entry.subject);
    if (last?.what === entry.what && last.because === entry.because) return;
    this.#entries.push(entry);
  }

  get entries(): readonly TimelineEntry[] {
    return this.#entries;
  }

  /** One line per entry: `t=12s  portal-1  Drain group-1: drain web-1  because web-1 serves`. */
  lines(): string[] {
    const times = this.#entries.map((entry) => `t=${formatDuration(Math.floor((entry.at - this.#start) / 100) * 100)}`);
    const timeWidth = Math.max(0, ...times.map((time) => time.length));
    const subjectWidth = Math.max(0, ...this.#entries.map((entry) => entry.subject.length));
    return this.#entries.map((entry, index) => {
      const because = entry.because === '' ? '' : `  because ${entry.because}`;
      return `${(times[index] ?? '').padEnd(timeWidth)}  ${entry.subject.padEnd(subjectWidth)}  ${entry.what}${because}`.trimEnd();
    });
  }
}
