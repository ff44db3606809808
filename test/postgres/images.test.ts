/** The images of the example without a cluster: their file systems as roots, as the user they run as. */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';
import { buildPostgresImages } from '../cluster/image-postgres.ts';
import { waitFor } from '../cluster/poll.ts';
import { assertRunning, run, startDaemon, stopDaemon, tryRun } from '../cluster/process.ts';
import type { Daemon } from '../cluster/process.ts';
import { exampleFiles } from './bench.ts';
import { freePort, owner } from './local-server.ts';

const user = 65_532;
const described = z.object({ digest: z.string() });
const index = z.object({ manifests: z.array(described) });
const manifest = z.object({ layers: z.array(described) });

const credentials = { PGUSER: owner.user, PGPASSWORD: owner.password };
const environment = { PATH: '/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** Unpacks the layers of an OCI archive. @returns the root folder */
async function unpack(archive: string, folder: string): Promise<string> {
  const layout = join(folder, 'layout');
  const root = join(folder, 'root');
  for (const path of [layout, root]) mkdirSync(path, { recursive: true });
  await run(['tar', '--extract', '--file', archive, '--directory', layout]);
  const blob = (digest: string): string => join(layout, 'blobs', digest.replace(':', '/'));
  const [first] = index.parse(JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'))).manifests;
  const { layers } = manifest.parse(JSON.parse(readFileSync(blob(first?.digest ?? ''), 'utf8')));
  for (const { digest } of layers) await run(['tar', '--extract', '--file', blob(digest), '--directory', root]);
  return root;
}

/** A writable folder of the image's user. */
function volume(root: string, name: string, files: Readonly<Record<string, string>> = {}): void {
  mkdirSync(join(root, name), { recursive: true });
  chownSync(join(root, name), user, user);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(root, name, file), text);
}

/** With the machine's /dev, in a mount namespace that ends with the process. */
function inRoot(root: string, argv: readonly string[]): string[] {
  const script =
    'mount --rbind /dev "$0/dev" && root=$0 && exec /usr/sbin/chroot --userspec=65532:65532 --groups= "$root" "$@"';
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, root, ...argv];
}

describe('images of the PostgreSQL example', () => {
  let folder = '';
  let roots: readonly string[] = [];
  let port = 0;
  let server: Daemon | undefined;

  const start = async (): Promise<void> => {
    const [root = ''] = roots;
    const daemon = await startDaemon({
      name: 'start-postgres',
      argv: inRoot(root, ['/usr/local/bin/start-postgres']),
      logFile: join(folder, 'server.log'),
      env: { ...environment, ...credentials, DATABASE: 'portal', PORT: `${port}`, LISTEN: '127.0.0.1' },
    });
    server = daemon;
    const isReady = inRoot(root, ['/usr/lib/postgresql/15/bin/pg_isready', '-q', '-h', '127.0.0.1', '-p', `${port}`]);
    await waitFor({
      what: 'the server of the image to be ready',
      timeoutMs: 60_000,
      intervalMs: 200,
      check: async () => {
        assertRunning(daemon);
        return (await tryRun(isReady)).code === 0 ? true : undefined;
      },
    });
  };

  const tool = async (verb: string, more: Readonly<Record<string, string>> = {}): Promise<Record<string, string>> => {
    const root = roots[1] ?? '';
    const env = {
      ...environment,
      ...credentials,
      BELAY_DB_HOST: '127.0.0.1',
      BELAY_DB_PORT: `${port}`,
      BELAY_DB_NAME: 'portal',
      BELAY_RUN: 'portal-7',
      BELAY_OPERATION: `run-uid/${verb}/1`,
      BELAY_FROM_SCHEMA: '41',
      BELAY_TO_SCHEMA: '42',
      BELAY_RESULT_FILE: '/tmp/result',
      ...more,
    };
    await run(inRoot(root, ['/opt/belay-pg/belay-pg', verb]), { env });
    return z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(join(root, 'tmp/result'), 'utf8')));
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'belay-postgres-images-'));
    const images = await buildPostgresImages();
    roots = await Promise.all(images.map(({ archive, name }) => unpack(archive, join(folder, name.replace(':', '-')))));
    port = await freePort();
    volume(roots[0] ?? '', 'data');
    volume(roots[0] ?? '', 'schema', exampleFiles('portal-schema'));
    volume(roots[1] ?? '', 'backups');
    volume(roots[1] ?? '', 'migrations', exampleFiles('portal-migrations'));
  });
  after(async () => {
    if (server !== undefined) await stopDaemon(server);
    rmSync(folder, { recursive: true, force: true });
  });

  it('makes its cluster on an empty volume as an unprivileged user, with the schema of the example', async () => {
    await start();
    assert.deepEqual(await tool('schema-version'), { schemaVersion: '41', operation: 'none' });
  });

  it('001-60, 001-82, 001-130: backs up, verifies, migrates, drills and restores with what is in the image', async () => {
    const { handle = '' } = await tool('backup');
    assert.equal((await tool('verify', { BELAY_BACKUP: handle }))['tables'], '3');
    assert.deepEqual(await tool('migrate'), { schemaVersion: '42', operation: 'done' });
    assert.equal((await tool('drill', { BELAY_BACKUP: handle }))['schemaVersion'], '41');
    assert.equal((await tool('restore', { BELAY_BACKUP: handle }))['schemaVersion'], '41');
    assert.deepEqual(await tool('schema-version', { BELAY_OPERATION: 'run-uid/restore/1' }), {
      schemaVersion: '41',
      operation: 'done',
    });
  });

  it('ends at SIGTERM and starts again with what was there', async () => {
    await tool('migrate', { BELAY_OPERATION: 'run-uid/migrate/2' });
    assert.ok(server !== undefined);
    await stopDaemon(server, { graceMs: 9_000 });
    assert.match(readFileSync(join(folder, 'server.log'), 'utf8'), /database system is shut down\s*$/);
    await start();
    assert.equal((await tool('schema-version'))['schemaVersion'], '42');
  });
});
