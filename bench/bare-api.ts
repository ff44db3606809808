import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import * as z from 'zod';

const kubeconfig = z.object({
  clusters: z.tuple([z.object({ cluster: z.object({ server: z.url(), 'certificate-authority': z.string() }) })]),
  users: z.tuple([z.object({ user: z.object({ token: z.string() }) })]),
});

/** What of any object the benches look at. */
export interface BareObject {
  readonly metadata: { readonly name: string; readonly resourceVersion: string; readonly generation?: number };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

export interface BareEvent {
  readonly type: string;
  readonly object: BareObject;
}

/**
 * The least that can talk to an API server: the floor that the benches measure against, and nothing of the product,
 * so that the product cannot make its own floor slower.
 */
export interface BareApi {
  call(method: Dispatcher.HttpMethod, path: string, body?: unknown): Promise<unknown>;
  /** Follows a collection from now on, without an end; a break is an error. Returns when the watch is open. */
  watch(path: string, onEvent: (event: BareEvent) => void, signal: AbortSignal): Promise<{ done: Promise<void> }>;
  close(): Promise<void>;
}

const contentTypes: Readonly<Record<string, string>> = { PATCH: 'application/merge-patch+json' };

/** What a client needs to talk to the API server as an administrator. */
export interface Access {
  readonly server: string;
  readonly token: string;
  readonly caFile: string;
}

/** @param path a kubeconfig in JSON with a token and a CA file, as the test control plane writes it */
export function readAccess(path: string): Access {
  const { clusters, users } = kubeconfig.parse(JSON.parse(readFileSync(path, 'utf8')));
  const [{ cluster }] = clusters;
  return { server: cluster.server, token: users[0].user.token, caFile: cluster['certificate-authority'] };
}

export function createBareApi({ server, token, caFile }: Access): BareApi {
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
  const connect = { ca: readFileSync(caFile, 'utf8') };
  const pool = new Pool(server, {
    connect,
    allowH2: false,
    connections: 16,
    bodyTimeout: 0,
    headersTimeout: 60_000,
  });

  return {
    async call(method, target, body) {
      const contentType = contentTypes[method] ?? 'application/json';
      const response = await pool.request({
        path: target,
        method,
        headers: body === undefined ? headers : { ...headers, 'content-type': contentType },
        body: body === undefined ? null : JSON.stringify(body),
      });
      const text = await response.body.text();
      if (response.statusCode >= 300)
        throw new Error(`${method} ${target}: ${response.statusCode} ${text.slice(0, 500)}`);
      return text === '' ? undefined : JSON.parse(text);
    },
    async watch(target, onEvent, signal) {
      const response = await pool.request({ path: `${target}?watch=true`, method: 'GET', headers, signal });
      if (response.statusCode !== 200) throw new Error(`watch ${target}: ${response.statusCode}`);
      const follow = async (): Promise<void> => {
        let rest = '';
        response.body.setEncoding('utf8');
        for await (const chunk of response.body) {
          const lines = (rest + String(chunk)).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) onEvent(JSON.parse(line));
        }
      };
      const done = follow().catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      return { done };
    },
    close: () => pool.destroy(),
  };
}
