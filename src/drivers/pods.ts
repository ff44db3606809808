import type { LabelSelector, Pod, PodTemplate, ReplicaSet } from '../kube/objects.ts';
import type { Deployment, StatefulSet } from '../kube/objects.ts';
import { deployments, pods, replicaSets, statefulSets } from '../kube/resources.ts';
import type { KubeClient, KubeObject, Resource } from '../kube/types.ts';
import type { WorkloadRef } from '../planner/effects.ts';

export type Workload = Deployment | StatefulSet;

/** The workload as it is now; undefined when there is none. */
export function findWorkload(
  client: KubeClient,
  namespace: string,
  ref: WorkloadRef,
  signal: AbortSignal,
): Promise<Workload | undefined> {
  return client.find<Workload>(resourceOf(ref), { namespace, name: ref.name }, signal);
}

export function resourceOf(ref: Pick<WorkloadRef, 'kind'>): Resource<Workload> {
  return ref.kind === 'Deployment' ? deployments : statefulSets;
}

/** `a=b,c in (d,e),!f` of a label selector. */
export function selectorText(selector: LabelSelector): string {
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    switch (operator) {
      case 'In':
        return `${key} in (${values.join(',')})`;
      case 'NotIn':
        return `${key} notin (${values.join(',')})`;
      case 'Exists':
        return key;
      case 'DoesNotExist':
        return `!${key}`;
    }
  });
  return [...equal, ...expressions].join(',');
}

/** Keys of labels the workload uses to find its own pods. */
export function selectorKeys(selector: LabelSelector): string[] {
  return [
    ...Object.keys(selector.matchLabels ?? {}),
    ...(selector.matchExpressions ?? []).map((expression) => expression.key),
  ];
}

export function isControlledBy(object: KubeObject, uid: string | undefined): boolean {
  return (
    uid !== undefined &&
    (object.metadata.ownerReferences ?? []).some((owner) => owner.controller === true && owner.uid === uid)
  );
}

export interface WorkloadPods {
  readonly pods: readonly Pod[];
  /** ReplicaSets of a Deployment; empty for others. */
  readonly replicaSets: readonly ReplicaSet[];
}

/** Pods that match the selector *and* are controlled by the workload, sorted by name: a selector alone also catches strangers. */
export async function podsOf(client: KubeClient, workload: Workload, signal: AbortSignal): Promise<WorkloadPods> {
  const options = { namespace: workload.metadata.namespace ?? '', labelSelector: selectorText(workload.spec.selector) };
  const [{ items }, sets] = await Promise.all([
    client.list(pods, options, signal),
    workload.kind === 'Deployment' ? client.list(replicaSets, options, signal) : Promise.resolve({ items: [] }),
  ]);
  const owned = sets.items.filter((set) => isControlledBy(set, workload.metadata.uid));
  const owners = workload.kind === 'Deployment' ? owned.map((set) => set.metadata.uid) : [workload.metadata.uid];
  const mine = items.filter((pod) => owners.some((uid) => isControlledBy(pod, uid)));
  return { pods: mine.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)), replicaSets: owned };
}

/** Counted as there: not being deleted and not ended. */
export function isLive(pod: Pod): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined && pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed'
  );
}

export function isReady(pod: Pod): boolean {
  return (
    isLive(pod) &&
    (pod.status?.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True')
  );
}

/** Names of claims that the template's volumes use by name. */
export function claimsNamedBy(template: PodTemplate): string[] {
  return (template.spec.volumes ?? []).flatMap((volume) =>
    volume.persistentVolumeClaim === undefined ? [] : [volume.persistentVolumeClaim.claimName],
  );
}
