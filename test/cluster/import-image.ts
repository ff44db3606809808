import { z } from 'zod';
import { run } from './process.ts';

const indexSchema = z.object({
  manifests: z.array(z.object({ digest: z.string().regex(/^sha256:[0-9a-f]{64}$/) })).min(1),
});

/**
 * Imports the first image of an OCI archive.
 * @returns "name@sha256:…"; containerd finds the image by it and by `name:tag`
 */
export async function importImage(
  socket: string,
  archive: string,
  reference: { name: string; tag: string },
): Promise<string> {
  const ctr = ctrImages(socket);
  const { stdout } = await run(['tar', '--extract', '--to-stdout', '--file', archive, 'index.json']);
  const index: unknown = JSON.parse(stdout);
  const digest = indexSchema.parse(index).manifests[0]?.digest ?? '';
  const name = qualify(reference.name);
  await run([...ctr, 'import', '--digests', '--base-name', name, archive]);
  const byDigest = `${name}@${digest}`;
  // Forced: a test may build its image again under the same tag.
  await run([...ctr, 'tag', '--force', byDigest, `${name}:${reference.tag}`]);
  return byDigest;
}

/** One image of an archive that holds many. */
export interface ArchivedImage {
  /** With a host, and as it was built. */
  readonly name: string;
  readonly tag: string;
  readonly digest: string;
}

/**
 * Imports all images of an OCI archive at once: what they share is read once.
 * @returns "name@sha256:…" of each of `images`; containerd finds them by it and by `name:tag`
 */
export async function importImages(
  socket: string,
  archive: string,
  images: readonly ArchivedImage[],
): Promise<string[]> {
  const ctr = ctrImages(socket);
  await run([...ctr, 'import', archive]);
  const references = images.map(({ name, digest }) => `${name}@${digest}`);
  for (const [at, { name, tag }] of images.entries())
    await run([...ctr, 'tag', '--force', `${name}:${tag}`, references[at] ?? '']);
  return references;
}

function ctrImages(socket: string): string[] {
  return ['ctr', '--address', socket, '--namespace', 'k8s.io', 'images'];
}

/** kubelet's runtime looks up names without a host under this one. */
function qualify(name: string): string {
  const [first = ''] = name.split('/');
  if (/[.:]/.test(first) || first === 'localhost') return name;
  return name.includes('/') ? `docker.io/${name}` : `docker.io/library/${name}`;
}
