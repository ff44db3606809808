import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { importImage, importImages } from './import-image.ts';
import type { ArchivedImage } from './import-image.ts';
import { addresses, clusterId, markerVariable, paths as pathsOf, readState, writeState } from './layout.ts';
import type { ClusterPaths, ClusterState } from './layout.ts';
import { waitFor } from './poll.ts';
import { assertRunning, run, startDaemon, stopDaemon, tryRun } from './process.ts';
import type { Daemon, RunOptions, RunResult } from './process.ts';
import { downCluster } from './teardown.ts';

/** Faults of the storage; what is absent works. */
export interface CsiFaults {
  /** Snapshots are taken and never become ready; those that are ready stay so. */
  snapshotNeverReady?: boolean;
  failSnapshot?: boolean;
  /** No volume can be made from a snapshot or a volume. */
  failRestore?: boolean;
  /** No volume can be mounted. */
  failPublish?: boolean;
  /** Neither volumes nor snapshots can be made. */
  storageFull?: boolean;
}

/** A running cluster of one node. Every method works from any process of this machine, as root. */
export interface Cluster {
  /** Also the name of its node. */
  name: string;
  stateDir: string;
  /** Administrator's kubeconfig; its server address works inside and outside the namespace. */
  kubeconfig: string;
  /** Path of the network namespace; pod and Service addresses exist only inside. */
  netns: string;
  /** The node's address, reachable from outside: API server, NodePorts. */
  nodeAddress: string;
  /** The machine's address as pods and the node see it; what listens there can be reached by them. */
  hostAddress: string;
  /** The command wrapped so that it runs inside, where Service names resolve. */
  execArgs(argv: readonly string[]): string[];
  /** Runs a command inside. @throws CommandError */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** @throws CommandError */
  kubectl(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** @throws CommandError */
  helm(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /**
   * Makes an image known to the node under `name:tag`; pods need `imagePullPolicy: Never` or `IfNotPresent`.
   * @returns the reference by digest, "name@sha256:…", usable as well
   */
  importImage(archive: string, reference: { name: string; tag: string }): Promise<string>;
  /** The same for all images of an archive, under the names they were built with. */
  importImages(archive: string, images: readonly ArchivedImage[]): Promise<string[]>;
  stopApiServer(): Promise<void>;
  /** Returns when it is ready again. */
  startApiServer(): Promise<void>;
  /** Kills every container of the node at once, like a reset; kubelet starts them again with new pod addresses. */
  stopNodeContainers(): Promise<void>;
  /** Replaces all faults; `{}` mends everything. */
  csiFaults(faults: CsiFaults): Promise<void>;
  /** The log file of a part, such as "kubelet". */
  logFile(part: string): string;
  /** Removes the cluster and its state folder; idempotent. */
  down(): Promise<void>;
}

/** The cluster that another process started. @throws Error when there is none */
export async function attachCluster(options: { stateDir: string }): Promise<Cluster> {
  const stateDir = resolve(options.stateDir);
  const state = readState(stateDir);
  if (state?.slot === undefined) throw new Error(`there is no cluster in ${stateDir}`);
  const paths = pathsOf(state.name, stateDir);
  const { node, outside } = addresses(state.slot);
  const tool = (name: string) => state.tools[name] ?? name;
  const execArgs = (argv: readonly string[]) => enter(paths, argv);
  const kubectl: Cluster['kubectl'] = (args, runOptions) =>
    run([tool('kubectl'), `--kubeconfig=${paths.kubeconfig}`, ...args], runOptions);
  return {
    name: state.name,
    stateDir,
    kubeconfig: paths.kubeconfig,
    netns: paths.netns,
    nodeAddress: node,
    hostAddress: outside,
    execArgs,
    run: (argv, runOptions) => run(execArgs(argv), runOptions),
    kubectl,
    helm: (args, runOptions) =>
      run([tool('helm'), ...args], { ...runOptions, env: { ...runOptions?.env, KUBECONFIG: paths.kubeconfig } }),
    importImage: (archive, reference) => importImage(paths.containerdSocket, archive, reference),
    importImages: (archive, images) => importImages(paths.containerdSocket, archive, images),
    stopApiServer: () => stopApiServer(stateDir),
    startApiServer: () => startApiServer(stateDir, kubectl),
    stopNodeContainers: () => killContainers(paths.containerdSocket),
    csiFaults: async (faults) => writeFaults(paths.csi, faults),
    logFile: (part) => join(paths.logs, `${part}.log`),
    down: () => downCluster({ stateDir }),
  };
}

/** Not `ip netns exec`, which hides the cgroups. The private mounts only carry the name server of the cluster. */
function enter(paths: ClusterPaths, argv: readonly string[]): string[] {
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  return ['nsenter', `--net=${paths.netns}`, 'unshare', '--mount', '--', 'sh', '-c', script, paths.resolvConf, ...argv];
}

/** Starts one part inside the namespace and writes it down. */
export async function startPart(stateDir: string, part: { name: string; argv: readonly string[] }): Promise<Daemon> {
  const state = requireState(stateDir);
  const paths = pathsOf(state.name, stateDir);
  const daemon = await startDaemon({
    name: part.name,
    argv: part.argv,
    logFile: join(paths.logs, `${part.name}.log`),
    // The temporary folder is ours, so that what a killed part leaves there goes with the rest.
    env: { [markerVariable]: stateDir, TMPDIR: paths.run },
  });
  const others = state.daemons.filter((other) => other.name !== part.name);
  writeState(stateDir, { ...state, daemons: [...others, daemon] });
  return daemon;
}

/** Runs a daemon in the namespace; `nsenter` becomes the program, so the pid stays. */
export function inNamespace(paths: ClusterPaths, argv: readonly string[]): string[] {
  return ['nsenter', `--net=${paths.netns}`, '--', ...argv];
}

/** Waits until the API server answers that it is ready. */
export async function waitForApi(kubectl: Cluster['kubectl'], server: Daemon): Promise<void> {
  await waitFor({
    what: 'the API server to be ready',
    timeoutMs: 60_000,
    check: async () =>
      (await kubectl(['get', '--raw', '/readyz'], { timeoutMs: 10_000 })).stdout === 'ok' ? true : undefined,
    abort: () => assertRunning(server),
  });
}

function requireState(stateDir: string): ClusterState {
  const state = readState(stateDir);
  if (!state) throw new Error(`there is no cluster in ${stateDir}`);
  return state;
}

function apiServerOf(stateDir: string): Daemon {
  const daemon = requireState(stateDir).daemons.find(({ name }) => name === 'kube-apiserver');
  if (!daemon) throw new Error('the cluster has no API server yet');
  return daemon;
}

async function stopApiServer(stateDir: string): Promise<void> {
  // Killed: open watches would hold up an orderly end for seconds.
  await stopDaemon(apiServerOf(stateDir), { signal: 'SIGKILL' });
}

async function startApiServer(stateDir: string, kubectl: Cluster['kubectl']): Promise<void> {
  await waitForApi(kubectl, await startPart(stateDir, apiServerOf(stateDir)));
  // In other clusters these lose their leases in an outage, end, and are started anew. Here they have none, and would
  // look again only minutes later.
  for (const name of ['kube-controller-manager', 'kube-scheduler']) {
    const part = requireState(stateDir).daemons.find((daemon) => daemon.name === name);
    if (part === undefined) continue;
    await stopDaemon(part);
    await startPart(stateDir, part);
  }
}

async function killContainers(socket: string): Promise<void> {
  const ctr = ['ctr', '--address', socket, '--namespace', 'k8s.io', 'task'];
  const { stdout } = await run([...ctr, 'ls', '--quiet']);
  // One that ended by itself meanwhile is no error.
  await Promise.all(
    stdout
      .split('\n')
      .filter(Boolean)
      .map((id) => tryRun([...ctr, 'kill', '--signal', 'SIGKILL', '--all', id])),
  );
}

function writeFaults(dir: string, faults: CsiFaults): void {
  mkdirSync(dir, { recursive: true });
  const partial = join(dir, 'faults.json.partial');
  writeFileSync(partial, JSON.stringify(faults));
  renameSync(partial, join(dir, 'faults.json'));
}

/** For messages: how to call the namespace and the node. */
export function describe(cluster: Cluster): string {
  return `cluster ${cluster.name}: KUBECONFIG=${cluster.kubeconfig}, network namespace ${clusterId(cluster.name)}`;
}
