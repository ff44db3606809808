import { ProxyAgent, Socks5ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import type { Lane, LaneOptions } from './lane.ts';

/** Connections through an HTTP or SOCKS proxy. */
export function openProxyLane(proxyUrl: string, options: LaneOptions): Lane {
  const dispatcher = createDispatcher(proxyUrl, options);
  return {
    async request(request) {
      const { statusCode, headers, body } = await dispatcher.request({
        ...request,
        origin: options.origin,
        body: request.body ?? null,
      });
      return {
        status: statusCode,
        header(name) {
          const value = headers[name];
          return Array.isArray(value) ? value[0] : value;
        },
        text: () => body.text(),
        body,
      };
    },
    retire: () => dispatcher.close(),
    destroy: () => dispatcher.destroy(),
  };
}

function createDispatcher(proxyUrl: string, { tls, connections }: LaneOptions): Dispatcher {
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
  if (proxyUrl.startsWith('socks')) {
    return new Socks5ProxyAgent(proxyUrl.replace(/^socks5h?:/, 'socks5:'), { ...common, requestTls: tls });
  }
  return new ProxyAgent({ ...common, uri: proxyUrl, requestTls: { ...tls, allowH2: false } });
}
