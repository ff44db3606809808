import type { ConfigMap, Pod } from '../../kube/objects.ts';
import { isAlreadyExists, isConflict, isForbidden, isNotFound } from '../../kube/kube-error.ts';
import { configMaps, pods } from '../../kube/resources.ts';
import type { KubeClient, KubeObject, Resource } from '../../kube/types.ts';
import type { WorkloadRef } from '../../planner/effects.ts';
import type { Clock } from '../../shared/clock.ts';
import { userClient } from '../access.ts';
import type { Operation, RunContext } from '../contract.ts';
import { poolLabel } from '../../planner/pool-label.ts';
import { heldLabel, operationMark, ownLabels, ownedByRun, runLabel, upgradeSetLabel, lineageOf } from '../marks.ts';
import type { Workload, WorkloadPods } from '../pods.ts';

interface AdmissionPolicy extends KubeObject {
  spec?: {
    paramKind?: { kind?: string };
    matchConstraints?: { objectSelector?: { matchExpressions?: { key: string }[] } };
  };
}

const admissionPolicies: Resource<AdmissionPolicy> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingadmissionpolicies',
  kind: 'MutatingAdmissionPolicy',
  namespaced: false,
};

export function holdName(run: string): string {
  return `belay-hold-${run}`;
}

/** Key of a workload in a hold, as the admission policy computes it from a pod's owner. */
export function holdKey(workload: WorkloadRef): string {
  return `${workload.kind}.${workload.name}`;
}

/** All holds of the namespace; a workload may be held by another run than the one that looks. */
export async function readHolds(client: KubeClient, namespace: string, signal: AbortSignal): Promise<ConfigMap[]> {
  return (await client.list(configMaps, { namespace, labelSelector: `${heldLabel}=true` }, signal)).items;
}

/** By whom a workload is held: this upgrade, another run of the same set whose hold passes over, or somebody else's. */
export type Holder =
  | { readonly by: 'nobody' | 'this-run' | 'same-set' }
  | { readonly by: 'other'; readonly run: string };

export function holderOf(holds: readonly ConfigMap[], workload: WorkloadRef, context: RunContext): Holder {
  const found = holds.filter((hold) => hold.data?.[holdKey(workload)] !== undefined);
  const other = found.find((hold) => !isOfSet(hold, context));
  if (other !== undefined) return { by: 'other', run: other.metadata.labels?.[runLabel] ?? other.metadata.name };
  if (found.some((hold) => hold.metadata.name === holdName(lineageOf(context)))) return { by: 'this-run' };
  return { by: found.length > 0 ? 'same-set' : 'nobody' };
}

/** Runs of one set follow each other: what a failed one still holds is the next one's. */
function isOfSet({ metadata }: ConfigMap, context: RunContext): boolean {
  return (
    metadata.name === holdName(lineageOf(context)) ||
    (context.upgradeSet !== '' && metadata.labels?.[upgradeSetLabel] === context.upgradeSet)
  );
}

/** Names the workload in the run's own hold, then takes it out of those of earlier runs, which may be deleted with them. */
export async function takeHold(
  client: KubeClient,
  operation: Operation,
  workload: WorkloadRef,
  pool: string,
  signal: AbortSignal,
): Promise<void> {
  await writeHold(client, operation, workload, pool, signal);
  for (const hold of await readHolds(client, operation.namespace, signal)) {
    if (hold.metadata.name !== holdName(lineageOf(operation)) && isOfSet(hold, operation))
      await removeFrom(client, operation, hold, workload, signal);
  }
}

