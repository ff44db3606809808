import type { WorkloadRef } from '../../planner/effects.ts';
import type { Problem } from '../../planner/validate.ts';
import { findSharedClaims, findWorkloadProblems } from '../../planner/workload-rules.ts';
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
  const problems = findWorkloadProblems(object, workload.spec);
  const reconcilers = reconcilersOf(workload);
  if (reconcilers.length > 0 && !takeOwnership) {
    const message = `${reconcilers.join(', ')} would put it back: let it ignore images and replicas, suspend it, or set takeOwnership: true in the ServerGroup`;
    problems.push({ reason: 'ManagedByOther', object, field: 'metadata.managedFields', message });
  }
  return problems;
}

/** Two workloads that use one claim: stopping one does not make its data stand still. Pure. */
export function checkSharedClaims(
  workloads: readonly { readonly ref: WorkloadRef; readonly workload: Workload }[],
): Problem[] {
  return findSharedClaims(
    workloads.map(({ ref, workload }) => ({
      object: workloadObject(ref),
      claims: claimsNamedBy(workload.spec.template),
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
    const owners = fieldConflictsOf(error).map((conflict) => conflict.manager);
    if (owners.length === 0) throw error;
    // Ours where a rollback has put the template back: images are written with force, nobody is overridden.
    const managers = [...new Set(owners)].filter((manager) => !isOwnManager(manager));
    return {
      reconcilers: managers.filter((manager) => knownReconcilers.includes(manager)).toSorted(),
      overridden: managers.filter((manager) => !knownReconcilers.includes(manager)).toSorted(),
    };
  }
}
