/**
 * What people do where nobody else has access: the run says what is to be done and waits for a Decision Attest that it is,
 * with the reference by which it is found again. Source: 001-61.
 */
import { agreementOf, askFor, heardNow, noteRefusal, wordsOn } from '../agreement.ts';
import type { Step } from '../../api/upgrade-run.ts';
import { fail, type StepContext, type StepVerdict } from '../verdict.ts';
import { approvedKey, referenceKey } from './keys.ts';

const askAgainMs = 60_000;

export interface PeoplesTask {
  /** Of the wait. */
  readonly reason: string;
  /** Reason of the failure where somebody says no. */
  readonly failure: string;
  /** In the imperative: "take a full backup of Database portal-db now". */
  readonly what: string;
  /** What is to be named: "the reference of the backup". */
  readonly evidence: string;
  /** What follows from the word, or from a refusal. */
  readonly offer: string;
}

export interface Attested {
  readonly by: string;
  readonly reference: string;
}

export function isByPeople({ actor }: Pick<Step, 'actor'>): boolean {
  return actor === 'Customer';
}

/** Who has said in this attempt that it is done, and the reference; or what to do until somebody has. */
export function attestedBy(context: StepContext, task: PeoplesTask): Attested | { readonly verdict: StepVerdict } {
  const { run, step, entry, handles } = context;
  // A word without a reference is no evidence.
  const words = wordsOn(context, 'Attest').filter(({ approved, evidence }) => !approved || evidence !== '');
  const agreement = agreementOf(context, [''], words);
  switch (agreement.kind) {
    case 'refused': {
      const { word } = agreement;
      return { verdict: noteRefusal(context, word) ?? fail(task.failure, `${word.by} refused: ${word.reason}`) };
    }
    case 'new': {
      const { word } = agreement;
      const record = {
        [approvedKey(entry.operation, '')]: word.by,
        [referenceKey(entry.operation)]: word.evidence,
        ...heardNow(context, word),
      };
      return { verdict: { kind: 'record', record, because: `${word.by} attests ${word.evidence}` } };
    }
    case 'agreed':
      return { by: agreement.given, reference: handles[referenceKey(entry.operation)] ?? '' };
    case 'missing':
      return {
        verdict: {
          kind: 'wait',
          afterMs: askAgainMs,
          reason: task.reason,
          message: `${task.what}; then ${askFor(run.name, 'Attest', [''], step.id)}, with ${task.evidence} as evidence`,
          blocker: { type: 'Decision', object: `step/${step.id}` },
          untimed: true,
          choices: [{ choice: 'Attest', step: step.id, message: task.offer }],
        },
      };
  }
}
