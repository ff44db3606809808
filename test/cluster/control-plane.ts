import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { admin, apiServerArgs, controllerManager, controllerManagerArgs, createCredentials, etcdArgs } from './control-plane-parts.ts';
import type { ToolPaths } from './build-tools.ts';
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
 * Everything ends with this process, too, as far as it ends by itself or by SIGINT or SIGTERM.
 * @throws Error with the end of the log when a part does not start; nothing is left behind then
 */
export async function startControlPlane(options: {
  dir: string;
  tools: ToolPaths;
  controllerManager?: boolean;
}): Promise<ControlPlane> {
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const [clientPort, peerPort, port] = await freePorts(3);
  const server = `https://127.0.0.1:${port}`;
  const etcd = `http://127.0.0.1:${clientPort}`;
  const daemons = new Map<string, Daemon>();
  const killAll = () => daemons.forEach((daemon) => process.kill(-daemon.pid, 'SIGKILL'));
  const onExit = () => ignoreErrors(killAll);
  process.once('exit', onExit);

  const start = async (name: string, tool: Parameters<ToolPaths['path']>[0], args: readonly string[]) => {
    const argv = [options.tools.path(tool), ...args];
    daemons.set(name, await startDaemon({ name, argv, logFile: join(dir, `${name}.log`), env: {} }));
  };
  const stopAll = async () => {
    process.off('exit', onExit);
    for (const daemon of [...daemons.values()].toReversed()) await stopDaemon(daemon, { signal: 'SIGKILL' });
    daemons.clear();
    rmSync(dir, { recursive: true, force: true });
  };
  const check = () => daemons.forEach(assertRunning);

  try {
    const { credentials, tokens } = await createCredentials({
      dir: join(dir, 'credentials'),
      addresses: ['127.0.0.1', '10.96.0.1'],
      identities: [admin, controllerManager],
      server,
    });
    const kubeconfig = join(credentials.dir, 'admin.kubeconfig');
    const kubectl = (args: readonly string[], runOptions: { stdin?: string } = {}) =>
      run([options.tools.path('kubectl'), `--kubeconfig=${kubeconfig}`, ...args], runOptions);
    await start('etcd', 'etcd', etcdArgs({ dataDir: join(dir, 'etcd'), client: etcd, peer: `http://127.0.0.1:${peerPort}` }));
    const startApiServer = async () => {
      const args = apiServerArgs({ credentials, address: '127.0.0.1', port: port ?? 0, etcd, serviceRange });
      // The endpoints of the `kubernetes` Service may not be loopback addresses, and nobody uses them here.
      await start('kube-apiserver', 'kube-apiserver', [...args, '--endpoint-reconciler-type=none']);
      await waitFor({
        what: 'the API server to be ready',
        timeoutMs: readyWithinMs,
        check: async () => ((await kubectl(['get', '--raw', '/readyz'])).stdout === 'ok' ? true : undefined),
        abort: check,
      });
    };
    await startApiServer();
    if (options.controllerManager !== false) {
      await start('kube-controller-manager', 'kube-controller-manager', controllerManagerArgs({ credentials, serviceRange }));
      await waitFor({
        what: 'the controller manager to make the default service account',
        timeoutMs: readyWithinMs,
        check: async () => (await kubectl(['get', 'serviceaccount', 'default', '-n', 'default', '-o', 'name'])).stdout || undefined,
        abort: check,
      });
    }
    const stopApiServer = async () => {
      const daemon = daemons.get('kube-apiserver');
      // Killed: open watches would hold up an orderly end for seconds.
      if (daemon) await stopDaemon(daemon, { signal: 'SIGKILL' });
      daemons.delete('kube-apiserver');
    };
    return { kubeconfig, server, token: tokens.get(admin.file) ?? '', kubectl, stopApiServer, startApiServer, stop: stopAll };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map((server) => {
      const { promise, resolve: done, reject } = Promise.withResolvers<number>();
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        done(typeof address === 'object' && address !== null ? address.port : 0);
      });
      return promise;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

function ignoreErrors(action: () => void): void {
  try {
    action();
  } catch {
    // The process is ending; what is gone already need not be stopped.
  }
}
