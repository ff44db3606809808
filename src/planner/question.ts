/** What a person is asked after a failed step of an upgrade: under which name, with which advice, and what is open. */
import type { Choice, Step, StepEntry } from '../api/upgrade-run.ts';
import { parseInstant } from '../shared/instant.ts';
import { choicesAfter } from './choices.ts';
import type { DecideInput } from './decision.ts';
import type { Move } from './move.ts';
import type { ValidDecision } from './verdict.ts';
import { bordersOf, sayLeft, whyNoRestart, windowOf } from './window.ts';

export interface Asking extends DecideInput {
  readonly current: { readonly step: Step; readonly entry: StepEntry };
  /** False: what has become of the database, or how it goes back, is for a person to find out. */
  readonly isCertain: boolean;
  /** A rollback that was refused: the issue is looked at again. */
  readonly denied: ValidDecision | undefined;
}

export function ask(input: Asking): Move {
  const { run, current, now } = input;
  const failure = `${current.step.title}: ${current.entry.message ?? 'the step failed'}`;
  const choices = choicesAfter(input, now, isBackAdvised(input));
  const words = [failure, completedWords(run.spec.steps, current.step), windowWords(input, choices)];
  const afterMs = nextChangeMs(input, choices);
  return {
    kind: 'await',
    reason: reasonOf(input),
    message: words.filter((word) => word !== '').join('. '),
    choices,
    ...(afterMs === undefined ? {} : { afterMs }),
  };
}

function reasonOf(input: Asking): string {
  const { run, current, isCertain } = input;
  if (!isCertain) return current.entry.reason === 'OutcomeUnknown' ? 'OutcomeUnknown' : 'NoBackup';
  if (run.spec.policy.rollback.policy === 'Automatic') return 'WritesAtStake';
  return windowOf(run.spec) === undefined || isBackAdvised(input) ? 'AwaitingRollbackAuthorization' : 'IssueReview';
}

/** Less of the agreed window is left than people want to have for anything but going back (001-125). */
function isBackAdvised({ run, now, denied }: Asking): boolean {
  const window = windowOf(run.spec);
  if (window === undefined || run.spec.policy.rollback.policy === 'Automatic') return false;
  return denied === undefined && now > window.border;
}

/** 001-128: everything is upgraded, and the tests afterwards or the people say no. */
function completedWords(steps: readonly Step[], step: Step): string {
  const rest = steps.slice(steps.findIndex(({ id }) => id === step.id) + 1);
  const isComplete = rest.every(({ action }) => action === 'AwaitDecision' || action === 'Cleanup');
  return isComplete ? 'The upgrade is complete and does not work as it should: going back is advised' : '';
}

/** 001-127, in words that stay the same as long as the same choices are open. */
function windowWords(input: Asking, choices: readonly Choice[]): string {
  const { run, current, now, denied } = input;
  const window = windowOf(run.spec);
  if (window === undefined || run.spec.policy.rollback.policy === 'Automatic') return '';
  // What was left when the present choices were put; the time itself would be a write with every look.
  const failedAt = current.entry.finished === undefined ? now : parseInstant(current.entry.finished);
  const passed = bordersOf(input, dataOf(choices)).filter((border) => border < now);
  const at = Math.max(failedAt, ...passed.map((border) => border + 1));
  const left = capitalized(sayLeft(window, at));
  const advice = isBackAdvised(input)
    ? ': going back is advised, since there may be no time to find and mend the cause'
    : '';
  const refused = denied === undefined ? '' : `${denied.by} refused to go back. `;
  const [restart] = dataOf(choices).map((data) => whyNoRestart(input, data, at));
  const noRestart = choices.some(({ choice }) => choice === 'Restart') || restart === undefined ? '' : restart;
  return `${refused}${left}${advice}${noRestart === '' ? '' : `. A restart is not offered: ${noRestart}`}`;
}

function nextChangeMs(input: Asking, choices: readonly Choice[]): number | undefined {
  const borders = bordersOf(input, dataOf(choices)).filter((border) => border >= input.now);
  return borders.length === 0 ? undefined : Math.min(...borders) - input.now + 1;
}

/** What the ways back would do to the data. */
function dataOf(choices: readonly Choice[]): ('Discard' | 'Keep')[] {
  return choices.flatMap(({ choice, data }) => (choice === 'Rollback' && data !== undefined ? [data] : []));
}

function capitalized(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
