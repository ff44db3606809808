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
  /** An OCI image layout in one tar file. */
  archive: string;
  /** Digest of the manifest, "sha256:…"; equal inputs give an equal digest. */
  digest: string;
}

/**
 * Builds an image without a network, a daemon or privileges.
 * The archive is named after its content in a cache outside the clone, so an unchanged image is not written again.
 */
export async function buildImage(options: ImageOptions): Promise<BuiltImage> {
  const base = await baseEntries(options.base ?? 'scratch');
  const own = withParents(
    Object.entries(options.files).flatMap(([path, source]) => entriesOf(path.replace(/^\//, ''), source)),
  );
  // The base first and by itself: a changed program then leaves the large layer as it is.
  const layers = [base, own].filter((entries) => entries.length > 0).map((entries) => createTar(entries));
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
    rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
  });
  const manifest = blob({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: layers.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar', layer)),
  });
  const reference = {
    'io.containerd.image.name': `${options.name}:${options.tag}`,
    'org.opencontainers.image.ref.name': options.tag,
  };
  const index = blob({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ ...descriptor('application/vnd.oci.image.manifest.v1+json', manifest), annotations: reference }],
  });
  return { archive: writeArchive(index, [config, manifest, ...layers]), digest: digestOf(manifest) };
}

function writeArchive(index: Buffer, blobs: readonly Buffer[]): string {
  const dir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'belay', 'images');
  const archive = join(dir, `${digestOf(index).slice('sha256:'.length, 'sha256:'.length + 24)}.tar`);
  if (existsSync(archive)) return archive;
  mkdirSync(dir, { recursive: true });
  const file = (path: string, data: Buffer): TarEntry => ({ kind: 'file', path, mode: 0o644, data });
  const blobFiles = blobs.map((data) => file(`blobs/${digestOf(data).replace(':', '/')}`, data));
  const layout = file('oci-layout', blob({ imageLayoutVersion: '1.0.0' }));
  const partial = `${archive}.${process.pid}.partial`;
  writeFileSync(partial, createTar([layout, file('index.json', index), ...blobFiles]));
  renameSync(partial, archive);
  return archive;
}

function blob(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digestOf(data: Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

function descriptor(mediaType: string, data: Buffer): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: digestOf(data), size: data.length };
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
