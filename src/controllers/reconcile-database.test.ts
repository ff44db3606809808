import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { database } from '../../test/builders/objects.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import { isTrue } from '../api/conditions.ts';
import type { Database, DatabaseStatus } from '../api/database.ts';
import { databases } from '../api/resources.ts';
import type { StepEntry, UpgradeRun } from '../api/upgrade-run.ts';
import { podTemplates } from '../drivers/jobs/one-shot-job.ts';
import { createCache } from '../kube/cache.ts';
import { silentLogger } from '../shared/logger.ts';
import { upgradeRun } from '../status/fixture.test.ts';
import { reconcileDatabase } from './reconcile-database.ts';

const never = new AbortController().signal;
const name = { namespace: 'shop', name: 'portal-db' };

/** A run of this Database, made at `minute`, whose one step wrote down `handles`. */
function runOf(
  run: string,
  minute: number,
  handles: Readonly<Record<string, string>>,
  taken: Readonly<Record<string, string>> = {},
): UpgradeRun {
  const { metadata, spec } = database();
  const entry: Partial<StepEntry> & { id: string } = { id: 'g1-stop', state: 'Succeeded', handles: { ...handles } };
  const made = upgradeRun(run, [entry]);
  return {
    ...made,
    metadata: { ...made.metadata, creationTimestamp: `2026-12-05T20:${String(minute).padStart(2, '0')}:00Z` },
    spec: { ...made.spec, handles: { ...taken }, database: { name: metadata.name, uid: metadata.uid ?? '', spec } },
  };
}

const backup = (handle: string, minute: number): Record<string, string> => ({
  'backup/handle': handle,
  'backup/at': `2026-12-05T20:${String(minute).padStart(2, '0')}:00Z`,
});

function scene(runs: readonly UpgradeRun[] = [], status?: DatabaseStatus) {
  const clock = createManualClock();
  const client = createMemoryClient({ clock });
  client.seed<Database>(databases, { ...database(), ...(status === undefined ? {} : { status }) });
  const caches = {
    databases: createCache<Database>({ logger: silentLogger }),
    upgradeRuns: createCache<UpgradeRun>({ logger: silentLogger }),
  };
  caches.upgradeRuns.replaced([...runs], '1');
  return {
    clock,
    client,
    seedTemplate(image = `registry.example/pg-tools@sha256:${'0'.repeat(64)}`): void {
      client.seed(podTemplates, {
        apiVersion: 'v1',
        kind: 'PodTemplate',
        metadata: { namespace: 'shop', name: 'pg-tools' },
        template: { spec: { containers: [{ name: 'pg-tools', image }] } },
      });
    },
    async look(): Promise<DatabaseStatus | undefined> {
      const stored = await client.get<Database>(databases, name);
      caches.databases.replaced([stored], stored.metadata.resourceVersion ?? '');
      const context = { client, caches, now: () => clock.now() };
      const result = await reconcileDatabase(context, name, never);
      const { status } = await client.get<Database>(databases, name);
      assert.deepEqual(result, { kind: 'requeue', afterMs: isTrue(status?.conditions, 'Ready') ? 60_000 : 15_000 });
      return status;
    },
  };
}

function conditionsOf(status: DatabaseStatus | undefined): string[] {
  return (status?.conditions ?? []).map(({ type, status: value, reason }) => `${type} ${value} ${reason}`);
}

