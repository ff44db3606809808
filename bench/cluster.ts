import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { controlPlaneTools, ensureTools } from '../test/cluster/build-tools.ts';
import { startControlPlane } from '../test/cluster/control-plane.ts';
import { startDaemon, stopDaemon } from '../test/cluster/process.ts';
import type { Daemon } from '../test/cluster/process.ts';
import { waitFor } from '../test/cluster/poll.ts';
import { createBareApi, readAccess } from './bare-api.ts';
import type { Access, BareApi } from './bare-api.ts';

/** A real control plane with one simulated node, whose pods are ready as soon as they are bound. */
export interface BenchCluster {
  readonly dir: string;
  readonly kubeconfig: string;
  readonly access: Access;
  readonly api: BareApi;
  /** `kubectl apply`, server-side. */
  apply(objects: readonly object[]): Promise<void>;
  applyFolder(path: string): Promise<void>;
  /** A further process that ends with the cluster. */
  start(name: string, argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<Daemon>;
  stop(): Promise<void>;
}

const nodeName = 'bench';

function simulatedNode(): object {
  const resources = { cpu: '1000', memory: '1000Gi', pods: '5000' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: nodeName,
      labels: { 'kubernetes.io/hostname': nodeName },
      annotations: { 'kwok.x-k8s.io/node': 'fake' },
    },
    status: { allocatable: resources, capacity: resources },
  };
}

/** With Kubernetes' own limits of API calls per second: the tests raise them, real clusters seldom do. */
function controllerManagerArgs(credentials: string): string[] {
  return [
    `--kubeconfig=${join(credentials, 'controller-manager.kubeconfig')}`,
    `--root-ca-file=${join(credentials, 'ca.crt')}`,
    `--service-account-private-key-file=${join(credentials, 'service-account.key')}`,
    '--use-service-account-credentials=true',
    // The simulated node reports less often than the default allows: its pods would be unready now and then.
    '--node-monitor-grace-period=1h',
    '--leader-elect=false',
    '--secure-port=0',
  ];
}

/** Starts everything; whatever fails to start takes the rest down with it. */
export async function startBenchCluster(log: (line: string) => void): Promise<BenchCluster> {
  const tools = await ensureTools({ log, only: [...controlPlaneTools, 'kube-scheduler', 'kwok'] });
  const dir = mkdtempSync(join(tmpdir(), 'belay-bench-'));
  const controlPlane = await startControlPlane({ dir, tools, controllerManager: false });
  const daemons: Daemon[] = [];
  const { kubeconfig } = controlPlane;
  const access = readAccess(kubeconfig);
  const api = createBareApi(access);
  const start = async (
    name: string,
    argv: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Daemon> => {
    const daemon = await startDaemon({ name, argv, logFile: join(dir, `${name}.log`), env: { ...env } });
    daemons.push(daemon);
    return daemon;
  };
  const stop = async (): Promise<void> => {
    for (const daemon of daemons.toReversed()) await stopDaemon(daemon, { signal: 'SIGKILL' });
    await api.close();
    await controlPlane.stop();
  };
  const apply = async (objects: readonly object[]): Promise<void> => {
    const stdin = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    await controlPlane.kubectl(['apply', '--server-side', '-f', '-'], { stdin });
  };
  const applyFolder = async (path: string): Promise<void> => {
    await controlPlane.kubectl(['apply', '--server-side', '-f', path]);
    await controlPlane.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
  };
  try {
    const credentials = join(dir, 'credentials');
    await start('kube-controller-manager', [
      tools.path('kube-controller-manager'),
      ...controllerManagerArgs(credentials),
    ]);
    await start('kube-scheduler', [
      tools.path('kube-scheduler'),
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      '--secure-port=0',
    ]);
    await start('kwok', [
      tools.path('kwok'),
      `--kubeconfig=${kubeconfig}`,
      `--config=${tools.kwokStages}`,
      '--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake',
    ]);
    await apply([simulatedNode()]);
    await waitFor({
      what: 'the simulated node to be ready',
      timeoutMs: 60_000,
      check: async () => {
        const conditions = ['get', 'node', nodeName, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'];
        return (await controlPlane.kubectl(conditions)).stdout === 'True' ? true : undefined;
      },
    });
    return { dir, kubeconfig, access, api, apply, applyFolder, start, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
