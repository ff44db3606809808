import type { Drivers, RunContext } from '../drivers/contract.ts';
import type { Observed, ObservationScope } from '../planner/observed.ts';
import { workloadKey } from '../planner/observed.ts';
import type { EpochMs } from '../shared/clock.ts';

/** One look at the world: what the scope names, all at once, each thing exactly once. */
export async function observeWorld(
  drivers: Drivers,
  context: RunContext,
  scope: ObservationScope,
  now: EpochMs,
  signal: AbortSignal,
): Promise<Observed> {
  const [groups, workloads, objects, pools, snapshots, restores, databaseJobs, checks, reboots, saved, settings] =
    await Promise.all([
      collect(
        scope.groups,
        (group) => group,
        (group) => drivers.groups.observe(context, group, signal),
      ),
      collect(scope.workloads, workloadKey, (workload) => drivers.workloads.observe(context, workload, signal)),
      collect(scope.objects ?? [], workloadKey, (workload) =>
        drivers.workloads.observeObject(context, workload, signal),
      ),
      collect(
        scope.pools,
        ({ pool }) => pool,
        ({ pool, members }) => drivers.pools.observe(context, pool, members, signal),
      ),
      collect(
        scope.snapshots,
        ({ snapshot }) => snapshot,
        (snapshot) => drivers.snapshots.observe(context, snapshot, signal),
      ),
      collect(
        scope.restores,
        ({ claim }) => claim,
        (restore) => drivers.snapshots.observeRestore(context, restore, signal),
      ),
      collect(
        scope.databaseJobs,
        ({ id }) => id,
        (job) => drivers.databases.observe(context, job, signal),
      ),
      collect(
        scope.checks,
        ({ id }) => id,
        (check) => drivers.checks.observe(context, check, signal),
      ),
      collect(
        scope.reboots ?? [],
        ({ id }) => id,
        (reboot) => drivers.workloads.observeReboot(context, reboot, signal),
      ),
      scope.saved.length === 0 ? new Set<string>() : drivers.workloads.observeSaved(context, scope.saved, signal),
      scope.settings.length === 0
        ? new Map<string, 'as-wanted' | 'differs' | 'missing'>()
        : drivers.workloads.observeSettings(context, scope.settings, signal),
    ]);
  const probes = new Map(scope.probes.map((id) => [id, drivers.probes.observe(context, id)]));
  return {
    now,
    groups,
    workloads,
    objects,
    pools,
    snapshots,
    restores,
    probes,
    databaseJobs,
    checks,
    reboots,
    saved,
    settings,
  };
}

async function collect<Item, Seen>(
  items: readonly Item[],
  key: (item: Item) => string,
  look: (item: Item) => Promise<Seen>,
): Promise<Map<string, Seen>> {
  const seen = await Promise.all(items.map(async (item) => [key(item), await look(item)] as const));
  return new Map(seen);
}
