import type { WorkloadRef } from '../../planner/effects.ts';
import type { Problem } from '../../planner/validate.ts';
import { fieldConflictsOf } from '../../kube/kube-error.ts';
import { apiVersionOf } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';
import { fieldManagers, isOwnManager } from '../marks.ts';
import { type Workload, claimsNamedBy, resourceOf } from '../pods.ts';
import { knownReconcilers, reconcilersOf } from './managers.ts';

export function workloadObject(ref: WorkloadRef): string {
  return `${ref.kind.toLowerCase()}/${ref.name}`;
}

/** What keeps one workload from being stopped, changed and started safely; design 4.2. Pure. */
export function checkWorkload(
  ref: WorkloadRef,
  workload: Workload,
  { takeOwnership }: { readonly takeOwnership: boolean },
): Problem[] {
  const object = workloadObject(ref);
  const problem = (reason: string, field: string, message: string): Problem => ({ reason, object, field, message });
  const problems: Problem[] = [];
  const { spec } = workload;
  if (
    'persistentVolumeClaimRetentionPolicy' in spec &&
    spec.persistentVolumeClaimRetentionPolicy?.whenScaled === 'Delete'
  ) {
    const message = 'scaling to zero would delete its data: set whenScaled to Retain';
    problems.push(problem('ScalingDeletesData', 'spec.persistentVolumeClaimRetentionPolicy.whenScaled', message));
  }
  if ('updateStrategy' in spec && spec.updateStrategy?.type === 'OnDelete') {
    problems.push(
      problem(
        'UpdateStrategyUnsupported',
        'spec.updateStrategy.type',
        'pods would keep the template before until somebody deletes them: set RollingUpdate',
      ),
    );
  }
  if ('updateStrategy' in spec && (spec.updateStrategy?.rollingUpdate?.partition ?? 0) > 0) {
    problems.push(
      problem(
        'UpdateStrategyUnsupported',
        'spec.updateStrategy.rollingUpdate.partition',
        'pods below the partition would keep the template before: set it to 0',
      ),
    );
  }
  if ('paused' in spec && spec.paused) {
    problems.push(
      problem('WorkloadPaused', 'spec.paused', 'a paused Deployment makes no pods of a new template: resume it'),
    );
  }
  const reconcilers = reconcilersOf(workload);
  if (reconcilers.length > 0 && !takeOwnership) {
    const message = `${reconcilers.join(', ')} would put it back: let it ignore images and replicas, suspend it, or set takeOwnership: true in the ServerGroup`;
    problems.push(problem('ManagedByOther', 'metadata.managedFields', message));
  }
  return problems;
}

/** Two workloads that use one claim: stopping one does not make its data stand still. Pure. */
export function checkSharedClaims(
  workloads: readonly { readonly ref: WorkloadRef; readonly workload: Workload }[],
): Problem[] {
  const users = new Map<string, WorkloadRef[]>();
  for (const { ref, workload } of workloads) {
    for (const claim of claimsNamedBy(workload.spec.template)) users.set(claim, [...(users.get(claim) ?? []), ref]);
  }
  return [...users]
    .filter(([, refs]) => refs.length > 1)
    .flatMap(([claim, refs]) =>
      refs.slice(0, 1).map((ref) => ({
        reason: 'ClaimShared',
        object: workloadObject(ref),
        field: 'spec.template.spec.volumes',
        message: `claim ${claim} is also used by ${refs.slice(1).map(workloadObject).join(', ')}: give each its own`,
      })),
    );
}

/**
 * Would the images be taken? Asked of the server by a dry run without force: it names every manager that owns them.
 * @returns managers in two kinds: those that put their state back, and those that are overridden with a record
 */
export async function dryRunImages(
  client: KubeClient,
  {
    ref,
    workload,
    images,
  }: { readonly ref: WorkloadRef; readonly workload: Workload; readonly images: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<{ reconcilers: string[]; overridden: string[] }> {
  const { name, namespace, uid } = workload.metadata;
  const containers = workload.spec.template.spec.containers.flatMap((container) => {
    const image = images[container.name];
    return image === undefined ? [] : [{ name: container.name, image }];
  });
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) };
  const object = {
    apiVersion: apiVersionOf(resourceOf(ref)),
    kind: ref.kind,
    metadata,
    spec: { template: { spec: { containers } } },
  };
  try {
    await client.apply<Workload>(resourceOf(ref), object, { fieldManager: fieldManagers.images, dryRun: true, signal });
    return { reconcilers: [], overridden: [] };
  } catch (error) {
    const managers = [...new Set(fieldConflictsOf(error).map((conflict) => conflict.manager))].filter(
      (manager) => !isOwnManager(manager),
    );
    if (managers.length === 0) throw error;
    return {
      reconcilers: managers.filter((manager) => knownReconcilers.includes(manager)).toSorted(),
      overridden: managers.filter((manager) => !knownReconcilers.includes(manager)).toSorted(),
    };
  }
}
