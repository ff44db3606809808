import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { baseEntries } from './image-base.ts';
import type { ImageBase } from './image-base.ts';
import { createTar } from './tar.ts';
import type { TarEntry } from './tar.ts';

export interface ImageOptions {
  /** With a registry host that cannot be mistaken for a short name, such as "belay.test/app". */
  name: string;
  tag: string;
  /** Absolute path in the image -> file or folder here; folders are copied whole. */
  files: Readonly<Record<string, string>>;
  entrypoint: readonly string[];
  /** @default "65532" */
  user?: string;
  env?: Readonly<Record<string, string>>;
  workingDir?: string;
  /** @default "scratch" */
  base?: ImageBase;
}

export interface BuiltImage {
  /** An OCI image layout in one tar file; others built with it are in it, too. */
  archive: string;
  /** Digest of the manifest, "sha256:…"; equal inputs give an equal digest. */
  digest: string;
}

/**
 * Builds an image without a network, a daemon or privileges.
 * The archive is named after its content in a cache outside the clone, so an unchanged image is not written again.
 */
export async function buildImage(options: ImageOptions): Promise<BuiltImage> {
  const [built] = await buildImages([options]);
  if (built === undefined) throw new Error(`${options.name} was not built`);
  return built;
}

/** Builds images into one archive, in which what they share stands once. @returns them in the order of `all` */
export async function buildImages(all: readonly ImageOptions[]): Promise<BuiltImage[]> {
  const bases = new Map<ImageBase, Blob[]>();
  for (const { base = 'scratch' } of all) if (!bases.has(base)) bases.set(base, layerOf(await baseEntries(base)));
  const images = all.map((options) => imageOf(options, bases.get(options.base ?? 'scratch') ?? []));
  const index = blob({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: images.map(({ options, manifest }) => ({
      ...descriptor('application/vnd.oci.image.manifest.v1+json', manifest),
      annotations: {
        'io.containerd.image.name': `${options.name}:${options.tag}`,
        'org.opencontainers.image.ref.name': options.tag,
      },
    })),
  });
  const archive = writeArchive(
    index,
    images.flatMap(({ blobs }) => blobs),
  );
  return images.map(({ manifest }) => ({ archive, digest: manifest.digest }));
}

/** Content with its digest, which takes longer to compute than to keep. */
interface Blob {
  readonly digest: string;
  readonly data: Buffer;
}

interface Image {
  readonly options: ImageOptions;
  readonly manifest: Blob;
  /** All of it, the manifest too. */
  readonly blobs: readonly Blob[];
}

function imageOf(options: ImageOptions, base: readonly Blob[]): Image {
  const own = withParents(
    Object.entries(options.files).flatMap(([path, source]) => entriesOf(path.replace(/^\//, ''), source)),
  );
  // The base first and by itself: a changed program then leaves the large layer as it is.
  const layers = [...base, ...layerOf(own)];
  const config = blob({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {
      User: options.user ?? '65532',
      Entrypoint: options.entrypoint,
      Env: Object.entries({ PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', ...options.env }).map(
        ([key, value]) => `${key}=${value}`,
      ),
      WorkingDir: options.workingDir ?? '/',
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  });
  const manifest = blob({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: layers.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar', layer)),
  });
  return { options, manifest, blobs: [config, manifest, ...layers] };
}

function layerOf(entries: readonly TarEntry[]): Blob[] {
  return entries.length === 0 ? [] : [blobOf(createTar(entries))];
}

function writeArchive(index: Blob, blobs: readonly Blob[]): string {
  const dir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'belay', 'images');
  const archive = join(dir, `${index.digest.slice('sha256:'.length, 'sha256:'.length + 24)}.tar`);
  if (existsSync(archive)) return archive;
  mkdirSync(dir, { recursive: true });
  const file = (path: string, data: Buffer): TarEntry => ({ kind: 'file', path, mode: 0o644, data });
  const blobFiles = blobs.map(({ data, digest }) => file(`blobs/${digest.replace(':', '/')}`, data));
  const layout = file('oci-layout', blob({ imageLayoutVersion: '1.0.0' }).data);
  const partial = `${archive}.${process.pid}.partial`;
  writeFileSync(partial, createTar([layout, file('index.json', index.data), ...blobFiles]));
  renameSync(partial, archive);
  return archive;
}

function blob(value: unknown): Blob {
  return blobOf(Buffer.from(JSON.stringify(value)));
}

function blobOf(data: Buffer): Blob {
  return { data, digest: `sha256:${createHash('sha256').update(data).digest('hex')}` };
}

function descriptor(mediaType: string, { digest, data }: Blob): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest, size: data.length };
}

function entriesOf(path: string, source: string): TarEntry[] {
  const found = lstatSync(source);
  if (found.isSymbolicLink()) return [{ kind: 'link', path, target: readlinkSync(source) }];
  if (!found.isDirectory()) {
    // Only the executable bit counts: the umask of whoever cloned must not change the digest.
    const mode = (found.mode & 0o100) === 0 ? 0o644 : 0o755;
    return [{ kind: 'file', path, mode, data: readFileSync(source) }];
  }
  const children = readdirSync(source).flatMap((name) => entriesOf(join(path, name), join(source, name)));
  return [{ kind: 'directory', path, mode: 0o755 }, ...children];
}

/** Adds the folders that lead to the entries and are not entries themselves. */
function withParents(entries: readonly TarEntry[]): TarEntry[] {
  const known = new Set(entries.map((entry) => entry.path));
  const parents: TarEntry[] = [];
  for (const entry of entries) {
    for (let path = dirname(entry.path); path !== '.' && !known.has(path); path = dirname(path)) {
      known.add(path);
      parents.push({ kind: 'directory', path, mode: 0o755 });
    }
  }
  return [...parents, ...entries];
}
