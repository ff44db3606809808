/** Waits for a person: sign-off. Source: 001-113, design 6. */
import { signedOffKey } from './keys.ts';
import { done, fail, type StepContext, type StepVerdict } from '../verdict.ts';

export function evaluateAwaitDecision(context: StepContext): StepVerdict {
  const decision = context.decisions.find((candidate) => candidate.choice === 'SignOff');
  const back = context.decisions.find((candidate) => candidate.choice === 'Rollback' && candidate.approved);
  if (decision === undefined && back !== undefined)
    return fail('SignOffDenied', `${back.by} asks for a rollback: ${back.reason}`);
  if (decision === undefined) {
    return {
      kind: 'wait',
      afterMs: 60_000,
      reason: 'AwaitingSignOff',
      message: `verify the release, then create a Decision with choice SignOff for run ${context.run.name}`,
      blocker: { type: 'Decision', object: `upgraderun/${context.run.name}` },
      untimed: true,
    };
  }
  if (!decision.approved) return fail('SignOffDenied', `${decision.by} refused the sign-off: ${decision.reason}`);
  if (context.handles[signedOffKey] === undefined)
    return { kind: 'record', record: { [signedOffKey]: decision.by }, because: 'the way back is no longer needed' };
  return done(`signed off by ${decision.by}: ${decision.reason}`);
}
