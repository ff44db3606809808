/** What lets a Service pool be driven: one label, which its Service selects by and its pods carry (design 4.1). */
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