/** Always with the operator's own identity. */
async function writeHold(
  client: KubeClient,
  operation: Operation,
  workload: WorkloadRef,
  pool: string,
  signal: AbortSignal,
): Promise<void> {
  const at = { namespace: operation.namespace, name: holdName(lineageOf(operation)) };
  const data = { [holdKey(workload)]: pool };
  const existing = await client.find(configMaps, at, signal);
  if (existing?.data?.[holdKey(workload)] === pool) return;
  if (existing === undefined) {
    const metadata = {
      ...at,
      labels: { ...ownLabels(operation), [heldLabel]: 'true' },
      annotations: operationMark(operation),
      // Goes with the run: a deleted run must not keep pods out for ever.
      ownerReferences: ownedByRun(operation),
    };
    try {
      await client.create<ConfigMap>(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, { signal });
      return;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
  await client.mergePatch(configMaps, at, { metadata: { annotations: operationMark(operation) }, data }, { signal });
}

/** Takes the workload out of every hold of the run's set. */
export async function removeHold(
  client: KubeClient,
  operation: Operation,
  workload: WorkloadRef,
  signal: AbortSignal,
): Promise<void> {
  for (const hold of await readHolds(client, operation.namespace, signal)) {
    if (isOfSet(hold, operation)) await removeFrom(client, operation, hold, workload, signal);
  }
}

/** The last workload out takes the ConfigMap along. */
async function removeFrom(
  client: KubeClient,
  operation: Operation,
  hold: ConfigMap,
  workload: WorkloadRef,
  signal: AbortSignal,
): Promise<void> {
  if (hold.data?.[holdKey(workload)] === undefined) return;
  const at = { namespace: operation.namespace, name: hold.metadata.name };
  try {
    const rest = await client.mergePatch<ConfigMap>(
      configMaps,
      at,
      { metadata: { annotations: operationMark(operation) }, data: { [holdKey(workload)]: null } },
      { signal },
    );
    if (Object.keys(rest.data ?? {}).length > 0) return;
    const { uid, resourceVersion } = rest.metadata;
    await client.delete(configMaps, at, {
      signal,
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

/** Can pods be held at all? Remembered for half a minute: policies are installed, not toggled. */
export function createHoldSupport(
  client: KubeClient,
  clock: Clock,
): (signal: AbortSignal) => Promise<'yes' | 'no' | 'unknown'> {
  let known: { answer: 'yes' | 'no' | 'unknown'; at: number } | undefined;
  return async (signal) => {
    if (known !== undefined && clock.monotonic() - known.at < 30_000) return known.answer;
    const answer = await readSupport(client, signal);
    known = { answer, at: clock.monotonic() };
    return answer;
  };
}

async function readSupport(client: KubeClient, signal: AbortSignal): Promise<'yes' | 'no' | 'unknown'> {
  try {
    const { items } = await client.list(admissionPolicies, {}, signal);
    return items.some(isHoldPolicy) ? 'yes' : 'no';
  } catch (error) {
    if (isNotFound(error)) return 'no';
    if (isForbidden(error)) return 'unknown';
    throw error;
  }
}

function isHoldPolicy({ spec }: AdmissionPolicy): boolean {
  const keys = (spec?.matchConstraints?.objectSelector?.matchExpressions ?? []).map((expression) => expression.key);
  return spec?.paramKind?.kind === 'ConfigMap' && keys.includes(poolLabel);
}

/**
 * Would a new pod of the workload come without the pool label? Asked of the server by a dry-run create of a pod made
 * from the workload's own template, with the owner it would have.
 * @returns empty when the label is stripped, else why the hold cannot be relied on
 */
export async function holdProblem(
  client: KubeClient,
  context: RunContext,
  subject: {
    readonly workload: Workload;
    readonly ref: WorkloadRef;
    readonly owned: WorkloadPods;
    readonly pool: string;
  },
  signal: AbortSignal,
): Promise<string> {
  try {
    const made = await userClient(client, context).create<Pod>(pods, samplePod(context, subject), {
      dryRun: true,
      signal,
    });
    return made.metadata.labels?.[poolLabel] === undefined
      ? ''
      : 'the hold is written, but new pods would still get the pool label';
  } catch (error) {
    signal.throwIfAborted();
    return `the hold could not be proven by a dry-run: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function samplePod(
  context: RunContext,
  { workload, ref, owned, pool }: { workload: Workload; ref: WorkloadRef; owned: WorkloadPods; pool: string },
): Pod {
  const { template } = workload.spec;
  const set = owned.replicaSets.at(-1);
  const hash = set?.metadata.labels?.['pod-template-hash'] ?? 'belaysample';
  const owner =
    ref.kind === 'StatefulSet'
      ? { kind: 'StatefulSet', name: ref.name, uid: workload.metadata.uid ?? '' }
      : { kind: 'ReplicaSet', name: `${ref.name}-${hash}`, uid: set?.metadata.uid ?? workload.metadata.uid ?? '' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      // Not generateName: no server has to make a name for something that never exists.
      name: `${ref.name}-belay-sample`.slice(-63).replace(/^[^a-z0-9]+/, ''),
      namespace: context.namespace,
      labels: {
        ...template.metadata?.labels,
        [poolLabel]: pool,
        ...(ref.kind === 'Deployment' ? { 'pod-template-hash': hash } : {}),
      },
      ...(template.metadata?.annotations === undefined ? {} : { annotations: template.metadata.annotations }),
      ownerReferences: [{ apiVersion: 'apps/v1', ...owner, controller: true }],
    },
    spec: withoutClaimTemplates(template.spec, workload),
  };
}

/** Volumes of claim templates exist only in real pods: mounts of them would be refused. */
function withoutClaimTemplates(spec: Pod['spec'], workload: Workload): Pod['spec'] {
  const templates = 'volumeClaimTemplates' in workload.spec ? (workload.spec.volumeClaimTemplates ?? []) : [];
  const stand = templates.map((template) => ({ name: template.metadata.name, emptyDir: {} }));
  const others = (spec.volumes ?? []).filter((volume) => !stand.some((name) => name.name === volume.name));
  return stand.length === 0 ? spec : { ...spec, volumes: [...others, ...stand] };
}
