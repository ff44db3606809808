/** What has to be looked at to decide one step, and nothing else: at twenty groups a full look costs more than the step. */
import type { RunGroup, Step, StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { MemberRef, WorkloadRef } from './effects.ts';
import { journalOf, mergeHandles, type Handles } from './journal.ts';
import { membersOf, membersOfPool, workloadsOf } from './members.ts';
import { settingKey, workloadKey, type ObservationScope } from './observed.ts';
import { gateScope } from './preflight/gate.ts';
import { backupJobs } from './steps/backup-database.ts';
import { isByPeople } from './steps/by-people.ts';
import { guardJobs, lastGuardJobs } from './steps/guards.ts';
import { settingChanges } from './steps/configure.ts';
import { claimsKey, drainedKey, lockedKey, revisionKey, settingsKey, snapshotKey, unlockedKey } from './steps/keys.ts';
import { groupsIn, lockablesOf, lockedSoFar, nextBatch, workloadsIn } from './steps/locks.ts';
import { hookRequests } from './steps/hook.ts';
import { rebootRequests } from './steps/reboot.ts';
import { heldMembersKey, listOf } from './steps/rebuild-keys.ts';
import { rebuildJobs, rebuildScope } from './steps/rebuild.ts';
import { migrationJobs } from './steps/migrate-database.ts';
import { probeRequests } from './steps/probe.ts';
import { restoreJobs } from './steps/restore-database.ts';
import { restorableClaims } from './steps/restore-snapshot.ts';
import { revisionName } from './steps/upgrade.ts';
import { groupOf, targetOf } from './verdict.ts';

export interface ScopeInput {
  readonly run: { readonly name: string; readonly uid: string; readonly spec: UpgradeRunSpec };
  readonly entries: readonly StepEntry[];
  readonly step: Step;
  readonly entry: StepEntry;
  /** Time the step has had. Default 0. */
  readonly consumedMs?: number;
}

/** Most of what is waited for comes within this time: until then nobody is told, nor asks why it is not there. */
export const soonMs = 2_000;

/** Everything the run touches: for deciding what follows a failure or an end. */
export function computeWideScope(input: Pick<ScopeInput, 'run' | 'entries'>): ObservationScope {
  const { spec } = input.run;
  const pools = new Set(spec.groups.flatMap(membersOf).map((member) => member.pool));
  return {
    ...empty,
    groups: spec.groups.map((group) => group.name),
    workloads: spec.groups.flatMap(workloadsOf),
    pools: [...pools].toSorted().map((pool) => ({ pool, members: membersOfPool(spec, pool) })),
    databaseJobs: lastGuardJobs({ run: input.run, handles: mergeHandles(spec, input.entries) }),
  };
}

/** Both looks in one; what either names is looked at once. */
export function mergeScopes(a: ObservationScope, b: ObservationScope): ObservationScope {
  const both = <Item>(left: readonly Item[], right: readonly Item[], key: (item: Item) => string): Item[] => [
    ...new Map([...left, ...right].map((item) => [key(item), item])).values(),
  ];
  const workloads = both(a.workloads, b.workloads, workloadKey);
  return {
    groups: both(a.groups, b.groups, (name) => name),
    workloads,
    objects: both(a.objects ?? [], b.objects ?? [], workloadKey).filter(
      (object) => !workloads.some((full) => workloadKey(full) === workloadKey(object)),
    ),
    pools: both(a.pools, b.pools, ({ pool }) => pool),
    snapshots: both(a.snapshots, b.snapshots, ({ snapshot }) => snapshot),
    restores: both(a.restores, b.restores, ({ claim }) => claim),
    probes: both(a.probes, b.probes, (id) => id),
    databaseJobs: both(a.databaseJobs, b.databaseJobs, ({ id }) => id),
    checks: both(a.checks, b.checks, ({ id }) => id),
    saved: both(a.saved, b.saved, ({ name }) => name),
    settings: both(a.settings, b.settings, settingKey),
    reboots: both(a.reboots ?? [], b.reboots ?? [], ({ id }) => id),
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
  checks: [],
  saved: [],
  settings: [],
};

export function computeScope(input: ScopeInput): ObservationScope {
  const { step, run, entries } = input;
  const { spec } = run;
  const handles = mergeHandles(spec, entries);
  const concerned = [...new Set([...(step.group === undefined ? [] : [step.group]), ...(step.groups ?? [])])];
  const groups = concerned.map((name) => groupOf(spec, name));
  const own = step.group === undefined ? [] : [targetOf(spec, step)];
  const group = step.group ?? '';
  const pools = new Set([...heldMembers(spec, entries), ...groups.flatMap(membersOf)].map((member) => member.pool));
  if (step.action === 'Preflight') {
    const place = { run, entry: input.entry, handles };
    return gateScope(place).reduce<ObservationScope>(
      (all, part) => mergeScopes(all, { ...empty, ...part }),
      nextLocks(input, handles, concerned),
    );
  }
  if (step.action === 'Cleanup')
    return { ...nextLocks(input, handles, concerned), databaseJobs: lastGuardJobs({ run, handles }) };
  // A Job of the user's, and what is held out meanwhile.
  if (step.action === 'Hook')
    return {
      ...empty,
      pools: [...pools].toSorted().map((pool) => ({ pool, members: membersOfPool(spec, pool) })),
      checks: hookRequests({ ...input, handles }).slice(0, 1),
    };
  const beside = step.action === 'Drain' ? neighboursOf(spec, own) : needsNobody(step) ? spec.groups : [];
  const looked = [...groups, ...beside].flatMap(workloadsOf);
  return {
    ...empty,
    workloads: looked.filter((workload) => !isObjectEnough(input, workload)),
    objects: looked.filter((workload) => isObjectEnough(input, workload)),
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
      ? {
          saved: [...savedOf(input, handles), ...savedSettings(input, handles)],
          settings: own.flatMap(settingChanges),
        }
      : {}),
    ...(step.action === 'Rebuild' ? rebuildScope({ ...input, handles }) : {}),
    ...(step.action === 'Reboot' ? rebootScope({ ...input, handles }) : {}),
  };
}

/** What takes a list each is left out where the step does not ask for it, or not yet. */
function isObjectEnough({ run, step, consumedMs = 0 }: ScopeInput, { kind }: WorkloadRef): boolean {
  switch (step.action) {
    case 'Upgrade':
    case 'Configure':
      return true;
    case 'Stop':
    case 'Start':
      // A StatefulSet counts its pods itself. Why it takes long, and where they ran, only they can tell.
      return kind === 'StatefulSet' && consumedMs < soonMs && targetOf(run.spec, step).rebuild?.reboot === undefined;
    default:
      return false;
  }
}

/** Locks are taken and given back batch by batch, so a look at one of them is enough. */
function nextLocks(input: ScopeInput, handles: Handles, groups: readonly string[]): ObservationScope {
  const { operation } = input.entry;
  const all = lockablesOf(input.run.spec, groups);
  const batch =
    input.step.action === 'Preflight'
      ? nextBatch(all, lockedSoFar(handles, lockedKey(operation)))
      : nextBatch(all.toReversed(), lockedSoFar(handles, unlockedKey(operation)));
  return { ...empty, groups: groupsIn(batch), objects: workloadsIn(batch) };
}

/** Whoever runs meanwhile would write to what is being read or replaced. */
function needsNobody(step: Step): boolean {
  return step.action === 'RestoreDatabase' || (step.action === 'BackupDatabase' && isByPeople(step));
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
    case 'Rebuild':
      return rebuildJobs(input);
    case 'SetGuard':
    case 'ClearGuard':
      return guardJobs(input);
    default:
      return [];
  }
}

