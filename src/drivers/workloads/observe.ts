import { canonicalJson } from '../../shared/json.ts';
import type { ContainerStatus, HorizontalPodAutoscaler, PersistentVolumeClaim, Pod } from '../../kube/objects.ts';
import { isNotFound } from '../../kube/kube-error.ts';
import { horizontalPodAutoscalers, persistentVolumeClaims } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { WorkloadRef } from '../../planner/effects.ts';
import {
  absentWorkload,
  type ClaimObservation,
  type PodObservation,
  type WorkloadObject,
  type WorkloadObservation,
} from '../../planner/observed.ts';
import type { RunContext } from '../contract.ts';
import { lockAnnotation, operationAnnotation, restoredFromAnnotation, sha256 } from '../marks.ts';
import { type Workload, type WorkloadPods, claimsNamedBy, findWorkload, isLive, isReady, podsOf } from '../pods.ts';
import { lastWriterOf, reconcilersOf } from './managers.ts';

/** Replicas before the run scaled to zero: tells which claims of a StatefulSet were in use. */
export const replicasBeforeAnnotation = 'belay.dev/replicas-before';
const maxTroubleLength = 200;

/** One look at a workload, its pods and its claims. */
export async function observeWorkload(
  client: KubeClient,
  context: RunContext,
  ref: WorkloadRef,
  signal: AbortSignal,
): Promise<WorkloadObservation> {
  const workload = await findWorkload(client, context.namespace, ref, signal);
  if (workload === undefined) return absentWorkload(ref);
  const [owned, claims, autoscaled] = await Promise.all([
    podsOf(client, workload, signal),
    observeClaims(client, context, workload, signal),
    isAutoscaled(client, context.namespace, ref, signal),
  ]);
  const object = describeObject(ref, workload);
  return {
    ...object,
    rolledOut: object.current && isRolledOut(ref, workload, owned, object.replicas),
    pods: owned.pods.map(describePod),
    autoscaled,
    claims,
  };
}

/** The workload by itself. */
export async function observeObject(
  client: KubeClient,
  context: RunContext,
  ref: WorkloadRef,
  signal: AbortSignal,
): Promise<WorkloadObject> {
  const workload = await findWorkload(client, context.namespace, ref, signal);
  return workload === undefined ? absentWorkload(ref) : describeObject(ref, workload);
}

function describeObject(ref: WorkloadRef, workload: Workload): WorkloadObject {
  const replicas = workload.spec.replicas ?? 1;
  const current = (workload.status?.observedGeneration ?? 0) >= (workload.metadata.generation ?? 0);
  return {
    kind: ref.kind,
    name: ref.name,
    exists: true,
    current,
    replicas,
    images: imagesOf(workload.spec.template.spec),
    templateHash: templateHash(workload),
    ...(ref.kind === 'StatefulSet' ? { rolledOut: current && countsAsRolledOut(workload, replicas) } : {}),
    lockedBy: workload.metadata.annotations?.[lockAnnotation] ?? '',
    reconcilers: reconcilersOf(workload),
    lastWriter: lastWriterOf(workload),
    operation: workload.metadata.annotations?.[operationAnnotation] ?? '',
  };
}

/**
 * By its own counts. Of a StatefulSet `replicas` counts pods that are on their way out as well, and `updatedReplicas`
 * does not; a Deployment forgets those that are on their way out, so only its pods tell.
 */
function countsAsRolledOut({ status }: Workload, replicas: number): boolean {
  if (replicas === 0) return (status?.replicas ?? 0) === 0;
  return (
    status?.replicas === replicas && status.updatedReplicas === replicas && (status.readyReplicas ?? 0) === replicas
  );
}

export function templateHash(workload: Workload): string {
  return sha256(canonicalJson(workload.spec.template));
}

function imagesOf(spec: {
  containers: { name: string; image?: string }[];
  initContainers?: { name: string; image?: string }[];
}): Record<string, string> {
  return Object.fromEntries(
    [...(spec.initContainers ?? []), ...spec.containers].map((container) => [container.name, container.image ?? '']),
  );
}

