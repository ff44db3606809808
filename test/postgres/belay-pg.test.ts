/** The wrapper of the PostgreSQL example against a real server: every verb, twice, cut off and damaged. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { waitFor } from '../cluster/poll.ts';
import { run, signalProcess } from '../cluster/process.ts';
import { Bench, exampleFiles } from './bench.ts';
import type { Environment, Job } from './bench.ts';
import { owner, startLocalServer } from './local-server.ts';
import type { LocalServer } from './local-server.ts';

const good = exampleFiles('portal-migrations')['41-42.sql'] ?? '';
const migration: Environment = { BELAY_OPERATION: 'run-uid/migrate/1' };
const restoration: Environment = { BELAY_OPERATION: 'run-uid-2/restore/1' };

let server: LocalServer;
let count = 0;
const makeBench = (): Promise<Bench> => Bench.make(server, `t${(count += 1)}x`);

/** A bench with a backup of schema 41. */
async function makeBackup(): Promise<{ bench: Bench; handle: string; folder: string; content: string }> {
  const bench = await makeBench();
  const content = await bench.content();
  const { answer } = await bench.run('backup', { BELAY_OPERATION: 'run-uid/backup/1' });
  const handle = answer['handle'] ?? '';
  return { bench, handle, folder: join(bench.backups, handle), content };
}

/** Returns once a session of a job sleeps in a query of ours. */
async function untilItSleeps(bench: Bench): Promise<void> {
  await waitFor({
    what: 'the job to be in the middle',
    timeoutMs: 20_000,
    intervalMs: 20,
    check: async () => {
      const sleeping = `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname LIKE '${bench.database}%'`;
      return (await bench.activity(sleeping)) === '1' ? true : undefined;
    },
  });
}

/** As when the node dies: the shell and all it started. */
async function killContainer(job: Job): Promise<void> {
  signalProcess(-job.pid, 'SIGKILL');
  await job.ended;
}

function killPsql(job: Job): void {
  const children = readFileSync(`/proc/${job.pid}/task/${job.pid}/children`, 'utf8').trim().split(' ');
  for (const child of children) signalProcess(Number(child), 'SIGKILL');
}

async function resign(folder: string): Promise<void> {
  const { stdout } = await run(['sha256sum', 'dump', 'counts', 'schema'], { cwd: folder });
  writeFileSync(join(folder, 'sha256sums'), stdout);
}

before(async () => {
  server = await startLocalServer();
});
after(() => server.stop());

