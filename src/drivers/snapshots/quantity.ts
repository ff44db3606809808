const suffixes: Readonly<Record<string, bigint>> = {
  '': 1n,
  k: 1_000n,
  M: 1_000_000n,
  G: 1_000_000_000n,
  T: 1_000_000_000_000n,
  P: 1_000_000_000_000_000n,
  E: 1_000_000_000_000_000_000n,
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};

/** Bytes of a Kubernetes quantity, rounded up; undefined when it is none. */
export function bytesOf(quantity: string): bigint | undefined {
  const match = /^\+?(\d+)(?:\.(\d*))?(?:[eE]\+?(\d{1,2})|([kMGTPE]i?|Ki|m)?)$/.exec(quantity);
  if (match === null) return undefined;
  const [, whole = '0', fraction = '', exponent, suffix = ''] = match;
  const digits = BigInt(`${whole}${fraction}`);
  const divisor = 10n ** BigInt(fraction.length) * (suffix === 'm' ? 1_000n : 1n);
  const factor = exponent === undefined ? (suffix === 'm' ? 1n : suffixes[suffix]) : 10n ** BigInt(exponent);
  return factor === undefined ? undefined : (digits * factor + divisor - 1n) / divisor;
}

/** The larger of two quantities, as it was written; one that cannot be read counts as none. */
export function largerQuantity(a: string | undefined, b: string | undefined): string | undefined {
  const [left, right] = [bytesOf(a ?? ''), bytesOf(b ?? '')];
  if (left === undefined) return right === undefined ? undefined : b;
  return right === undefined || left >= right ? a : b;
}
