const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
const part = /(\d+)(h|ms|m|s)/gy;

/**
 * Milliseconds of an API duration.
 * @param text units h, m, s, ms in descending order, such as "1h30m" or "90s"
 * @throws RangeError not a duration
 */
export function parseDuration(text: string): number {
  let total = 0;
  let end = 0;
  for (const match of text.matchAll(part)) {
    total += Number(match[1]) * (unitMs[match[2] ?? ''] ?? 0);
    end = match.index + match[0].length;
  }
  if (end === 0 || end !== text.length) throw new RangeError(`"${text}" is not a duration such as "90s" or "1h30m"`);
  return total;
}

/** The shortest exact form, e.g. 5400000 as "1h30m"; a fraction of a millisecond is dropped. */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.trunc(ms));
  let text = '';
  for (const [unit, size] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
    ['ms', 1],
  ] as const) {
    const count = Math.trunc(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === '' ? '0s' : text;
}
