/** One detail of a refused call, e.g. one invalid field or one conflicting field manager. */
export interface KubeErrorCause {
  reason: string;
  message: string;
  field: string;
}

export interface KubeErrorOptions {
  /** HTTP status; 0 when there was no answer. */
  status: number;
  /** `reason` of the API server's Status, or one of ours: Unreachable, ConnectionLost, Timeout, Aborted, Malformed, Fenced. */
  reason: string;
  message: string;
  causes?: readonly KubeErrorCause[];
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** Every way in which a call to the API server fails. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly KubeErrorCause[];
  /** What the server asked for in Retry-After; undefined when it did not. */
  readonly retryAfterMs: number | undefined;

  constructor(options: KubeErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status;
    this.reason = options.reason;
    this.causes = options.causes ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }
}

function hasStatus(error: unknown, status: number): error is KubeError {
  return error instanceof KubeError && error.status === status;
}

export const isNotFound = (error: unknown): error is KubeError => hasStatus(error, 404);
/** The live object differs from the precondition, or a field belongs to another manager. Not "already exists". */
export const isConflict = (error: unknown): error is KubeError =>
  hasStatus(error, 409) && error.reason !== 'AlreadyExists';
export const isAlreadyExists = (error: unknown): error is KubeError =>
  hasStatus(error, 409) && error.reason === 'AlreadyExists';
export const isForbidden = (error: unknown): error is KubeError => hasStatus(error, 403);
/** Nothing new can be made in a namespace that is being deleted. */
export const isNamespaceTerminating = (error: unknown): error is KubeError =>
  isForbidden(error) && error.causes.some(({ reason }) => reason === 'NamespaceTerminating');
export const isTooManyRequests = (error: unknown): error is KubeError => hasStatus(error, 429);
/** Schema, CEL or admission policy said no; also the answer to a failed `test` of a JSON patch. */
export const isInvalid = (error: unknown): error is KubeError => hasStatus(error, 422);
/** The resourceVersion is too old: list again. */
export const isExpired = (error: unknown): error is KubeError => hasStatus(error, 410);
/** No answer came because the connection could not be made: the server did not act. */
export const isUnreachable = (error: unknown): error is KubeError =>
  error instanceof KubeError && error.reason === 'Unreachable';
/** The call was sent and no answer came: a write may or may not have happened. */
export const isOutcomeUnknown = (error: unknown): error is KubeError =>
  error instanceof KubeError && error.status === 0 && (error.reason === 'ConnectionLost' || error.reason === 'Timeout');
/** A field manager that keeps others from applying a field. */
export interface FieldConflict {
  manager: string;
  field: string;
}

/** Who owns what, from the 409 of a server-side apply; empty for any other error. */
export function fieldConflictsOf(error: unknown): FieldConflict[] {
  if (!isConflict(error)) return [];
  return error.causes
    .filter((cause) => cause.reason === 'FieldManagerConflict')
    .map((cause) => ({ manager: /"([^"]*)"/.exec(cause.message)?.[1] ?? 'unknown', field: cause.field }));
}
