/** Whether a Decision that could count answers what the run asks now. */
import type { Decision } from '../../api/decision.ts';
import type { UpgradeRun } from '../../api/upgrade-run.ts';
import { isSince } from './time.ts';
import { entryOf, isUsed } from './used.ts';

/** What keeps a decision from being an answer to what the run asks now; undefined where nothing does. */
export type Unheard = { readonly kind: 'early' | 'void'; readonly why: string };

const early = (why: string): Unheard => ({ kind: 'early', why });

/** A failure is a new question, and so is an attempt: only words given after it are answers. */
export function unheardReason(decision: Decision, run: UpgradeRun): Unheard | undefined {
  const { choice, step, check } = decision.spec;
  if (choice !== 'Abort' && isUsed(decision, run)) return undefined;
  switch (choice) {
    case 'SignOff':
      return undefined;
    case 'Abort':
      // A rollback ends for a word only after it has failed; an upgrade at any time.
      return run.spec.purpose === 'Upgrade' ? undefined : afterFailure(decision, run, !isOffered('Abort', run));
    case 'Approve':
      return step === undefined ? undefined : afterBegin(decision, step, run);
    case 'Waive':
    case 'Attest':
      if (step !== undefined) return afterBegin(decision, step, run);
      return (run.status?.preflight ?? []).length > 0
        ? undefined
        : early(`check ${check ?? ''} is not looked at yet: ${choice} waits for status.preflight`);
    case 'Retry':
      return run.status?.phase === 'RollingBack'
        ? early('the run is being rolled back: Retry waits for its end')
        : undefined;
    case 'Rebuild':
      return isOffering(run)
        ? afterFailure(decision, run, false)
        : early('nothing is offered yet: Rebuild waits for status.choices');
    case 'Restart':
      return (
        afterFailure(decision, run) ??
        (isOffering(run) ? undefined : early('nothing is offered yet: Restart waits for status.choices'))
      );
    case 'Resume':
    case 'Rollback':
      return afterFailure(decision, run);
  }
}

function isOffered(choice: string, { status }: UpgradeRun): boolean {
  return (status?.choices ?? []).some((offered) => offered.choice === choice);
}

function isOffering({ status }: UpgradeRun): boolean {
  return (status?.choices ?? []).length > 0;
}

/** @param isNeeded false: it may also be decided where nothing has failed */
function afterFailure(decision: Decision, run: UpgradeRun, isNeeded = true): Unheard | undefined {
  const { choice } = decision.spec;
  const failed = failedStep(run);
  if (failed === undefined)
    return choice === 'Rollback' || !isNeeded ? undefined : early(`no step has failed yet: ${choice} waits for one`);
  // A rollback instead of the sign-off is said before the step fails for it.
  if (choice === 'Rollback' && failed.isSignOff) return undefined;
  if (isSince(decision, failed.at)) return undefined;
  return { kind: 'void', why: `it was given before ${failed.id} failed: look at the failure, then decide again` };
}

/** A result is approved, and what was asked for done, by whoever can have seen this very attempt under way. */
function afterBegin(decision: Decision, step: string, run: UpgradeRun): Unheard | undefined {
  const entry = entryOf(run, step);
  const { choice } = decision.spec;
  if (entry?.state === 'Failed') return early(`step ${step} has failed: ${choice} waits until it is tried again`);
  const what = choice === 'Approve' ? 'tests' : 'question';
  if (entry?.state !== 'Running') return early(`step ${step} has not begun: ${choice} waits for its ${what}`);
  if (isSince(decision, entry.started ?? '')) return undefined;
  return {
    kind: 'void',
    why: `it was given before step ${step} began: ${choice === 'Approve' ? 'look at the result' : 'do what it asks for'}, then decide again`,
  };
}

export function failedStep(run: UpgradeRun): { id: string; at: string; isSignOff: boolean } | undefined {
  const entry = run.status?.steps?.find((candidate) => candidate.state === 'Failed');
  if (entry === undefined) return undefined;
  const step = run.spec.steps.find((candidate) => candidate.id === entry.id);
  return { id: entry.id, at: entry.finished ?? '', isSignOff: step?.action === 'AwaitDecision' };
}
