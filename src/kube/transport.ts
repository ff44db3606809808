import type { Logger } from '../shared/logger.ts';
import type { CredentialSource, TlsMaterial } from './credentials.ts';
import type { Lane, TransportRequest, TransportResponse } from './lane.ts';
import { openDirectLane } from './direct-lane.ts';

export interface Transport {
  /** Errors are node's or undici's own: `outcome.ts` gives them their meaning. */
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
