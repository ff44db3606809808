/**
 * The way back of a run, computed from its journal (design 1.4, requirements 2.10): first those who are out of the
 * pool for nothing, then the broken groups, then those that serve the new version, last changed first, each under
 * the same capacity checks as on the way up.
 */
import type { RunGroup, Step, UpgradeRunSpec } from '../../api/upgrade-run.ts';
import {
  hasBegun,
  isIntact,
  isSchemaChanged,
  journalOf,
  mergeHandles,
  recordAfter,
  type GroupRecord,
  type Handles,
  type PastRun,
} from '../journal.ts';
import type { RollbackOrder } from '../move.ts';
import { isGuarded } from '../steps/guards.ts';
import { hookPrefix } from '../steps/hook.ts';
import { backupKey, claimsKey, reattachKey, snapshotKey } from '../steps/keys.ts';
import { addHooks } from './hooks.ts';
import { isPooled, listNames, StepList, versionBefore } from './steps.ts';

export interface RollbackInput {
  /** The upgrade. */
  readonly origin: PastRun;
  /** Rollbacks of it that failed, oldest first. */
  readonly attempts: readonly PastRun[];
  readonly order: RollbackOrder;
}

export interface RollbackPlan {
  readonly steps: Step[];
  readonly handles: Record<string, string>;
}

export function computeRollback(input: RollbackInput): RollbackPlan {
  const { spec } = input.origin;
  const list = new StepList(spec.policy.timeouts);
  const names = spec.groups.map((group) => group.name);
  const records = spec.groups.map((group) => ({
    group,
    record: recordAfter(input.origin, input.attempts, group.name),
  }));
  const handles: Record<string, string> = { ...handlesOf(input) };
  list.add({
    id: 'preflight',
    number: '0',
    title: `Take over the locks of ${listNames(names)}`,
    action: 'Preflight',
    groups: names,
  });

  const touched = records.filter(({ record }) => record.fate !== 'Untouched').map(({ group }) => group);
  addHooks(list, spec.groups, { groups: touched, at: 'BeforeRollback', number: '0a' });
  if (isSchemaChanged(handles)) return withDatabase(input, list, records, handles);
  addReadWrite(list, handles);
  const back = records.filter(({ record }) => record.fate === 'Stopped' || record.fate === 'Changed');
  const intact = records.filter(({ record }) => record.out && isIntact(record));
  for (const { group } of intact) {
    const expect = back.some((other) => other.group === group) ? spec.to.version : (group.from ?? '');
    list.add({
      id: `${idOf(spec, group)}-return`,
      number: '1',
      title: `Put ${group.name} back into the pool`,
      action: 'Undrain',
      group: group.name,
      expect,
    });
  }
  // Reversed: of several groups that serve the new version, the last changed goes back first; the broken before all.
  // Whoever was not changed serves soonest.
  const broken = back.filter(({ record }) => record.out && !isIntact(record)).toSorted((a, b) => rankOf(a) - rankOf(b));
  const serving = back.filter((entry) => !broken.includes(entry)).toReversed();
  for (const { group, record } of [...broken, ...serving])
    addWayBack(
      list,
      input,
      group,
      record,
      broken.some((entry) => entry.group === group),
    );

  addEnd(
    list,
    spec,
    back.map(({ group }) => group),
    touched,
  );
  finishHandles(input, handles, records, back);
  const steps = isDown([input.origin, ...input.attempts]) ? withReturn(list.steps) : list.steps;
  return { steps, handles };
}

/** Did the runs before leave nobody serving: a downtime that has begun and that none of them ended? */
function isDown(past: readonly PastRun[]): boolean {
  let down = false;
  for (const { step, entry } of past.flatMap(({ spec, entries }) => journalOf(spec, entries))) {
    if (step.marker === 'DowntimeBegins' && hasBegun(entry)) down = true;
    if (step.marker === 'LimitedServiceRestored' && entry.state === 'Succeeded') down = false;
  }
  return down;
}

interface Recorded {
  readonly group: RunGroup;
  readonly record: GroupRecord;
}

