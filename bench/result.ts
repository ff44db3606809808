/** What one bench says; printed as one line of JSON with `--json`. */
export interface BenchResult {
  readonly bench: string;
  /** Whether every target is met. */
  readonly ok: boolean;
  /** Figures by name, units in the names. */
  readonly figures: Readonly<Record<string, number>>;
}

/** As people read it. */
export function describeResult({ bench, ok, figures }: BenchResult): string {
  const width = Math.max(...Object.keys(figures).map((name) => name.length));
  const lines = Object.entries(figures).map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  return [`${bench}: ${ok ? 'targets met' : 'TARGET MISSED'}`, ...lines].join('\n');
}
