/** Why a Decision does not count for a run, or counts no more. */
import type { Decision } from '../../api/decision.ts';
import type { UpgradeRun } from '../../api/upgrade-run.ts';
import type { EpochMs } from '../../shared/clock.ts';
import { parseInstant } from '../../shared/instant.ts';
import { expireAfterOf } from '../approvals.ts';
import { misfit } from './subject.ts';
import { createdAt } from './time.ts';
import { isUsed } from './used.ts';

/** Why a decision does not count; empty when it does. */
export function voidReason(decision: Decision, run: UpgradeRun, now: EpochMs): string {
  const { spec } = decision;
  if (spec.run !== run.metadata.name) return 'it is for another run';
  if (spec.planHash !== run.spec.planHash) return `it was made for another plan; this run has ${run.spec.planHash}`;
  // What was acted on is a fact: neither time nor another question takes it back half way.
  if (isUsed(decision, run)) return '';
  return misfit(decision, run) || expired(decision, run, now);
}

function expired(decision: Decision, run: UpgradeRun, now: EpochMs): string {
  const { expires } = decision.spec;
  if (expires !== undefined && parseInstant(expires) <= now) return `it expired at ${expires}`;
  const until = unusedUntil(decision, run);
  return until !== undefined && until <= now
    ? `expired: not used within ${expireAfterOf(run.spec).text}; decide again`
    : '';
}

/** When it becomes void, both by its own word and by the policy of the run; undefined where nothing ends it. */
export function validUntil(decision: Decision, run: UpgradeRun): EpochMs | undefined {
  if (isUsed(decision, run)) return undefined;
  const { expires } = decision.spec;
  const ends = [unusedUntil(decision, run), expires === undefined ? undefined : parseInstant(expires)];
  const known = ends.filter((end) => end !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function unusedUntil(decision: Decision, run: UpgradeRun): EpochMs | undefined {
  // An end that was asked for is acted on at once, and stays asked for.
  if (decision.spec.choice === 'Abort' || decision.metadata.creationTimestamp === undefined) return undefined;
  return createdAt(decision) + expireAfterOf(run.spec).ms;
}
