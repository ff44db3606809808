/** The status of a Package: whether it may be installed, and how many servers run it. */
import { mergeConditions } from '../api/conditions.ts';
import { decodePackage } from '../api/decode.ts';
import type { Package, PackageStatus } from '../api/package.ts';
import { packages } from '../api/resources.ts';
import type { ReconcileResult } from '../kube/controller.ts';
import { patchStatus } from '../kube/status.ts';
import type { ObjectName } from '../kube/types.ts';
import { describeUnmet, findUnmet } from '../planner/prerequisites.ts';
import { formatInstant } from '../shared/instant.ts';
import { readyConditions } from './conditions.ts';
import type { Caches, ControllerContext } from './context.ts';
import { installedHere } from './facts.ts';

interface PackageContext extends Pick<ControllerContext, 'client' | 'now'> {
  readonly caches: Pick<Caches, 'packages' | 'serverGroups' | 'databases'>;
}

/** Settled until the package, or what runs here, changes: a prerequisite that is met wakes it (000-42). */
export async function reconcilePackage(
  context: PackageContext,
  name: ObjectName,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const cached = context.caches.packages.get(name);
  if (cached === undefined) return { kind: 'settled' };
  const release = decodePackage(cached);
  await patchStatus(context.client, packages, release, statusOf(context, release), { signal });
  return { kind: 'settled' };
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
