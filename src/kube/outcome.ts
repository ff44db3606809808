/** What went wrong with a request, as a `KubeError`. */
import { DeadlineExceeded } from './deadline.ts';
import { KubeError } from './kube-error.ts';
import type { KubeErrorCause } from './kube-error.ts';
import type { TransportResponse } from './lane.ts';

// The request never left: no connection, no name, no route.
const unsentCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CONNECT_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** A request that got no answer. */
export function fromFailure(what: string, failure: unknown, signal: AbortSignal): KubeError {
  if (failure instanceof KubeError) return failure;
  if (signal.aborted) {
    const reason = signal.reason instanceof DeadlineExceeded ? 'Timeout' : 'Aborted';
    const detail = signal.reason instanceof Error ? signal.reason.message : 'aborted by the caller';
    return new KubeError({ status: 0, reason, message: `${what}: ${detail}`, cause: failure });
  }
  const code = codeOf(failure);
  const reason = code !== undefined && unsentCodes.has(code) ? 'Unreachable' : 'ConnectionLost';
  const detail = failure instanceof Error ? failure.message : String(failure);
  return new KubeError({ status: 0, reason, message: `${what}: ${detail}`, cause: failure });
}

/** First error code in a chain of causes; several addresses of one name fail as one AggregateError. */
function codeOf(failure: unknown): string | undefined {
  let current = failure;
  for (let depth = 0; depth < 4 && current instanceof Error; depth++) {
    const code: unknown = 'code' in current ? current.code : undefined;
    if (typeof code === 'string') return code;
    const inner: unknown = current instanceof AggregateError ? current.errors[0] : undefined;
    current = inner ?? current.cause;
  }
  return undefined;
}

/** An answer other than 2xx; `text` is its body. */
export function fromAnswer(what: string, response: TransportResponse, text: string): KubeError {
  const status = parseStatus(text);
  const header = parseRetryAfter(response.header('retry-after'));
  const detail = status?.message ?? (text.slice(0, 500) || 'no message');
  return new KubeError({
    status: response.status,
    reason: status?.reason ?? reasonOfStatus(response.status),
    message: `${what}: ${detail}`,
    causes: status?.causes ?? [],
    retryAfterMs: header ?? status?.retryAfterMs,
  });
}

/** An ERROR line of a watch. */
export function fromStatusObject(what: string, object: unknown): KubeError {
  const status = readStatus(object);
  return new KubeError({
    status: status?.code ?? 500,
    reason: status?.reason ?? reasonOfStatus(status?.code ?? 500),
    message: `${what}: ${status?.message ?? 'the watch ended with an error'}`,
    causes: status?.causes ?? [],
    retryAfterMs: status?.retryAfterMs,
  });
}

interface Status {
  code?: number | undefined;
  reason?: string | undefined;
  message?: string | undefined;
  causes: KubeErrorCause[];
  retryAfterMs?: number | undefined;
}

function parseStatus(text: string): Status | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return readStatus(JSON.parse(text));
  } catch {
    // A proxy's error page cut short: the HTTP status alone has to do.
    return undefined;
  }
}

function readStatus(value: unknown): Status | undefined {
  if (!isRecord(value) || value['kind'] !== 'Status') return undefined;
  const details = isRecord(value['details']) ? value['details'] : {};
  const causes = Array.isArray(details['causes']) ? details['causes'].filter(isRecord) : [];
  const seconds = details['retryAfterSeconds'];
  return {
    code: typeof value['code'] === 'number' ? value['code'] : undefined,
    reason: textOf(value['reason']),
    message: textOf(value['message']),
    causes: causes.map((cause) => ({
      reason: textOf(cause['reason']) ?? '',
      message: textOf(cause['message']) ?? '',
      field: textOf(cause['field']) ?? '',
    })),
    retryAfterMs: typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Only the form API servers send: whole seconds. */
function parseRetryAfter(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,6}$/.test(value) ? Number(value) * 1000 : undefined;
}

function reasonOfStatus(status: number): string {
  const reasons: Readonly<Record<number, string>> = {
    400: 'BadRequest',
    401: 'Unauthorized',
    403: 'Forbidden',
    404: 'NotFound',
    409: 'Conflict',
    410: 'Expired',
    422: 'Invalid',
    429: 'TooManyRequests',
    500: 'InternalError',
    503: 'ServiceUnavailable',
    504: 'Timeout',
  };
  return reasons[status] ?? 'Unknown';
}
