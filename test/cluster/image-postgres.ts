/** Images of the PostgreSQL example: Debian's server and tools with their libraries, on a base with a shell. */
import { readdirSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildImage } from './image.ts';
import type { BuiltImage } from './image.ts';
import { ensurePackages } from './packages.ts';
import { run } from './process.ts';

const example = fileURLToPath(new URL('../../deploy/examples/major', import.meta.url));
const postgres = '/usr/lib/postgresql/15';
const shared = '/usr/share/postgresql/15';
/** Debian builds the server to read time zones from the system. */
const zones = ['UTC', 'Etc/UTC', 'GMT'].map((zone) => `/usr/share/zoneinfo/${zone}`);
const path = `${postgres}/bin:/usr/local/bin:/usr/bin:/bin`;

export interface PostgresImage extends BuiltImage {
  /** As the manifests name it after `registry.example/`. */
  readonly name: string;
}

/** The server, and the tools with `belay-pg` as their entry point. */
export async function buildPostgresImages(): Promise<PostgresImage[]> {
  await ensurePackages(['postgresql-15', 'postgresql-client-15'], () => {});
  return [await buildServer(), await buildTools()];
}

async function buildServer(): Promise<PostgresImage> {
  const start = '/usr/local/bin/start-postgres';
  const binaries = ['postgres', 'initdb', 'psql', 'pg_isready'].map(inBin);
  // Without just-in-time compilation: LLVM is ten times as large as the rest.
  const libraries = readdirSync(`${postgres}/lib`).filter((name) => name.endsWith('.so') && !name.startsWith('llvm'));
  const modules = libraries.map((name) => `${postgres}/lib/${name}`).filter(isPartOfInitdb);
  const files = {
    ...(await withLibraries([...binaries, ...modules])),
    ...Object.fromEntries([shared, ...zones].map((file) => [file, realpathSync(file)])),
    [start]: join(example, 'postgres', 'start-postgres'),
  };
  return imageOf('postgres:15', files, start);
}

async function buildTools(): Promise<PostgresImage> {
  const files = {
    ...(await withLibraries(['psql', 'pg_dump', 'pg_restore', 'pg_isready'].map(inBin))),
    '/opt/belay-pg': join(example, 'pg-tools'),
  };
  return imageOf('pgtools:15', files, '/opt/belay-pg/belay-pg');
}

/** initdb loads the procedural language, the stemmers and the conversions; the rest are extensions. */
function isPartOfInitdb(file: string): boolean {
  return /^(plpgsql|dict_snowball|\w+_and_\w+|\w+2004\w*|euc\w+|latin\w+|utf8\w+|cyrillic\w+)\.so$/.test(
    basename(file),
  );
}

function inBin(program: string): string {
  return `${postgres}/bin/${program}`;
}

/** Programs and all they load, at the paths where the loader looks for them. */
async function withLibraries(programs: readonly string[]): Promise<Record<string, string>> {
  const { stdout } = await run(['ldd', ...programs]);
  const libraries = [...stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map((match) => match[1] ?? '');
  return Object.fromEntries([...programs, ...libraries].map((file) => [file, realpathSync(file)]));
}

async function imageOf(name: string, files: Record<string, string>, entrypoint: string): Promise<PostgresImage> {
  const [repository = name, tag = 'latest'] = name.split(':');
  const env = { PATH: path, LC_ALL: 'C', TZ: 'UTC' };
  const built = await buildImage({
    name: `belay.test/${repository}`,
    tag,
    base: 'busybox',
    files,
    entrypoint: [entrypoint],
    env,
  });
  return { ...built, name };
}
