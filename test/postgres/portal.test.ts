/** Both releases of the portal on a real database: each works with its own schema, and says so on the other. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';
import { waitFor } from '../cluster/poll.ts';
import { signalProcess, startDaemon, stopDaemon } from '../cluster/process.ts';
import type { Daemon } from '../cluster/process.ts';
import { bundlePortal } from '../portal/images.ts';
import { Bench } from './bench.ts';
import { freePort, owner, startLocalServer } from './local-server.ts';
import type { LocalServer } from './local-server.ts';

const reported = z.object({
  event: z.literal('report'),
  report: z.object({
    acknowledged: z.number(),
    acknowledgedWritesLost: z.number(),
    dataIdentical: z.boolean(),
    downtime: z.object({ seconds: z.number(), outages: z.array(z.object({ to: z.string() })) }),
  }),
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

let server: LocalServer;
let count = 0;
const daemons: Daemon[] = [];
const makeBench = (): Promise<Bench> => Bench.make(server, `p${(count += 1)}x`);
const migrate = (bench: Bench) => bench.run('migrate', { BELAY_OPERATION: 'run-uid/migrate/1' });

async function ask(url: string, method = 'GET'): Promise<Answer> {
  const response = await fetch(url, { method, headers: { connection: 'close' }, signal: AbortSignal.timeout(5_000) });
  return { status: response.status, body: await response.text() };
}

/** A release of the portal on a database; answers its address once it listens. */
async function startPortal(bench: Bench, version: string, port?: number): Promise<{ url: string; daemon: Daemon }> {
  const folder = join(server.folder, `portal-${version}`);
  mkdirSync(folder, { recursive: true });
  copyFileSync(await bundlePortal('server'), join(folder, 'server.mjs'));
  const schema = version.startsWith('2.') ? '42' : '41';
  writeFileSync(join(folder, 'release.json'), JSON.stringify({ version, fault: 'none', schema }));
  const listenPort = port ?? (await freePort());
  const env = {
    PGHOST: '127.0.0.1',
    PGPORT: `${server.port}`,
    PGDATABASE: bench.database,
    PGUSER: owner.user,
    PGPASSWORD: owner.password,
    LISTEN_PORT: `${listenPort}`,
  };
  const argv = [process.execPath, join(folder, 'server.mjs')];
  const daemon = await startDaemon({ name: 'portal', argv, logFile: join(folder, `${listenPort}.log`), env });
  daemons.push(daemon);
  const url = `http://127.0.0.1:${listenPort}`;
  await waitFor({
    what: 'the portal to listen',
    timeoutMs: 20_000,
    intervalMs: 50,
    check: () => ask(`${url}/about`).catch(() => undefined),
  });
  return { url, daemon };
}

before(async () => {
  server = await startLocalServer();
});
after(async () => {
  for (const daemon of daemons) await stopDaemon(daemon, { signal: 'SIGKILL' });
  await server.stop();
});

describe('the portal on a database', () => {
  it('acknowledges a write that is committed', async () => {
    const bench = await makeBench();
    const { url } = await startPortal(bench, '1.0.0');
    const { status } = await ask(`${url}/write?client=eve&seq=7`, 'POST');
    const rows = await bench.query("SELECT seq FROM writes WHERE client = 'eve'");
    assert.deepEqual([status, rows, (await ask(`${url}/healthz`)).status], [200, '7', 200]);
  });

  it('S-29: old code on the new schema is not ready, says why, and keeps no write', async () => {
    const bench = await makeBench();
    const { url } = await startPortal(bench, '1.0.0');
    await migrate(bench);
    const health = await ask(`${url}/healthz`);
    assert.equal(health.status, 503);
    assert.match(health.body, /portal 1\.0\.0 needs schema 41, the database has schema 42/);
    assert.equal((await ask(`${url}/write?client=eve&seq=7`, 'POST')).status, 500);
  });

  it('001-133: new code on the old schema is not ready, until the migration is done', async () => {
    const bench = await makeBench();
    const { url } = await startPortal(bench, '2.0.0');
    const before = await ask(`${url}/healthz`);
    const refused = await ask(`${url}/write?client=eve&seq=7`, 'POST');
    await migrate(bench);
    const afterwards = await ask(`${url}/healthz`);
    const written = await ask(`${url}/write?client=eve&seq=8`, 'POST');
    assert.match(before.body, /portal 2\.0\.0 needs schema 42, the database has schema 41/);
    assert.deepEqual([before.status, refused.status, afterwards.status, written.status], [503, 500, 200, 200]);
  });

  it('001-130: what users wrote reads the same before, after the migration, and after the restore', async () => {
    const bench = await makeBench();
    const [old, next] = [await startPortal(bench, '1.0.0'), await startPortal(bench, '2.0.0')];
    const first = await ask(`${old.url}/read`);
    const { answer } = await bench.run('backup', { BELAY_OPERATION: 'run-uid/backup/1' });
    await migrate(bench);
    const second = await ask(`${next.url}/read`);
    await bench.run('restore', { BELAY_OPERATION: 'run-uid/restore/1', BELAY_BACKUP: answer['handle'] ?? '' });
    const third = await ask(`${old.url}/read`);
    assert.deepEqual([second, third], [first, first]);
    assert.match(first.body, /"intact":true/);
  });

  it('the load generator measures the downtime, and finds every acknowledged write', async () => {
    const bench = await makeBench();
    const first = await startPortal(bench, '1.0.0');
    const logFile = join(server.folder, 'load.log');
    const url = ['--url', first.url, '--member', `portal=${first.url}`];
    const argv = [process.execPath, await bundlePortal('load'), '--rate', '60', '--users', '4', ...url];
    const load = await startDaemon({ name: 'load', argv, logFile, env: {} });
    daemons.push(load);
    const written = (release: string) => async () => {
      const sql = "SELECT count(*) > 5 FROM writes WHERE client = 'load'";
      return (await bench.query(`${sql}${release}`)) === 't' ? true : undefined;
    };
    await waitFor({ what: 'writes', timeoutMs: 20_000, intervalMs: 50, check: written('') });
    await stopDaemon(first.daemon);
    await migrate(bench);
    await startPortal(bench, '2.0.0', Number(new URL(first.url).port));
    await waitFor({ what: 'writes', timeoutMs: 20_000, intervalMs: 50, check: written(" AND release = '2.0.0'") });
    signalProcess(load.pid, 'SIGTERM');
    const line = await waitFor({
      what: 'the report',
      timeoutMs: 30_000,
      intervalMs: 100,
      check: async () =>
        readFileSync(logFile, 'utf8')
          .split('\n')
          .find((text) => text.includes('"report"')),
    });
    const { report } = reported.parse(JSON.parse(line));
    assert.deepEqual(
      [
        report.acknowledgedWritesLost,
        report.dataIdentical,
        report.downtime.outages.length,
        report.downtime.seconds > 0,
      ],
      [0, true, 1, true],
      line,
    );
    const kept = await bench.query("SELECT count(*) FROM writes WHERE client = 'load'");
    assert.ok(Number(kept) >= report.acknowledged && report.acknowledged > 10, line);
  });
});
