/** What the controller says about objects that people write: groups and packages. */
import { mergeConditions } from '../api/conditions.ts';
import { decodePackage, decodeServerGroup } from '../api/decode.ts';
import { packages, serverGroups } from '../api/resources.ts';
import type { ServerGroup, ServerGroupStatus } from '../api/server-group.ts';
import type { ReconcileResult } from '../kube/controller.ts';
import { deployments, statefulSets } from '../kube/resources.ts';
import { patchStatus } from '../kube/status.ts';
import type { ObjectName } from '../kube/types.ts';
import { formatInstant } from '../shared/instant.ts';
import { readyConditions } from './conditions.ts';
import type { ControllerContext } from './context.ts';
import { runs } from './facts.ts';

const settled: ReconcileResult = { kind: 'settled' };

export async function reconcileGroup(
  context: ControllerContext,
  name: ObjectName,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const cached = context.caches.serverGroups.get(name);
  if (cached === undefined) return settled;
  const group = decodeServerGroup(cached);
  const status = await groupStatus(context, group, signal);
  await patchStatus(context.client, serverGroups, group, status, { signal });
  return settled;
}

async function groupStatus(
  context: ControllerContext,
  group: ServerGroup,
  signal: AbortSignal,
): Promise<ServerGroupStatus> {
  const { namespace = '' } = group.metadata;
  const workloads = new Map<string, { images: Record<string, string>; replicas: number; ready: number }>();
  const missing: string[] = [];
  for (const { workload } of group.spec.servers) {
    const found = await context.client.find(
      workload.kind === 'StatefulSet' ? statefulSets : deployments,
      { namespace, name: workload.name },
      signal,
    );
    if (found === undefined) missing.push(`${workload.kind}/${workload.name}`);
    else
      workloads.set(`${workload.kind}/${workload.name}`, {
        images: Object.fromEntries(
          (found.spec.template.spec?.containers ?? []).map((container) => [container.name, container.image ?? '']),
        ),
        replicas: found.spec.replicas ?? 1,
        ready: found.status?.readyReplicas ?? 0,
      });
  }
  const known = context.caches.packages
    .list(namespace)
    .map(decodePackage)
    .filter((candidate) => group.spec.product === undefined || candidate.spec.product === group.spec.product);
  const version = known.find((candidate) => runs(candidate, group, workloads))?.spec.version;
  const lock = group.status?.lock;
  const ready = missing.length === 0;
  const message = ready
    ? version === undefined
      ? 'no Package has the images that run'
      : `version ${version} runs`
    : `not there: ${missing.join(', ')}`;
  const reason = ready ? 'UpToDate' : 'ReferenceNotFound';
  return {
    ...group.status,
    observedGeneration: group.metadata.generation ?? 1,
    conditions: mergeConditions(
      group.status?.conditions,
      readyConditions(ready, reason, message, group.metadata.generation),
      formatInstant(context.now()),
    ),
    phase: lock !== undefined ? 'Upgrading' : ready ? 'Ready' : 'Degraded',
    version: version ?? '',
    servers: group.spec.servers.map((server) => ({
      name: server.name,
      state: serverState(workloads.get(`${server.workload.kind}/${server.workload.name}`)),
    })),
  };
}

function serverState(
  seen: { replicas: number; ready: number } | undefined,
): 'Running' | 'Stopped' | 'Degraded' | 'Unknown' {
  if (seen === undefined) return 'Unknown';
  if (seen.replicas === 0) return 'Stopped';
  return seen.ready >= seen.replicas ? 'Running' : 'Degraded';
}

export async function reconcilePackage(context: ControllerContext, name: ObjectName): Promise<ReconcileResult> {
  const cached = context.caches.packages.get(name);
  if (cached === undefined) return settled;
  const package_ = decodePackage(cached);
  const { withdrawn } = package_.spec;
  const phase = withdrawn ? ('Withdrawn' as const) : ('Available' as const);
  const conditions = mergeConditions(
    package_.status?.conditions,
    readyConditions(
      !withdrawn,
      withdrawn ? 'PackageWithdrawn' : 'UpToDate',
      withdrawn ? 'spec.withdrawn is true' : 'available',
      package_.metadata.generation,
    ),
    formatInstant(context.now()),
  );
  await patchStatus(context.client, packages, package_, {
    observedGeneration: package_.metadata.generation ?? 1,
    conditions,
    phase,
  });
  return settled;
}
