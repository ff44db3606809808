import type { KubeClient } from '../../kube/types.ts';
import type { WorkloadRef } from '../../planner/effects.ts';
import { RetryError, writeOnEach } from '../access.ts';
import type { EffectOf, Operation } from '../contract.ts';
import { lockAnnotation, operationMark } from '../marks.ts';
import { type Workload, findWorkload, resourceOf } from '../pods.ts';
import { needWorkload } from './template.ts';

/**
 * Looks at all of them at once and takes one after the other, in the order given: two runs that want the same ones
 * must not each hold what the other waits for. What was locked before a refusal stays locked.
 */
export async function lockWorkloads(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'LockWorkloads'>,
  signal: AbortSignal,
): Promise<void> {
  const look = (ref: WorkloadRef): Promise<Workload> => needWorkload(client, operation, ref, signal);
  const take = async (ref: WorkloadRef, workload: Workload): Promise<void> => {
    const holder = workload.metadata.annotations?.[lockAnnotation] ?? '';
    if (holder === operation.runUID) return;
    if (holder !== '' && holder !== effect.takeFrom) {
      throw new RetryError(
        'LockHeld',
        `${ref.kind}/${ref.name} is locked by the run with UID ${holder}; wait for it or abort it`,
      );
    }
    await annotate(client, ref, workload, { [lockAnnotation]: operation.runUID, ...operationMark(operation) }, signal);
  };
  await writeOnEach(effect.workloads, look, take);
}

/** Only those that this run holds. */
export async function unlockWorkloads(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'UnlockWorkloads'>,
  signal: AbortSignal,
): Promise<void> {
  const look = (ref: WorkloadRef): Promise<Workload | undefined> =>
    findWorkload(client, operation.namespace, ref, signal);
  const release = async (ref: WorkloadRef, workload: Workload | undefined): Promise<void> => {
    if (workload?.metadata.annotations?.[lockAnnotation] !== operation.runUID) return;
    await annotate(client, ref, workload, { [lockAnnotation]: null, ...operationMark(operation) }, signal);
  };
  await writeOnEach(effect.workloads, look, release);
}

async function annotate(
  client: KubeClient,
  ref: WorkloadRef,
  workload: Workload,
  annotations: Record<string, string | null>,
  signal: AbortSignal,
): Promise<void> {
  const { namespace = '', name, resourceVersion } = workload.metadata;
  const patch = { metadata: { resourceVersion, annotations } };
  await client.mergePatch<Workload>(resourceOf(ref), { namespace, name }, patch, { signal });
}
