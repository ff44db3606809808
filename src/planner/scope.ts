/** What has to be looked at to decide one step, and nothing else: at twenty groups a full look costs more than the step. */
import type { RunGroup, Step, StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { MemberRef } from './effects.ts';
import { journalOf, mergeHandles, type Handles } from './journal.ts';
import { membersOf, membersOfPool, workloadsOf } from './members.ts';
import { settingKey, workloadKey, type ObservationScope } from './observed.ts';
import { backupJobs } from './steps/backup-database.ts';
import { settingChanges } from './steps/configure.ts';
import { claimsKey, drainedKey, lockedKey, revisionKey, settingsKey, snapshotKey, unlockedKey } from './steps/keys.ts';
import { lockablesOf, lockedSoFar } from './steps/locks.ts';
import { migrationJobs } from './steps/migrate-database.ts';
import { probeRequests } from './steps/probe.ts';
import { restoreJobs } from './steps/restore-database.ts';
import { restorableClaims } from './steps/restore-snapshot.ts';
import { revisionName } from './steps/upgrade.ts';
import { groupOf } from './verdict.ts';

export interface ScopeInput {
  readonly run: { readonly name: string; readonly uid: string; readonly spec: UpgradeRunSpec };
  readonly entries: readonly StepEntry[];
  readonly step: Step;
  readonly entry: StepEntry;
}

/** Everything the run touches: for deciding what follows a failure or an end. */
export function computeWideScope(input: Pick<ScopeInput, 'run' | 'entries'>): ObservationScope {
  const { spec } = input.run;
  const pools = new Set(spec.groups.flatMap(membersOf).map((member) => member.pool));
  return {
    ...empty,
    groups: spec.groups.map((group) => group.name),
    workloads: spec.groups.flatMap(workloadsOf),
    pools: [...pools].toSorted().map((pool) => ({ pool, members: membersOfPool(spec, pool) })),
  };
}

/** Both looks in one; what either names is looked at once. */
export function mergeScopes(a: ObservationScope, b: ObservationScope): ObservationScope {
  const both = <Item>(left: readonly Item[], right: readonly Item[], key: (item: Item) => string): Item[] => [
    ...new Map([...left, ...right].map((item) => [key(item), item])).values(),
  ];
  return {
    groups: both(a.groups, b.groups, (name) => name),
    workloads: both(a.workloads, b.workloads, workloadKey),
    pools: both(a.pools, b.pools, ({ pool }) => pool),
    snapshots: both(a.snapshots, b.snapshots, ({ snapshot }) => snapshot),
    restores: both(a.restores, b.restores, ({ claim }) => claim),
    probes: both(a.probes, b.probes, (id) => id),
    databaseJobs: both(a.databaseJobs, b.databaseJobs, ({ id }) => id),
    saved: both(a.saved, b.saved, ({ name }) => name),
    settings: both(a.settings, b.settings, settingKey),
  };
}

const empty: ObservationScope = {
  groups: [],
  workloads: [],
  pools: [],
  snapshots: [],
  restores: [],
  probes: [],
  databaseJobs: [],
  saved: [],
  settings: [],
};

export function computeScope(input: ScopeInput): ObservationScope {
  const { step, run, entries } = input;
  const { spec } = run;
  const handles = mergeHandles(spec, entries);
  const concerned = [...new Set([...(step.group === undefined ? [] : [step.group]), ...(step.groups ?? [])])];
  const groups = concerned.map((name) => groupOf(spec, name));
  const own = step.group === undefined ? [] : [groupOf(spec, step.group)];
  const group = step.group ?? '';
  const pools = new Set([...heldMembers(spec, entries), ...groups.flatMap(membersOf)].map((member) => member.pool));
  if (step.action === 'Preflight' || step.action === 'Cleanup') return nextLock(input, handles, concerned);
  return {
    ...empty,
    workloads: [...groups, ...(step.action === 'Drain' ? neighboursOf(spec, own) : [])].flatMap(workloadsOf),
    pools: [...pools].toSorted().map((pool) => ({ pool, members: membersOfPool(spec, pool) })),
    probes: step.action === 'Probe' ? probeRequests(input).map((request) => request.id) : [],
    databaseJobs: databaseJobsOf({ ...input, handles }),
    ...(step.action === 'Snapshot' ? { snapshots: snapshotsOf(input, handles) } : {}),
    ...(step.action === 'Upgrade' || step.action === 'Reinstall' ? { saved: savedOf(input, handles) } : {}),
    ...(step.action === 'Configure'
      ? { saved: savedSettings(input, handles), settings: own.flatMap(settingChanges) }
      : {}),
    ...(step.action === 'RestoreSnapshot' || step.action === 'Reinstall' ? restoresOf({ ...input, handles }) : {}),
    ...(step.action === 'Reinstall' && handles[settingsKey(group)] !== undefined
      ? { saved: [...savedOf(input, handles), ...savedSettings(input, handles)] }
      : {}),
  };
}

/** Locks are taken and given back one after the other, so one look at one of them is enough. */
function nextLock(input: ScopeInput, handles: Handles, groups: readonly string[]): ObservationScope {
  const { operation } = input.entry;
  const all = lockablesOf(input.run.spec, groups);
  const next =
    input.step.action === 'Preflight'
      ? all[lockedSoFar(handles, lockedKey(operation))]
      : all.toReversed()[lockedSoFar(handles, unlockedKey(operation))];
  if (next === undefined) return empty;
  return next.kind === 'group' ? { ...empty, groups: [next.group] } : { ...empty, workloads: [next.workload] };
}

/** Groups that share a pool with these: whether they can carry the users alone is seen in their pods, not only in the pool. */
function neighboursOf(spec: UpgradeRunSpec, groups: readonly RunGroup[]): RunGroup[] {
  const pools = new Set(groups.flatMap(membersOf).map((member) => member.pool));
  return spec.groups.filter(
    (group) => !groups.includes(group) && membersOf(group).some((member) => pools.has(member.pool)),
  );
}

function databaseJobsOf(input: ScopeInput & { handles: Handles }): ObservationScope['databaseJobs'] {
  switch (input.step.action) {
    case 'BackupDatabase':
      return backupJobs(input);
    case 'MigrateDatabase':
      return migrationJobs(input);
    case 'RestoreDatabase':
      return restoreJobs(input);
    default:
      return [];
  }
}

function snapshotsOf(input: ScopeInput, handles: Readonly<Record<string, string>>): ObservationScope['snapshots'] {
  const claims = (handles[claimsKey(input.step.group ?? '')] ?? '').split(',').filter((claim) => claim !== '');
  return claims
    .map((claim) => ({ claim, snapshot: handles[snapshotKey(claim)] ?? '' }))
    .filter((snapshot) => snapshot.snapshot !== '');
}

function savedOf(input: ScopeInput, handles: Readonly<Record<string, string>>): ObservationScope['saved'] {
  const workloads = workloadsOf(groupOf(input.run.spec, input.step.group));
  return workloads.map((workload) => ({
    kind: 'Revision',
    name: handles[revisionKey(workload)] ?? revisionName(input, workload),
  }));
}

function savedSettings(input: ScopeInput, handles: Readonly<Record<string, string>>): ObservationScope['saved'] {
  const group = input.step.group ?? '';
  return [{ kind: 'Settings', name: handles[settingsKey(group)] ?? `${input.run.name}-settings-${group}` }];
}

function restoresOf(
  input: ScopeInput & { handles: Readonly<Record<string, string>> },
): Pick<ObservationScope, 'restores' | 'snapshots'> {
  const claims = restorableClaims(input);
  return { restores: claims, snapshots: claims.map(({ claim, snapshot }) => ({ claim, snapshot })) };
}

/** Members that are out by our hand at this point of the journal: asserted again on every pass (design 4.1). */
export function heldMembers(spec: UpgradeRunSpec, entries: readonly StepEntry[]): MemberRef[] {
  const handles = mergeHandles(spec, entries);
  const held = new Map<string, boolean>();
  for (const name of (spec.handles['held/groups'] ?? '').split(',').filter((group) => group !== ''))
    held.set(name, true);
  for (const { step, entry } of journalOf(spec, entries)) {
    if (step.group === undefined || entry.state === 'Pending' || entry.state === 'Skipped') continue;
    if (step.action === 'Drain' && entry.state === 'Succeeded') held.set(step.group, true);
    if (step.action === 'Undrain') held.set(step.group, false);
  }
  return spec.groups
    .filter((group) => held.get(group.name) === true)
    .flatMap(membersOf)
    .filter((member) => handles[drainedKey(member)] === 'ours');
}
