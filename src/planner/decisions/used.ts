/** What a run has acted on, as its journal says. */
import type { Decision } from '../../api/decision.ts';
import type { StepEntry, UpgradeRun } from '../../api/upgrade-run.ts';
import { attestedKey, waivedKey } from '../preflight/waivers.ts';
import { heardKey, restartKey, resumedKey, signedOffKey, startApprovedKey } from '../steps/keys.ts';

/** Whether the run has acted on it. */
export function isUsed({ metadata, spec, status }: Decision, run: UpgradeRun): boolean {
  if (status?.phase !== 'Accepted') return false;
  const isNoted = (key: string): boolean => noted(run, key) !== undefined;
  switch (spec.choice) {
    case 'Abort':
      return true;
    case 'Resume':
      return isNoted(resumedKey(metadata.name));
    case 'SignOff':
      return isNoted(heardKey(metadata.name)) || isNoted(signedOffKey);
    case 'Approve':
      return isNoted(spec.step === undefined ? startApprovedKey : heardKey(metadata.name));
    case 'Waive':
      return isNoted(waivedKey(spec.check ?? ''));
    case 'Attest':
      return isNoted(spec.step === undefined ? attestedKey(spec.check ?? '') : heardKey(metadata.name));
    case 'Rollback':
    case 'Rebuild':
      return run.status?.phase === 'RollingBack';
    case 'Restart':
      return run.status?.phase === 'RollingBack' || isNoted(restartKey);
    // The run that follows is the proof, and this one's journal does not know of it.
    case 'Retry':
      return false;
  }
}

/** Used, and over with what it was about: whatever comes next is asked anew. */
export function isAnswered(decision: Decision, run: UpgradeRun): boolean {
  const { choice, verdict, step } = decision.spec;
  if (!isUsed(decision, run)) return false;
  if (choice === 'Resume') return true;
  const heardIn = noted(run, heardKey(decision.metadata.name));
  const entry = entryOf(run, choice === 'SignOff' ? signOffStep(run) : step);
  if (heardIn === undefined || entry === undefined) return false;
  // A refusal ends one attempt; an approval is about the result of one. A sign-off is about the release.
  if (verdict === 'Denied') return entry.state !== 'Failed';
  return (choice === 'Approve' || choice === 'Attest') && entry.operation !== heardIn;
}

export function entryOf(run: UpgradeRun, id: string | undefined): StepEntry | undefined {
  return run.status?.steps?.find((entry) => entry.id === id);
}

export function signOffStep(run: UpgradeRun): string | undefined {
  // A rebuild asks about the other servers there, and is signed off by nobody.
  if (run.spec.purpose === 'Rebuild') return undefined;
  return run.spec.steps.find((step) => step.action === 'AwaitDecision')?.id;
}

function noted(run: UpgradeRun, key: string): string | undefined {
  return run.status?.steps?.find((entry) => entry.handles?.[key] !== undefined)?.handles?.[key];
}
