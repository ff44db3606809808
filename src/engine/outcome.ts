import { PauseError, RetryError, TerminalError } from '../shared/errors.ts';

/** What a thrown error means for the step under way. */
export type Failure =
  /** No retry helps: the step fails now. */
  | { readonly kind: 'fail'; readonly reason: string; readonly message: string }
  /** The same call may go through later: the step waits, until its deadline. */
  | { readonly kind: 'retry'; readonly reason: string; readonly message: string; readonly afterMs: number };

const retryMs = 2_000;

/** The one place where errors that drivers throw become values. */
export function toFailure(error: unknown): Failure {
  if (error instanceof TerminalError || error instanceof PauseError)
    return { kind: 'fail', reason: error.reason, message: error.message };
  if (error instanceof RetryError)
    return { kind: 'retry', reason: error.reason, message: error.message, afterMs: error.afterMs ?? retryMs };
  return {
    kind: 'retry',
    reason: 'CallFailed',
    message: error instanceof Error ? error.message : String(error),
    afterMs: retryMs,
  };
}
