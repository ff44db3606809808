/** The read-only mode of the PostgreSQL example, against a real server and with a real client in the way. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { Bench } from './bench.ts';
import { owner, startLocalServer } from './local-server.ts';
import type { LocalServer } from './local-server.ts';

let server: LocalServer;
let count = 0;
const makeBench = (): Promise<Bench> => Bench.make(server, `r${(count += 1)}x`);

before(async () => {
  server = await startLocalServer();
});
after(() => server.stop());

/** A session of the application, which the test ends. */
async function connect({ database }: Bench): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: server.port,
    database,
    user: owner.user,
    password: owner.password,
  });
  // A session that the server ends says so here too.
  client.on('error', () => {});
  await client.connect();
  return client;
}

const insert = "INSERT INTO writes (client, seq) SELECT 'bob', count(*) + 1 FROM writes WHERE client = 'bob'";

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

describe('belay-pg set-read-only, write-probe and clear-read-only', () => {
  it('refuses writes of every session that begins, ends those that write, and takes writes again afterwards', async () => {
    const bench = await makeBench();
    const early = await connect(bench);
    assert.equal(await codeOf(early.query(insert)), 'done');
    assert.deepEqual((await bench.run('write-probe')).answer, { writable: 'true' });

    const set = await bench.run('set-read-only');
    assert.deepEqual({ code: set.code, answer: set.answer }, { code: 0, answer: { sessionsLeft: '0' } });
    assert.notEqual(await codeOf(early.query(insert)), 'done', 'the session of before');
    const late = await connect(bench);
    assert.equal(await codeOf(late.query(insert)), '25006');
    assert.deepEqual((await bench.run('write-probe')).answer, { writable: 'false' });

    assert.equal((await bench.run('clear-read-only')).code, 0);
    assert.deepEqual((await bench.run('write-probe')).answer, { writable: 'true' });
    const again = await connect(bench);
    assert.equal(await codeOf(again.query(insert)), 'done');
    await Promise.all([early.end(), late.end(), again.end()]);
  });

  it('001-82: backs up, verifies and migrates all the same', async () => {
    const bench = await makeBench();
    await bench.run('set-read-only');
    const backup = await bench.run('backup', { BELAY_OPERATION: 'run-uid/backup/1' });
    const verify = await bench.run('verify', { BELAY_BACKUP: backup.answer['handle'] ?? '' });
    const migrate = await bench.run('migrate', { BELAY_OPERATION: 'run-uid/migrate/1' });
    assert.deepEqual([backup.code, verify.code, migrate.code, migrate.answer['schemaVersion']], [0, 0, 0, '42']);
    assert.deepEqual((await bench.run('write-probe')).answer, { writable: 'false' }, 'still');
  });

  it('001-130: a restored database is in the mode of the one before, until it is cleared', async () => {
    const bench = await makeBench();
    const content = await bench.content();
    await bench.run('set-read-only');
    const backup = await bench.run('backup', { BELAY_OPERATION: 'run-uid/backup/1' });
    await bench.run('migrate', { BELAY_OPERATION: 'run-uid/migrate/1' });
    const restore = await bench.run('restore', {
      BELAY_OPERATION: 'run-uid-2/restore/1',
      BELAY_BACKUP: backup.answer['handle'] ?? '',
    });
    assert.equal(restore.code, 0, restore.log);
    assert.deepEqual((await bench.run('write-probe')).answer, { writable: 'false' });
    assert.equal((await bench.run('clear-read-only')).code, 0);
    assert.deepEqual((await bench.run('write-probe')).answer, { writable: 'true' });
    assert.equal(await bench.content(), content);
  });

  it('says the same when it is done twice, and the probe leaves nothing', async () => {
    const bench = await makeBench();
    const content = await bench.content();
    for (const verb of ['set-read-only', 'set-read-only', 'clear-read-only', 'clear-read-only'])
      assert.equal((await bench.run(verb)).code, 0, verb);
    await bench.run('write-probe');
    assert.equal(await bench.content(), content);
  });

  it('counts the sessions that are not ours to end', async () => {
    const bench = await makeBench();
    const sleeping = bench.query('SELECT pg_sleep(600)').catch(() => 'ended');
    const { code, answer } = await waitForSession(bench);
    assert.deepEqual([code, answer], [0, { sessionsLeft: '1' }]);
    await bench.activity(
      `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '${bench.database}'`,
    );
    await sleeping;
  });

  it('cannot tell, and does not say "false", when the database cannot be asked', async () => {
    const bench = await makeBench();
    const { code, answer } = await bench.run('write-probe', { BELAY_DB_PORT: '1' });
    assert.deepEqual({ code, keys: Object.keys(answer) }, { code: 1, keys: ['error'] });
  });
});

/** Sets the mode once the other session is there. */
async function waitForSession(bench: Bench): Promise<{ code: number; answer: Readonly<Record<string, string>> }> {
  const present = `SELECT count(*) FROM pg_stat_activity WHERE datname = '${bench.database}' AND wait_event = 'PgSleep'`;
  for (let look = 0; look < 200 && (await bench.activity(present)) !== '1'; look += 1);
  return bench.run('set-read-only');
}
