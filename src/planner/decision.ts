/** What one decision is made from, and how a verdict of one step becomes the move of the run. */
import type { Step, StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { EpochMs } from '../shared/clock.ts';
import { parseDuration } from '../shared/duration.ts';
import { journalOf, mergeHandles } from './journal.ts';
import type { Move, StepChange } from './move.ts';
import type { Observed } from './observed.ts';
import type { StepContext, StepVerdict, ValidDecision } from './verdict.ts';

/** What people want of this run now, beside its plan. */
export interface RunIntent {
  readonly paused: boolean;
  /** `Abort`: a Decision; `Delete`: the set goes away; `Supersede`: another package is asked for. */
  readonly end?: 'Abort' | 'Delete' | 'Supersede';
  /** Checks are made and shown, and nothing is changed. */
  readonly dryRun?: boolean;
  /** Undoing may take no longer: hand over what is left. */
  readonly outOfTime?: boolean;
}

export interface DecideInput {
  readonly run: { readonly name: string; readonly uid: string; readonly spec: UpgradeRunSpec };
  readonly entries: readonly StepEntry[];
  readonly observed: Observed;
  readonly decisions: readonly ValidDecision[];
  readonly intent: RunIntent;
  readonly now: EpochMs;
  /** Consumed time of the step under way. */
  readonly consumedMs: number;
}

/** The step this pass is about: the failed one, else the first that is not over; undefined when all are. */
export function currentStep(
  spec: UpgradeRunSpec,
  entries: readonly StepEntry[],
): { step: Step; entry: StepEntry } | undefined {
  const rows = journalOf(spec, entries);
  return (
    rows.find((row) => row.entry.state === 'Failed') ??
    rows.find((row) => row.entry.state === 'Pending' || row.entry.state === 'Running')
  );
}

export function contextOf(input: DecideInput, current: { step: Step; entry: StepEntry }): StepContext {
  return {
    run: input.run,
    step: current.step,
    entry: current.entry,
    handles: mergeHandles(input.run.spec, input.entries),
    observed: input.observed,
    decisions: input.decisions,
    now: input.now,
    consumedMs: input.consumedMs,
    timeoutMs: parseDuration(current.step.timeout),
    ...(input.intent.dryRun === true ? { dryRun: true } : {}),
  };
}

export function toMove(step: Step, verdict: StepVerdict): Move {
  switch (verdict.kind) {
    case 'done':
      return {
        kind: 'advance',
        changes: [{ id: step.id, state: 'Succeeded', message: verdict.message, ...answeredIn(verdict) }],
      };
    case 'skip':
      return {
        kind: 'advance',
        changes: [{ id: step.id, state: 'Skipped', reason: 'NothingToDo', message: verdict.message }],
      };
    case 'failed':
      return {
        kind: 'advance',
        changes: [
          { id: step.id, state: 'Failed', reason: verdict.reason, message: verdict.message, ...answeredIn(verdict) },
        ],
      };
    case 'act':
    case 'record':
    case 'wait':
      return { ...verdict, step: step.id };
  }
}

function answeredIn({ components }: Pick<StepChange, 'components'>): Pick<StepChange, 'components'> {
  return components === undefined ? {} : { components };
}