/**
 * Everybody stops, the database goes back, and only then does old code start again: first the groups that were not
 * changed, since they serve soonest (001-130, 001-133).
 */
function withDatabase(
  input: RollbackInput,
  list: StepList,
  records: readonly Recorded[],
  handles: Record<string, string>,
): RollbackPlan {
  const { spec } = input.origin;
  for (const { group, record } of records) {
    const at = { group: group.name, interrupts: true };
    const prefix = idOf(spec, group);
    // One that has met users may have some still, also where it was just taken out or let in.
    if (isPooled(group) && (!record.out || record.servedSince !== ''))
      list.add({
        ...at,
        id: `${prefix}-drain`,
        number: '1',
        title: `Drain ${group.name}`,
        action: 'Drain',
        timeout: group.drain.timeout,
      });
    list.add({ ...at, id: `${prefix}-stop`, number: '1a', title: `Stop ${group.name}`, action: 'Stop' });
  }
  const byPeople = spec.database?.spec.restore === undefined && handles[backupKey] !== undefined;
  list.add({
    id: 'database',
    number: '2',
    title: byPeople ? 'People put the database back' : 'Put the database back',
    action: 'RestoreDatabase',
    interrupts: true,
    ...(byPeople ? { actor: 'Customer' } : {}),
  });
  addReadWrite(list, handles);
  for (const { group, record } of records.toSorted((a, b) => rankOf(a) - rankOf(b))) {
    addPrevious(list, input, group, record);
    addReturn(list, input, group);
  }
  const all = records.map(({ group }) => group);
  addEnd(list, spec, all, all);
  finishHandles(input, handles, records, records);
  return { steps: withDowntime(list.steps), handles };
}

/** Nothing temporary survives: whoever starts again finds the database as it was. */
function addReadWrite(list: StepList, handles: Handles): void {
  if (!isGuarded(handles)) return;
  list.add({
    id: 'read-write',
    number: '2a',
    title: 'Let the database be written to again',
    action: 'ClearGuard',
    interrupts: true,
  });
}

function rankOf({ record }: Recorded): number {
  return record.fate === 'Changed' ? 1 : 0;
}

/** From the first who leaves to the first who is back. */
function withDowntime(steps: readonly Step[]): Step[] {
  const leaves = steps.find((step) => step.action === 'Drain' || step.action === 'Stop');
  return withReturn(steps).map((step) => (step.id === leaves?.id ? { ...step, marker: 'DowntimeBegins' } : step));
}

/** Users are let in again with the first who is back. */
function withReturn(steps: readonly Step[]): Step[] {
  const back = steps.find((step) => step.action === 'Undrain') ?? steps.find((step) => step.action === 'Start');
  return steps.map((step) => (step === back ? { ...step, marker: 'LimitedServiceRestored' } : step));
}

function addEnd(list: StepList, spec: UpgradeRunSpec, back: readonly RunGroup[], touched: readonly RunGroup[]): void {
  const tested = back.filter((group) => group.probes !== undefined);
  if (tested.length > 0) {
    list.add({
      id: 'final',
      number: '6',
      title: `Tests through the load balancer, version ${spec.from.version ?? 'before'}`,
      action: 'Probe',
      scope: 'Pool',
      groups: tested.map((group) => group.name),
      ...versionBefore(tested),
    });
  }
  addHooks(list, spec.groups, { groups: touched, at: 'AfterRollback', number: '6a' });
  const groups = spec.groups.map((group) => group.name);
  list.add({ id: 'cleanup', number: '7', title: 'Release locks', action: 'Cleanup', groups });
}

function finishHandles(
  { order }: RollbackInput,
  handles: Record<string, string>,
  records: readonly Recorded[],
  back: readonly Recorded[],
): void {
  // What is still out when this plan begins: held again on every pass until its own step lets it in.
  handles['held/groups'] = records
    .filter(({ record }) => record.out)
    .map(({ group }) => group.name)
    .join(',');
  if (order.method === 'PreviousTemplate') {
    for (const { group } of back) handles[reattachKey(group.name)] = 'yes';
  }
}

