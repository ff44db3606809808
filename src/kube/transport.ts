import { Agent, ProxyAgent, Socks5ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import type { Logger } from '../shared/logger.ts';
import type { CredentialSource, TlsMaterial } from './credentials.ts';

export interface TransportRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query below the server's address. */
  path: string;
  headers?: Readonly<Record<string, string | string[]>>;
  body?: string;
  /** Ends the request; the transport has no deadline of its own, except 10 s for a connection. */
  signal: AbortSignal;
  /** Calls share few connections; a watch, or a call that must never queue behind others, has its own. */
  lane: 'calls' | 'watches';
}

export interface TransportResponse {
  status: number;
  /** The first value of a header; the name in lower case. */
  header(name: string): string | undefined;
  /** Reads the body to its end. */
  text(): Promise<string>;
  /** The body as it comes. Leaving the iteration closes the connection. */
  body: AsyncIterable<Uint8Array>;
}

export interface Transport {
  /** Errors are undici's or node's own: `client.ts` gives them their meaning. */
  send(request: TransportRequest): Promise<TransportResponse>;
  /** Ends idle connections and refuses new requests; running ones are cut off. */
  close(): Promise<void>;
}

export interface TransportOptions {
  credentials: CredentialSource;
  logger: Logger;
  userAgent?: string;
  /** Connections for calls. Default 6. */
  maxCallConnections?: number;
}

interface Lanes {
  fingerprint: string;
  calls: Dispatcher;
  watches: Dispatcher;
}

/** HTTP/1.1 with keep-alive: one dead multiplexed connection would stall calls and watches together. */
export function createTransport(options: TransportOptions): Transport {
  const { credentials, logger } = options;
  const userAgent = options.userAgent ?? 'belay';
  const prefix = credentials.server.pathname.replace(/\/$/, '');
  let lanes: Lanes | undefined;

  function lanesFor(tls: TlsMaterial): Lanes {
    const fingerprint = JSON.stringify(tls);
    if (lanes?.fingerprint === fingerprint) return lanes;
    const old = lanes;
    lanes = {
      fingerprint,
      calls: createDispatcher(credentials, tls, options.maxCallConnections ?? 6),
      watches: createDispatcher(credentials, tls, 256),
    };
    if (old !== undefined) {
      logger.info('Opening new connections because the TLS files changed');
      closeGracefully(old, logger);
    }
    return lanes;
  }

  async function attempt(request: TransportRequest): Promise<Dispatcher.ResponseData> {
    const { headers, tls } = await credentials.current();
    request.signal.throwIfAborted();
    return lanesFor(tls)[request.lane].request({
      origin: credentials.server.origin,
      path: prefix + request.path,
      method: request.method,
      headers: { accept: 'application/json', 'user-agent': userAgent, ...headers, ...request.headers },
      body: request.body ?? null,
      signal: request.signal,
    });
  }

  return {
    async send(request) {
      const first = await attempt(request);
      if (first.statusCode !== 401) return toResponse(first);
      // The server has not acted: the token may have been rotated since it was read.
      await first.body.dump();
      await credentials.renew();
      return toResponse(await attempt(request));
    },
    async close() {
      const old = lanes;
      lanes = undefined;
      await Promise.all([old?.calls.destroy(), old?.watches.destroy()]);
    },
  };
}

function createDispatcher(credentials: CredentialSource, tls: TlsMaterial, connections: number): Dispatcher {
  const { proxyUrl } = credentials;
  const common = {
    connections,
    pipelining: 1,
    allowH2: false,
    // Shorter than the 90 s after which an API server drops an idle connection: it must be us who lets go.
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 60_000,
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  const connect = { ...tls, timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000 };
  if (proxyUrl === undefined || proxyUrl === '') return new Agent({ ...common, connect });
  if (proxyUrl.startsWith('socks')) {
    return new Socks5ProxyAgent(proxyUrl.replace(/^socks5h?:/, 'socks5:'), { ...common, requestTls: tls });
  }
  return new ProxyAgent({ ...common, uri: proxyUrl, requestTls: { ...tls, allowH2: false } });
}

function closeGracefully(lanes: Lanes, logger: Logger): void {
  // Watches on the old connections end at their own timeout; nothing waits for that.
  Promise.all([lanes.calls.close(), lanes.watches.close()]).catch((error: unknown) => {
    logger.debug('Closing old connections failed', { error: String(error) });
  });
}

function toResponse(data: Dispatcher.ResponseData): TransportResponse {
  return {
    status: data.statusCode,
    header(name) {
      const value = data.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    text: () => data.body.text(),
    body: data.body,
  };
}
