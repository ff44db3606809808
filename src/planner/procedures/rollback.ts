/**
 * The way back of a run, computed from its journal (design 1.4, requirements 2.10): first those who are out of the
 * pool for nothing, then the broken groups, then those that serve the new version, last changed first, each under
 * the same capacity checks as on the way up.
 */
import type { RunGroup, Step, UpgradeRunSpec } from '../../api/upgrade-run.ts';
import { mergeHandles, recordAfter, type GroupRecord, type Handles, type PastRun } from '../journal.ts';
import type { RollbackOrder } from '../move.ts';
import { claimsKey, reattachKey, snapshotKey } from '../steps/keys.ts';
import { isPooled, StepList, versionBefore } from './steps.ts';

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
  const { order } = input;
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
    title: `Take over the locks of ${names.join(', ')}`,
    action: 'Preflight',
    groups: names,
  });

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
  const broken = back.filter(({ record }) => record.out && !isIntact(record));
  const serving = back.filter((entry) => !broken.includes(entry)).toReversed();
  for (const { group, record } of [...broken, ...serving])
    addWayBack(
      list,
      input,
      group,
      record,
      broken.some((entry) => entry.group === group),
    );

  const tested = back.filter(({ group }) => group.probes !== undefined);
  if (tested.length > 0) {
    const title = `Tests through the load balancer, version ${spec.from.version ?? 'before'}`;
    list.add({
      id: 'final',
      number: '6',
      title,
      action: 'Probe',
      scope: 'Pool',
      groups: tested.map(({ group }) => group.name),
      ...versionBefore(tested.map(({ group }) => group)),
    });
  }
  list.add({ id: 'cleanup', number: '7', title: 'Release locks', action: 'Cleanup', groups: names });
  // What is still out when this plan begins: held again on every pass until its own step lets it in.
  handles['held/groups'] = records
    .filter(({ record }) => record.out)
    .map(({ group }) => group.name)
    .join(',');
  if (order.method === 'PreviousTemplate') {
    for (const { group } of back) handles[reattachKey(group.name)] = 'yes';
  }
  return { steps: list.steps, handles };
}

/** The upgrade's notes with those of the rollbacks since; a drain lifted in between is ours again only when made again. */
function handlesOf(input: RollbackInput): Handles {
  const { spec, entries } = input.origin;
  return Object.assign(
    {},
    mergeHandles(spec, entries),
    ...input.attempts.flatMap((attempt) => attempt.entries.map((entry) => entry.handles ?? {})),
  ) as Handles;
}

/** Out of the pool, but whole: only drained, or new and tested and drained for another's test. */
function isIntact(record: GroupRecord): boolean {
  return record.fate === 'Drained' || (record.fate === 'Changed' && record.verified && record.servedSince !== '');
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
  if (record.fate === 'Changed') {
    const kept = whyKept(input, group, record);
    if (hasSnapshots(input, group)) {
      const title = `Restore the volumes of ${group.name}`;
      list.add({
        ...at,
        id: `${prefix}-restore`,
        number: '3',
        title,
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
  list.add({
    ...at,
    id: `${prefix}-start`,
    number: '5',
    title: `Start ${group.name}`,
    action: 'Start',
    ...versionBefore([group]),
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
      ...versionBefore([group]),
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
