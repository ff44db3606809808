/** Whom a change of what runs concerns: nobody else is woken by it. */
import type { Database } from '../api/database.ts';
import type { ServerGroup } from '../api/server-group.ts';
import { objectKeyOf, type ObjectKey } from '../kube/object-key.ts';
import type { Caches } from './context.ts';

/** Has what the group's status says it runs changed? */
export function runsOther(group: ServerGroup, old: ServerGroup): boolean {
  return saidBy(group) !== saidBy(old);
}

function saidBy({ spec, status }: ServerGroup): string {
  return JSON.stringify([spec.product, status?.version, (status?.servers ?? []).map((server) => server.package)]);
}

export function hasOtherSchema(database: Database, old: Database): boolean {
  return database.status?.schemaVersion !== old.status?.schemaVersion;
}

/** Packages that the group runs, and those that require its product. */
export function packagesOfGroup(
  caches: Pick<Caches, 'packages'>,
  { metadata, spec, status }: ServerGroup,
): ObjectKey[] {
  const run = new Set((status?.servers ?? []).map((server) => server.package));
  return caches.packages
    .list(metadata.namespace)
    .filter(
      (release) => run.has(release.metadata.name) || (spec.product !== undefined && requires(release, spec.product)),
    )
    .map((release) => objectKeyOf(release.metadata));
}

/** Packages that require the schema of this Database. */
export function packagesOfDatabase(caches: Pick<Caches, 'packages'>, { metadata }: Database): ObjectKey[] {
  return caches.packages
    .list(metadata.namespace)
    .filter((release) => requires(release, metadata.name))
    .map((release) => objectKeyOf(release.metadata));
}

/** Sets that name the group; all of them where some package requires its product. */
export function setsOfGroup(
  caches: Pick<Caches, 'packages' | 'upgradeSets'>,
  { metadata, spec }: ServerGroup,
): ObjectKey[] {
  const isRequired = spec.product !== undefined && isProductRequired(caches, metadata.namespace, spec.product);
  return caches.upgradeSets
    .list(metadata.namespace)
    .filter((set) => isRequired || (set.spec.serverGroups ?? []).includes(metadata.name))
    .map((set) => objectKeyOf(set.metadata));
}

/** Sets, where some package requires the schema of this Database. */
export function setsOfDatabase(caches: Pick<Caches, 'packages' | 'upgradeSets'>, { metadata }: Database): ObjectKey[] {
  if (!isProductRequired(caches, metadata.namespace, metadata.name)) return [];
  return caches.upgradeSets.list(metadata.namespace).map((set) => objectKeyOf(set.metadata));
}

/** Does a package in the namespace wait for this product to be in some version? */
export function isProductRequired(
  caches: Pick<Caches, 'packages'>,
  namespace: string | undefined,
  product: string,
): boolean {
  return caches.packages.list(namespace).some((release) => requires(release, product));
}

function requires(
  { spec }: { spec: { requires?: readonly { product: string }[] | undefined } },
  product: string,
): boolean {
  return (spec.requires ?? []).some((one) => one.product === product);
}