describe('the status of a Database', () => {
  it('is Ready when its Jobs can be made, and is not written again', async () => {
    const made = scene();
    made.seedTemplate();
    assert.deepEqual(conditionsOf(await made.look()), [
      'Ready True UpToDate',
      'Reconciling False UpToDate',
      'Stalled False UpToDate',
    ]);
    const writes = made.client.server.writes.length;
    await made.clock.advance(60_000);
    await made.look();
    assert.equal(made.client.server.writes.length, writes);
  });

  it('says which PodTemplate is missing, and becomes Ready when it is there', async () => {
    const made = scene();
    const status = await made.look();
    assert.deepEqual(
      [conditionsOf(status)[0], status?.conditions?.[0]?.message],
      [
        'Ready False ReferenceNotFound',
        'spec.schemaVersion.job.podTemplate: PodTemplate pg-tools does not exist: create it, or correct the name',
      ],
    );
    made.seedTemplate();
    assert.equal(conditionsOf(await made.look())[0], 'Ready True UpToDate');
  });

  it('says which image may change under a run', async () => {
    const made = scene();
    made.seedTemplate('registry.example/pg-tools:17');
    const status = await made.look();
    assert.equal(conditionsOf(status)[0], 'Ready False ImageNotByDigest');
    assert.match(
      status?.conditions?.[0]?.message ?? '',
      /^podtemplate\/pg-tools template\.spec\.containers\[pg-tools\]\.image: /,
    );
  });

  const before = { 'schema/before': '41' };
  const begun = { ...before, 'schema/changed': 'uid/migrate/1' };
  const upgrade = runOf('portal-2', 2, { ...begun, 'schema/now': '42', ...backup('b2', 2) });
  const schemas: Record<string, { runs: UpgradeRun[]; status?: DatabaseStatus; want: string | undefined }> = {
    'is not there when nobody has asked': { runs: [], want: undefined },
    'is the one before a migration': { runs: [runOf('portal-1', 1, before)], want: '41' },
    'is not known while a migration has begun and nobody has read it since': {
      runs: [runOf('portal-1', 1, begun)],
      status: { schemaVersion: '41' },
      want: undefined,
    },
    'is the one after a migration': { runs: [upgrade], want: '42' },
    'stays the one after a migration until the way back has read another': {
      runs: [upgrade, runOf('portal-2-back', 3, {}, upgrade.status?.steps[0]?.handles)],
      want: '42',
    },
    'is the one before again when the way back is taken': {
      runs: [runOf('portal-2-back', 2, { 'schema/now': '41' }, upgrade.status?.steps[0]?.handles), upgrade],
      want: '41',
    },
    'outlives the runs that read it': { runs: [], status: { schemaVersion: '42' }, want: '42' },
  };
  for (const [sentence, { runs, status, want }] of Object.entries(schemas)) {
    it(`its schema ${sentence}`, async () => {
      assert.equal((await scene(runs, status).look())?.schemaVersion, want);
    });
  }

  it('its newest backup is that of the run that made it, not of the way back that took it over', async () => {
    const back = runOf('portal-2-back', 3, {}, upgrade.status?.steps[0]?.handles);
    const status = await scene([upgrade, back, runOf('portal-1', 1, backup('b1', 1))]).look();
    assert.deepEqual(status?.lastBackup, { handle: 'b2', at: '2026-12-05T20:02:00Z', run: 'portal-2' });
  });

  it('001-61: says who attested a backup that people took', async () => {
    const run = runOf('portal-1', 1, { ...backup('vault/42', 1), 'backup/by': 'ana@example.org' });
    const { lastBackup } = (await scene([run]).look()) ?? {};
    assert.deepEqual([lastBackup?.handle, lastBackup?.by], ['vault/42', 'ana@example.org']);
  });

  it('keeps the newest backup when its run is gone', async () => {
    const lastBackup = { handle: 'b2', at: '2026-12-05T20:02:00Z', run: 'portal-2' };
    const status = await scene([runOf('portal-1', 1, backup('b1', 1))], { lastBackup }).look();
    assert.deepEqual(status?.lastBackup, lastBackup);
  });

  it('leaves out what runs found in another Database that had the name', async () => {
    const other = runOf('portal-1', 1, { ...before, ...backup('b1', 1) });
    const { spec } = other;
    const foreign = { ...other, spec: { ...spec, database: { ...database(), name: 'portal-db', uid: 'other' } } };
    const status = await scene([foreign]).look();
    assert.deepEqual([status?.schemaVersion, status?.lastBackup], [undefined, undefined]);
  });
});
