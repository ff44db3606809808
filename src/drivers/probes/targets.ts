import type { Pod } from '../../kube/objects.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { WorkloadRef } from '../../planner/effects.ts';
import { findWorkload, isLive, isReady, podsOf } from '../pods.ts';
import { poolTarget, type Target } from './session.ts';
import { TryEnded } from './try-ended.ts';

export interface TargetOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly scope: 'Isolated' | 'Pool';
  readonly workloads: readonly WorkloadRef[];
}

/**
 * Where to connect: the pool, or every pod of the workloads as they are now.
 * @throws TryEnded without an answer: a workload has no pod, or one that cannot be connected to yet. Leaving that
 *   one out would call a group tested of which a part was not.
 */
export async function findTargets(
  { client, namespace, scope, workloads }: TargetOptions,
  signal: AbortSignal,
): Promise<Target[]> {
  if (scope === 'Pool') return [poolTarget];
  const targets: Target[] = [];
  for (const ref of workloads) {
    const name = `${ref.kind}/${ref.name}`;
    const workload = await findWorkload(client, namespace, ref, signal);
    if (workload === undefined) throw new TryEnded('none', `${name} does not exist`);
    const { pods } = await podsOf(client, workload, signal);
    const live = pods.filter(isLive);
    if (live.length === 0) throw new TryEnded('none', `${name} has no pods`);
    targets.push(...live.map(targetOf));
  }
  if (targets.length === 0) throw new TryEnded('none', 'no workload is named to connect to');
  return targets;
}

function targetOf(pod: Pod): Target {
  const address = pod.status?.podIP ?? '';
  if (!isReady(pod) || address === '') throw new TryEnded('none', `pod ${pod.metadata.name} is not ready`);
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? []);
  const tcp = ports
    .filter(({ protocol = 'TCP' }) => protocol === 'TCP')
    .map(({ name = '', containerPort }) => ({ name, port: containerPort }));
  return { key: pod.metadata.uid ?? pod.metadata.name, name: pod.metadata.name, place: { address, ports: tcp } };
}
