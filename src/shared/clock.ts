/** Milliseconds since the Unix epoch. */
export type EpochMs = number;

/** Where time comes from. Never read `Date.now()` elsewhere: the simulator moves time by hand. */
export interface Clock {
  /** Wall time; may jump. For timestamps people read. */
  now(): EpochMs;
  /** Milliseconds from an arbitrary origin that never go backwards. For deadlines. */
  monotonic(): number;
  /** Runs `callback` once after `delayMs` (clamped to 2^31-1); the returned function cancels it. */
  setTimer(callback: () => void, delayMs: number): () => void;
}
