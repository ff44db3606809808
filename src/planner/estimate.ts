/** How long rows of a procedure are expected to take, by the estimates in the plan. */
import type { Step } from '../api/upgrade-run.ts';
import { parseDuration } from '../shared/duration.ts';
import { journalOf } from './journal.ts';
import type { RollbackOrder } from './move.ts';
import { computeRollback } from './procedures/rollback.ts';
import type { Journalled } from './stake.ts';

/** Milliseconds; rows that are planned as Skipped take none. */
export function estimateOf(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => sum + (step.skip === undefined ? parseDuration(step.estimate) : 0), 0);
}

/** What is left of the plan, the failed step included. */
export function estimateOfRest({ run, entries }: Journalled): number {
  const left = journalOf(run.spec, entries).filter(
    ({ entry }) => entry.state !== 'Succeeded' && entry.state !== 'Skipped',
  );
  return estimateOf(left.map(({ step }) => step));
}

/** The way back of an upgrade as it would be planned now. */
export function estimateOfWayBack({ run, entries }: Journalled, data: RollbackOrder['data']): number {
  const order: RollbackOrder = { method: 'Snapshots', data, because: '', authorisedBy: '' };
  return estimateOf(computeRollback({ origin: { ...run, entries }, attempts: [], order }).steps);
}
