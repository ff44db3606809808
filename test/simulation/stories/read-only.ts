/** The read-only mode of the database in a major upgrade: a guard that no end of a run leaves behind. */
import assert from 'node:assert/strict';
import { database } from '../../builders/objects.ts';
import { must, type SimDatabase, type World } from '../../../src/simulation/world.ts';
import { majorSetting, type MajorDraft } from '../major.ts';
import { runNamed, whenAsked, type Ended, type Setting, type Story } from '../story.ts';

function databaseOf(world: World): SimDatabase {
  return must(world.databases.get('portal-db'), 'database');
}

/** As the setting of a major upgrade, with a database that can be made read-only. */
function guarded(draft: MajorDraft = {}): Setting {
  const told = majorSetting(draft);
  const job = (verb: string) => ({ job: { podTemplate: 'pg-tools', args: [verb] } });
  const readOnly = { set: job('set-read-only'), clear: job('clear-read-only'), writeProbe: job('write-probe') };
  told.objects.databases = [database('portal-db', { readOnly })];
  return told;
}

/** What was asked of the database, in order. */
function verbsOf({ world }: Ended): string[] {
  return world.calls.filter((call) => call.kind === 'RunDatabaseJob' && call.changed).map((call) => call.target);
}

function assertWritable({ world }: Ended): void {
  assert.equal(databaseOf(world).readOnly, undefined);
}

export const readOnlyStories: readonly Story[] = [
  {
    ids: 'design 1.7',
    name: 'read-only-good',
    title: 'nobody may write between the last backup and the new release, and everybody afterwards',
    tell: () => guarded(),
    ends: ['Completed'],
    check: (ended) => {
      assertWritable(ended);
      const verbs = verbsOf(ended);
      const at = (verb: string): number => verbs.indexOf(verb);
      assert.ok(at('setReadOnly') < verbs.lastIndexOf('backup') && at('migrate') < at('clearReadOnly'), verbs.join());
    },
  },
  {
    ids: 'design 1.7',
    name: 'read-only-not-kept',
    title: 'the database takes writes all the same: nothing is migrated, and the old release serves again',
    tell: () => {
      const told = guarded();
      told.world.faults.keepsWriting = true;
      return told;
    },
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      assert.equal(runNamed(ended, 'portal-1').status?.failure?.reason, 'ReadOnlyFailed');
      assert.ok(!verbsOf(ended).includes('migrate') && !verbsOf(ended).includes('restore'));
    },
  },
  {
    ids: 'design 1.7 S-29',
    name: 'read-only-migration-fails',
    title: 'the migration fails: the database is restored and writable before the old release starts',
    tell: () => ({ ...guarded(), fail: ['database:migrate'] }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      assertWritable(ended);
      const rows = runNamed(ended, 'portal-1-back').spec.steps.map((step) => step.action);
      const at = (action: (typeof rows)[number]): number => rows.indexOf(action);
      assert.ok(at('RestoreDatabase') < at('ClearGuard') && at('ClearGuard') < at('Start'), rows.join());
    },
  },
  {
    ids: 'design 1.8',
    name: 'read-only-by-somebody',
    title: 'somebody had made it read-only before: that is neither ours to set nor to clear',
    tell: () => {
      const told = guarded();
      databaseOf(told.world).readOnly = 'somebody';
      return told;
    },
    ends: ['Completed'],
    check: ({ world }) => assert.equal(databaseOf(world).readOnly, 'somebody'),
  },
  {
    ids: 'design 5.8',
    name: 'read-only-stays',
    title: 'the mode cannot be cleared, on neither way: the database is handed over by name',
    tell: () => ({
      ...guarded(),
      fail: ['database:clearReadOnly'],
      events: [whenAsked('ana takes over', { choice: 'Abort' })],
    }),
    ends: ['Failed', 'Failed'],
    check: ({ result }) => {
      const left = result.runs.flatMap((run) => run.status?.handedOver ?? []).map(({ object }) => object);
      assert.ok(left.includes('database/portal-db'), left.join());
    },
  },
];
