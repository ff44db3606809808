/** What the pod of a Job says about itself. Pure, but for the list of pods. */
import type { ContainerStatus, Pod } from '../../kube/objects.ts';
import { pods } from '../../kube/resources.ts';
import type { KubeClient, ObjectName } from '../../kube/types.ts';

/** Reasons that do not go away while the Job stands. ErrImagePull alone may: the kubelet tries again. */
const cannotStart: ReadonlySet<string> = new Set([
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

/** Pods that carry the Job's name, sorted by name; an earlier Job of the same name may have left some. */
export async function podsNamedBy(client: KubeClient, at: ObjectName, signal: AbortSignal): Promise<Pod[]> {
  const namespace = at.namespace === undefined ? {} : { namespace: at.namespace };
  const selection = { ...namespace, labelSelector: `batch.kubernetes.io/job-name=${at.name}` };
  const { items } = await client.list(pods, selection, signal);
  return items.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

export function isEvicted({ status }: Pod): boolean {
  return status?.reason === 'Evicted' || disruptionOf(status) !== undefined;
}

/** Condition of a pod that is ended from outside: by an eviction, a preemption, a node that went away. */
export function disruptionOf(
  status: Pod['status'],
): { readonly reason?: string; readonly message?: string } | undefined {
  return (status?.conditions ?? []).find(({ type, status: is }) => type === 'DisruptionTarget' && is === 'True');
}

/** Of all containers, those that initialise first. */
export function containerStatuses(pod: Pod | undefined): ContainerStatus[] {
  return [...(pod?.status?.initContainerStatuses ?? []), ...(pod?.status?.containerStatuses ?? [])];
}

/** Why a container cannot begin and will not by itself; undefined when none is in such a state. */
export function stuckReason(pod: Pod | undefined): string | undefined {
  for (const { state } of containerStatuses(pod)) {
    const { reason = '', message } = state?.waiting ?? {};
    if (cannotStart.has(reason))
      return `container cannot start: ${reason}${message === undefined ? '' : `: ${message}`}`;
  }
  return undefined;
}

/** Why the pod does not run yet; empty when nothing is known to be wrong. */
export function pendingReason(pod: Pod | undefined): string {
  const scheduled = pod?.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False')
    return `pod cannot be placed: ${scheduled.message ?? scheduled.reason ?? 'no reason given'}`;
  return stuckReason(pod) ?? '';
}
