import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { clusterTools } from './build-tools.ts';
import type { ToolPaths } from './build-tools.ts';
import { createCgroups } from './cgroups.ts';
import { attachCluster, describe, inNamespace, startPart, waitForApi } from './attach.ts';
import type { Cluster } from './attach.ts';
import { createCredentials } from './control-plane-parts.ts';
import { buildImage } from './image.ts';
import { addresses, clusterId, paths as pathsOf, readState, writeState } from './layout.ts';
import { driverName, snapshotObjects, storageObjects } from './manifests.ts';
import { createNetwork } from './network.ts';
import { writeNodeConfig } from './node-config.ts';
import { apiPort, apiServer, foundation, identities, storageControllers, workers } from './node-daemons.ts';
import type { DaemonOptions, DaemonSpec } from './node-daemons.ts';
import { clusterPackages, ensurePackages } from './packages.ts';
import { waitFor } from './poll.ts';
import { assertRunning, logTail, run } from './process.ts';
import { downCluster } from './teardown.ts';

export { attachCluster } from './attach.ts';
export type { Cluster, CsiFaults } from './attach.ts';
export { downCluster } from './teardown.ts';

export interface StartClusterOptions {
  /** Lower-case letters, digits and hyphens, at most 20; two clusters on one machine need two names. */
  name: string;
  /** Belongs to the cluster and is removed with it; a cluster that is there already is taken down first. */
  stateDir: string;
  tools: ToolPaths;
  log(line: string): void;
}

const readyWithinMs = 120_000;

/**
 * Starts a cluster of one node in a network namespace of its own and returns when pods can run and volumes be made.
 * It outlives this process: take it down with `down`, or `downCluster` from anywhere.
 * @throws Error with the end of the logs when a part does not start; nothing is left behind then
 */
export async function startCluster(options: StartClusterOptions): Promise<Cluster> {
  if (!/^[a-z0-9][a-z0-9-]{0,19}$/.test(options.name)) throw new Error(`"${options.name}" is no name for a cluster`);
  const stateDir = resolve(options.stateDir);
  if (existsSync(stateDir) && readdirSync(stateDir).length > 0 && !readState(stateDir)) {
    throw new Error(`${stateDir} is not empty and holds no cluster: it would be removed with the cluster`);
  }
  await ensurePackages(clusterPackages, options.log);
  await downCluster({ stateDir });
  if (existsSync(`/run/netns/${clusterId(options.name)}`)) {
    throw new Error(`a cluster named ${options.name} runs already, with another state folder`);
  }
  try {
    return await start({ ...options, stateDir });
  } catch (error) {
    const detail = failureDetail(stateDir);
    await downCluster({ stateDir });
    throw new Error(
      `cluster ${options.name} did not start: ${error instanceof Error ? error.message : String(error)}${detail}`,
      {
        cause: error,
      },
    );
  }
}

async function start(options: StartClusterOptions): Promise<Cluster> {
  const { name, stateDir, tools, log } = options;
  const daemons = await prepare(options);
  const startAll = async (specs: readonly DaemonSpec[]) => {
    for (const spec of specs) {
      const command = spec.command === 'containerd' ? spec.command : tools.path(spec.command);
      await startPart(stateDir, { name: spec.name, argv: inNamespace(daemons.paths, [command, ...spec.args]) });
    }
  };
  log(`starting the API server of ${name}`);
  await startAll([...foundation(daemons), apiServer(daemons)]);
  const cluster = await attachCluster({ stateDir });
  const [pause] = await Promise.all([pauseImage(), waitForApiServer(cluster)]);
  await waitForContainerd(daemons.paths.containerdSocket);
  await cluster.importImage(pause.archive, pauseReference);
  log(`starting the node of ${name}`);
  await startAll(workers(daemons));
  await installStorage(cluster, tools);
  await startAll(storageControllers(daemons));
  await waitUntilUsable(cluster, addresses(daemons.slot).firstService);
  log(describe(cluster));
  return cluster;
}

