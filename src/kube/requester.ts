import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { sleep, withDeadline } from './deadline.ts';
import { KubeError } from './kube-error.ts';
import { fromAnswer, fromFailure } from './outcome.ts';
import type { TransportRequest } from './lane.ts';
import type { Transport } from './transport.ts';

export interface CallFacts {
  method: string;
  /** HTTP status as text, or "<error>" when there was no answer. */
  code: string;
  durationMs: number;
}

export interface RequesterOptions {
  transport: Transport;
  clock: Clock;
  logger: Logger;
  /** Whole time of one call, retries included. Default 30 s. */
  deadlineMs?: number;
  /** Asked right before every attempt of a write; when it says no the write fails with reason Fenced. */
  mayWrite?: () => boolean;
  /** 'watches' gives each call its own connection, for calls that must not queue behind others. */
  lane?: TransportRequest['lane'];
  /** In [0, 1). */
  random?: () => number;
  /** For rest_client_requests_total. */
  onCall?: (facts: CallFacts) => void;
}

export interface Call {
  method: TransportRequest['method'];
  path: string;
  body?: unknown;
  contentType?: string;
  headers?: Readonly<Record<string, string | string[]>>;
  /** False for a review or a dry run: these POSTs change nothing. */
  isWrite: boolean;
  /** A 429 is an answer for the caller and not a reason to wait, e.g. of an eviction. */
  isRefusalFinal?: boolean;
  signal?: AbortSignal | undefined;
}

/** One call with deadline and retries; answers with the text of a 2xx body. */
export interface Requester {
  request(call: Call): Promise<string>;
  clockSkewMs(): number | undefined;
}

export function createRequester(options: RequesterOptions): Requester {
  const { transport, clock, logger } = options;
  const random = options.random ?? Math.random;
  let skewMs: number | undefined;

  async function attempt(call: Call, signal: AbortSignal): Promise<string> {
    const what = `${call.method} ${call.path.split('?', 1)[0]}`;
    if (call.isWrite && options.mayWrite?.() === false) {
      throw new KubeError({ status: 0, reason: 'Fenced', message: `${what}: not the leader any more` });
    }
    const startedAt = clock.monotonic();
    const report = (code: string): void =>
      options.onCall?.({ method: call.method, code, durationMs: clock.monotonic() - startedAt });
    try {
      const headers: Record<string, string | string[]> = { ...call.headers };
      if (call.body !== undefined) headers['content-type'] = call.contentType ?? 'application/json';
      const response = await transport.send({
        method: call.method,
        path: call.path,
        headers,
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        signal,
        lane: options.lane ?? 'calls',
      });
      const text = await response.text();
      report(String(response.status));
      skewMs = skewOf(response.header('date'), clock) ?? skewMs;
      if (response.status >= 200 && response.status < 300) return text;
      throw fromAnswer(what, response, text);
    } catch (failure) {
      if (!(failure instanceof KubeError)) report('<error>');
      throw fromFailure(what, failure, signal);
    }
  }

  async function run(call: Call, signal: AbortSignal): Promise<string> {
    for (let retries = 0; ; retries++) {
      try {
        return await attempt(call, signal);
      } catch (error) {
        const waitMs = retryDelayMs(call, error, retries, random);
        if (waitMs === undefined || signal.aborted) throw error;
        logger.debug('Retrying a call', { method: call.method, retries, waitMs, error: String(error) });
        await sleep(clock, waitMs, signal);
        // The deadline must not hide what the server had to say.
        if (signal.aborted) throw error;
      }
    }
  }

  return {
    request: (call) =>
      withDeadline({ clock, afterMs: options.deadlineMs ?? 30_000, signal: call.signal }, (signal) =>
        run(call, signal),
      ),
    clockSkewMs: () => skewMs,
  };
}

/** How long to wait before the same call again; undefined when it must not be repeated. */
function retryDelayMs(call: Call, error: unknown, retries: number, random: () => number): number | undefined {
  if (!(error instanceof KubeError)) return undefined;
  const backoffMs = Math.min(100 * 2 ** retries, 2_000) * (0.5 + random());
  if (error.reason === 'Unreachable') return backoffMs;
  if (error.reason === 'ConnectionLost') return call.isWrite ? undefined : backoffMs;
  if (error.retryAfterMs === undefined || call.isRefusalFinal === true) return undefined;
  if (error.status === 429) return Math.max(error.retryAfterMs, backoffMs);
  const isTemporary = error.status === 500 || error.status === 503 || error.status === 504;
  return isTemporary && !call.isWrite ? Math.max(error.retryAfterMs, backoffMs) : undefined;
}

/** Half a second is added because the header drops the fraction. */
function skewOf(date: string | undefined, clock: Clock): number | undefined {
  const serverTime = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(serverTime) ? undefined : serverTime + 500 - clock.now();
}
