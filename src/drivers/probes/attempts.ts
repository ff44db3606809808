/**
 * How single tries become a verdict. Pure: counts and times are arguments.
 * A try without an answer is neither yes nor no: it has a budget of its own, ends a row of passes (nothing was
 * proven) and leaves a row of failures as it is (nothing was disproven). Source: S-21 … S-23.
 */
import type { Probe, ProbeAttempts, ProbeSuiteSpec } from '../../api/probe-suite.ts';
import { formatDuration, parseDuration } from '../../shared/duration.ts';
import type { Evidence } from '../contract.ts';

/** `none`: nothing that could be judged came back. */
export type Answer = 'pass' | 'fail' | 'none';

export interface TryResult {
  readonly answer: Answer;
  /** What was wanted and what came; empty for a pass. Holds no secret. */
  readonly message: string;
  /** No further try can change it, such as a variable without a value. */
  readonly final?: boolean;
  /** What was asked and what came back, for the deployment log; not redacted yet. */
  readonly evidence?: Omit<Evidence, 'title'>;
  /** Versions by component, as answered, whatever was wanted. */
  readonly components?: Readonly<Record<string, string>>;
}

/** Each counts tries in a row. */
export interface Tally {
  readonly passes: number;
  readonly failures: number;
  readonly errors: number;
}

export interface AttemptRules {
  readonly intervalMs: number;
  readonly deadlineMs: number;
  readonly success: number;
  readonly failure: number;
  readonly errors: number;
}

export type Verdict =
  | { readonly kind: 'again'; readonly message: string }
  | { readonly kind: 'passed' | 'failed' | 'unknown'; readonly message: string };

export const noTries: Tally = { passes: 0, failures: 0, errors: 0 };

/** The suite's rules with the probe's own values in their place. */
export function rulesOf(
  { attempts }: Pick<ProbeSuiteSpec, 'attempts'>,
  { attempts: own }: Pick<Probe, 'attempts'>,
): AttemptRules {
  const rules: ProbeAttempts = {
    interval: own?.interval ?? attempts.interval,
    success: own?.success ?? attempts.success,
    failure: own?.failure ?? attempts.failure,
    errors: own?.errors ?? attempts.errors,
    deadline: own?.deadline ?? attempts.deadline,
  };
  const { success, failure, errors } = rules;
  return {
    intervalMs: parseDuration(rules.interval),
    deadlineMs: parseDuration(rules.deadline),
    success,
    failure,
    errors,
  };
}

export function count(tally: Tally, answer: Answer): Tally {
  switch (answer) {
    case 'pass':
      return { passes: tally.passes + 1, failures: 0, errors: 0 };
    case 'fail':
      return { passes: 0, failures: tally.failures + 1, errors: 0 };
    case 'none':
      return { passes: 0, failures: tally.failures, errors: tally.errors + 1 };
  }
}

/**
 * The verdict after a try.
 * @param nextTryMs when the next try would begin, in milliseconds from the beginning of the first one
 */
export function decideVerdict(rules: AttemptRules, tally: Tally, last: TryResult, nextTryMs: number): Verdict {
  if (last.final === true) return { kind: last.answer === 'none' ? 'unknown' : 'failed', message: last.message };
  if (tally.passes >= rules.success) return { kind: 'passed', message: '' };
  if (last.answer === 'fail' && tally.failures >= rules.failure)
    return { kind: 'failed', message: `${last.message} (${tally.failures} in a row)` };
  if (tally.errors >= rules.errors)
    return { kind: 'unknown', message: `${last.message} (no answer ${tally.errors} times in a row)` };
  const progress = last.answer === 'pass' ? `passed ${tally.passes} of ${rules.success} in a row` : last.message;
  if (nextTryMs >= rules.deadlineMs)
    return { kind: 'unknown', message: `no verdict within ${formatDuration(rules.deadlineMs)}: ${progress}` };
  return { kind: 'again', message: progress };
}
