/** Products that a Package requires, and whether all that is there of them is in range (000-06, 000-40, 000-42). */
import type { Database } from '../api/database.ts';
import type { PackageSpec } from '../api/package.ts';
import type { ServerGroup } from '../api/server-group.ts';
import { inRange, parseRange, parseVersion } from '../api/version.ts';

/** One ServerGroup or Database, as far as prerequisites look at it. */
export interface Installed {
  readonly product: string;
  /** Such as "servergroup/db-1". */
  readonly object: string;
  /** Empty when it is not known, or differs between the servers. */
  readonly version: string;
}

export interface Unmet {
  readonly product: string;
  /** The range that is asked for. */
  readonly wanted: string;
  /** Those that are not in it, by name; empty when there is nothing of the product. */
  readonly found: readonly Installed[];
}

/** Prerequisites in the order of the Package. Nothing there, and a version nobody knows, is not in range. */
export function findUnmet(requires: PackageSpec['requires'], installed: readonly Installed[]): Unmet[] {
  return (requires ?? []).flatMap(({ product, version: wanted }) => {
    const range = parseRange(wanted);
    const there = installed.filter((one) => one.product === product);
    const found = there
      .filter(({ version }) => {
        const runs = parseVersion(version);
        return range === undefined || runs === undefined || !inRange(runs, range);
      })
      .toSorted((a, b) => (a.object < b.object ? -1 : 1));
    return there.length > 0 && found.length === 0 ? [] : [{ product, wanted, found }];
  });
}

/** "db-access must be >=8.1, and servergroup/db-1 runs 8.0": product, range, what is there, and where. */
export function describeUnmet({ product, wanted, found }: Unmet): string {
  const shown = found
    .slice(0, 3)
    .map(({ object, version }) =>
      version === '' ? `the version of ${object} is not known` : `${object} runs ${version}`,
    );
  const more = found.length > 3 ? ` and ${found.length - 3} more` : '';
  const seen =
    found.length === 0 ? 'no ServerGroup or Database of it is in this namespace' : `${shown.join(', ')}${more}`;
  return `${product} must be ${wanted}, and ${seen}`;
}

/** Groups by their product; a Database counts as the product of its own name, in the version of its schema. */
export function installedIn(groups: readonly ServerGroup[], databases: readonly Database[]): Installed[] {
  return [
    ...groups.flatMap(({ metadata, spec, status }) =>
      spec.product === undefined
        ? []
        : [{ product: spec.product, object: `servergroup/${metadata.name}`, version: status?.version ?? '' }],
    ),
    ...databases.map(({ metadata, status }) => ({
      product: metadata.name,
      object: `database/${metadata.name}`,
      version: status?.schemaVersion ?? '',
    })),
  ];
}
