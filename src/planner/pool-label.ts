/** What lets a Service pool be driven: one label, which its Service selects by and its pods carry (design 4.1). */
import type { Pool } from '../api/pool.ts';
import type { Problem } from './validate.ts';

/** Stands in the pod templates always; draining takes it off the live pods. */
export const poolLabel = 'belay.dev/pool';

export interface LabelledWorkload {
  readonly kind: string;
  readonly name: string;
  /** Keys by which the workload finds its own pods. */
  readonly selectorKeys: readonly string[];
  /** Labels of the pod template. */
  readonly labels: Readonly<Record<string, string>>;
}

/** What keeps a Service from being driven as a pool of these workloads, in the order a reader would mend it. */
export function findPoolLabelProblems(
  service: { readonly name: string; readonly selector: Readonly<Record<string, string>> },
  workloads: readonly LabelledWorkload[],
): Problem[] {
  const value = service.selector[poolLabel];
  if (value === undefined) {
    const message = `it does not select by label ${poolLabel}: add it to the selector and to the pod templates`;
    return [{ reason: 'PoolLabelMissing', object: `service/${service.name}`, field: 'spec.selector', message }];
  }
  return workloads.flatMap((workload) => findWorkloadProblems(workload, value));
}

function findWorkloadProblems({ kind, name, selectorKeys, labels }: LabelledWorkload, value: string): Problem[] {
  const object = `${kind.toLowerCase()}/${name}`;
  if (selectorKeys.includes(poolLabel)) {
    const message = `it finds its own pods by label ${poolLabel}: a pod without it would be replaced instead of drained; take it out of the selector`;
    return [{ reason: 'PoolLabelInSelector', object, field: 'spec.selector', message }];
  }
  if (labels[poolLabel] === value) return [];
  const message = `its pods would never join: set ${poolLabel}: ${value} in the template`;
  return [{ reason: 'PoolLabelMissing', object, field: 'spec.template.metadata.labels', message }];
}

/** A pod carries one pool label: its workload cannot be in two Services that select different values. */
export function findPoolLabelConflicts(
  pools: readonly {
    readonly pool: string;
    /** What its Service selects; undefined where it selects by no such label, or is no Service. */
    readonly value: string | undefined;
    readonly workloads: readonly { readonly kind: string; readonly name: string }[];
  }[],
): Problem[] {
  const values = new Map<string, { value: string; pool: string }>();
  const problems: Problem[] = [];
  for (const { pool, value, workloads } of pools) {
    if (value === undefined) continue;
    for (const { kind, name } of workloads) {
      const object = `${kind.toLowerCase()}/${name}`;
      const other = values.get(object);
      if (other !== undefined && other.value !== value) {
        const message = `Pools ${other.pool} and ${pool} select different values of ${poolLabel}, and a pod carries one: let both Services select ${other.value}`;
        problems.push({ reason: 'PoolLabelConflict', object, field: 'spec.template.metadata.labels', message });
      } else values.set(object, { value, pool });
    }
  }
  return problems;
}

/** Two Pools that are one pool: each would undo what the other sets. */
export function findPoolAliases(pools: readonly Pool[]): Problem[] {
  const owners = new Map<string, Pool>();
  const problems: Problem[] = [];
  for (const pool of pools.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    for (const place of new Set(placesOf(pool))) {
      const other = owners.get(place);
      if (other === undefined) {
        owners.set(place, pool);
        continue;
      }
      const message = `it is the same as Pool ${other.metadata.name} (${place}): name one of them only`;
      problems.push({ reason: 'PoolAliased', object: `pool/${pool.metadata.name}`, field: 'spec', message });
    }
  }
  return problems;
}

function placesOf({ spec }: Pool): string[] {
  if (spec.service !== undefined) return [`service ${spec.service.name}`];
  return (spec.haproxy?.endpoints ?? []).map(
    (endpoint) => `backend ${spec.haproxy?.backend ?? ''} at ${endpoint.toLowerCase()}`,
  );
}
