import type { EpochMs } from './clock.ts';

/** RFC 3339 in UTC with milliseconds. */
export function formatInstant(at: EpochMs): string {
  return new Date(at).toISOString();
}

/** @throws RangeError not an instant */
export function parseInstant(text: string): EpochMs {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new RangeError(`"${text}" is not an RFC 3339 instant`);
  return at;
}
