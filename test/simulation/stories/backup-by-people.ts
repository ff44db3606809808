/** A major upgrade of a database that only people can back up: the run asks, waits, and goes on at their word and its reference. */
import assert from 'node:assert/strict';
import type { Database } from '../../../src/api/database.ts';
import type { Decision } from '../../../src/api/decision.ts';
import { attestBackup, putBack, takeBackup } from '../../../src/simulation/databases.ts';
import type { Simulation, StoryEvent } from '../../../src/simulation/simulation.ts';
import { scale } from '../../../src/simulation/workloads.ts';
import { must, type SimDatabase, type World } from '../../../src/simulation/world.ts';
import { parseDuration } from '../../../src/shared/duration.ts';
import { database, decision } from '../../builders/objects.ts';
import { ana, ben, say, says, whenOffered } from '../deciding.ts';
import { majorSetting, type MajorDraft } from '../major.ts';
import { editSet, runNamed, whenAsked, type Ended, type Setting, type Story, type Told } from '../story.ts';

const minute = 60_000;
const reference = 'vault/portal-0042';
const backupRow = 'backup-last';
const backupWord = { choice: 'Attest', step: backupRow } as const;
const restoreWord = { choice: 'Attest', step: 'database' } as const;

function databaseOf(world: World): SimDatabase {
  return must(world.databases.get('portal-db'), 'database');
}

/** As the setting of a major upgrade, with a database whose backups people take. */
function byPeople(spec: Partial<Database['spec']> = {}, draft: MajorDraft = {}): Setting {
  const told = majorSetting(draft);
  told.objects.databases = [database('portal-db', { backup: { takenBy: 'People', estimate: '30m' }, ...spec })];
  return told;
}

const restoredByPeople = { restore: undefined } as const;

/** Ana does as she is asked, takes her time, and says so. */
function takes(afterMs = 20 * minute, name = 'taken'): StoryEvent {
  return whenOffered('ana takes the backup and attests it', backupWord, (simulation) => attests(simulation, name), {
    afterMs,
  });
}

function attests(simulation: Simulation, name: string): void {
  takeBackup(databaseOf(simulation.world), reference);
  attestBackup(databaseOf(simulation.world), reference);
  says(simulation, { ...backupWord, name, by: ana, evidence: reference, reason: 'full backup, checked' });
}

function restores(name = 'restored', after?: string): StoryEvent {
  return whenOffered(
    'ben puts the backup back and attests it',
    restoreWord,
    (simulation) => {
      assert.equal(putBack(simulation.world, databaseOf(simulation.world), reference), true);
      says(simulation, { ...restoreWord, name, by: ben, evidence: 'tickets/815', reason: 'restored' });
    },
    { afterMs: 10 * minute, ...(after === undefined ? {} : { after }) },
  );
}

/** What was asked of the database, in order. */
function verbsOf({ world }: Ended): string[] {
  return world.calls.filter((call) => call.kind === 'RunDatabaseJob' && call.changed).map((call) => call.target);
}

function assertSchema(ended: Ended, schema: string): void {
  assert.equal(databaseOf(ended.world).schema, schema);
  assert.ok(!verbsOf(ended).includes('backup'), 'no Job makes a backup');
}

function entryOf(ended: Ended, run: string, step: string): { message?: string; reason?: string; attempt: number } {
  return must(
    runNamed(ended, run).status?.steps.find(({ id }) => id === step),
    step,
  ) as { message?: string; reason?: string; attempt: number };
}

/** Nothing was done to the database, and the old release serves. */
function assertUnchanged(ended: Ended): void {
  assertSchema(ended, '41');
  assert.ok(!verbsOf(ended).includes('migrate') && !verbsOf(ended).includes('restore'), verbsOf(ended).join());
}

/** The first group fails its tests on the new schema, before users meet it. */
function testsFail(told: Setting, events: readonly StoryEvent[]): Told {
  return { ...told, fail: ['probe:login@group-1'], events: [takes(), ...events] };
}

