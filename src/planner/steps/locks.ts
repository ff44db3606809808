/** The order in which a run takes and gives back its locks, and how far it has come. */
import type { UpgradeRunSpec } from '../../api/upgrade-run.ts';
import type { WorkloadRef } from '../effects.ts';
import type { Handles } from '../journal.ts';
import { seeObject, workloadsOf } from '../members.ts';
import { workloadKey, type Observed } from '../observed.ts';
import { groupOf, listSome } from '../verdict.ts';

export type Lockable =
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'workload'; readonly workload: WorkloadRef };

/** So many are locked by one effect: it makes one write for each, and has five seconds. */
const largestBatch = 16;

/** One order for all runs: two that lock the same objects in two orders would wait for each other for ever. */
export function lockablesOf(spec: UpgradeRunSpec, groups: readonly string[]): Lockable[] {
  const workloads = groups.flatMap((group) => workloadsOf(groupOf(spec, group)));
  const byKey = new Map(workloads.map((workload) => [workloadKey(workload), workload]));
  return [
    ...groups.toSorted().map((group) => ({ kind: 'group', group }) as const),
    ...[...byKey]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, workload]) => ({ kind: 'workload', workload }) as const),
  ];
}

/** Those whose turn it is once the first `count` are done, all of one kind; empty when all are done. */
export function nextBatch(all: readonly Lockable[], count: number): Lockable[] {
  const rest = all.slice(count, count + largestBatch);
  const end = rest.findIndex(({ kind }) => kind !== rest[0]?.kind);
  return end === -1 ? rest : rest.slice(0, end);
}

export function groupsIn(batch: readonly Lockable[]): string[] {
  return batch.flatMap((lockable) => (lockable.kind === 'group' ? [lockable.group] : []));
}

export function workloadsIn(batch: readonly Lockable[]): WorkloadRef[] {
  return batch.flatMap((lockable) => (lockable.kind === 'workload' ? [lockable.workload] : []));
}

/** UID of the run that has locked it, empty when none has; undefined where it is gone. */
export function holderOf(observed: Observed, lockable: Lockable): string | undefined {
  if (lockable.kind === 'workload') return seeObject(observed, lockable.workload)?.lockedBy;
  const seen = observed.groups.get(lockable.group);
  return seen?.exists === true ? seen.lockedBy : undefined;
}

/** Their names, for messages. */
export function namesIn(batch: readonly Lockable[]): string {
  return listSome([...groupsIn(batch), ...workloadsIn(batch).map(({ name }) => name)]);
}

/** How many of them this attempt has done, as the journal says: only those after them have to be looked at. */
export function lockedSoFar(handles: Handles, key: string): number {
  return Number(handles[key] ?? '0');
}

/** What the journal says once the first `count` are done. */
export function lockProgress(key: string, count: number): Record<string, string> {
  return { [key]: String(count) };
}
