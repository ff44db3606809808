/**
 * Where people have a say while nothing has failed: the start, and the result of steps that engineer and administrator do
 * together. Source: 001-26, 001-96, 001-115.
 */
import type { Step, StepEntry } from '../api/upgrade-run.ts';
import { agreementOf, askFor, choicesOf, noteRefusal, noteWord, wordsOn } from './agreement.ts';
import { mustApproveStart, rolesFor } from './approvals.ts';
import type { DecideInput } from './decision.ts';
import { endRun } from './failure.ts';
import { mergeHandles } from './journal.ts';
import type { Move } from './move.ts';
import { startApprovedKey } from './steps/keys.ts';
import { done, fail, type StepContext, type StepVerdict, type ValidDecision } from './verdict.ts';

const askAgainMs = 60_000;

/** The tests of a joint step have passed: is that enough? Whatever else the step says stands. */
export function confirmJoint(context: StepContext, verdict: StepVerdict): StepVerdict {
  const { step, run } = context;
  if (verdict.kind !== 'done' || step.action !== 'Probe') return verdict;
  const roles = rolesFor(run.spec, step);
  if (roles.length === 0) return verdict;
  const agreement = agreementOf(context, roles, wordsOn(context, 'Approve'));
  switch (agreement.kind) {
    case 'refused': {
      const { word } = agreement;
      return noteRefusal(context, word) ?? fail('Denied', `${word.by} refused the result: ${word.reason}`);
    }
    case 'new':
      return noteWord(context, agreement.role, agreement.word);
    case 'agreed':
      return done(`${verdict.message}; approved by ${agreement.given}`);
    case 'missing': {
      const so = agreement.given === '' ? verdict.message : `${verdict.message}, and ${agreement.given} approved`;
      const look = agreement.given === '' ? 'look at the result, then ' : '';
      return {
        kind: 'wait',
        afterMs: askAgainMs,
        reason: 'AwaitingApproval',
        message: `${so}: ${look}${askFor(run.name, 'Approve', agreement.roles, step.id)}`,
        blocker: { type: 'Decision', object: `step/${step.id}` },
        untimed: true,
        choices: choicesOf('Approve', agreement.roles, { step: step.id, message: `the result of "${step.title}"` }),
      };
    }
  }
}

/** The start may need a word, once nothing else holds it and before anything is touched; undefined: go on. */
export function awaitStart({ run, handles, decisions }: StepContext): StepVerdict | undefined {
  if (!mustApproveStart(run.spec) || handles[startApprovedKey] !== undefined) return undefined;
  const word = wordOnStart(decisions);
  if (word?.approved === true)
    return { kind: 'record', record: { [startApprovedKey]: word.by }, because: `${word.by} approved the start` };
  return {
    kind: 'wait',
    afterMs: askAgainMs,
    reason: 'AwaitingApproval',
    message: `spec.approvals.start is Required: look at the plan, then ${askFor(run.name, 'Approve', [''])}`,
    blocker: { type: 'Decision', object: `upgraderun/${run.name}` },
    untimed: true,
    choices: [{ choice: 'Approve', message: 'the run may start; verdict Denied ends it' }],
  };
}

/** Who refuses the start ends the run; undefined where nobody does, or it has started. */
export function endRefusedStart(input: DecideInput, current: { step: Step; entry: StepEntry }): Move | undefined {
  const { spec } = input.run;
  if (current.step.action !== 'Preflight' || !mustApproveStart(spec)) return undefined;
  if (mergeHandles(spec, input.entries)[startApprovedKey] !== undefined) return undefined;
  const word = wordOnStart(input.decisions);
  return word?.approved === false
    ? endRun(input, 'Cancelled', 'Denied', `${word.by} refused the start: ${word.reason}`)
    : undefined;
}

function wordOnStart(decisions: readonly ValidDecision[]): ValidDecision | undefined {
  return decisions.find((word) => word.choice === 'Approve' && word.step === '');
}
