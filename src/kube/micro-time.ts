import type { EpochMs } from '../shared/clock.ts';

/** RFC 3339 with exactly six fractional digits: the server refuses a MicroTime with three. */
export function toMicroTime(time: EpochMs): string {
  return new Date(time).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}
