/** The major procedure: a database under the groups, its migration, and every way back from it. */
import assert from 'node:assert/strict';
import { must } from '../../../src/simulation/world.ts';
import { majorSetting, minorSetting, within, type MajorDraft } from '../major.ts';
import { decide, runNamed, whenAsked, whenStep, type Ended, type Setting, type Story } from '../story.ts';

function databaseOf({ world }: Pick<Ended, 'world'>): { schema: string; writes: readonly number[] } {
  return must(world.databases.get('portal-db'), 'database');
}

function startedJobs({ world }: Pick<Ended, 'world'>, verb: string): number {
  return world.calls.filter((call) => call.kind === 'RunDatabaseJob' && call.target === verb && call.changed).length;
}

/** A story in which writes may be given up, or old code may meet another schema. */
function allowing(promise: 'mayLose' | 'mayMixSchemas', told: Setting): Setting {
  told.world.promises[promise] = true;
  return told;
}

function discarding(draft: MajorDraft): Setting {
  return allowing('mayLose', majorSetting(draft));
}

export const majorStories: readonly Story[] = [
  {
    ids: 'S-01 001-76 … 001-95',
    name: 'major-good',
    title: 'a major release: backed up, migrated once, tested, and nobody served only in the declared downtime',
    tell: () => majorSetting(),
    ends: ['Completed'],
    check: (ended) => {
      assert.deepEqual([databaseOf(ended).schema, startedJobs(ended, 'migrate')], ['42', 1]);
      const { clocks } = runNamed(ended, 'portal-1').status ?? {};
      assert.equal(clocks?.downtime.planned, '15m', '001-28');
    },
  },
  {
    ids: 'S-01 A-15',
    name: 'major-three-groups',
    title: 'three groups: all others stop before the command, and none leaves the pool for the test of another',
    tell: () => majorSetting({ groups: 3 }),
    ends: ['Completed'],
    check: (ended) => assert.equal(databaseOf(ended).schema, '42'),
  },
  {
    ids: 'S-01 A-15',
    name: 'major-seven-groups',
    title: 'seven groups: stopped one after the other for the command, and back one after the other in their order',
    tell: () => majorSetting({ groups: 7 }),
    ends: ['Completed'],
    part: within('g7-drain', 'g1-start'),
    check: (ended) => {
      const names = [1, 2, 3, 4, 5, 6, 7].map((number) => `web-${number}`);
      const changed = ended.world.calls.filter((call) => call.kind === 'ApplyImages' && call.changed);
      const drained = ended.world.calls.filter((call) => call.kind === 'DrainMember' && call.changed);
      assert.deepEqual(
        changed.map(({ target }) => target),
        names,
      );
      assert.deepEqual(
        drained.map(({ target }) => target),
        names.map((name) => `web/${name}`),
      );
    },
  },
  {
    ids: 'S-29 001-130 001-133',
    name: 'S-29-migration-fails',
    title: 'the migration fails: the database is restored, then the old servers start, and no write is lost',
    tell: () => ({ ...majorSetting(), fail: ['database:migrate'] }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      assert.deepEqual([databaseOf(ended).schema, startedJobs(ended, 'restore')], ['41', 1]);
      const rows = runNamed(ended, 'portal-1-back').spec.steps.map((step) => step.action);
      assert.ok(rows.indexOf('RestoreDatabase') < rows.indexOf('Start'), 'database first');
    },
  },
  {
    ids: 'design 5.4',
    name: 'major-outcome-unknown',
    title: 'nobody knows what became of the migration: a person is asked, whatever the policy',
    tell: () => ({
      ...majorSetting(),
      fail: ['database:migrate:unknown'],
      events: [whenAsked('ana restores it', { choice: 'Rollback', method: 'DatabaseAndSnapshots', data: 'Keep' })],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      assert.equal(runNamed(ended, 'portal-1').status?.failure?.reason, 'OutcomeUnknown');
      assert.equal(databaseOf(ended).schema, '41');
    },
  },
  {
    ids: '001-82 design 5.4',
    name: 'major-job-lost',
    title: 'the Job of the migration disappears: the database says that it is done, and it is not begun again',
    tell: () => ({ ...majorSetting(), fail: ['database:migrate:lost'] }),
    ends: ['Completed'],
    check: (ended) => assert.deepEqual([databaseOf(ended).schema, startedJobs(ended, 'migrate')], ['42', 1]),
  },
  {
    ids: '001-128 001-130',
    name: 'major-test-fails',
    title: 'the first group fails its isolated tests on the new schema: restored without asking, nobody had written',
    tell: () => ({ ...majorSetting(), fail: ['probe:login@group-1'] }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      assert.equal(databaseOf(ended).schema, '41');
      assert.deepEqual(runNamed(ended, 'portal-1-back').spec.facts['authorisedBy'], 'spec.rollback.policy Automatic');
    },
  },
  {
    ids: 'S-06',
    name: 'major-never-ready',
    title: 'the first group never becomes ready on the new schema',
    tell: () => ({ ...majorSetting(), fail: ['start@group-1'] }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => assert.equal(databaseOf(ended).schema, '41'),
  },
  {
    ids: 'S-29',
    name: 'S-29-point-of-no-return',
    title: 'the second group fails after users have written on the new schema: it holds, and the loss is stated',
    tell: () => ({ ...majorSetting(), fail: ['probe:login@group-2'], limitMs: 2 * 3_600_000 }),
    ends: ['AwaitingDecision'],
    check: (ended) => {
      const { choices } = runNamed(ended, 'portal-1').status ?? {};
      const back = choices?.find((choice) => choice.choice === 'Rollback');
      assert.deepEqual([back?.method, back?.data], ['DatabaseAndSnapshots', 'Discard']);
      assert.match(back?.loss ?? '', /^writes to the database since 2026-/);
      assert.ok(!choices?.some((choice) => choice.data === 'Keep'), 'nothing keeps the writes on the old schema');
    },
  },
  {
    ids: 'S-29 001-126',
    name: 'S-29-writes-given-up',
    title: 'a person gives the writes up by name: everything stops, the database goes back, then the old servers',
    tell: () => ({
      ...discarding({}),
      fail: ['probe:login@group-2'],
      events: [
        whenAsked('ana keeps the data, which is not offered', {
          choice: 'Rollback',
          method: 'DatabaseAndSnapshots',
          data: 'Keep',
        }),
        whenAsked('ana gives the writes up', {
          choice: 'Rollback',
          method: 'DatabaseAndSnapshots',
          data: 'Discard',
        }),
      ],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => assert.equal(databaseOf(ended).schema, '41'),
  },
  {
    ids: 'A-19',
    name: 'major-discard-writes',
    title: 'DiscardWrites allows it beforehand',
    tell: () => ({ ...discarding({ onServed: 'DiscardWrites' }), fail: ['probe:login@group-2'] }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => assert.equal(databaseOf(ended).schema, '41'),
  },
  {
    ids: '001-60',
    name: 'major-no-backup',
    title: 'the backup fails: nothing is touched',
    tell: () => ({ ...majorSetting(), fail: ['database:backup'] }),
    ends: ['Failed'],
    check: ({ world }) => assert.ok(!world.calls.some((call) => call.kind === 'DrainMember')),
  },
  {
    ids: '001-60 001-53',
    name: 'major-backup-not-verified',
    title: 'a backup that cannot be proven is none',
    tell: () => ({ ...majorSetting(), fail: ['database:verify'] }),
    ends: ['Failed'],
    check: ({ world }) => assert.ok(!world.calls.some((call) => call.kind === 'DrainMember')),
  },
  {
    ids: 'S-30',
    name: 'S-30-database-restore-fails',
    title: 'the restore of the database fails: nothing else moves; mended and resumed, it goes all the way back',
    tell: () => ({
      ...majorSetting(),
      fail: ['probe:login@group-1', 'database:restore'],
      events: [
        {
          what: 'the storage of the backups is mended',
          when: ({ store }) => store.runs.at(-1)?.status?.failure?.reason === 'RestoreFailed',
          act: ({ world }) => void world.faults.databases.delete('restore'),
        },
        whenAsked('ana tries again', { choice: 'Resume' }),
      ],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => assert.equal(databaseOf(ended).schema, '41'),
  },
  {
    ids: '001-102 A-10',
    name: 'minor-with-database',
    title: 'a minor release runs the command too, and it changes nothing',
    tell: () => minorSetting(),
    ends: ['Completed'],
    check: (ended) => assert.deepEqual([databaseOf(ended).schema, startedJobs(ended, 'migrate')], ['41', 1]),
  },
  {
    ids: '001-102 A-10',
    name: 'not-a-minor-release',
    title: 'a release that calls itself minor changes the schema: stopped before it starts, and a person is asked',
    tell: () => {
      const told = allowing('mayMixSchemas', minorSetting());
      told.world.faults.hiddenMigration = '41b';
      return { ...told, limitMs: 2 * 3_600_000 };
    },
    ends: ['AwaitingDecision'],
    check: (ended) => {
      const { failure, service, schemaChanged } = runNamed(ended, 'portal-1').status ?? {};
      assert.deepEqual([failure?.reason, service?.schema, schemaChanged], ['NotAMinorRelease', '41b', true]);
    },
  },
  {
    ids: 'S-07',
    name: 'major-abort-after-migration',
    title: 'aborted in the test after the migration: the database goes back, since nobody has written',
    tell: () => ({
      ...majorSetting(),
      events: [
        whenStep('g1-isolated', 'Running', 'ana aborts', (simulation) => decide(simulation, { choice: 'Abort' })),
      ],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => assert.equal(databaseOf(ended).schema, '41'),
  },
];
