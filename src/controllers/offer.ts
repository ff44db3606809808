import type { UpgradeSet } from '../api/upgrade-set.ts';
import { computeOffer, type Offer } from '../planner/catalogue.ts';
import type { Caches } from './context.ts';
import { installedHere } from './facts.ts';

/** What `UpgradeSet.status.available` says, from the packages here and the versions that the groups' status names. */
export function findOffer(
  caches: Pick<Caches, 'packages' | 'serverGroups' | 'databases'>,
  set: UpgradeSet,
): Offer | undefined {
  const { namespace = '' } = set.metadata;
  const packages = caches.packages.list(namespace);
  const groups = set.spec.serverGroups.flatMap((name) => caches.serverGroups.get({ namespace, name }) ?? []);
  const product =
    packages.find(({ metadata }) => metadata.name === set.spec.package)?.spec.product ??
    groups.find(({ spec }) => spec.product !== undefined)?.spec.product;
  if (product === undefined || groups.length < set.spec.serverGroups.length) return undefined;
  const running = groups.map(({ status }) => status?.version ?? '');
  return computeOffer({
    packages,
    product,
    asked: set.spec.package,
    running,
    installed: installedHere(caches, namespace),
  });
}
