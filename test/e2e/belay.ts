/** Brings Belay and the images of the example into a cluster, the way a user would: by the chart. */
import { fileURLToPath } from 'node:url';
import type { KubeClient } from '../../src/kube/types.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { waitFor } from '../cluster/poll.ts';
import { buildPostgresImages } from '../cluster/image-postgres.ts';
import {
  buildControllerImage,
  buildHaproxyImage,
  buildPortalImages,
  majorReleases,
  releases,
} from '../portal/images.ts';
import type { NamedImage } from '../portal/images.ts';
import { controllerNamespace, waitForControllers } from './controllers.ts';
import type { Kubectl } from './example.ts';

const ownChart = fileURLToPath(new URL('../../helm/belay', import.meta.url));

/** Arguments for helm that install or upgrade the chart with this image of the controller. */
export function chartArgs(image: string, chart = ownChart): string[] {
  const [repository = '', digest = ''] = image.split('@');
  const values = { 'image.repository': repository, 'image.digest': digest };
  const sets = Object.entries(values).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const options = ['--namespace', controllerNamespace, '--create-namespace', '--wait', '--timeout=120s'];
  return ['upgrade', '--install', 'belay', chart, ...options, ...sets];
}

/** Installs or upgrades the chart with the controller of this clone, by digest. */
export async function installBelay(cluster: Cluster, client: KubeClient): Promise<void> {
  await useController(cluster, client, await ownRelease());
  await waitForAdmission((args, options) => cluster.kubectl(args, options));
}

export interface Installable {
  /** Folder of the chart. */
  readonly chart: string;
  readonly image: NamedImage;
}

/** Installs this chart and controller, or puts them in the place of another release; returns when one leads. */
export async function useController(
  cluster: Cluster,
  client: KubeClient,
  { chart, image }: Installable,
): Promise<void> {
  await cluster.helm(chartArgs(await importInto(cluster, image), chart));
  await waitForControllers(cluster.kubectl, client);
}

/** What a user of this clone installs. */
export async function ownRelease(): Promise<Installable> {
  return { chart: ownChart, image: await buildControllerImage() };
}

const asked = `apiVersion: belay.dev/v1alpha1
kind: UpgradeSet
metadata: {name: asked, namespace: default}
spec: {package: none, serverGroups: [none]}
`;

const decided = `apiVersion: belay.dev/v1alpha1
kind: Decision
metadata: {name: asked, namespace: default}
spec: {run: none, planHash: "sha256:${'0'.repeat(64)}", choice: Resume}
`;

/** For up to a minute the API server's mutating policies do not know new kinds, and it refuses Decisions so long. */
export async function waitForAdmission(kubectl: Kubectl): Promise<void> {
  await waitFor({
    what: 'UpgradeSets to be admitted',
    timeoutMs: 150_000,
    intervalMs: 500,
    check: () => kubectl(['create', '--dry-run=server', '-f', '-'], { stdin: asked }),
  });
  await waitFor({
    what: 'the kind Decision to be known to the mutating policies',
    timeoutMs: 150_000,
    intervalMs: 500,
    check: async () => {
      try {
        await kubectl(['create', '--dry-run=server', '-f', '-'], { stdin: decided });
      } catch (error) {
        // Refused for another reason, such as a missing name where nothing fills it in: the kind is known.
        if (error instanceof Error && /There can be a delay/.test(error.message)) throw error;
      }
      return true;
    },
  });
}

/** Builds and imports images of the example. @returns references by digest, by the names the manifests use */
export async function importExampleImages(
  cluster: Cluster,
  releases: readonly string[],
  withHaproxy: boolean,
): Promise<Map<string, string>> {
  const images = [...(await buildPortalImages(releases)), ...(withHaproxy ? [await buildHaproxyImage()] : [])];
  return importAll(cluster, images);
}

/** All releases of both examples, with the database and HAProxy. */
export async function buildAllImages(): Promise<NamedImage[]> {
  const portals = await buildPortalImages([...Object.keys(releases), ...Object.keys(majorReleases)]);
  return [...portals, await buildHaproxyImage(), ...(await buildPostgresImages())];
}

/** @returns references by digest, by the names the manifests use */
export async function importAll(cluster: Cluster, images: readonly NamedImage[]): Promise<Map<string, string>> {
  const references = new Map<string, string>();
  for (const [archive, held] of Map.groupBy(images, (image) => image.archive)) {
    const found = await cluster.importImages(archive, held.map(archived));
    for (const [at, { name }] of held.entries()) references.set(name, found[at] ?? '');
  }
  return references;
}

function archived({ name: image, digest }: NamedImage): { name: string; tag: string; digest: string } {
  const [name = '', tag = ''] = image.split(':');
  return { name: `belay.test/${name}`, tag, digest };
}

async function importInto(cluster: Cluster, image: NamedImage): Promise<string> {
  const [name = '', tag = ''] = image.name.split(':');
  return cluster.importImage(image.archive, { name: `belay.test/${name}`, tag });
}
