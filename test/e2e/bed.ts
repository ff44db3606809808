/** The one cluster that all stories share, with Belay installed by its chart. */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureTools } from '../cluster/build-tools.ts';
import { startCluster } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { KubeClient } from '../../src/kube/types.ts';
import { buildAllImages, importAll, installBelay } from './belay.ts';
import type { ExampleOptions } from './example.ts';
import { createReader } from './reader.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Bed {
  readonly cluster: Cluster;
  readonly client: KubeClient;
  /** What an example in namespace `e2e-NAME` needs. */
  options(name: string, balancer: 'service' | 'haproxy'): ExampleOptions;
  /** The same for the example with a database. */
  major(name: string, balancer: 'service' | 'haproxy'): ExampleOptions;
}

export async function makeBed(log: (line: string) => void): Promise<Bed> {
  const tools = await ensureTools({ log });
  // Two clones on one machine must not meet: names are shared by all of them.
  const name = `e2e-${createHash('sha256').update(root).digest('hex').slice(0, 6)}`;
  const [cluster, built] = await Promise.all([
    startCluster({ name, stateDir: resolve(root, '.test/e2e'), tools, log }),
    buildAllImages(),
  ]);
  log('installing the chart and the images of the examples');
  const client = createReader(cluster.kubeconfig);
  const [images] = await Promise.all([importAll(cluster, built), installBelay(cluster, client)]);
  return bedOf(cluster, client, images);
}

function bedOf(cluster: Cluster, client: KubeClient, images: ReadonlyMap<string, string>): Bed {
  const common = (name: string) => ({
    kubectl: cluster.kubectl,
    client,
    namespace: `e2e-${name}`,
    snapshotClass: 'belay-snapshots',
  });
  return {
    cluster,
    client,
    options: (name, balancer) => ({
      ...common(name),
      images,
      balancer,
      // Both binding modes are used: a restored claim binds at once in one and with its pod in the other.
      storageClass: balancer === 'haproxy' ? 'belay-immediate' : 'belay-wait',
    }),
    major: (name, balancer) => ({ ...common(name), name: 'major', images, balancer, storageClass: 'belay-wait' }),
  };
}