/** The upgrade's notes with those of the rollbacks since; a drain lifted in between is ours again only when made again. */
function handlesOf(input: RollbackInput): Handles {
  const { spec, entries } = input.origin;
  const all = Object.assign(
    {},
    mergeHandles(spec, entries),
    ...input.attempts.flatMap((attempt) => attempt.entries.map((entry) => entry.handles ?? {})),
  ) as Handles;
  return Object.fromEntries(Object.entries(all).filter(([key]) => !key.startsWith(hookPrefix)));
}

function addWayBack(list: StepList, input: RollbackInput, group: RunGroup, record: GroupRecord, isOut: boolean): void {
  const { spec } = input.origin;
  const prefix = idOf(spec, group);
  const at = { group: group.name };
  const pooled = isPooled(group);
  const interrupts = spec.facts['loadBalanced'] === 'No';
  if (pooled && !isOut) {
    list.add({
      ...at,
      id: `${prefix}-drain`,
      number: '2',
      title: `Drain ${group.name}`,
      action: 'Drain',
      timeout: group.drain.timeout,
      interrupts,
    });
  }
  list.add({ ...at, id: `${prefix}-stop`, number: '2a', title: `Stop ${group.name}`, action: 'Stop', interrupts });
  addPrevious(list, input, group, record);
  addReturn(list, input, group);
}

/** Volumes and template of a stopped group as they were before. */
function addPrevious(list: StepList, input: RollbackInput, group: RunGroup, record: GroupRecord): void {
  if (record.fate !== 'Changed') return;
  const prefix = idOf(input.origin.spec, group);
  const at = { group: group.name };
  const kept = whyKept(input, group, record);
  if (hasSnapshots(input, group)) {
    list.add({
      ...at,
      id: `${prefix}-restore`,
      number: '3',
      title: `Restore the volumes of ${group.name}`,
      action: 'RestoreSnapshot',
      ...(kept === '' ? {} : { skip: kept }),
    });
  }
  list.add({
    ...at,
    id: `${prefix}-reinstall`,
    number: '4',
    title: `Put the previous release of ${group.name} back`,
    action: 'Reinstall',
  });
}

/** Started, tested alone, and back in the pool. */
function addReturn(list: StepList, input: RollbackInput, group: RunGroup): void {
  const { spec } = input.origin;
  const prefix = idOf(spec, group);
  const at = { group: group.name };
  const pooled = isPooled(group);
  const { components: _, ...expect } = versionBefore([group]);
  list.add({
    ...at,
    id: `${prefix}-start`,
    number: '5',
    title: `Start ${group.name}`,
    action: 'Start',
    ...expect,
  });
  if (group.probes !== undefined) {
    const held = spec.facts['hold'] !== 'AsStarted';
    list.add({
      ...at,
      id: `${prefix}-isolated`,
      number: '5a',
      title: `Test ${group.name} in isolation`,
      action: 'Probe',
      scope: 'Isolated',
      groups: [group.name],
      ...versionBefore([group]),
      ...(pooled && !held ? { skip: 'the pool cannot hold started members back; the group joins as it starts' } : {}),
    });
  }
  if (pooled) {
    list.add({
      ...at,
      id: `${prefix}-join`,
      number: '5b',
      title: `Put ${group.name} back into the pool`,
      action: 'Undrain',
      ...expect,
    });
  }
}

/** Why volumes are not restored; empty when they are (design 4.3). */
function whyKept(input: RollbackInput, group: RunGroup, record: GroupRecord): string {
  if (input.order.method === 'PreviousTemplate') return 'the restore failed before; the data stays as it is';
  if (record.servedSince !== '' && input.order.data === 'Keep') {
    return `${group.name} has served users since ${record.servedSince}: its writes are kept`;
  }
  return '';
}

function hasSnapshots(input: RollbackInput, group: RunGroup): boolean {
  const handles = handlesOf(input);
  return (handles[claimsKey(group.name)] ?? '').split(',').some((claim) => handles[snapshotKey(claim)] !== undefined);
}

function idOf(spec: UpgradeRunSpec, group: RunGroup): string {
  return `g${spec.groups.indexOf(group) + 1}`;
}
