import type { RequestOptions } from 'node:https';
import type { Clock } from '../shared/clock.ts';

/** What a connection needs; a change of any of it needs new connections. */
export interface TlsMaterial {
  ca?: string;
  cert?: string;
  key?: string;
  passphrase?: string;
  servername?: string;
  rejectUnauthorized?: boolean;
}

export interface Credentials {
  /** Authorization and, from kubeconfig's `as`, impersonation. */
  headers: Record<string, string>;
  tls: TlsMaterial;
}

export interface ConfigSource {
  /** The configuration as it is now; files are read again. */
  load(): ClusterConfig;
  /** Namespace of the context, or of the pod. */
  readonly namespace: string | undefined;
}

/** What of a kubeconfig is needed; the `KubeConfig` of the Kubernetes client library is one. */
export interface ClusterConfig {
  getCurrentCluster(): { readonly server: string; readonly proxyUrl?: string | undefined } | null;
  /** Adds TLS material and headers. */
  applyToHTTPSOptions(options: RequestOptions): Promise<void>;
}

export interface CredentialSource {
  /** Origin and path prefix of the server, and the proxy before it. */
  readonly server: URL;
  readonly proxyUrl: string | undefined;
  /** Credentials not older than `maxAgeMs`; files are read again and plugins asked when their answer expired. */
  current(): Promise<Credentials>;
  /** After a 401: forgets every token, at most once per second, and loads the configuration again. */
  renew(): Promise<void>;
}

// The token file readers inside a configuration keep a token for 60 s by themselves; this adds at most 10 s to that.
const maxAgeMs = 10_000;
const renewEveryMs = 1_000;

/**
 * Credentials from a configuration. Its own HTTP agents are never used: they would open a connection per request.
 * @param load reads the configuration, e.g. `() => { const c = new KubeConfig(); c.loadFromDefault(); return c; }`
 */
export function createCredentialSource(options: { load: () => ClusterConfig; clock: Clock }): CredentialSource {
  const { load, clock } = options;
  let config = load();
  let cached: { at: number; value: Promise<Credentials> } | undefined;
  let renewedAt = Number.NEGATIVE_INFINITY;
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig has no current cluster');

  return {
    server: new URL(cluster.server),
    proxyUrl: cluster.proxyUrl,
    current() {
      const now = clock.monotonic();
      if (cached === undefined || now - cached.at >= maxAgeMs) {
        const value = readCredentials(config);
        const entry = { at: now, value };
        // A failed plugin is asked again by the next call instead of failing everything for ten seconds.
        value.catch(() => {
          if (cached === entry) cached = undefined;
        });
        cached = entry;
      }
      return cached.value;
    },
    async renew() {
      const now = clock.monotonic();
      if (now - renewedAt < renewEveryMs) return;
      renewedAt = now;
      config = load();
      cached = undefined;
    },
  };
}

async function readCredentials(config: ClusterConfig): Promise<Credentials> {
  const target: RequestOptions = {};
  await config.applyToHTTPSOptions(target);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(target.headers ?? {})) {
    headers[name.toLowerCase()] = String(value).trim();
  }
  if (typeof target.auth === 'string') {
    headers['authorization'] = `Basic ${Buffer.from(target.auth).toString('base64')}`;
  }
  return { headers, tls: tlsOf(target) };
}

function tlsOf(target: RequestOptions): TlsMaterial {
  const tls: TlsMaterial = {};
  for (const field of ['ca', 'cert', 'key', 'passphrase', 'servername'] as const) {
    const value: unknown = target[field];
    if (typeof value === 'string') tls[field] = value;
    else if (Buffer.isBuffer(value)) tls[field] = value.toString('utf8');
  }
  if (target.rejectUnauthorized !== undefined) tls.rejectUnauthorized = target.rejectUnauthorized;
  return tls;
}
