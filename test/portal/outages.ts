export interface Outage {
  /** When the first request that failed was sent. */
  readonly from: string;
  /** When the next good answer came; undefined: none did. */
  readonly to: string | undefined;
  readonly seconds: number;
  readonly failed: number;
}

interface Span {
  readonly fromMs: number;
  toMs: number | undefined;
  failed: number;
}

/** Measures downtime from the first request that failed to the next one that was sent after it and answered well. */
export class Outages {
  readonly #spans: Span[] = [];

  /** All times in milliseconds since 1970, of one clock. */
  good(sentAtMs: number, answeredAtMs: number): void {
    const last = this.#spans.at(-1);
    // Sent before the first failure, it says nothing about the time after.
    if (last === undefined || last.toMs !== undefined || sentAtMs < last.fromMs) return;
    last.toMs = answeredAtMs;
  }

  failed(sentAtMs: number): void {
    const last = this.#spans.at(-1);
    // A slow failure may be reported after the first good answer: it belongs to the outage in which it was sent.
    if (last !== undefined && (last.toMs === undefined || sentAtMs < last.toMs)) last.failed += 1;
    else this.#spans.push({ fromMs: sentAtMs, toMs: undefined, failed: 1 });
  }

  /** In the order they began; an outage that has not ended lasts until `nowMs`. */
  list(nowMs: number): Outage[] {
    return this.#spans.map(({ fromMs, toMs, failed }) => ({
      from: new Date(fromMs).toISOString(),
      to: toMs === undefined ? undefined : new Date(toMs).toISOString(),
      seconds: Math.max(0, (toMs ?? nowMs) - fromMs) / 1_000,
      failed,
    }));
  }
}
