import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { buildBundle, nodeFlags, processEnv } from '../scripts/build.ts';
import { logTail, startDaemon, stopDaemon } from '../test/cluster/process.ts';
import { waitFor } from '../test/cluster/poll.ts';
import type { BenchCluster } from './cluster.ts';
import { root } from '../scripts/process.ts';

/** The controller as it ships: the bundle in a process of its own. */
export interface RunningController {
  /** From the start of the process to its answer that it is ready, leadership included. */
  readonly startSeconds: number;
  /** Resident memory in MiB, of the process and nothing else. */
  residentMiB(): number;
  /** Sums of the samples of a metric over all labels that match. */
  metric(name: string, labels?: string): Promise<number>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function sumSamples(text: string, name: string, labels: string): number {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.filter((line) => line.includes(labels)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/**
 * Starts a program as in a pod: the files of the service account where a pod has them, seen by this process alone.
 * Mounting needs root; without it the program gets the kubeconfig and some MiB for the library that reads it.
 */
function podArgs({ kubeconfig, access }: BenchCluster): { argv: string[]; env: Record<string, string> } {
  if (process.getuid?.() !== 0) return { argv: [], env: { KUBECONFIG: kubeconfig } };
  const script = `set -e
mount -t tmpfs tmpfs /var/run
mkdir -p /var/run/secrets/kubernetes.io/serviceaccount
printf %s "$BENCH_TOKEN" > /var/run/secrets/kubernetes.io/serviceaccount/token
cp "$BENCH_CA" /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
unset BENCH_TOKEN BENCH_CA KUBECONFIG
exec "$@"`;
  const { hostname, port } = new URL(access.server);
  return {
    argv: ['unshare', '--mount', 'sh', '-c', script, 'sh'],
    env: {
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      BENCH_TOKEN: access.token,
      BENCH_CA: access.caFile,
    },
  };
}

/** Installs the CRDs, builds the bundle and starts it; ends with the cluster at the latest. */
export async function startController(cluster: BenchCluster): Promise<RunningController> {
  await cluster.applyFolder(join(root, 'crds'));
  const bundle = join(cluster.dir, 'main.mjs');
  await buildBundle({ outfile: bundle });
  const address = `127.0.0.1:${await freePort()}`;
  const asPod = podArgs(cluster);
  const startedAt = performance.now();
  const daemon = await startDaemon({
    name: 'controller',
    argv: [
      ...asPod.argv,
      process.execPath,
      ...nodeFlags,
      bundle,
      'controller',
      '--leader-election-namespace=default',
      `--metrics-address=${address}`,
      '--log-level=warn',
    ],
    logFile: join(cluster.dir, 'controller.log'),
    env: { ...processEnv, ...asPod.env, POD_NAME: 'bench', POD_NAMESPACE: 'default' },
  });
  const stop = (): Promise<void> => stopDaemon(daemon);
  try {
    await waitFor({
      what: 'the controller to be ready',
      timeoutMs: 60_000,
      intervalMs: 10,
      check: async () =>
        (await fetch(`http://${address}/readyz`).catch(() => undefined))?.ok === true ? true : undefined,
    });
  } catch (error) {
    throw new Error(`the controller did not become ready:\n${logTail(daemon)}`, { cause: error });
  }
  return {
    startSeconds: (performance.now() - startedAt) / 1000,
    residentMiB() {
      const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1];
      return Number(resident) / 1024;
    },
    async metric(name, labels = '') {
      const response = await fetch(`http://${address}/metrics`);
      return sumSamples(await response.text(), name, labels);
    },
    stop,
  };
}
