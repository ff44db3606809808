/** No more than one in so long, for each key: the first at once, and whoever is told to wait comes again. */
export class Pace {
  readonly #last = new Map<string, number>();
  readonly #monotonic: () => number;
  readonly #everyMs: number;

  constructor(monotonic: () => number, everyMs: number) {
    this.#monotonic = monotonic;
    this.#everyMs = everyMs;
  }

  /** How long to wait for the next one; 0: it is due, and counts from now. */
  waitMs(key: string): number {
    const now = this.#monotonic();
    const last = this.#last.get(key);
    const left = last === undefined ? 0 : last + this.#everyMs - now;
    if (left > 0) return left;
    this.#last.set(key, now);
    return 0;
  }

  forget(key: string): void {
    this.#last.delete(key);
  }
}
