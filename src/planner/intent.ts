/** What people want of a run now: from its set, and from the decisions that count. */
import type { Decision } from '../api/decision.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import type { EpochMs } from '../shared/clock.ts';
import { parseDuration } from '../shared/duration.ts';
import { parseInstant } from '../shared/instant.ts';
import type { RunIntent } from './decision.ts';
import { createdAt, inOrder } from './decisions/time.ts';
import { voidReason } from './decisions/void.ts';
import { isOutdated } from './preflight/gate.ts';
import type { ValidDecision } from './verdict.ts';

export interface IntentInput {
  /** Undefined: it is gone, or another one has its name. */
  readonly set: UpgradeSet | undefined;
  readonly run: UpgradeRun;
  readonly decisions: readonly ValidDecision[];
  readonly now: EpochMs;
}

export function computeIntent({ set, run, decisions, now }: IntentInput): RunIntent {
  if (set === undefined) return { paused: false, end: 'Delete' };
  const { paused, package: wanted, finalizeTimeout } = set.spec;
  const deletedAt = set.metadata.deletionTimestamp ?? run.metadata.deletionTimestamp;
  if (deletedAt !== undefined) {
    const outOfTime = now >= parseInstant(deletedAt) + parseDuration(finalizeTimeout);
    return { paused: false, end: 'Delete', outOfTime };
  }
  if (decisions.some((decision) => decision.choice === 'Abort' && decision.approved)) return { paused, end: 'Abort' };
  if (run.spec.purpose !== 'Upgrade') return { paused };
  const still = { paused, ...(set.spec.dryRun ? { dryRun: true } : {}) };
  // Before anything is touched, the run is made anew with what the set says now of people and checks.
  if (wanted === run.spec.package) return isOutdated(run, set.spec) ? { ...still, end: 'Supersede' } : still;
  // Asked for what ran before: the way back is shorter than forward and back.
  return { paused, end: wanted === run.spec.from.package ? 'Abort' : 'Supersede' };
}

/** Decisions that count for this run now, oldest first: of two that contradict each other the first is heard. */
export function validDecisions(decisions: readonly Decision[], run: UpgradeRun, now: EpochMs): ValidDecision[] {
  return inOrder(decisions)
    .filter((decision) => voidReason(decision, run, now) === '')
    .map((decision) => ({
      name: decision.metadata.name,
      choice: decision.spec.choice,
      approved: decision.spec.verdict !== 'Denied',
      by: decision.spec.decidedBy ?? 'somebody',
      reason: decision.spec.reason ?? '',
      evidence: decision.spec.evidence ?? '',
      method: decision.spec.method ?? '',
      data: decision.spec.data,
      check: decision.spec.check ?? '',
      step: decision.spec.step ?? '',
      group: decision.spec.group ?? '',
      server: decision.spec.server ?? '',
      as: decision.spec.as ?? '',
      createdAt: createdAt(decision),
    }));
}