/** Everything that is made once, before the first process starts. */
async function prepare({ name, stateDir, tools }: StartClusterOptions): Promise<DaemonOptions> {
  const paths = pathsOf(name, stateDir);
  const toolPaths = Object.fromEntries(clusterTools.map((tool) => [tool, tools.path(tool)]));
  writeState(stateDir, { name, tools: toolPaths, daemons: [] });
  for (const folder of [paths.run, paths.logs, join(paths.logs, 'pods'), paths.config, paths.csi, paths.kubelet]) {
    mkdirSync(folder, { recursive: true });
  }
  const slot = await createNetwork(name, (claimed) =>
    writeState(stateDir, { name, slot: claimed, tools: toolPaths, daemons: [] }),
  );
  createCgroups(clusterId(name));
  const { node, pods, firstService } = addresses(slot);
  const { credentials } = await createCredentials({
    dir: paths.credentials,
    addresses: [node, firstService, '127.0.0.1'],
    identities: identities(name),
    server: `https://${node}:${apiPort}`,
  });
  const pause = `${pauseReference.name}:${pauseReference.tag}`;
  const files = writeNodeConfig({
    name,
    stateDir,
    paths,
    nodeAddress: node,
    podRange: pods,
    caFile: credentials.caFile,
    pauseImage: pause,
  });
  return { name, slot, paths, credentials, files };
}

const pauseReference = { name: 'belay.test/pause', tag: '1' };

/** The container that holds a pod's namespaces; nothing but a program that waits. */
function pauseImage(): ReturnType<typeof buildImage> {
  const files = { '/bin/busybox': '/bin/busybox' };
  return buildImage({ ...pauseReference, files, entrypoint: ['/bin/busybox', 'sleep', '2147483647'] });
}

async function waitForApiServer(cluster: Cluster): Promise<void> {
  const daemon = readState(cluster.stateDir)?.daemons.find((part) => part.name === 'kube-apiserver');
  if (daemon) await waitForApi(cluster.kubectl, daemon);
}

async function waitForContainerd(socket: string): Promise<void> {
  await waitFor({
    what: 'containerd to answer',
    timeoutMs: readyWithinMs,
    check: async () =>
      (await run(['ctr', '--address', socket, 'version'], { timeoutMs: 10_000 })).code === 0 || undefined,
  });
}

async function installStorage(cluster: Cluster, tools: ToolPaths): Promise<void> {
  await cluster.kubectl(['create', '-f', tools.snapshotCrds]);
  await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(storageObjects) });
  const files = ['-f', tools.snapshotCrds];
  await cluster.kubectl(['wait', ...files, '--for=condition=Established', '--timeout=60s']);
  await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(snapshotObjects) });
}

async function waitUntilUsable(cluster: Cluster, apiService: string): Promise<void> {
  const { kubectl, name } = cluster;
  const parts = () => readState(cluster.stateDir)?.daemons.forEach(assertRunning);
  const until = (what: string, args: readonly string[], isGood: (output: string) => boolean) =>
    waitFor({
      what,
      timeoutMs: readyWithinMs,
      check: async () => isGood((await kubectl(args)).stdout) || undefined,
      abort: parts,
    });
  const ready = '{.status.conditions[?(@.type=="Ready")].status}';
  await until('the node to be ready', ['get', 'node', name, '-o', `jsonpath=${ready}`], (output) => output === 'True');
  // The scheduler keeps pods off a new node until a controller has seen it ready.
  await until(
    'the node to be schedulable',
    ['get', 'node', name, '-o', 'jsonpath={.spec.taints}'],
    (output) => output === '',
  );
  const drivers = ['get', 'csinode', name, '-o', 'jsonpath={.spec.drivers[*].name}'];
  await until('the CSI driver to be registered', drivers, (output) => output === driverName);
  const account = ['get', 'serviceaccount', 'default', '--ignore-not-found', '-o', 'name'];
  await until('the default service account', account, (output) => output !== '');
  await waitFor({
    what: 'kube-proxy to write its rules',
    timeoutMs: readyWithinMs,
    check: async () =>
      (await cluster.run(['nft', 'list', 'table', 'ip', 'kube-proxy'])).stdout.includes(apiService) || undefined,
    abort: parts,
  });
  // A part that nothing above depends on may have ended, too.
  parts();
}

/** The end of the logs of parts that are not running, for the error message. */
function failureDetail(stateDir: string): string {
  const daemons = readState(stateDir)?.daemons ?? [];
  return daemons
    .map((daemon) => {
      try {
        assertRunning(daemon);
        return '';
      } catch {
        return `\n--- ${daemon.name}\n${logTail(daemon)}`;
      }
    })
    .join('');
}
