/** The volumes of workloads and the classes they come from. Reads only. */
import { KubeError } from '../kube/kube-error.ts';
import { persistentVolumeClaims, persistentVolumes, storageClasses, volumeSnapshotClasses } from '../kube/resources.ts';
import type { KubeClient, KubeObject, Resource } from '../kube/types.ts';
import type { WorkloadRef } from '../planner/effects.ts';
import { userClient } from './access.ts';
import type { RunContext } from './contract.ts';
import type { SnapshotScene } from './snapshots/preflight.ts';
import { observeWorkload } from './workloads/observe.ts';

export type StorageScene = SnapshotScene;
export { checkSnapshots } from './snapshots/preflight.ts';
export { bytesOf, largerQuantity } from './snapshots/quantity.ts';
export { checkBudgets } from './workloads/budgets.ts';

export interface StorageQuestion {
  /** Who asks, such as "servergroup/group-1". */
  readonly object: string;
  readonly className: string;
  readonly workloads: readonly WorkloadRef[];
}

export async function readStorage(
  client: KubeClient,
  context: RunContext,
  { object, className, workloads }: StorageQuestion,
  signal: AbortSignal,
): Promise<StorageScene> {
  const names = await claimsOf(client, context, workloads, signal);
  const claims = await Promise.all(names.map((name) => readClaim(client, context, name, signal)));
  const snapshotClass = await findOrNone(client, volumeSnapshotClasses, className, signal);
  return { object, className, snapshotClass, claims };
}

/** Names of the claims of these workloads, each once. */
export async function claimsOf(
  client: KubeClient,
  context: RunContext,
  workloads: readonly WorkloadRef[],
  signal: AbortSignal,
): Promise<string[]> {
  const as = userClient(client, context);
  const seen = await Promise.all(workloads.map((ref) => observeWorkload(as, context, ref, signal)));
  return [...new Set(seen.flatMap(({ claims }) => claims.map(({ claim }) => claim)))];
}

async function readClaim(
  client: KubeClient,
  context: RunContext,
  name: string,
  signal: AbortSignal,
): Promise<StorageScene['claims'][number]> {
  const claim = await userClient(client, context).find(
    persistentVolumeClaims,
    { namespace: context.namespace, name },
    signal,
  );
  const volumeName = claim?.spec.volumeName ?? '';
  const className = claim?.spec.storageClassName ?? '';
  const [volume, storageClass] = await Promise.all([
    volumeName === '' ? undefined : client.find(persistentVolumes, { name: volumeName }, signal),
    className === '' ? undefined : client.find(storageClasses, { name: className }, signal),
  ]);
  return { name, claim, volume, storageClass };
}

/** A cluster that does not serve the kind has none. */
async function findOrNone<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  name: string,
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await client.find(resource, { name }, signal);
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return undefined;
    throw error;
  }
}
