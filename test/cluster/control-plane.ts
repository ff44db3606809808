import { randomInt } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import {
  admin,
  apiServerArgs,
  controllerManager,
  controllerManagerArgs,
  createCredentials,
  etcdArgs,
} from './control-plane-parts.ts';
import type { ToolName, ToolPaths } from './build-tools.ts';
import { waitFor } from './poll.ts';
import { assertRunning, run, startDaemon, stopDaemon } from './process.ts';
import type { Daemon, RunResult } from './process.ts';

/** A real API server on loopback, without nodes: objects are stored, checked and watched, pods never run. */
export interface ControlPlane {
  /** Path of the administrator's kubeconfig. */
  kubeconfig: string;
  /** Base URL of the API server; the same after a restart. */
  server: string;
  /** The administrator's bearer token. */
  token: string;
  /** @throws CommandError when kubectl fails */
  kubectl(args: readonly string[], options?: { stdin?: string }): Promise<RunResult>;
  /** Ends the API server, etcd keeps the data. */
  stopApiServer(): Promise<void>;
  /** Starts it again at the same address and returns when it is ready. */
  startApiServer(): Promise<void>;
  /** Ends everything and removes `dir`; idempotent. */
  stop(): Promise<void>;
}

const serviceRange = '10.96.0.0/16';
const readyWithinMs = 60_000;

/**
 * Starts etcd, kube-apiserver and (by default) kube-controller-manager on free loopback ports.
 * Everything ends with this process, however that ends.
 * @throws Error with the end of the log when a part does not start; nothing is left behind then
 */
export async function startControlPlane(options: {
  dir: string;
  tools: ToolPaths;
  controllerManager?: boolean;
}): Promise<ControlPlane> {
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const parts = createParts(dir, options.tools);
  try {
    const [clientPort = 0, peerPort = 0, port = 0] = await freePorts(3);
    const server = `https://127.0.0.1:${port}`;
    const { credentials, tokens } = await createCredentials({
      dir: join(dir, 'credentials'),
      addresses: ['127.0.0.1', '10.96.0.1'],
      identities: [admin, controllerManager],
      server,
    });
    const kubeconfig = join(credentials.dir, 'admin.kubeconfig');
    const kubectl: ControlPlane['kubectl'] = (args, runOptions) =>
      run([options.tools.path('kubectl'), `--kubeconfig=${kubeconfig}`, ...args], runOptions);

    const etcd = `http://127.0.0.1:${clientPort}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    await parts.start('etcd', etcdArgs({ dataDir: join(dir, 'etcd'), client: etcd, peer }));
    const apiArgs = apiServerArgs({ credentials, address: '127.0.0.1', port, etcd, serviceRange });
    const startApiServer = async () => {
      // The endpoints of the `kubernetes` Service may not be loopback addresses, and nobody uses them here.
      await parts.start('kube-apiserver', [...apiArgs, '--endpoint-reconciler-type=none']);
      const ready = async () => (await kubectl(['get', '--raw', '/readyz'])).stdout === 'ok';
      await parts.until('the API server to be ready', ready);
    };
    await startApiServer();
    if (options.controllerManager !== false) {
      await parts.start('kube-controller-manager', controllerManagerArgs({ credentials, serviceRange }));
      const account = ['get', 'serviceaccount', 'default', '-n', 'default', '-o', 'name'];
      await parts.until('the default service account', async () => (await kubectl(account)).stdout !== '');
    }
    const token = tokens.get(admin.file) ?? '';
    const stopApiServer = () => parts.stop('kube-apiserver');
    return { kubeconfig, server, token, kubectl, stopApiServer, startApiServer, stop: parts.stopAll };
  } catch (error) {
    await parts.stopAll();
    throw error;
  }
}

/** The processes of one control plane. */
function createParts(dir: string, tools: ToolPaths) {
  const daemons = new Map<string, Daemon>();
  return {
    async start(name: ToolName, args: readonly string[]): Promise<void> {
      // The kernel kills it when we die; `setpriv` becomes the program, so the pid stays.
      const argv = ['setpriv', '--pdeathsig', 'KILL', '--', tools.path(name), ...args];
      daemons.set(name, await startDaemon({ name, argv, logFile: join(dir, `${name}.log`), env: {} }));
    },
    /** Gives up early when any of them has ended. */
    until(what: string, isTrue: () => Promise<boolean>): Promise<true> {
      const abort = () => daemons.forEach(assertRunning);
      return waitFor({ what, timeoutMs: readyWithinMs, check: async () => (await isTrue()) || undefined, abort });
    },
    async stop(name: ToolName): Promise<void> {
      const daemon = daemons.get(name);
      // Killed: open watches would hold up an orderly end for seconds.
      if (daemon) await stopDaemon(daemon, { signal: 'SIGKILL' });
      daemons.delete(name);
    },
    async stopAll(): Promise<void> {
      for (const daemon of [...daemons.values()].toReversed()) await stopDaemon(daemon, { signal: 'SIGKILL' });
      daemons.clear();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  // Below the range from which outgoing connections take theirs: a client may not take one before we do.
  for (let tries = 0; tries < 100 && found.size < count; tries++) {
    const port = randomInt(20_000, 32_000);
    if (await isFree(port)) found.add(port);
  }
  if (found.size < count) throw new Error('found no free ports between 20000 and 32000');
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve: done } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => done(false));
  server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  return promise;
}
