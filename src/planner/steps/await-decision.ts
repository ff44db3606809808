/** Waits for people: sign-off, by one of those entitled or by one of each role. Source: 001-94, 001-113, design 6. */
import { agreementOf, askFor, choicesOf, heardNow, noteRefusal, noteWord } from '../agreement.ts';
import { rolesFor } from '../approvals.ts';
import { signedOffKey } from './keys.ts';
import { done, fail, type StepContext, type StepVerdict } from '../verdict.ts';

export function evaluateAwaitDecision(context: StepContext): StepVerdict {
  // What may follow a rebuild is offered before the step is looked at.
  if (context.run.spec.purpose === 'Rebuild') return done('nothing more is rebuilt; what is still out is handed over');
  const { run, step, handles } = context;
  const roles = rolesFor(run.spec, step);
  // Half a sign-off is none: the right to it is less.
  const words = context.decisions.filter(
    ({ choice, as }) => choice === 'SignOff' && (as !== 'Engineer' || roles.includes('Engineer')),
  );
  const by = handles[signedOffKey];
  if (by !== undefined) {
    const reasons = words.filter((word) => word.approved).map((word) => word.reason);
    return done(`signed off by ${by}: ${reasons.join('; ')}`);
  }
  const agreement = agreementOf(context, roles, words);
  switch (agreement.kind) {
    case 'refused': {
      const { word } = agreement;
      return noteRefusal(context, word) ?? fail('SignOffDenied', `${word.by} refused the sign-off: ${word.reason}`);
    }
    case 'new':
      return agreement.role === ''
        ? signedOff(agreement.word.by, heardNow(context, agreement.word))
        : noteWord(context, agreement.role, agreement.word);
    case 'agreed':
      return signedOff(agreement.given);
    case 'missing':
      break;
  }
  const back = context.decisions.find((candidate) => candidate.choice === 'Rollback' && candidate.approved);
  if (back !== undefined) return fail('SignOffDenied', `${back.by} asks for a rollback: ${back.reason}`);
  const so = agreement.given === '' ? 'verify the release, then ' : `${agreement.given} signed off: `;
  return {
    kind: 'wait',
    afterMs: 60_000,
    reason: 'AwaitingSignOff',
    message: `${so}${askFor(run.name, 'SignOff', agreement.roles)}`,
    blocker: { type: 'Decision', object: `upgraderun/${run.name}` },
    untimed: true,
    choices: choicesOf('SignOff', agreement.roles, { message: 'the release is good; its snapshots are deleted' }),
  };
}

function signedOff(by: string, heard: Readonly<Record<string, string>> = {}): StepVerdict {
  return { kind: 'record', record: { [signedOffKey]: by, ...heard }, because: 'the way back is no longer needed' };
}
