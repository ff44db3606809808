/** The order in which a run takes and gives back its locks, and how far it has come. */
import type { UpgradeRunSpec } from '../../api/upgrade-run.ts';
import type { WorkloadRef } from '../effects.ts';
import type { Handles } from '../journal.ts';
import { workloadsOf } from '../members.ts';
import { groupOf } from '../verdict.ts';

export type Lockable =
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'workload'; readonly workload: WorkloadRef };

/** One order for all runs: two that lock the same groups in two orders would wait for each other for ever. */
export function lockablesOf(spec: UpgradeRunSpec, groups: readonly string[]): Lockable[] {
  return groups
    .toSorted()
    .flatMap((group) => [
      { kind: 'group', group } as const,
      ...workloadsOf(groupOf(spec, group)).map((workload) => ({ kind: 'workload', workload }) as const),
    ]);
}

/** How many of them this attempt has done, as the journal says: only the next one has to be looked at. */
export function lockedSoFar(handles: Handles, key: string): number {
  return Number(handles[key] ?? '0');
}

/** What the journal says once the first `count` are done. */
export function lockProgress(key: string, count: number): Record<string, string> {
  return { [key]: String(count) };
}
