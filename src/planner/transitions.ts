import type { StepState } from '../api/upgrade-run.ts';

/** Where a step may go from each state. `Failed` goes on only when a person resumes. */
export const transitions: Readonly<Record<StepState, readonly StepState[]>> = {
  Pending: ['Running', 'Skipped'],
  Running: ['Succeeded', 'Failed', 'Skipped'],
  Succeeded: ['Pending'],
  Failed: ['Pending'],
  Skipped: [],
};

/** @throws RangeError the table does not have that way */
export function assertTransition(id: string, from: StepState, to: StepState): void {
  if (!transitions[from].includes(to)) throw new RangeError(`step ${id} cannot go from ${from} to ${to}`);
}