/** The node, and whoever else may run on it. */
function rebootScope(input: ScopeInput & { handles: Handles }): Pick<ObservationScope, 'reboots' | 'workloads'> {
  return { reboots: rebootRequests(input), workloads: input.run.spec.groups.flatMap(workloadsOf) };
}

function snapshotsOf(input: ScopeInput, handles: Readonly<Record<string, string>>): ObservationScope['snapshots'] {
  const claims = (handles[claimsKey(input.step.group ?? '')] ?? '').split(',').filter((claim) => claim !== '');
  return claims
    .map((claim) => ({ claim, snapshot: handles[snapshotKey(claim)] ?? '' }))
    .filter((snapshot) => snapshot.snapshot !== '');
}

function savedOf(input: ScopeInput, handles: Readonly<Record<string, string>>): ObservationScope['saved'] {
  const workloads = workloadsOf(targetOf(input.run.spec, input.step));
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
  const held = new Set(heldBefore(spec));
  const set = (group: RunGroup, isHeld: boolean): void => {
    for (const member of membersOf(group).map(nameOf)) {
      if (isHeld) held.add(member);
      else held.delete(member);
    }
  };
  for (const { step, entry } of journalOf(spec, entries)) {
    if (step.group === undefined || entry.state === 'Pending' || entry.state === 'Skipped') continue;
    if (step.action === 'Drain' && entry.state === 'Succeeded') set(targetOf(spec, step), true);
    if (step.action === 'Undrain') set(targetOf(spec, step), false);
  }
  return spec.groups
    .flatMap(membersOf)
    .filter((member) => held.has(nameOf(member)) && handles[drainedKey(member)] === 'ours');
}

function nameOf({ pool, member }: MemberRef): string {
  return `${pool}/${member}`;
}

/** Out when the plan begins. */
function heldBefore(spec: UpgradeRunSpec): string[] {
  const groups = new Set(listOf(spec.handles['held/groups']));
  const members = spec.groups.filter(({ name }) => groups.has(name)).flatMap(membersOf);
  return [...members.map(nameOf), ...listOf(spec.handles[heldMembersKey])];
}