describe('belay-pg schema-version and backup', () => {
  it('001-82: answers the version and that the operation left nothing', async () => {
    const bench = await makeBench();
    const { code, answer } = await bench.run('schema-version', migration);
    assert.deepEqual({ code, answer }, { code: 0, answer: { schemaVersion: '41', operation: 'none' } });
  });

  it('001-82: fails, and does not answer "none", when the database cannot be asked', async () => {
    const bench = await makeBench();
    const { code, answer } = await bench.run('schema-version', {
      ...migration,
      BELAY_DB_PORT: '1',
      BELAY_LOOK_TRIES: '1',
    });
    assert.deepEqual({ code, keys: Object.keys(answer) }, { code: 1, keys: ['error'] });
  });

  it('001-60: a backup has a handle, a checksum and a size, and passes verification', async () => {
    const { bench, handle, folder } = await makeBackup();
    const verified = await bench.run('verify', { BELAY_OPERATION: 'run-uid/verify/1', BELAY_BACKUP: handle });
    assert.deepEqual(
      { code: verified.code, tables: verified.answer['tables'], schema: verified.answer['schemaVersion'] },
      { code: 0, tables: '3', schema: '41' },
    );
    assert.deepEqual(readdirSync(folder).toSorted(), ['counts', 'dump', 'schema', 'sha256sums']);
    assert.deepEqual(await bench.databases(), [bench.database]);
  });

  it('001-60: asked for again under its operation, a backup is the one that is there', async () => {
    const { bench, handle, folder } = await makeBackup();
    const bytes = readFileSync(join(folder, 'dump'));
    await bench.query("INSERT INTO writes (client, seq) VALUES ('late', 1)");
    const again = await bench.run('backup', { BELAY_OPERATION: 'run-uid/backup/1' });
    const other = await bench.run('backup', { BELAY_OPERATION: 'run-uid/backup/2' });
    assert.equal(again.answer['handle'], handle);
    assert.deepEqual(readFileSync(join(folder, 'dump')), bytes);
    assert.notEqual(other.answer['handle'], handle);
  });

  it('001-60: two pods of one backup leave one backup', async () => {
    const bench = await makeBench();
    const operation = { BELAY_OPERATION: 'run-uid/backup/1' };
    const [first, second] = await Promise.all([bench.run('backup', operation), bench.run('backup', operation)]);
    assert.deepEqual([first.code, second.code, first.answer], [0, 0, second.answer]);
    assert.deepEqual(readdirSync(bench.backups), [first.answer['handle']]);
  });

  it('001-60: a backup taken while users write is of one instant, and passes verification', async () => {
    const bench = await makeBench();
    const writing = bench.query(`DO $$ BEGIN FOR i IN 1..400 LOOP
      INSERT INTO writes (client, seq) VALUES ('bob', i); COMMIT; PERFORM pg_sleep(0.005); END LOOP; END $$`);
    const { answer } = await bench.run('backup', { BELAY_OPERATION: 'run-uid/backup/1' });
    const verified = await bench.run('verify', { BELAY_BACKUP: answer['handle'] ?? '' });
    await writing;
    assert.equal(verified.code, 0, verified.log);
  });

  it('001-60: a backup that fails is no backup and leaves no file', async () => {
    const bench = await makeBench();
    const { code } = await bench.run('backup', { BELAY_OPERATION: 'run-uid/backup/1', PGPASSWORD: 'wrong' });
    assert.deepEqual([code, readdirSync(bench.backups)], [1, []]);
  });

  it('001-60: verification refuses a backup with one changed byte', async () => {
    const { bench, handle, folder } = await makeBackup();
    appendFileSync(join(folder, 'dump'), 'x');
    assert.equal((await bench.run('verify', { BELAY_BACKUP: handle })).code, 1);
  });

  it('001-60: verification refuses a backup that was cut before its checksum was written', async () => {
    const { bench, handle, folder } = await makeBackup();
    truncateSync(join(folder, 'dump'), readFileSync(join(folder, 'dump')).length - 2_000);
    await resign(folder);
    const { code } = await bench.run('verify', { BELAY_BACKUP: handle });
    assert.deepEqual([code, await bench.databases()], [1, [bench.database]]);
  });

  it('001-60: verification refuses a backup that does not hold the rows it should', async () => {
    const { bench, handle, folder } = await makeBackup();
    writeFileSync(
      join(folder, 'counts'),
      readFileSync(join(folder, 'counts'), 'utf8').replace('writes|20', 'writes|21'),
    );
    await resign(folder);
    const { code, log } = await bench.run('verify', { BELAY_BACKUP: handle });
    assert.deepEqual([code, await bench.databases()], [1, [bench.database]]);
    assert.match(log, /not what was backed up/);
  });

  it('refuses a handle that leads out of the folder of the backups', async () => {
    const bench = await makeBench();
    assert.equal((await bench.run('verify', { BELAY_BACKUP: '../../etc' })).code, 1);
  });

  it('says no password in its log', async () => {
    const { bench, handle } = await makeBackup();
    const outcomes = await Promise.all([
      bench.run('verify', { BELAY_BACKUP: handle }),
      bench.run('schema-version', { ...migration, PGPASSWORD: `${owner.password}!`, BELAY_LOOK_TRIES: '1' }),
    ]);
    assert.deepEqual(
      outcomes.filter(({ log, answer }) => `${log}${answer['error']}`.includes(owner.password)),
      [],
    );
  });
});

