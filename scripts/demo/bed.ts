/** Where the demo runs: a cluster of its own on this machine, or the one that KUBECONFIG names. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ensureTools } from '../../test/cluster/build-tools.ts';
import { attachCluster, downCluster, startCluster } from '../../test/cluster/cluster.ts';
import type { Cluster } from '../../test/cluster/cluster.ts';
import { run } from '../../test/cluster/process.ts';
import { importExampleImages, installBelay } from '../../test/e2e/belay.ts';
import type { ExampleOptions } from '../../test/e2e/example.ts';
import { root } from '../process.ts';

type Log = (line: string) => void;

export interface DemoBed {
  readonly example: Omit<ExampleOptions, 'balancer'>;
  /** How to look around and how to take it down. */
  hints(namespace: string): string[];
}

const stateDir = join(root, '.cache', 'demo-cluster');
// Two clones on one machine must not meet: names are shared by all of them.
const clusterName = `demo-${createHash('sha256').update(root).digest('hex').slice(0, 6)}`;
const releases = ['portal:1.0.0', 'portal:1.1.0', 'portal:1.2.0'];
const namespace = 'portal';

/** Why this machine can run no cluster of its own, or the empty string. */
export function clusterObstacle(): string {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid?.() !== 0) return 'it needs root';
  const hasGo = (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'go')));
  return hasGo ? '' : 'it needs Go on the PATH';
}

export async function openBed(log: Log, kubeconfig: string | undefined): Promise<DemoBed> {
  return kubeconfig === undefined ? openLocal(log) : openRemote(log, kubeconfig);
}

export async function downLocal(log: Log): Promise<void> {
  log('taking the demo cluster down');
  await downCluster({ stateDir });
  log('it is gone; what was built stays in ~/.cache/belay and makes the next demo quick');
}

async function openLocal(log: Log): Promise<DemoBed> {
  log('preparing the programs of the cluster (ten minutes the first time, cached after that)');
  const tools = await ensureTools({ log: (line) => log(`  ${line}`) });
  const cluster = (await attachLiving()) ?? (await startCluster({ name: clusterName, stateDir, tools, log }));
  log('building and importing the images of the example');
  const images = await importExampleImages(cluster, releases, true);
  log('installing Belay by its chart');
  await installBelay(cluster);
  const kubectl = tools.path('kubectl');
  return {
    example: {
      kubectl: (args, options) => cluster.kubectl(args, options),
      namespace,
      images,
      storageClass: 'belay-wait',
      snapshotClass: 'belay-snapshots',
    },
    hints: (name) => [
      '',
      'Look around:',
      `  export KUBECONFIG=${cluster.kubeconfig}`,
      `  ${kubectl} -n ${name} get upgradesets,upgraderuns,pools,servergroups,pods,volumesnapshots`,
      `  ${kubectl} -n ${name} get upgraderuns -o yaml      # plan and journal of each attempt`,
      'Take it all down:',
      '  npm run demo -- --down',
    ],
  };
}

/** The cluster of an earlier demo, when it still answers. */
async function attachLiving(): Promise<Cluster | undefined> {
  if (!existsSync(stateDir)) return undefined;
  try {
    const cluster = await attachCluster({ stateDir });
    await cluster.kubectl(['get', '--raw', '/readyz'], { timeoutMs: 10_000 });
    return cluster;
  } catch {
    return undefined;
  }
}

/**
 * Images cannot be handed to nodes we do not own: Belay's and the example's must be where those can pull them.
 * BELAY_IMAGE and PORTAL_IMAGE_1_0_0, _1_1_0, _1_2_0 name them by digest; SNAPSHOT_CLASS a VolumeSnapshotClass.
 */
async function openRemote(log: Log, kubeconfig: string): Promise<DemoBed> {
  const images = new Map(releases.map((name) => [name, requireImage(variableOf(name))]));
  const [repository = '', digest = ''] = requireImage('BELAY_IMAGE').split('@');
  log(`installing Belay by its chart into the cluster of ${kubeconfig}`);
  const sets = ['--set', `image.repository=${repository}`, '--set', `image.digest=${digest}`];
  const chart = join(root, 'helm/belay');
  const args = [
    'upgrade',
    '--install',
    'belay',
    chart,
    '--namespace=belay-system',
    '--create-namespace',
    '--wait',
    ...sets,
  ];
  await run(['helm', ...args], { timeoutMs: 300_000, env: { KUBECONFIG: kubeconfig } });
  const snapshotClass = process.env['SNAPSHOT_CLASS'];
  return {
    example: {
      kubectl: (kubectlArgs, options) => run(['kubectl', `--kubeconfig=${kubeconfig}`, ...kubectlArgs], options),
      namespace,
      images,
      ...(snapshotClass === undefined ? {} : { snapshotClass }),
    },
    hints: (name) => [
      '',
      `Look around:      kubectl -n ${name} get upgradesets,upgraderuns,pods`,
      `Take it all down: kubectl delete namespace ${name}; helm -n belay-system uninstall belay`,
    ],
  };
}

function variableOf(image: string): string {
  return `PORTAL_IMAGE_${image.slice('portal:'.length).replaceAll('.', '_')}`;
}

function requireImage(variable: string): string {
  const image = process.env[variable] ?? '';
  if (/@sha256:[0-9a-f]{64}$/.test(image)) return image;
  throw new Error(
    `with KUBECONFIG, name the image by digest in ${variable}: push what test/portal/images.ts builds; unset KUBECONFIG for a local cluster`,
  );
}
