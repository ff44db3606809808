import type { Logger } from '../shared/logger.ts';
import type { CredentialSource, TlsMaterial } from './credentials.ts';
import { openDirectLane } from './direct-lane.ts';

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
  /** Errors are node's or undici's own: `outcome.ts` gives them their meaning. */
  send(request: TransportRequest): Promise<TransportResponse>;
  /** Ends idle connections and refuses new requests; running ones are cut off. */
  close(): Promise<void>;
}

/** One exchange as a lane sees it. */
export interface LaneRequest {
  method: TransportRequest['method'];
  path: string;
  headers: Record<string, string | string[]>;
  body: string | undefined;
  signal: AbortSignal;
}

/** Connections to one server with one set of TLS material. HTTP/1.1: a dead multiplexed one would stall everything. */
export interface Lane {
  request(request: LaneRequest): Promise<TransportResponse>;
  /** Lets go of idle connections now, and of the others when they have done their work. */
  retire(): Promise<void>;
  /** Cuts off what runs. */
  destroy(): Promise<void>;
}

export interface LaneOptions {
  origin: string;
  tls: TlsMaterial;
  connections: number;
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
  calls: Promise<Lane>;
  watches: Promise<Lane>;
}

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
      calls: openLane(credentials, tls, options.maxCallConnections ?? 6),
      watches: openLane(credentials, tls, 256),
    };
    if (old !== undefined) {
      logger.info('Opening new connections because the TLS files changed');
      retire(old, logger);
    }
    return lanes;
  }

  async function attempt(request: TransportRequest): Promise<TransportResponse> {
    const { headers, tls } = await credentials.current();
    request.signal.throwIfAborted();
    const lane = await lanesFor(tls)[request.lane];
    return lane.request({
      path: prefix + request.path,
      method: request.method,
      headers: { accept: 'application/json', 'user-agent': userAgent, ...headers, ...request.headers },
      body: request.body,
      signal: request.signal,
    });
  }

  return {
    async send(request) {
      const first = await attempt(request);
      if (first.status !== 401) return first;
      // The server has not acted: the token may have been rotated since it was read.
      await first.text();
      await credentials.renew();
      return attempt(request);
    },
    async close() {
      const old = lanes;
      lanes = undefined;
      if (old === undefined) return;
      const open = await Promise.all([old.calls, old.watches]);
      await Promise.all(open.map((lane) => lane.destroy()));
    },
  };
}

async function openLane(credentials: CredentialSource, tls: TlsMaterial, connections: number): Promise<Lane> {
  const { proxyUrl, server } = credentials;
  const options = { origin: server.origin, tls, connections };
  if (proxyUrl === undefined || proxyUrl === '') return openDirectLane(options);
  // Loaded by the few that need it: undici takes more memory than everything the caches hold.
  const { openProxyLane } = await import('./proxy-lane.ts');
  return openProxyLane(proxyUrl, options);
}

function retire(lanes: Lanes, logger: Logger): void {
  // Watches on the old connections end at their own timeout; nothing waits for that.
  Promise.all([lanes.calls, lanes.watches])
    .then((open) => Promise.all(open.map((lane) => lane.retire())))
    .catch((error: unknown) => {
      logger.debug('Closing old connections failed', { error: String(error) });
    });
}
