/** Brings Belay and the images of the example into a cluster, the way a user would: by the chart. */
import { fileURLToPath } from 'node:url';
import type { Cluster } from '../cluster/cluster.ts';
import { buildControllerImage, buildHaproxyImage, buildPortalImages } from '../portal/images.ts';
import type { NamedImage } from '../portal/images.ts';
import { controllerNamespace, waitForControllers } from './controllers.ts';

const chart = fileURLToPath(new URL('../../helm/belay', import.meta.url));

/** Installs or upgrades the chart with the controller of this clone, by digest. */
export async function installBelay(cluster: Cluster, extraArgs: readonly string[] = []): Promise<void> {
  const reference = await importInto(cluster, await buildControllerImage());
  const [repository = '', digest = ''] = reference.split('@');
  const values = { 'image.repository': repository, 'image.digest': digest };
  const sets = Object.entries(values).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const args = [
    'upgrade',
    '--install',
    'belay',
    chart,
    '--namespace',
    controllerNamespace,
    '--create-namespace',
    '--wait',
    '--timeout=120s',
  ];
  await cluster.helm([...args, ...sets, ...extraArgs]);
  await waitForControllers(cluster.kubectl);
}

/** Builds and imports images of the example. @returns references by digest, by the names the manifests use */
export async function importExampleImages(
  cluster: Cluster,
  releases: readonly string[],
  withHaproxy: boolean,
): Promise<Map<string, string>> {
  const images = [...(await buildPortalImages(releases)), ...(withHaproxy ? [await buildHaproxyImage()] : [])];
  const references = new Map<string, string>();
  for (const image of images) references.set(image.name, await importInto(cluster, image));
  return references;
}

async function importInto(cluster: Cluster, image: NamedImage): Promise<string> {
  const [name = '', tag = ''] = image.name.split(':');
  return cluster.importImage(image.archive, { name: `belay.test/${name}`, tag });
}
