/**
 * Whether another run follows one that has ended although the set asks for nothing new: because everything was put back
 * to begin again (001-123, 001-124), or because a person says so (S-08). One word, one run.
 */
import type { Decision } from '../api/decision.ts';
import type { RunPhase, UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import type { EpochMs } from '../shared/clock.ts';
import { validDecisions } from './intent.ts';
import { mergeHandles } from './journal.ts';
import { restartKey, nextFact } from './steps/keys.ts';
import { whyTooLate } from './window.ts';

/** On a run: what it follows, such as "decision/portal-retry" or "upgraderun/portal-7-back". */
export const followsAnnotation = 'belay.dev/follows';

/** Ends after which the same package may be tried again. */
const open: ReadonlySet<RunPhase> = new Set(['RolledBack', 'Failed', 'Cancelled']);

interface FollowUpInput {
  readonly set: UpgradeSet;
  /** All of the set, oldest first. */
  readonly runs: readonly UpgradeRun[];
  /** Those that were accepted. */
  readonly decisions: readonly Decision[];
  readonly now: EpochMs;
}

export type FollowUp =
  /** A new run of the same package; `follows` goes into its annotation. */
  | { readonly kind: 'begin'; readonly follows: string }
  /** It is asked for, and does not fit any more. */
  | { readonly kind: 'tooLate'; readonly message: string };

export function decideFollowUp(input: FollowUpInput): FollowUp | undefined {
  const { set, runs, now } = input;
  const attempt = newestAttempt(runs);
  const [upgrade] = attempt;
  if (upgrade === undefined || upgrade.spec.package !== set.spec.package) return undefined;
  if (attempt.some((run) => run.status?.finished === undefined)) return undefined;
  if (upgrade.status?.phase === undefined || !open.has(upgrade.status.phase)) return undefined;
  const follows = restartOf(attempt, input) ?? retryOf(attempt, input);
  if (follows === undefined || runs.some(({ metadata }) => metadata.annotations?.[followsAnnotation] === follows))
    return undefined;
  const { schedule: _, ...policy } = upgrade.spec.policy;
  // The end that is agreed now: that is the one the new run will have.
  const agreed = set.spec.schedule === undefined ? policy : { ...policy, schedule: set.spec.schedule };
  const late = whyTooLate({ steps: upgrade.spec.steps, policy: agreed }, now);
  return late === '' ? { kind: 'begin', follows } : { kind: 'tooLate', message: `not started again: ${late}` };
}

/** The newest upgrade, then what came after it. */
function newestAttempt(runs: readonly UpgradeRun[]): readonly UpgradeRun[] {
  const first = runs.findLastIndex(({ spec }) => spec.purpose === 'Upgrade');
  return first < 0 ? [] : runs.slice(first);
}

/** Everything is back, and was put back for this; a way back that failed or took another method starts nothing. */
function restartOf(attempt: readonly UpgradeRun[], { decisions, now }: FollowUpInput): string | undefined {
  // Whoever gave the word may take it back until the new run is there.
  if (attempt.some((run) => validDecisions(decisions, run, now).some(isAbort))) return undefined;
  const last = attempt.at(-1);
  if (last === undefined) return undefined;
  const isBack = last.status?.phase === 'RolledBack' && last.spec.facts[nextFact] === 'Restart';
  const isWhole = mergeHandles(last.spec, last.status?.steps ?? [])[restartKey] !== undefined;
  return isBack || (last.spec.purpose === 'Upgrade' && isWhole) ? `upgraderun/${last.metadata.name}` : undefined;
}

function isAbort({ choice, approved }: { choice: string; approved: boolean }): boolean {
  return choice === 'Abort' && approved;
}

function retryOf(attempt: readonly UpgradeRun[], { decisions, now }: FollowUpInput): string | undefined {
  const words = attempt.flatMap((run) => validDecisions(decisions, run, now));
  const retry = words.find(({ choice, approved }) => choice === 'Retry' && approved);
  return retry === undefined ? undefined : `decision/${retry.name}`;
}
