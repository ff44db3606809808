/** Of decisions that contradict each other the first valid one is heard. */
import type { Decision, DecisionChoice } from '../../api/decision.ts';
import type { UpgradeRun } from '../../api/upgrade-run.ts';
import type { EpochMs } from '../../shared/clock.ts';
import { rolesFor } from '../approvals.ts';
import { failedStep, unheardReason } from './hearing.ts';
import { inOrder } from './time.ts';
import { isAnswered, signOffStep } from './used.ts';
import { voidReason } from './void.ts';

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
  return standing(decision, others, run, now).find((other) => precludes(other, decision, run));
}

/** The accepted decision of the same person about the same in another role; undefined where there is none. */
export function sameHand(
  decision: Decision,
  others: readonly Decision[],
  run: UpgradeRun,
  now: EpochMs,
): Decision | undefined {
  const { decidedBy, as: role } = decision.spec;
  if (rolesOf(decision, run).length < 2) return undefined;
  return standing(decision, others, run, now).find(
    ({ spec }) => isSameSubject(spec, decision.spec) && spec.decidedBy === decidedBy && spec.as !== role,
  );
}

function standing(decision: Decision, others: readonly Decision[], run: UpgradeRun, now: EpochMs): Decision[] {
  return inOrder(others).filter(
    (other) =>
      other.metadata.name !== decision.metadata.name &&
      other.status?.phase === 'Accepted' &&
      voidReason(other, run, now) === '' &&
      unheardReason(other, run) === undefined &&
      // One word, one answer: the next attempt asks again.
      !isAnswered(other, run),
  );
}

/** What, once approved, leaves no room for what. Abort is heard after Resume: go on, then end. */
const precluded: Readonly<Record<DecisionChoice, readonly DecisionChoice[]>> = {
  Resume: ['Rollback', 'Restart', 'Rebuild'],
  Restart: ['Resume', 'Rollback', 'SignOff'],
  Rollback: ['Resume', 'Restart', 'SignOff'],
  Abort: ['Resume', 'Restart'],
  SignOff: ['Rollback', 'Restart'],
  Approve: [],
  Waive: [],
  Attest: [],
  Retry: [],
  Rebuild: ['Resume'],
};

function precludes(first: Decision, second: Decision, run: UpgradeRun): boolean {
  const [a, b] = [first.spec, second.spec];
  // Who refuses to go back sends the issue to be looked at again: the question stays open.
  if (a.choice === 'Rollback' && a.verdict === 'Denied') return false;
  // One server after the other: the next one is decided on the run that follows.
  if (a.choice === 'Rebuild' && b.choice === 'Rebuild') return true;
  if (a.choice === b.choice) return isSameSubject(a, b) && (rolesOf(second, run).length < 2 || a.as === b.as);
  if (a.verdict !== 'Approved' || b.verdict !== 'Approved' || !precluded[a.choice].includes(b.choice)) return false;
  // A sign-off given in advance is no answer to a failure on the way.
  const isAboutSignOff = a.choice === 'SignOff' || b.choice === 'SignOff';
  return !isAboutSignOff || (failedStep(run)?.isSignOff ?? true);
}

function isSameSubject(a: Decision['spec'], b: Decision['spec']): boolean {
  return (
    a.choice === b.choice && a.check === b.check && a.step === b.step && a.group === b.group && a.server === b.server
  );
}

/** Roles that have to agree with it; none for what one person decides. */
function rolesOf({ spec }: Decision, run: UpgradeRun): readonly string[] {
  const id = spec.choice === 'SignOff' ? signOffStep(run) : spec.choice === 'Approve' ? spec.step : undefined;
  const step = run.spec.steps.find((candidate) => candidate.id === id);
  return step === undefined ? [] : rolesFor(run.spec, step);
}
