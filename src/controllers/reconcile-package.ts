/** The status of a Package: whether it may be installed, and how many servers run it. */
import { mergeConditions } from '../api/conditions.ts';
import { decodePackage } from '../api/decode.ts';
import type { Package, PackageStatus } from '../api/package.ts';
import { packages } from '../api/resources.ts';
import { isSameJson } from '../engine/same.ts';
import type { ReconcileResult } from '../kube/controller.ts';
import { objectKeyOf } from '../kube/object-key.ts';
import { patchStatus } from '../kube/status.ts';
import type { ObjectName } from '../kube/types.ts';
import { describeUnmet, findUnmet } from '../planner/prerequisites.ts';
import { formatInstant } from '../shared/instant.ts';
import { readyConditions } from './conditions.ts';
import type { Caches, ControllerContext } from './context.ts';
import { installedHere } from './facts.ts';
import type { Pace } from './pace.ts';

interface PackageContext extends Pick<ControllerContext, 'client' | 'now'> {
  readonly caches: Pick<Caches, 'packages' | 'serverGroups' | 'databases'>;
}

/**
 * Settled until the package, or what runs here, changes: a prerequisite that is met wakes it (000-42).
 * @param pace of the count of servers, which every server of a run moves
 */
export async function reconcilePackage(
  context: PackageContext,
  pace: Pace,
  name: ObjectName,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const cached = context.caches.packages.get(name);
  if (cached === undefined) {
    pace.forget(objectKeyOf(name));
    return { kind: 'settled' };
  }
  const release = decodePackage(cached);
  const status = statusOf(context, release);
  if (isSameJson(release.status ?? {}, status)) return { kind: 'settled' };
  if (isSameButForCount(release.status, status)) {
    const waitMs = pace.waitMs(objectKeyOf(name));
    if (waitMs > 0) return { kind: 'requeue', afterMs: waitMs };
  }
  await patchStatus(context.client, packages, release, status, { signal });
  return { kind: 'settled' };
}

function isSameButForCount(before: PackageStatus | undefined, after: PackageStatus): boolean {
  const { inUse: _, ...old } = before ?? {};
  const { inUse: _inUse, ...next } = after;
  return isSameJson(old, next);
}

function statusOf({ caches, now }: PackageContext, release: Package): PackageStatus {
  const { name, namespace = '', generation = 1 } = release.metadata;
  const installed = release.spec.requires === undefined ? [] : installedHere(caches, namespace);
  const { phase, reason, message } = judge(release, installed);
  const running = caches.serverGroups
    .list(namespace)
    .flatMap(({ status }) => (status?.servers ?? []).filter((server) => server.package === name));
  return {
    observedGeneration: generation,
    conditions: mergeConditions(
      release.status?.conditions,
      readyConditions(phase === 'Available', reason, message, generation),
      formatInstant(now()),
    ),
    phase,
    inUse: { servers: running.length },
  };
}

function judge(
  { spec }: Package,
  installed: ReturnType<typeof installedHere>,
): { phase: NonNullable<PackageStatus['phase']>; reason: string; message: string } {
  if (spec.withdrawn) return { phase: 'Withdrawn', reason: 'PackageWithdrawn', message: 'spec.withdrawn is true' };
  const unmet = findUnmet(spec.requires, installed);
  if (unmet.length > 0)
    return { phase: 'Waiting', reason: 'PrerequisiteMissing', message: unmet.map(describeUnmet).join('; ') };
  return { phase: 'Available', reason: 'UpToDate', message: 'available' };
}
