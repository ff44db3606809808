interface BelayErrorOptions {
  cause?: unknown;
  /** Earliest useful retry, in milliseconds from now. */
  afterMs?: number;
}

abstract class BelayError extends Error {
  /** Machine-readable, CamelCase, from the catalogue in `api/reasons.ts`. */
  readonly reason: string;

  constructor(reason: string, message: string, options: BelayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
  }
}

/** No retry helps: the spec, or an object it names, has to change first. */
export class TerminalError extends BelayError {
  override readonly name = 'TerminalError';
}

/** The same call may succeed later. */
export class RetryError extends BelayError {
  override readonly name = 'RetryError';
  readonly afterMs: number | undefined;

  constructor(reason: string, message: string, options: BelayErrorOptions = {}) {
    super(reason, message, options);
    this.afterMs = options.afterMs;
  }
}

/** A person has to look before anything else happens. */
export class PauseError extends BelayError {
  override readonly name = 'PauseError';
}