function describePod(pod: Pod): PodObservation {
  return {
    name: pod.metadata.name,
    uid: pod.metadata.uid ?? '',
    ready: isReady(pod),
    terminating: pod.metadata.deletionTimestamp !== undefined,
    images: imagesOf(pod.spec),
    trouble: troubleOf(pod).slice(0, maxTroubleLength),
    address: pod.status?.podIP ?? '',
    ...(pod.spec.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
  };
}

/** Why the pod does not run, in the words of the cluster. */
function troubleOf(pod: Pod): string {
  const scheduled = (pod.status?.conditions ?? []).find((condition) => condition.type === 'PodScheduled');
  if (scheduled?.status === 'False') return [scheduled.reason, scheduled.message].filter(Boolean).join(': ');
  if (pod.status?.phase === 'Failed')
    return [pod.status.reason ?? 'Failed', pod.status.message].filter(Boolean).join(': ');
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return statuses.map(containerTrouble).find((trouble) => trouble !== '') ?? '';
}

const harmlessReasons: readonly string[] = ['ContainerCreating', 'PodInitializing'];

function containerTrouble({ state, ready }: ContainerStatus): string {
  const waiting = state?.waiting;
  if (waiting?.reason !== undefined && !harmlessReasons.includes(waiting.reason))
    return [waiting.reason, waiting.message].filter(Boolean).join(': ');
  const ended = state?.terminated;
  if (ended !== undefined && ended.exitCode !== 0 && !ready)
    return `${ended.reason ?? 'Error'}: exit status ${ended.exitCode}`;
  return '';
}

function isRolledOut(ref: WorkloadRef, workload: Workload, owned: WorkloadPods, replicas: number): boolean {
  const { pods } = owned;
  if (pods.some((pod) => pod.metadata.deletionTimestamp !== undefined)) return false;
  const live = pods.filter(isLive);
  if (live.length !== replicas || !live.every(isReady)) return false;
  if (replicas === 0) return (workload.status?.replicas ?? 0) === 0;
  if (ref.kind === 'Deployment')
    return (workload.status?.updatedReplicas ?? 0) === replicas && (workload.status?.replicas ?? 0) === replicas;
  const revision =
    workload.status !== undefined && 'updateRevision' in workload.status ? workload.status.updateRevision : undefined;
  return revision !== undefined && live.every((pod) => pod.metadata.labels?.['controller-revision-hash'] === revision);
}

/** A cluster without the autoscaling API has no autoscaler. */
export async function isAutoscaled(
  client: KubeClient,
  namespace: string,
  ref: WorkloadRef,
  signal: AbortSignal,
): Promise<boolean> {
  const targets = (scaler: HorizontalPodAutoscaler): boolean =>
    scaler.spec.scaleTargetRef.kind === ref.kind && scaler.spec.scaleTargetRef.name === ref.name;
  try {
    return (await client.list(horizontalPodAutoscalers, { namespace }, signal)).items.some(targets);
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** Those of its pods. */
export async function observeClaims(
  client: KubeClient,
  context: RunContext,
  workload: Workload,
  signal: AbortSignal,
): Promise<ClaimObservation[]> {
  const named = claimsNamedBy(workload.spec.template);
  const templates = 'volumeClaimTemplates' in workload.spec ? (workload.spec.volumeClaimTemplates ?? []) : [];
  if (named.length === 0 && templates.length === 0) return [];
  const { items } = await client.list(persistentVolumeClaims, { namespace: context.namespace }, signal);
  const wanted = items.filter(
    (claim) => named.includes(claim.metadata.name) || isOfTemplate(claim.metadata.name, workload),
  );
  const missing = named.filter((name) => !items.some((claim) => claim.metadata.name === name));
  const unbound = missing.map((claim) => ({ claim, uid: '', volume: '', restoredFrom: '' }));
  return [...wanted.map((claim) => describeClaimOf(context, claim)), ...unbound].toSorted((a, b) =>
    a.claim < b.claim ? -1 : 1,
  );
}

function describeClaimOf(context: RunContext, claim: PersistentVolumeClaim): ClaimObservation {
  const annotations = claim.metadata.annotations ?? {};
  const ours = (annotations[operationAnnotation] ?? '').startsWith(`${context.runUID}/`);
  return {
    claim: claim.metadata.name,
    uid: claim.metadata.uid ?? '',
    volume: claim.spec.volumeName ?? '',
    restoredFrom: ours ? (annotations[restoredFromAnnotation] ?? '') : '',
  };
}

/** Of a claim template, for an ordinal in use; while scaled to zero, for the ordinals in use before. */
function isOfTemplate(claim: string, workload: Workload): boolean {
  if (!('volumeClaimTemplates' in workload.spec)) return false;
  const first = workload.spec.ordinals?.start ?? 0;
  const now = workload.spec.replicas ?? 1;
  const before = Number(workload.metadata.annotations?.[replicasBeforeAnnotation] ?? Number.NaN);
  // Without a record of the count before, every claim counts: a snapshot too many does no harm, one too few does.
  const count = now > 0 ? now : Number.isInteger(before) && before > 0 ? before : Number.POSITIVE_INFINITY;
  return (workload.spec.volumeClaimTemplates ?? []).some((template) => {
    const prefix = `${template.metadata.name}-${workload.metadata.name}-`;
    const ordinal = claim.startsWith(prefix) ? claim.slice(prefix.length) : '';
    return /^\d+$/.test(ordinal) && Number(ordinal) >= first && Number(ordinal) < first + count;
  });
}
