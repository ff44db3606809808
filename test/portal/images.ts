/** Images of the example: one per release of the portal, each with a digest of its own, and HAProxy as Debian packs it. */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildBundle, nodeFlags } from '../../scripts/build.ts';
import { buildImages } from '../cluster/image.ts';
import type { BuiltImage, ImageOptions } from '../cluster/image.ts';
import { ensurePackages } from '../cluster/packages.ts';
import { run } from '../cluster/process.ts';
import type { Fault } from './server.ts';

const work = fileURLToPath(new URL('../../.cache/images', import.meta.url));

/** By the name the manifests use after `registry.example/`. All bad releases could follow 1.0.0 or 1.1.0. */
export const releases: Readonly<Record<string, { readonly version: string; readonly fault: Fault }>> = {
  'portal:1.0.0': { version: '1.0.0', fault: 'none' },
  'portal:1.1.0': { version: '1.1.0', fault: 'none' },
  'portal:1.2.0': { version: '1.2.0', fault: 'broken-login' },
  'portal:1.2.0-broken-login-on-2': { version: '1.2.0', fault: 'broken-login-on-2' },
  'portal:1.2.0-never-ready': { version: '1.2.0', fault: 'never-ready' },
  'portal:1.2.0-crash-on-start': { version: '1.2.0', fault: 'crash-on-start' },
  'portal:1.2.0-wrong-version': { version: '1.2.0', fault: 'wrong-version' },
  'portal:1.2.0-damage-data': { version: '1.2.0', fault: 'damage-data' },
  'portal:1.2.0-breaks-after-writes': { version: '1.2.0', fault: 'breaks-after-writes' },
  'portal:1.2.0-breaks-after-shed': { version: '1.2.0', fault: 'breaks-after-shed' },
};

/** Releases with the next schema, for the example of a major upgrade; they follow every 1.x. */
export const majorReleases: typeof releases = {
  'portal:2.0.0': { version: '2.0.0', fault: 'none' },
  'portal:2.1.0': { version: '2.1.0', fault: 'broken-login' },
  'portal:2.0.0-broken-login': { version: '2.0.0', fault: 'broken-login' },
  'portal:2.0.0-never-ready': { version: '2.0.0', fault: 'never-ready' },
  'portal:2.0.0-wrong-version': { version: '2.0.0', fault: 'wrong-version' },
  'portal:2.0.0-damage-data': { version: '2.0.0', fault: 'damage-data' },
  'portal:2.0.0-breaks-after-writes': { version: '2.0.0', fault: 'breaks-after-writes' },
};

export interface NamedImage extends BuiltImage {
  readonly name: string;
}

/** Builds the named releases, all in one archive. @throws RangeError for a name that is in neither list */
export async function buildPortalImages(names: readonly string[]): Promise<NamedImage[]> {
  const [server, load] = await Promise.all([bundlePortal('server'), bundlePortal('load')]);
  const images = names.map((name): [string, Omit<ImageOptions, 'name' | 'tag'>] => {
    const release = releases[name] ?? majorReleases[name];
    if (release === undefined) throw new RangeError(`there is no release ${name}`);
    const file = join(work, name.replace(':', '-'), 'release.json');
    mkdirSync(dirname(file), { recursive: true });
    const schema = release.version.startsWith('2.') ? '42' : '41';
    writeFileSync(file, JSON.stringify({ ...release, schema, components: componentsOf(release.version) }));
    const files = { '/app/server.mjs': server, '/app/load.mjs': load, '/app/release.json': file };
    return [name, { base: 'node', files, entrypoint: ['node', '/app/server.mjs'] }];
  });
  return buildNamed(images);
}

/** What a portal of this version would bring with it; the example has no JDK, and only says so. */
function componentsOf(version: string): Readonly<Record<string, string>> {
  return /^1\.[01]\./.test(version) ? { jdk: '17.0.9', tomcat: '10.1.16' } : { jdk: '21.0.5', tomcat: '10.1.33' };
}

/** HAProxy of this Debian with its libraries, on a base with a shell for its preStop hook. */
export async function buildHaproxyImage(): Promise<NamedImage> {
  await ensurePackages(['haproxy'], () => {});
  const program = '/usr/sbin/haproxy';
  const { stdout } = await run(['ldd', program]);
  const libraries = [...stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map((match) => match[1] ?? '');
  const files = Object.fromEntries([program, ...libraries].map((path) => [path, realpathSync(path)]));
  return build1('haproxy:2.6', { base: 'busybox', files, entrypoint: [program] });
}

/** The controller as the chart runs it. @param other another tree than this clone, and the tag for its image */
export async function buildControllerImage(other?: { sources: string; tag: string }): Promise<NamedImage> {
  const tag = other?.tag ?? '0.1.0';
  const bundle = join(work, `controller-${tag}`, 'main.mjs');
  await buildBundle({ outfile: bundle, ...(other === undefined ? {} : { sources: other.sources }) });
  return build1(`belay:${tag}`, {
    base: 'node',
    files: { '/app/main.mjs': bundle },
    entrypoint: ['node', ...nodeFlags, '/app/main.mjs'],
  });
}

async function build1(name: string, options: Omit<ImageOptions, 'name' | 'tag'>): Promise<NamedImage> {
  const [built] = await buildNamed([[name, options]]);
  if (built === undefined) throw new Error(`${name} was not built`);
  return built;
}

async function buildNamed(
  images: readonly (readonly [string, Omit<ImageOptions, 'name' | 'tag'>])[],
): Promise<NamedImage[]> {
  const all = images.map(([name, options]): ImageOptions => {
    const [repository = name, tag = 'latest'] = name.split(':');
    return { ...options, name: `belay.test/${repository}`, tag };
  });
  const built = await buildImages(all);
  return built.map((image, at) => ({ ...image, name: images[at]?.[0] ?? '' }));
}

/** One file that Node runs, with all it needs. @returns its path */
export async function bundlePortal(program: 'server' | 'load'): Promise<string> {
  const outfile = join(work, `${program}.mjs`);
  await build({
    entryPoints: [fileURLToPath(new URL(`${program}.ts`, import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // The client of PostgreSQL is CommonJS, and asks for these where there are any.
    banner: {
      js: "import { createRequire as portalRequire } from 'node:module'; const require = portalRequire(import.meta.url);",
    },
    external: ['pg-native', 'cloudflare:sockets'],
    logLevel: 'warning',
  });
  return outfile;
}
