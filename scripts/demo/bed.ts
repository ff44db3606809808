/** Prepares the cluster a demo runs in, and takes away what a demo left there. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { ensureTools } from '../../test/cluster/build-tools.ts';
import { attachCluster, downCluster, startCluster } from '../../test/cluster/cluster.ts';
import type { Cluster } from '../../test/cluster/cluster.ts';
import { run } from '../../test/cluster/process.ts';
import { chartArgs, importExampleImages, installBelay, waitForAdmission } from '../../test/e2e/belay.ts';
import type { ExampleOptions, Kubectl } from '../../test/e2e/example.ts';
import { createReader } from '../../test/e2e/reader.ts';
import { buildControllerImage, buildHaproxyImage, buildPortalImages } from '../../test/portal/images.ts';
import { root } from '../process.ts';
import { findPlace, imageHints, imagesFromEnvironment } from './place.ts';
import type { Place } from './place.ts';

type Log = (line: string) => void;
type Found = Exclude<Place, { kind: 'nowhere' }>;

export interface DemoBed {
  readonly example: Omit<ExampleOptions, 'balancer'>;
  /** How to look around and how to take it down. */
  hints(namespace: string): string[];
}

const ownStateDir = join(root, '.cache', 'demo-cluster');
// Two clones on one machine must not meet: names are shared by all of them.
const clusterName = `demo-${createHash('sha256').update(root).digest('hex').slice(0, 6)}`;
const releases = ['portal:1.0.0', 'portal:1.1.0', 'portal:1.2.0'];
const namespace = 'portal';

/** @throws RangeError when KUBECONFIG names nothing */
export function placeHere(): Place {
  return findPlace({
    platform: process.platform,
    uid: process.getuid?.(),
    path: process.env['PATH'] ?? '',
    kubeconfig: process.env['KUBECONFIG'],
    ownStateDir,
    exists: existsSync,
  });
}

export async function openBed(log: Log, place: Found, withHaproxy: boolean): Promise<DemoBed> {
  switch (place.kind) {
    case 'own':
      return openOwn(log);
    case 'local':
      return openLocal(log, await attachCluster({ stateDir: place.stateDir }), 'npm run demo -- --down');
    case 'foreign':
      return openForeign(log, withHaproxy);
  }
}

/** Takes the demo's own cluster down; of another one, what a demo put there. */
export async function takeDown(log: Log, place: Place): Promise<void> {
  if (place.kind === 'local') {
    const cluster = await attachCluster({ stateDir: place.stateDir });
    await uninstall(log, cluster.kubectl, cluster.helm);
  } else if (place.kind === 'foreign') {
    requirePrograms();
    await uninstall(log, kubectlOfEnvironment, helmOfEnvironment);
  } else {
    log('taking the demo cluster down');
    await downCluster({ stateDir: ownStateDir });
    log('it is gone; what was built stays in ~/.cache/belay and makes the next demo quick');
  }
}

/** Writes every image a demo needs into a folder, for clusters that we cannot hand them to. */
export async function writeImages(log: Log, folder: string): Promise<void> {
  const target = resolve(folder);
  mkdirSync(target, { recursive: true });
  log(`building the images into ${target}`);
  const built = [await buildControllerImage(), ...(await buildPortalImages(releases)), await buildHaproxyImage()];
  const archives = new Map(
    built.map(({ name, archive, digest }) => {
      const file = join(target, `${name.replace(':', '-')}.tar`);
      copyFileSync(archive, file);
      return [name, { file, digest }];
    }),
  );
  imageHints(archives).forEach(log);
}

async function openOwn(log: Log): Promise<DemoBed> {
  log('preparing the programs of the cluster (ten minutes the first time, cached after that)');
  const tools = await ensureTools({ log: (line) => log(`  ${line}`) });
  const start = { name: clusterName, stateDir: ownStateDir, tools, log };
  return openLocal(log, (await attachLiving()) ?? (await startCluster(start)), 'npm run demo -- --down');
}

/** The cluster of an earlier demo, when it still answers. */
async function attachLiving(): Promise<Cluster | undefined> {
  if (!existsSync(ownStateDir)) return undefined;
  try {
    const cluster = await attachCluster({ stateDir: ownStateDir });
    await cluster.kubectl(['get', '--raw', '/readyz'], { timeoutMs: 10_000 });
    return cluster;
  } catch {
    return undefined;
  }
}

async function openLocal(log: Log, cluster: Cluster, down: string): Promise<DemoBed> {
  log(`building the images of the example and handing them to cluster ${cluster.name}`);
  const images = await importExampleImages(cluster, releases, true);
  const client = createReader(cluster.kubeconfig);
  log('installing Belay by its chart');
  await installBelay(cluster, client);
  const tools = await ensureTools({ log });
  const kubectl = tools.path('kubectl');
  return {
    example: {
      kubectl: (args, options) => cluster.kubectl(args, options),
      client,
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
      `  ${down}`,
    ],
  };
}

/** Images cannot be handed to nodes we do not own: Belay's and the example's must be where those can pull them. */
async function openForeign(log: Log, withHaproxy: boolean): Promise<DemoBed> {
  requirePrograms();
  const images = imagesFromEnvironment(process.env, withHaproxy);
  log(`installing Belay by its chart into the cluster of ${process.env['KUBECONFIG'] ?? ''}`);
  await helmOfEnvironment(chartArgs(images.belay), { timeoutMs: 300_000 });
  await waitForAdmission(kubectlOfEnvironment);
  const { SNAPSHOT_CLASS: snapshotClass, STORAGE_CLASS: storageClass } = process.env;
  return {
    example: {
      kubectl: kubectlOfEnvironment,
      client: createReader(),
      namespace,
      images: images.example,
      ...(snapshotClass === undefined ? {} : { snapshotClass }),
      ...(storageClass === undefined ? {} : { storageClass }),
    },
    hints: (name) => [
      '',
      `Look around:      kubectl -n ${name} get upgradesets,upgraderuns,pods`,
      'Take it all down: npm run demo -- --down',
    ],
  };
}

const kubectlOfEnvironment: Kubectl = (args, options) => run(['kubectl', ...args], options);
const helmOfEnvironment: Cluster['helm'] = (args, options) => run(['helm', ...args], options);

function requirePrograms(): void {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const missing = ['kubectl', 'helm'].filter((name) => !folders.some((folder) => existsSync(join(folder, name))));
  if (missing.length > 0) throw new RangeError(`a cluster of KUBECONFIG needs ${missing.join(' and ')} on the PATH`);
}

/** The application first: its objects have finalizers that only a running controller takes off. */
async function uninstall(log: Log, kubectl: Kubectl, helm: Cluster['helm']): Promise<void> {
  log(`deleting namespace ${namespace} and the release belay`);
  await kubectl(['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=180s'], { timeoutMs: 200_000 });
  await helm(['uninstall', 'belay', '--namespace=belay-system', '--ignore-not-found', '--wait'], {
    timeoutMs: 200_000,
  });
  await kubectl(['delete', 'namespace', 'belay-system', '--ignore-not-found', '--timeout=180s'], {
    timeoutMs: 200_000,
  });
  log(
    'both are gone; the CRDs of belay.dev stay, as after every helm uninstall: deleting them deletes all their objects',
  );
}
