/** What a group can go back to, as the newest upgrade of it says. Pure. Source: 001-129. */
import type { ServerGroupStatus } from '../api/server-group.ts';
import type { RunGroup, RunPhase, UpgradeRun } from '../api/upgrade-run.ts';
import { mergeHandles } from '../planner/journal.ts';
import { workloadsOf } from '../planner/members.ts';
import { claimsKey, releasedKey, revisionKey, settingsKey, signedOffKey, snapshotKey } from '../planner/steps/keys.ts';

type LastKnownGood = NonNullable<ServerGroupStatus['lastKnownGood']>;

/**
 * @param runs of the group's namespace, in any order
 * @returns undefined where no upgrade of the group has begun: what is known stays
 */
export function findLastKnownGood(runs: readonly UpgradeRun[], group: string): LastKnownGood | undefined {
  const upgrades = runs.filter(
    ({ spec, status }) =>
      spec.purpose === 'Upgrade' && status?.started !== undefined && spec.groups.some(({ name }) => name === group),
  );
  const [newest] = upgrades.toSorted((a, b) => ((a.status?.started ?? '') < (b.status?.started ?? '') ? 1 : -1));
  const found = newest?.spec.groups.find(({ name }) => name === group);
  return newest === undefined || found === undefined ? undefined : ofRun(newest, found);
}

function ofRun({ spec, status }: UpgradeRun, group: RunGroup): LastKnownGood {
  const handles = mergeHandles(spec, status?.steps ?? []);
  // From the sign-off on, what was installed is what is good.
  if (handles[signedOffKey] !== undefined) return { package: spec.package, version: spec.to.version };
  const version = group.from ?? spec.from.version;
  const before: LastKnownGood = {
    ...(spec.from.package === undefined ? {} : { package: spec.from.package }),
    ...(version === undefined ? {} : { version }),
  };
  if (status?.phase === 'RolledBack') return before;
  const revisions = workloadsOf(group).flatMap((workload) => handles[revisionKey(workload)] ?? []);
  const claims = (handles[claimsKey(group.name)] ?? '').split(',');
  const snapshots = claims
    .flatMap((claim) => handles[snapshotKey(claim)] ?? [])
    .filter((name) => handles[releasedKey(name)] === undefined);
  const settings = handles[settingsKey(group.name)];
  return {
    ...before,
    ...(revisions.length === 0 ? {} : { revisions: revisions.toSorted() }),
    ...(snapshots.length === 0 ? {} : { snapshots: snapshots.toSorted() }),
    ...(settings === undefined ? {} : { settings }),
  };
}

const telling: ReadonlySet<RunPhase | undefined> = new Set([
  'AwaitingDecision',
  'Paused',
  'RollingBack',
  'RolledBack',
  'Failed',
]);

/** Now people look at what there is to go back to; at other times it is written with the lock and with its end. */
export function isWorthTelling(run: UpgradeRun, old: UpgradeRun): boolean {
  return run.status?.phase !== old.status?.phase && telling.has(run.status?.phase);
}
