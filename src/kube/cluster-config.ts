/** Which API server to talk to, and as whom. */
import { existsSync, readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';
import type { ConfigSource } from './credentials.ts';

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';
// As kubelet rotates the token at 80 % of its hour, one read a minute never sees an expired one.
const tokenMaxAgeMs = 60_000;

/**
 * The kubeconfig that KUBECONFIG names; without it, in a pod, the pod's service account; else the kubeconfig of the
 * home folder. A pod does not load the library for kubeconfigs, which would take more memory than all its objects.
 */
export async function findConfig(env: Readonly<Record<string, string | undefined>>): Promise<ConfigSource> {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '';
  const isPod = (env['KUBECONFIG'] ?? '') === '' && host !== '' && existsSync(join(serviceAccountFolder, 'token'));
  if (isPod) return podConfigSource({ folder: serviceAccountFolder, host, port, now: () => performance.now() });
  const { kubeConfigSource } = await import('./kube-config-file.ts');
  return kubeConfigSource();
}

interface PodConfigOptions {
  /** Holds `token`, `ca.crt` and `namespace`. */
  folder: string;
  host: string;
  port: string;
  /** Monotonic milliseconds. */
  now: () => number;
}

/** A pod's service account. */
export function podConfigSource({ folder, host, port, now }: PodConfigOptions): ConfigSource {
  const name = host.includes(':') ? `[${host}]` : host;
  const server = `https://${name}${port === '' ? '' : `:${port}`}`;
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
  return {
    load() {
      let token = { at: Number.NEGATIVE_INFINITY, value: '' };
      return {
        getCurrentCluster: () => ({ server }),
        async applyToHTTPSOptions(options: RequestOptions) {
          if (now() - token.at >= tokenMaxAgeMs) token = { at: now(), value: read('token').trim() };
          options.ca = read('ca.crt');
          options.headers = { Authorization: `Bearer ${token.value}` };
        },
      };
    },
    namespace: existsSync(join(folder, 'namespace')) ? read('namespace').trim() : undefined,
  };
}
