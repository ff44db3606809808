/** A PostgreSQL server of our own: a temporary folder, loopback, an unprivileged user, gone in the end. */
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensurePackages } from '../cluster/packages.ts';
import { waitFor } from '../cluster/poll.ts';
import { assertRunning, run, startDaemon, stopDaemon, tryRun } from '../cluster/process.ts';
import type { Daemon } from '../cluster/process.ts';

export const programs = '/usr/lib/postgresql/15/bin';

/** As in the example: it owns its database and may create others; no superuser. */
export const owner = { user: 'portal', password: "it's secret" };

export interface LocalServer {
  readonly port: number;
  /** Its folder: anything the tests put there goes with it. */
  readonly folder: string;
  /** As superuser, in any database. @returns the rows, fields separated by "|" */
  query(database: string, sql: string): Promise<string>;
  /** Kills the whole server; the next `start` recovers. */
  stop(): Promise<void>;
}

/** @throws Error when PostgreSQL 15 cannot be installed or started */
export async function startLocalServer(): Promise<LocalServer> {
  await ensurePackages(['postgresql-15', 'postgresql-client-15'], () => {});
  const folder = mkdtempSync(join(tmpdir(), 'belay-postgres-'));
  try {
    return await startIn(folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function startIn(folder: string): Promise<LocalServer> {
  const isRoot = process.getuid?.() === 0;
  // The server refuses to run as root. 65534 is "nobody", on every system.
  const unprivileged = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'] : [];
  chmodSync(folder, 0o755);
  if (isRoot) chownSync(folder, 65_534, 65_534);
  const data = join(folder, 'data');
  const initdb = ['--username=postgres', '--auth-local=trust', '--auth-host=scram-sha-256', '--encoding=UTF8'];
  await run([...unprivileged, join(programs, 'initdb'), '-D', data, '--no-sync', '--locale=C', ...initdb]);
  const port = await freePort();
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`, 'fsync=off'];
  const daemon = await startDaemon({
    name: 'postgres',
    argv: [...unprivileged, join(programs, 'postgres'), '-D', data, ...settings.flatMap((text) => ['-c', text])],
    logFile: join(folder, 'server.log'),
    env: { LC_ALL: 'C' },
  });
  const query = (database: string, sql: string): Promise<string> => ask({ folder, port, database, sql });
  const stop = async (): Promise<void> => {
    // SIGINT: sessions are not waited for.
    await stopDaemon(daemon, { signal: 'SIGINT' });
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await waitUntilReady(daemon, folder, port);
    const password = owner.password.replaceAll("'", "''");
    await query('postgres', `CREATE ROLE ${owner.user} LOGIN CREATEDB PASSWORD '${password}'`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, folder, query, stop };
}

async function waitUntilReady(daemon: Daemon, folder: string, port: number): Promise<void> {
  const isReady = [join(programs, 'pg_isready'), '--quiet', '--host', folder, '--port', `${port}`];
  await waitFor({
    what: 'PostgreSQL to accept connections',
    timeoutMs: 30_000,
    intervalMs: 50,
    check: async () => {
      assertRunning(daemon);
      return (await tryRun(isReady)).code === 0 ? true : undefined;
    },
  });
}

async function ask(options: { folder: string; port: number; database: string; sql: string }): Promise<string> {
  const connection = ['-h', options.folder, '-p', `${options.port}`, '-U', 'postgres', '-d', options.database];
  const psql = [join(programs, 'psql'), '-XqAt', '-v', 'ON_ERROR_STOP=1', ...connection];
  const { stdout } = await run(psql, { stdin: options.sql });
  return stdout.trimEnd();
}

/** A port nobody listened on a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
