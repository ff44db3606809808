import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ensurePackages } from './packages.ts';
import { run, tryRun } from './process.ts';
import type { TarEntry } from './tar.ts';

/**
 * What an image starts with.
 * `node`: Node.js with its libraries · `busybox`: a shell with the usual commands · `scratch`: nothing.
 */
export type ImageBase = 'node' | 'busybox' | 'scratch';

/** The files of a base; users 0 and 65532 exist, `/tmp` is open to all. */
export async function baseEntries(base: ImageBase): Promise<TarEntry[]> {
  if (base === 'scratch') return [];
  const program = base === 'node' ? await nodeEntries() : await busyboxEntries();
  return [...skeleton(), ...program];
}

function skeleton(): TarEntry[] {
  const folders = [
    'bin',
    'dev',
    'etc',
    'etc/ssl',
    'etc/ssl/certs',
    'home',
    'proc',
    'sys',
    'usr',
    'usr/bin',
    'usr/local',
    'usr/local/bin',
    'var',
  ];
  const authorities = '/etc/ssl/certs/ca-certificates.crt';
  return [
    ...folders.map((path): TarEntry => ({ kind: 'directory', path, mode: 0o755 })),
    { kind: 'directory', path: 'tmp', mode: 0o1777 },
    text('etc/passwd', 'root:x:0:0:root:/:/bin/sh\nnonroot:x:65532:65532:nonroot:/home:/bin/sh\n'),
    text('etc/group', 'root:x:0:\nnonroot:x:65532:\n'),
    // Without it some glibc versions ask DNS before /etc/hosts.
    text('etc/nsswitch.conf', 'hosts: files dns\n'),
    ...(existsSync(authorities) ? [fileEntry(authorities, 0o644)] : []),
  ];
}

async function nodeEntries(): Promise<TarEntry[]> {
  const manifest = createRequire(import.meta.url).resolve('node/package.json');
  const binary = join(dirname(manifest), 'bin', 'node');
  return [{ ...fileEntry(binary, 0o755), path: 'usr/local/bin/node' }, ...(await libraryEntries(binary))];
}

async function busyboxEntries(): Promise<TarEntry[]> {
  await ensurePackages(['busybox-static'], () => {});
  const binary = '/bin/busybox';
  const { stdout } = await run([binary, '--list']);
  const links = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
  return [
    { ...fileEntry(binary, 0o755), path: 'bin/busybox' },
    ...links.map((name): TarEntry => ({ kind: 'link', path: `bin/${name}`, target: 'busybox' })),
    ...(await libraryEntries(binary)),
  ];
}

/** The shared libraries of a program, at the paths where its loader looks for them; none for a static one. */
async function libraryEntries(binary: string): Promise<TarEntry[]> {
  const { stdout } = await tryRun(['ldd', binary]);
  const paths = [...stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map((match) => match[1] ?? '');
  const folders = new Set<string>();
  for (const path of paths) {
    for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) folders.add(folder.slice(1));
  }
  const directories = [...folders].map((path): TarEntry => ({ kind: 'directory', path, mode: 0o755 }));
  return [...directories, ...paths.map((path) => fileEntry(path, 0o755))];
}

function fileEntry(path: string, mode: number): TarEntry {
  return { kind: 'file', path: path.slice(1), mode, data: readFileSync(path) };
}

function text(path: string, content: string): TarEntry {
  return { kind: 'file', path, mode: 0o644, data: Buffer.from(content) };
}