describe('belay-pg migrate', () => {
  it('001-82: brings the schema to its version and leaves evidence inside the database', async () => {
    const bench = await makeBench();
    const { code, answer } = await bench.run('migrate', migration);
    assert.deepEqual({ code, answer }, { code: 0, answer: { schemaVersion: '42', operation: 'done' } });
    const row = await bench.query(`SELECT operation, verb, run, from_schema, to_schema, done_at >= begun_at
      FROM belay.operations`);
    assert.equal(row, 'run-uid/migrate/1|migrate|portal-7|41|42|t');
    assert.deepEqual((await bench.run('schema-version', migration)).answer, { schemaVersion: '42', operation: 'done' });
  });

  it('001-82: the same operation again answers the same and does nothing', async () => {
    const bench = await makeBench();
    const first = await bench.run('migrate', migration);
    bench.migration('DROP TABLE writes');
    const second = await bench.run('migrate', migration);
    assert.deepEqual([second.code, second.answer], [0, first.answer]);
    assert.equal(await bench.query('SELECT count(*) FROM writes'), '20');
  });

  it('001-82: three pods of one operation at once make one migration', async () => {
    const bench = await makeBench();
    await bench.query(`CREATE TABLE times (n int); ALTER TABLE times OWNER TO ${owner.user}`);
    bench.migration(`INSERT INTO times VALUES (1); SELECT pg_sleep(0.5);\n${good}`);
    const outcomes = await Promise.all([1, 2, 3].map(() => bench.run('migrate', migration)));
    const want = { code: 0, answer: { schemaVersion: '42', operation: 'done' } };
    assert.deepEqual(
      outcomes.map(({ code, answer }) => ({ code, answer })),
      [want, want, want],
    );
    assert.equal(await bench.query('SELECT count(*) FROM times'), '1');
  });

  it('001-82: a migration in several files runs in the order of their names', async () => {
    const bench = await makeBench();
    bench.migration('CREATE TABLE b AS TABLE a');
    bench.migration('CREATE TABLE a AS SELECT 1 AS n', '41-42.1.sql');
    bench.migration(`CREATE TABLE b AS TABLE a;\n${good}`, '41-42.2.sql');
    bench.migration('SELECT 1');
    assert.equal((await bench.run('migrate', migration)).answer['schemaVersion'], '42');
    assert.equal(await bench.query('TABLE b'), '1');
  });

  it('001-102: where the schema is there already nothing is changed', async () => {
    const bench = await makeBench();
    const { code, answer } = await bench.run('migrate', {
      ...migration,
      BELAY_FROM_SCHEMA: '40',
      BELAY_TO_SCHEMA: '41',
    });
    assert.deepEqual({ code, answer }, { code: 0, answer: { schemaVersion: '41', operation: 'none' } });
    assert.equal(await bench.query("SELECT to_regnamespace('belay') IS NULL"), 't');
  });

  it('001-82: refuses another schema than the plan was made for', async () => {
    const bench = await makeBench();
    const content = await bench.content();
    const { code } = await bench.run('migrate', { ...migration, BELAY_FROM_SCHEMA: '40' });
    assert.deepEqual([code, await bench.content()], [1, content]);
  });

  it('S-29: a migration that fails leaves the schema as it was, and says so', async () => {
    const bench = await makeBench();
    const content = await bench.content();
    bench.migration(`${good}; SELECT no_such_function();`);
    const { code } = await bench.run('migrate', migration);
    assert.deepEqual([code, await bench.content()], [1, content]);
    const { answer } = await bench.run('schema-version', migration);
    assert.deepEqual(answer, { schemaVersion: '41', operation: 'none', rolledBack: 'true' });
  });

  it('S-29: an operation that failed never runs again, the next attempt does', async () => {
    const bench = await makeBench();
    bench.migration('SELECT no_such_function();');
    await bench.run('migrate', migration);
    bench.migration(good);
    const again = await bench.run('migrate', migration);
    const next = await bench.run('migrate', { BELAY_OPERATION: 'run-uid/migrate/2' });
    assert.deepEqual([again.code, next.code, next.answer['schemaVersion']], [1, 0, '42']);
  });

  it('S-29: a migration that arrives at another version is taken back', async () => {
    const bench = await makeBench();
    const content = await bench.content();
    bench.migration(good.replace("'42'", "'43'"));
    const { code } = await bench.run('migrate', migration);
    assert.deepEqual([code, await bench.content()], [1, content]);
  });

  it('S-29: refuses a migration that would end its transaction itself', async () => {
    const bench = await makeBench();
    const content = await bench.content();
    bench.migration(`${good}\nCOMMIT;\nSELECT no_such_function();`);
    const { code } = await bench.run('migrate', migration);
    assert.deepEqual([code, await bench.content()], [1, content]);
  });

  it('S-29: psql killed in the middle: the wrapper waits for the server and tells that it was rolled back', async () => {
    const bench = await makeBench();
    const content = await bench.content();
    bench.migration(`${good}; SELECT pg_sleep(60);`);
    const job = bench.start('migrate', migration);
    await untilItSleeps(bench);
    killPsql(job);
    const { code, answer } = await job.ended;
    assert.deepEqual([code, await bench.content()], [1, content]);
    assert.match(answer['error'] ?? '', /rolled back/);
  });

  it('S-29: the pod killed in the middle: "begun" while it may still run, then the truth; a second pod does not run it', async () => {
    const bench = await makeBench();
    const content = await bench.content();
    bench.migration(`${good}; SELECT pg_sleep(60);`);
    const job = bench.start('migrate', migration);
    await untilItSleeps(bench);
    const during = await bench.run('schema-version', migration);
    await killContainer(job);
    const second = await bench.run('migrate', migration);
    const later = await bench.run('schema-version', migration);
    assert.deepEqual(
      [during.answer['operation'], second.code, later.answer['operation'], later.answer['rolledBack']],
      ['begun', 1, 'none', 'true'],
    );
    assert.equal(await bench.content(), content);
  });

  it('S-29: the connection lost in the middle: the wrapper comes back and tells that it was rolled back', async () => {
    const bench = await makeBench();
    const content = await bench.content();
    bench.migration(`${good}; SELECT pg_sleep(60);`);
    const job = bench.start('migrate', migration);
    await untilItSleeps(bench);
    await bench.activity(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${bench.database}'`);
    const { code, answer } = await job.ended;
    assert.deepEqual([code, await bench.content()], [1, content]);
    assert.match(answer['error'] ?? '', /rolled back/);
  });

  it('S-29: told to end, it ends within seconds and answers what became of the migration', async () => {
    const bench = await makeBench();
    bench.migration(`${good}; SELECT pg_sleep(60);`);
    const job = bench.start('migrate', migration);
    await untilItSleeps(bench);
    signalProcess(job.pid, 'SIGTERM');
    const { code, answer } = await job.ended;
    assert.equal(code, 1);
    assert.match(answer['error'] ?? '', /rolled back/);
  });

  it('S-29: without a transaction a migration that was cut off cannot be told: 75, for every pod, and not again', async () => {
    const bench = await makeBench();
    bench.migration(
      `-- belay: not-transactional\nINSERT INTO writes (client, seq) VALUES ('half', 1);\nSELECT pg_sleep(60);\n${good}`,
    );
    const job = bench.start('migrate', migration);
    await untilItSleeps(bench);
    await killContainer(job);
    const second = await bench.run('migrate', migration);
    const evidence = await bench.run('schema-version', migration);
    assert.deepEqual([second.code, evidence.answer], [75, { schemaVersion: '41', operation: 'begun' }]);
    assert.equal(await bench.query("SELECT count(*) FROM writes WHERE client = 'half'"), '1');
  });

  it('001-82: without a transaction a migration that ends well is done', async () => {
    const bench = await makeBench();
    bench.migration(`-- belay: not-transactional\nCREATE INDEX CONCURRENTLY late ON writes (at);\n${good}`);
    const { code, answer } = await bench.run('migrate', migration);
    assert.deepEqual([code, answer], [0, { schemaVersion: '42', operation: 'done' }]);
  });

  it('answers 75 when the database cannot be asked', async () => {
    const bench = await makeBench();
    const { code } = await bench.run('migrate', { ...migration, BELAY_DB_PORT: '1', BELAY_LOOK_TRIES: '1' });
    assert.equal(code, 75);
  });
});

describe('belay-pg restore and drill', () => {
  it('001-130: puts every byte back, and keeps the database of before, closed', async () => {
    const { bench, handle, content } = await makeBackup();
    await bench.query(`ALTER DATABASE "${bench.database}" SET work_mem = '5MB'`);
    await bench.query(`GRANT TEMP ON DATABASE "${bench.database}" TO pg_monitor`);
    const rights = `SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM pg_database, unnest(datacl) a
      WHERE datname = '${bench.database}'`;
    const rightsBefore = await bench.query(rights);
    await bench.run('migrate', migration);
    await bench.query('DELETE FROM writes WHERE number > 3');
    const { code, answer } = await bench.run('restore', { ...restoration, BELAY_BACKUP: handle });
    assert.deepEqual([code, answer['schemaVersion'], await bench.content()], [0, '41', content]);
    assert.deepEqual(await bench.databases(), [bench.database, answer['replaced']]);
    assert.deepEqual([await bench.query('SHOW work_mem'), await bench.query(rights)], ['5MB', rightsBefore]);
    const open = `SELECT datallowconn FROM pg_database WHERE datname = '${answer['replaced']}'`;
    assert.equal(await bench.query(open), 'f');
  });

  it('001-130: takes the evidence of the migration back with it, and leaves its own', async () => {
    const { bench, handle } = await makeBackup();
    await bench.run('migrate', migration);
    await bench.run('restore', { ...restoration, BELAY_BACKUP: handle });
    const [ofMigration, ofRestore] = await Promise.all([
      bench.run('schema-version', migration),
      bench.run('schema-version', restoration),
    ]);
    assert.deepEqual(
      [ofMigration.answer, ofRestore.answer],
      [
        { schemaVersion: '41', operation: 'none' },
        { schemaVersion: '41', operation: 'done' },
      ],
    );
  });

  it('001-130: the same operation again does not take back what was written since', async () => {
    const { bench, handle } = await makeBackup();
    const first = await bench.run('restore', { ...restoration, BELAY_BACKUP: handle });
    await bench.query("INSERT INTO writes (client, seq) VALUES ('since', 1)");
    const second = await bench.run('restore', { ...restoration, BELAY_BACKUP: handle });
    assert.deepEqual([second.code, second.answer], [0, first.answer]);
    assert.equal(await bench.query("SELECT count(*) FROM writes WHERE client = 'since'"), '1');
  });

  it('001-130: two pods of one restore at once make one exchange', async () => {
    const { bench, handle, content } = await makeBackup();
    const environment = { ...restoration, BELAY_BACKUP: handle };
    const [first, second] = await Promise.all([bench.run('restore', environment), bench.run('restore', environment)]);
    assert.deepEqual([first.code, second.code, first.answer], [0, 0, second.answer], `${first.log}${second.log}`);
    assert.deepEqual([(await bench.databases()).length, await bench.content()], [2, content]);
  });

  it('001-130: restores whatever is there now, and ends the sessions that use it', async () => {
    const { bench, handle, content } = await makeBackup();
    await bench.query('DROP TABLE schema_version');
    const session = bench.query('SELECT pg_sleep(60)').then(
      () => 'ended by itself',
      () => 'was ended',
    );
    await untilItSleeps(bench);
    const { code } = await bench.run('restore', { ...restoration, BELAY_BACKUP: handle, ...superuser() });
    assert.deepEqual([code, await session, await bench.content()], [0, 'was ended', content]);
  });

  it('S-30: refuses a damaged backup and changes nothing', async () => {
    const { bench, handle, folder } = await makeBackup();
    await bench.run('migrate', migration);
    const content = await bench.content();
    appendFileSync(join(folder, 'dump'), 'x');
    const { code } = await bench.run('restore', { ...restoration, BELAY_BACKUP: handle });
    assert.deepEqual([code, await bench.content(), await bench.databases()], [1, content, [bench.database]]);
  });

  it('S-30: a restore that fails half-way leaves the database as it was, open', async () => {
    const { bench, handle, folder } = await makeBackup();
    const content = await bench.content();
    writeFileSync(join(folder, 'counts'), 'public.writes|1\n');
    await resign(folder);
    const { code } = await bench.run('restore', { ...restoration, BELAY_BACKUP: handle });
    assert.deepEqual([code, await bench.content(), await bench.databases()], [1, content, [bench.database]]);
  });

  it('S-30: the pod killed half-way: nobody writes to what is about to go; the next pod ends it', async () => {
    const { bench, handle, content } = await makeBackup();
    const environment = { ...restoration, BELAY_BACKUP: handle };
    const checks = bench.folderOf('checks');
    mkdirSync(checks);
    writeFileSync(join(checks, 'slow.sql'), 'SELECT pg_sleep(60);');
    const job = bench.start('restore', environment);
    await untilItSleeps(bench);
    await killContainer(job);
    await assert.rejects(bench.query("INSERT INTO writes (client, seq) VALUES ('half', 1)"));
    writeFileSync(join(checks, 'slow.sql'), 'SELECT 1;');
    const { code, log } = await bench.run('restore', environment);
    assert.deepEqual([code, await bench.content()], [0, content], log);
  });

  it('S-30: told to end half-way, it opens the database of before again', async () => {
    const { bench, handle, content } = await makeBackup();
    const checks = bench.folderOf('checks');
    mkdirSync(checks);
    writeFileSync(join(checks, 'slow.sql'), 'SELECT pg_sleep(60);');
    const job = bench.start('restore', { ...restoration, BELAY_BACKUP: handle });
    await untilItSleeps(bench);
    signalProcess(job.pid, 'SIGTERM');
    const { code, log } = await job.ended;
    assert.deepEqual([code, await bench.content(), await bench.databases()], [1, content, [bench.database]], log);
  });

  it('001-130: a drill restores aside and leaves nothing behind', async () => {
    const { bench, handle, content } = await makeBackup();
    const { code, answer } = await bench.run('drill', { BELAY_OPERATION: 'run-uid/drill/1', BELAY_BACKUP: handle });
    assert.deepEqual([code, answer['schemaVersion'], await bench.content()], [0, '41', content]);
    assert.deepEqual(await bench.databases(), [bench.database]);
  });

  it('001-130: a drill whose checks fail fails, and leaves nothing behind either', async () => {
    const { bench, handle } = await makeBackup();
    mkdirSync(bench.folderOf('checks'));
    writeFileSync(join(bench.folderOf('checks'), 'users.sql'), 'SELECT 1 / count(*) FROM writes WHERE seq > 20;');
    const { code } = await bench.run('drill', { BELAY_OPERATION: 'run-uid/drill/1', BELAY_BACKUP: handle });
    assert.deepEqual([code, await bench.databases()], [1, [bench.database]]);
  });
});

/** Through the socket, where it needs no password: it may end the sessions of others. */
function superuser(): Environment {
  return { PGUSER: 'postgres', BELAY_DB_HOST: server.folder };
}