export const peoplesBackupStories: readonly Story[] = [
  {
    ids: '001-61',
    name: '001-61-people-take-the-backup',
    title: 'the run asks for the backup when nobody writes, waits for a word with its reference, and migrates then',
    tell: () => ({ ...byPeople(), events: [takes()] }),
    ends: ['Completed'],
    check: (ended) => {
      assertSchema(ended, '42');
      const { status } = runNamed(ended, 'portal-1');
      assert.equal(entryOf(ended, 'portal-1', backupRow).message, `${reference} is attested by ${ana}`);
      const { planned, actual = '0s' } = must(status?.clocks, 'clocks').downtime;
      assert.equal(planned, '45m', 'what was announced, and the time of people');
      assert.ok(parseDuration(actual) >= 20 * minute, `nobody is served while people take it: ${actual}`);
      const check = status?.preflight?.find((one) => one.check === 'Backups');
      assert.match(check?.evidence ?? '', /people take the backup in row 5a, .*for about 30m; its restore Job/);
    },
  },
  {
    ids: '001-61 001-130',
    name: '001-61-restored-by-its-job',
    title: 'the new release fails: the restore Job gets the reference that was attested',
    tell: () => testsFail(byPeople(), []),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      assertSchema(ended, '41');
      assert.ok(verbsOf(ended).includes('restore'));
    },
  },
  {
    ids: '001-61 001-130',
    name: '001-61-restored-by-people',
    title: 'the new release fails and nobody but people can restore: they are asked, and the schema is read afterwards',
    tell: () => testsFail(byPeople(restoredByPeople), [restores()]),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      assertSchema(ended, '41');
      assert.ok(!verbsOf(ended).includes('restore'));
      const { downtime } = must(runNamed(ended, 'portal-1-back').status?.clocks, 'clocks');
      assert.ok(parseDuration(downtime.actual ?? '0s') >= 10 * minute, downtime.actual);
    },
  },
  {
    ids: '001-61 001-133',
    name: '001-61-word-without-restore',
    title: 'somebody says that it is put back and it is not: the schema tells, nothing starts, and it is asked again',
    tell: () =>
      testsFail(byPeople(restoredByPeople), [
        whenOffered('ana says that it is done', restoreWord, (simulation) =>
          says(simulation, { ...restoreWord, name: 'not-so', by: ana, evidence: 'tickets/814', reason: 'done' }),
        ),
        whenAsked('ana has it tried again', { choice: 'Resume' }),
        restores('restored', 'not-so'),
      ]),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      assertSchema(ended, '41');
      assert.equal(entryOf(ended, 'portal-1-back', 'database').attempt, 2);
    },
  },
  {
    ids: '001-61 S-30',
    name: '001-61-cannot-be-put-back',
    title: 'nobody can put it back: the choices are those of a failed restore, and the rest is handed over',
    tell: () =>
      testsFail(byPeople(restoredByPeople), [
        whenOffered('ben cannot', restoreWord, (simulation) =>
          says(simulation, { ...restoreWord, name: 'cannot', by: ben, verdict: 'Denied', reason: 'unreadable' }),
        ),
        whenOffered('ana takes over', { choice: 'Abort' }, (simulation) => {
          const run = must(simulation.store.runs.at(-1), 'run');
          assert.equal(run.status?.failure?.reason, 'RestoreFailed');
          says(simulation, { name: 'over', by: ana, choice: 'Abort' });
        }),
      ]),
    ends: ['Failed', 'Failed'],
    check: (ended) => {
      const left = ended.result.runs.flatMap((run) => run.status?.handedOver ?? []).map(({ object }) => object);
      assert.deepEqual([...new Set(left)].toSorted(), ['pool/web/web-1', 'pool/web/web-2']);
    },
  },
  {
    ids: '001-61',
    name: '001-61-backup-refused',
    title:
      'nobody takes the backup: everything goes back with the database as it was; tried again it is asked for anew',
    tell: () => ({
      ...byPeople(),
      events: [
        whenOffered('ben refuses', backupWord, (simulation) =>
          says(simulation, { ...backupWord, name: 'no', by: ben, verdict: 'Denied', reason: 'the vault is full' }),
        ),
        {
          what: 'ana tries again',
          when: ({ store }) =>
            store.runs.length === 2 && store.runs.every(({ status }) => status?.phase === 'RolledBack'),
          act: ({ store }) => {
            const [run] = store.runs;
            const { name } = must(run, 'run').metadata;
            store.decide(decision(name, { choice: 'Retry', planHash: must(run, 'run').spec.planHash }));
          },
        },
        whenOffered('ana takes the backup', backupWord, (simulation) => attests(simulation, 'taken'), { after: 'no' }),
      ],
    }),
    ends: ['RolledBack', 'RolledBack', 'Completed'],
    check: (ended) => {
      assertSchema(ended, '42');
      assert.ok(!verbsOf(ended).includes('restore'));
      const { failure } = runNamed(ended, 'portal-1').status ?? {};
      assert.deepEqual(
        [failure?.step, failure?.reason, failure?.message],
        [backupRow, 'Denied', `${ben} refused: the vault is full`],
      );
    },
  },
  {
    ids: '001-61 S-07',
    name: '001-61-aborted-while-asked',
    title: 'aborted while people are asked for the backup: everything goes back, and the database is left alone',
    tell: () => ({
      ...byPeople(),
      events: [
        whenOffered('ana aborts', backupWord, (simulation) =>
          says(simulation, { name: 'stop', by: ana, choice: 'Abort' }),
        ),
      ],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: assertUnchanged,
  },
  {
    ids: '001-61',
    name: '001-61-no-reference',
    title:
      'a word without a reference, one too early and one for another step do not count; one in a pause does, after it',
    tell: () => ({
      ...byPeople(),
      events: [
        {
          what: 'ana attests before she is asked',
          when: (simulation) => simulation.stepState('g1-stop') === 'Running',
          act: (simulation) =>
            assert.match(
              say(simulation, { ...backupWord, name: 'early', by: ana, evidence: reference }),
              /^step backup-last has not begun: Attest waits for its question/,
            ),
        },
        whenOffered('ana names no reference', backupWord, (simulation) => {
          const word = silent(simulation);
          assert.match(
            say(simulation, { ...backupWord, step: 'backup', name: 'other', by: ana, evidence: reference }),
            /^step backup of run portal-1 asks people for nothing: name backup-last/,
          );
          simulation.store.decide(word);
        }),
        whenOffered(
          'the set is paused',
          backupWord,
          (simulation) => {
            assert.equal(simulation.stepState(backupRow), 'Running');
            editSet(simulation, { paused: true });
          },
          { afterMs: 10 * minute },
        ),
        {
          what: 'ana attests in the pause',
          when: ({ store }) => store.runs[0]?.status?.phase === 'Paused',
          act: (simulation) => attests(simulation, 'taken'),
        },
        { what: 'it goes on', atMs: 3 * 3_600_000, act: (simulation) => editSet(simulation, { paused: false }) },
      ],
    }),
    ends: ['Completed'],
    check: (ended) => assertSchema(ended, '42'),
  },
  {
    ids: '001-61 design 1.5',
    name: '001-61-server-started-meanwhile',
    title:
      'somebody starts a server while people back the database up: that backup does not count, and another is asked for',
    tell: () => ({
      ...byPeople({}, { policy: 'RequireApproval' }),
      events: [
        whenOffered('somebody starts web-2', backupWord, ({ world }) => startsServer(world, 1), {
          afterMs: 5 * minute,
        }),
        {
          what: 'and stops it again',
          when: ({ store }) => store.runs[0]?.status?.failure?.reason === 'NotStopped',
          act: ({ world }) => startsServer(world, 0),
        },
        whenAsked('ana has it tried again', { choice: 'Resume' }),
        {
          ...takes(10 * minute),
          when: ({ store, world }) => {
            const entry = store.runs[0]?.status?.steps.find(({ id }) => id === backupRow);
            const since = Date.parse(entry?.started ?? '');
            return entry?.state === 'Running' && entry.attempt === 2 && world.clock.now() - since >= 10 * minute;
          },
        },
      ],
    }),
    ends: ['Completed'],
    check: (ended) => {
      assertSchema(ended, '42');
      assert.equal(entryOf(ended, 'portal-1', backupRow).attempt, 2);
    },
  },
  {
    ids: '001-61 001-53',
    name: '001-61-reference-is-proven',
    title: 'where a Job can look at what people took, a wrong reference is found out before anything is migrated',
    tell: () => ({
      ...byPeople(
        { backup: { takenBy: 'People', verify: { job: { podTemplate: 'pg-tools', timeout: '5m' } } } },
        { policy: 'RequireApproval' },
      ),
      events: [
        whenOffered('ana mistypes the reference', backupWord, (simulation) => {
          const word = { ...backupWord, name: 'wrong', by: ana, evidence: 'vault/portal-0024', reason: 'taken' };
          says(simulation, word);
        }),
        whenAsked('ana has it tried again', { choice: 'Resume' }),
        whenOffered('ana attests the right one', backupWord, (simulation) => attests(simulation, 'right'), {
          after: 'wrong',
        }),
      ],
    }),
    ends: ['Completed'],
    check: (ended) => {
      assertSchema(ended, '42');
      const { attempt, message } = entryOf(ended, 'portal-1', backupRow);
      assert.deepEqual([attempt, message], [2, `${reference} is attested by ${ana} and verified`]);
    },
  },
];

function startsServer(world: World, replicas: number): void {
  scale(world, must(world.workloads.get('StatefulSet/web-2'), 'web-2'), replicas, 'kubectl-scale');
}

/** As no API server would let it pass. */
function silent({ store, world }: Simulation): Decision {
  const run = must(store.runs.at(-1), 'run');
  const { planHash } = run.spec;
  const { spec, ...word } = decision(run.metadata.name, { ...backupWord, planHash, evidence: reference });
  const { evidence: _, ...rest } = spec;
  const creationTimestamp = new Date(world.clock.now()).toISOString();
  return { ...word, metadata: { ...word.metadata, name: 'silent', creationTimestamp }, spec: rest };
}
