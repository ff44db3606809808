/** What people want of a run now: from its set, and from the decisions that count. */
import type { Decision } from '../api/decision.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import type { EpochMs } from '../shared/clock.ts';
import { parseDuration } from '../shared/duration.ts';
import { formatInstant, parseInstant } from '../shared/instant.ts';
import type { RunIntent } from './decision.ts';
import { resumedKey, signedOffKey } from './steps/keys.ts';
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
  return inOrder(decisions)
    .filter((decision) => voidReason(decision, run, now) === '')
    .map((decision) => ({
      name: decision.metadata.name,
      choice: decision.spec.choice,
      approved: decision.spec.verdict !== 'Denied',
      by: decision.spec.decidedBy ?? 'somebody',
      reason: decision.spec.reason ?? '',
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

/** Why a decision does not count; empty when it does. */
export function voidReason(decision: Decision, run: UpgradeRun, now: EpochMs): string {
  const { spec } = decision;
  if (spec.run !== run.metadata.name) return 'it is for another run';
  if (spec.planHash !== run.spec.planHash) return `it was made for another plan; this run has ${run.spec.planHash}`;
  // What was acted on is a fact: neither time nor another question takes it back half way.
  if (isUsed(decision, run)) return '';
  const offered = (run.status?.choices ?? []).filter((choice) => choice.choice === 'Rollback');
  const isOffered = offered.some(
    ({ method, data }) =>
      method === spec.method &&
      // Losing data is never what somebody left out.
      (data === undefined || data === spec.data || (spec.data === undefined && data === 'Keep')),
  );
  if (spec.choice === 'Rollback' && offered.length > 0 && !isOffered)
    return `it is not offered: copy method and data from status.choices of the run`;
  if (spec.expires !== undefined && parseInstant(spec.expires) <= now) return `it expired at ${spec.expires}`;
  return '';
}

/** Whether the run has acted on it. */
function isUsed({ metadata, spec, status }: Decision, run: UpgradeRun): boolean {
  if (status?.phase !== 'Accepted') return false;
  const isNoted = (key: string): boolean =>
    (run.status?.steps ?? []).some((entry) => entry.handles?.[key] !== undefined);
  switch (spec.choice) {
    case 'Abort':
      return true;
    case 'Resume':
      return isNoted(resumedKey(metadata.name));
    case 'SignOff':
      return isNoted(signedOffKey);
    case 'Rollback':
    case 'Restart':
      return run.status?.phase === 'RollingBack';
    case 'Approve':
    case 'Waive':
    case 'Attest':
    case 'Retry':
    case 'Rebuild':
      return false;
  }
}

/** What keeps a decision from being an answer to what the run asks now; undefined where nothing does. */
export type Unheard = { readonly kind: 'early' | 'void'; readonly why: string };

/** A failure is a new question: only words given after it are answers. */
export function unheardReason(decision: Decision, run: UpgradeRun): Unheard | undefined {
  const { choice } = decision.spec;
  // A rollback ends for a word only after it has failed; an upgrade at any time.
  const isAnyTime = choice === 'SignOff' || (choice === 'Abort' && run.spec.purpose === 'Upgrade');
  if (isAnyTime || (choice !== 'Abort' && isUsed(decision, run))) return undefined;
  const failed = failedStep(run);
  if (failed === undefined)
    return choice === 'Rollback'
      ? undefined
      : { kind: 'early', why: `no step has failed yet: ${choice} waits for one` };
  // A rollback instead of the sign-off is said before the step fails for it.
  if (choice === 'Rollback' && failed.isSignOff) return undefined;
  if (formatInstant(createdAt(decision) + 999) >= failed.at) return undefined;
  return { kind: 'void', why: `it was given before ${failed.id} failed: look at the failure, then decide again` };
}

/**
 * The accepted decision that has answered already what `decision` answers too; undefined where it is the first.
 * `others` are decisions near the run, whatever became of them.
 */
export function firstAnswer(
  decision: Decision,
  others: readonly Decision[],
  run: UpgradeRun,
  now: EpochMs,
): Decision | undefined {
  const stands = (other: Decision): boolean =>
    other.metadata.name !== decision.metadata.name &&
    other.status?.phase === 'Accepted' &&
    voidReason(other, run, now) === '' &&
    unheardReason(other, run) === undefined &&
    // One word, one resumption: the next failure asks again.
    !(other.spec.choice === 'Resume' && isUsed(other, run));
  return inOrder(others).find((other) => stands(other) && precludes(other, decision, run));
}

/** Oldest first; the API server tells seconds only, so the name decides within one. */
export function inOrder(decisions: readonly Decision[]): Decision[] {
  return decisions.toSorted((a, b) => createdAt(a) - createdAt(b) || (a.metadata.name < b.metadata.name ? -1 : 1));
}

/** What, once approved, leaves no room for what. Abort is heard after Resume: go on, then end. */
const precluded: Readonly<Record<Decision['spec']['choice'], readonly string[]>> = {
  Resume: ['Rollback', 'Restart'],
  Restart: ['Resume', 'Rollback', 'SignOff'],
  Rollback: ['Resume', 'Restart', 'SignOff'],
  Abort: ['Resume', 'Restart'],
  SignOff: ['Rollback', 'Restart'],
  Approve: [],
  Waive: [],
  Attest: [],
  Retry: [],
  Rebuild: [],
};

function precludes(first: Decision, second: Decision, run: UpgradeRun): boolean {
  const [a, b] = [first.spec, second.spec];
  if (a.choice === b.choice) return true;
  if (a.verdict !== 'Approved' || b.verdict !== 'Approved' || !precluded[a.choice].includes(b.choice)) return false;
  // A sign-off given in advance is no answer to a failure on the way.
  const isAboutSignOff = a.choice === 'SignOff' || b.choice === 'SignOff';
  return !isAboutSignOff || (failedStep(run)?.isSignOff ?? true);
}

function failedStep(run: UpgradeRun): { id: string; at: string; isSignOff: boolean } | undefined {
  const entry = run.status?.steps.find((candidate) => candidate.state === 'Failed');
  if (entry === undefined) return undefined;
  const step = run.spec.steps.find((candidate) => candidate.id === entry.id);
  return { id: entry.id, at: entry.finished ?? '', isSignOff: step?.action === 'AwaitDecision' };
}

export function createdAt(decision: Decision): EpochMs {
  return decision.metadata.creationTimestamp === undefined ? 0 : parseInstant(decision.metadata.creationTimestamp);
}
