/** Whether there is enough of everything for users to notice nothing, and how the groups differ (001-17, 001-19, 001-36). */
import type { Pool } from '../api/pool.ts';
import type { RunGroup } from '../api/upgrade-run.ts';
import { isPooled } from './procedures/steps.ts';

/**
 * Why users will notice, and what to add so that they do not (001-17, 001-19, 001-31, 001-37); empty when they will not.
 * @param members number of members each pool has, ours and others
 */
export function whyUnbalanced(
  pools: readonly Pool[],
  groups: readonly RunGroup[],
  members: ReadonlyMap<string, number>,
): string {
  const pooled = groups.filter(isPooled);
  for (const pool of pools) {
    const name = pool.metadata.name;
    if (!pool.spec.healthChecked) return `pool ${name} does not check health (spec.healthChecked)`;
    // Of a service that nobody is left to do, users notice, whatever the pool says it needs.
    const needed = Math.max(1, pool.spec.minServing);
    for (const group of pooled) {
      const ours = group.servers.flatMap((server) => server.pools).filter((member) => member.name === name).length;
      if (ours === 0) continue;
      const left = (members.get(name) ?? ours) - ours;
      if (left < needed)
        return `pool ${name} has ${left} members without ${group.name} and needs ${needed}; add a second server group`;
    }
    const lonely = findLonelyRole(name, pooled);
    if (lonely !== '') return lonely;
  }
  if (pools.length === 0) return 'no server is in a load-balancer pool';
  return '';
}

/**
 * Members of one pool that do different work do not stand in for each other. What members of others do is not known,
 * so where there is only one role the count of the pool is all there is to go by.
 */
function findLonelyRole(pool: string, groups: readonly RunGroup[]): string {
  const holders = new Map<string, Set<string>>();
  for (const group of groups) {
    for (const { role = '', pools } of group.servers) {
      if (!pools.some(({ name }) => name === pool)) continue;
      holders.set(role, (holders.get(role) ?? new Set()).add(group.name));
    }
  }
  if (holders.size < 2) return '';
  for (const [role, names] of [...holders].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const [only] = names;
    if (names.size === 1 && role !== '')
      return `pool ${pool} has nobody with role ${role} without ${only}; add a server with role ${role} to another group`;
  }
  return '';
}

/**
 * 001-36, A-12: groups that lack a role others have, and servers beyond one of each kind; empty when all are alike. Says
 * what happens to them, and keeps nothing from being upgraded.
 */
export function describeUnevenRoles(groups: readonly RunGroup[]): string {
  const roles = [...new Set(groups.flatMap(({ servers }) => servers.flatMap(({ role }) => role ?? [])))].toSorted();
  const parts = roles.flatMap((role) => {
    const named = groups.map((group) => ({
      group: group.name,
      servers: group.servers.filter((server) => server.role === role).map(({ name }) => name),
    }));
    const having = named.filter(({ servers }) => servers.length > 0);
    const usual = Math.min(...having.map(({ servers }) => servers.length));
    return [
      ...named
        .filter(({ servers }) => servers.length === 0)
        .map(({ group }) => `${group} has no server with role ${role}`),
      ...having
        .filter(({ servers }) => servers.length > usual)
        .map(
          ({ group, servers }) =>
            `${servers.toSorted().slice(usual).join(', ')} left over in ${group}, upgraded with it`,
        ),
    ];
  });
  const more = parts.length > 4 ? `; and ${parts.length - 4} more` : '';
  return `${parts.slice(0, 4).join('; ')}${more}`.slice(0, 512);
}
