/**
 * Versions and ranges. Versions are compared number by number, so 7.9 is older than 7.10 (000-08);
 * vendors' numbers are not semantic versions, and no order is guessed where the grammar does not give one.
 */

export interface Version {
  /** One to six numbers; trailing zeros kept as written. */
  readonly numbers: readonly number[];
  /** Without the dash; empty when there is none. */
  readonly suffix: string;
}

interface Comparison {
  readonly operator: '>=' | '>' | '<=' | '<' | '=';
  readonly version: Version;
}

/** Alternatives, of which one must hold whole. */
export type VersionRange = readonly (readonly Comparison[])[];

const grammar = /^[vV]?(\d{1,12}(?:\.\d{1,12}){0,5})(?:-([0-9A-Za-z.-]+))?$/;

/** Reads "v2.0.1-rc1" and the like; undefined when it is not a version of this grammar. */
export function parseVersion(text: string): Version | undefined {
  const match = grammar.exec(text.trim());
  if (match === null) return undefined;
  return { numbers: (match[1] ?? '').split('.').map(Number), suffix: match[2] ?? '' };
}

/** Below zero when `a` is older than `b`, zero when they are the same release (1.2 and v1.2.0 are). */
export function compareVersions(a: Version, b: Version): number {
  const length = Math.max(a.numbers.length, b.numbers.length);
  for (let i = 0; i < length; i += 1) {
    const difference = (a.numbers[i] ?? 0) - (b.numbers[i] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  if (a.suffix === '' || b.suffix === '') return Number(a.suffix === '') - Number(b.suffix === '');
  return compareSuffixes(a.suffix, b.suffix);
}

/**
 * What kind of upgrade leads from one version to another: Major when the first number grows (001-12), Minor when a later
 * one does, patches included (001-16). NotNewer: there is no upgrade from here to there.
 */
export function upgradeTypeOf(from: Version, to: Version): 'Major' | 'Minor' | 'NotNewer' {
  if (compareVersions(to, from) <= 0) return 'NotNewer';
  return (to.numbers[0] ?? 0) > (from.numbers[0] ?? 0) ? 'Major' : 'Minor';
}

/** Reads ">=1.1 <2.0 || =2.1"; a version without an operator means "=". Undefined when it is not a range. */
export function parseRange(text: string): VersionRange | undefined {
  const alternatives: Comparison[][] = [];
  for (const alternative of text.split('||')) {
    const comparisons = parseAlternative(alternative.trim());
    if (comparisons === undefined) return undefined;
    alternatives.push(comparisons);
  }
  return alternatives;
}

export function inRange(version: Version, range: VersionRange): boolean {
  return range.some((comparisons) => comparisons.every((comparison) => holds(version, comparison)));
}

function parseAlternative(text: string): Comparison[] | undefined {
  const part = /\s*(>=|<=|>|<|=)?\s*([vV]?\d[0-9A-Za-z.-]*)(?=\s|$)/gy;
  const comparisons: Comparison[] = [];
  let end = 0;
  for (const match of text.matchAll(part)) {
    const version = parseVersion(match[2] ?? '');
    if (version === undefined) return undefined;
    comparisons.push({ operator: operatorOf(match[1]), version });
    end = match.index + match[0].length;
  }
  return end === text.length && comparisons.length > 0 ? comparisons : undefined;
}

function operatorOf(text: string | undefined): Comparison['operator'] {
  return text === '>=' || text === '>' || text === '<=' || text === '<' ? text : '=';
}

function holds(version: Version, { operator, version: bound }: Comparison): boolean {
  const order = compareVersions(version, bound);
  switch (operator) {
    case '>=':
      return order >= 0;
    case '>':
      return order > 0;
    case '<=':
      return order <= 0;
    case '<':
      return order < 0;
    case '=':
      return order === 0;
  }
}

/** Digits by number, the rest by code point: rc2 is older than rc10. The part that ends first is older. */
function compareSuffixes(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (const [i, part] of left.entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    const difference =
      /^\d/.test(part) && /^\d/.test(other)
        ? Number(part) - Number(other)
        : Number(part > other) - Number(part < other);
    if (difference !== 0) return Math.sign(difference);
  }
  return Math.sign(left.length - right.length);
}
