import type * as Undici from 'undici';
import { withDeadline } from '../kube/deadline.ts';
import type { Clock } from '../shared/clock.ts';

export interface TlsRules {
  readonly ca?: string | undefined;
  readonly serverName?: string | undefined;
  readonly insecureSkipVerify: boolean;
  readonly minVersion: '1.2' | '1.3';
}

export interface HttpRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string | undefined;
  /** Where the connection goes instead of the URL's host; `Host` and the name in TLS stay those of the URL. */
  readonly connectTo?: { readonly host: string; readonly port: number } | undefined;
  readonly tls?: TlsRules | undefined;
  readonly timeoutMs: number;
  /** What is beyond is not read and `tooLong` says so. */
  readonly maxBodyBytes: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** Lower-case names; a header given several times has several values. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
  readonly tooLong: boolean;
}

export const defaultTls: TlsRules = { insecureSkipVerify: false, minVersion: '1.2' };

/**
 * One request over a connection of its own, from connecting to the last byte within `timeoutMs`. No redirects.
 * @throws whatever undici or node say when there is no whole answer
 */
export async function sendHttp(clock: Clock, options: HttpRequest): Promise<HttpAnswer> {
  // Loaded by the first request: an installation without HTTP probes does without its 20 MiB.
  const undici = await import('undici');
  const agent = agentFor(undici, options);
  try {
    return await withDeadline({ clock, afterMs: options.timeoutMs, signal: options.signal }, async (signal) => {
      const answer = await undici.request(options.url, {
        dispatcher: agent,
        method: options.method,
        headers: ['accept-encoding', 'identity', ...(options.headers ?? []).flat()],
        ...(options.body === undefined ? {} : { body: options.body }),
        signal,
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const { text, tooLong } = await readBody(answer.body, options.maxBodyBytes);
      return { status: answer.statusCode, headers: headerMap(answer.headers), body: text, tooLong };
    });
  } finally {
    // A connection per request: every try is a new client to the load balancer, and nothing is left open.
    await agent.destroy();
  }
}

function agentFor(
  undici: Pick<typeof Undici, 'Agent' | 'buildConnector'>,
  { tls = defaultTls, connectTo, timeoutMs }: HttpRequest,
): Undici.Agent {
  const connect = undici.buildConnector({
    allowH2: false,
    timeout: timeoutMs,
    rejectUnauthorized: !tls.insecureSkipVerify,
    minVersion: tls.minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
  });
  return new undici.Agent({
    allowH2: false,
    pipelining: 0,
    connections: 1,
    connect: (target, callback) => {
      const servername = tls.serverName ?? target.servername;
      const place =
        connectTo === undefined ? {} : { hostname: connectTo.host, host: connectTo.host, port: String(connectTo.port) };
      connect({ ...target, ...place, ...(servername === undefined ? {} : { servername }) }, callback);
    },
  });
}

async function readBody(body: AsyncIterable<Uint8Array>, limit: number): Promise<{ text: string; tooLong: boolean }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) return { text: Buffer.concat(chunks).toString('utf8'), tooLong: true };
    chunks.push(chunk);
  }
  return { text: Buffer.concat(chunks).toString('utf8'), tooLong: false };
}

function headerMap(headers: Readonly<Record<string, string | string[] | undefined>>): Map<string, readonly string[]> {
  const map = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) map.set(name.toLowerCase(), Array.isArray(value) ? value : [value]);
  }
  return map;
}
