/** What people want of a run now: from its set, and from the decisions that count. */
import type { Decision } from '../api/decision.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import type { EpochMs } from '../shared/clock.ts';
import { parseDuration } from '../shared/duration.ts';
import { parseInstant } from '../shared/instant.ts';
import type { RunIntent } from './decision.ts';
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
  if (run.spec.purpose !== 'Upgrade' || wanted === run.spec.package) return { paused };
  // Asked for what ran before: the way back is shorter than forward and back.
  return { paused, end: wanted === run.spec.from.package ? 'Abort' : 'Supersede' };
}

/** Decisions that count for this run now, oldest first: of two that contradict each other the first is heard. */
export function validDecisions(decisions: readonly Decision[], run: UpgradeRun, now: EpochMs): ValidDecision[] {
  return decisions
    .filter((decision) => voidReason(decision, run, now) === '')
    .toSorted((a, b) => createdAt(a) - createdAt(b) || (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((decision) => ({
      name: decision.metadata.name,
      choice: decision.spec.choice,
      approved: decision.spec.verdict !== 'Denied',
      by: decision.spec.decidedBy ?? 'somebody',
      reason: decision.spec.reason ?? '',
      method: decision.spec.method ?? '',
      data: decision.spec.data,
      createdAt: createdAt(decision),
    }));
}

/** Why a decision does not count; empty when it does. */
export function voidReason({ spec }: Decision, run: UpgradeRun, now: EpochMs): string {
  if (spec.run !== run.metadata.name) return 'it is for another run';
  if (spec.planHash !== run.spec.planHash) return `it was made for another plan; this run has ${run.spec.planHash}`;
  const offered = (run.status?.choices ?? []).filter((choice) => choice.choice === 'Rollback');
  const isOffered = offered.some(
    ({ method, data }) =>
      method === spec.method && (spec.data === undefined || data === undefined || data === spec.data),
  );
  if (spec.choice === 'Rollback' && offered.length > 0 && !isOffered)
    return `it is not offered: copy method and data from status.choices of the run`;
  if (spec.expires !== undefined && parseInstant(spec.expires) <= now) return `it expired at ${spec.expires}`;
  return '';
}

function createdAt(decision: Decision): EpochMs {
  return decision.metadata.creationTimestamp === undefined ? 0 : parseInstant(decision.metadata.creationTimestamp);
}
