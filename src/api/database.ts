import * as z from 'zod';
import * as c from './common.ts';
import { conditions } from './conditions.ts';
import { type ApiObject, defineKind } from './kind.ts';

const task = (description: string): z.ZodObject<{ job: typeof c.job }, z.core.$strip> =>
  c.object(description, { job: c.job });

const backup = c.object(
  'backup says who makes a full backup: a Job, or people.',
  {
    job: c.job
      .meta({ description: 'job makes it: its termination message is {"handle": "…"}. Excludes takenBy.' })
      .optional(),
    verify: task(
      'verify checks the backup BELAY_BACKUP: exit status 0 says that it can be restored. Required with job.',
    ).optional(),
    takenBy: z
      .enum(['People'])
      .meta({
        description:
          'takenBy People: nobody but people have access. A Major asks for the backup while nobody writes, and waits for a Decision Attest whose evidence is its reference. Excludes job.',
      })
      .optional(),
    estimate: c
      .duration(
        'estimate is how long people take for it, such as "30m": it is part of the announced downtime. For takenBy only. Default: the timeout of BackupDatabase.',
      )
      .optional(),
  },
  [
    {
      ...c.exactlyOne('job', 'takenBy'),
      message: 'set exactly one of: job, where a Job makes the backup, and takenBy, where people do',
    },
    {
      rule: 'has(self.verify) || !has(self.job)',
      message: 'verify is required with job: a backup that nothing verifies is not a way back',
      fieldPath: '.verify',
      reason: 'FieldValueRequired',
      check: ({ job, verify }) => verify !== undefined || job === undefined,
    },
    {
      rule: 'has(self.takenBy) || !has(self.estimate)',
      message: 'estimate is only for takenBy: remove it',
      fieldPath: '.estimate',
      check: ({ takenBy, estimate }) => takenBy !== undefined || estimate === undefined,
    },
  ],
);

export const databaseSpec = c.object(
  'spec says how the database is asked, backed up, migrated and restored: one Job for each.',
  {
    connection: c.object(
      'connection is where the database is. Its parts reach the Jobs as BELAY_DB_HOST and so on.',
      {
        host: c.nonEmpty('host is the name or address.', 253),
        port: c.integer('port is the port.', 1, 65_535),
        database: c.nonEmpty('database is the name of the database.', 63),
        credentialsSecret: c
          .objectName('credentialsSecret is the Secret whose keys reach the Jobs as environment variables.')
          .optional(),
      },
      [
        {
          rule: 'self.host == oldSelf.host && self.database == oldSelf.database',
          message:
            'host and database say which database it is, and its backups are of that one: create another Database for another one',
          reason: 'FieldValueForbidden',
        },
      ],
    ),
    schemaVersion: task(
      'schemaVersion reads the version of the schema, and what became of a migration: its termination message is {"schemaVersion": "41", "operation": "none" | "begun" | "done"}.',
    ),
    backup: backup.optional(),
    migrate: task(
      'migrate brings the schema to BELAY_TO_SCHEMA. It must leave evidence of BELAY_OPERATION inside the database and run once for each; exit status 75 says that it cannot be told what happened.',
    ).optional(),
    readOnly: c
      .object(
        'readOnly keeps everybody from writing, in a Major, from the moment all groups have stopped until the new release starts. Jobs of this Database must be able to write all the same.',
        {
          set: task('set makes it read-only, and ends the sessions that could still write.'),
          clear: task('clear takes that back.'),
          writeProbe: task(
            'writeProbe tries to write as an application would, and leaves nothing: its termination message is {"writable": "true" | "false"}.',
          ),
        },
      )
      .optional(),
    restore: task(
      'restore puts the backup BELAY_BACKUP back, whatever is there now. Where people take the backup it may be left out: then people are asked to put it back.',
    ).optional(),
    drill: task('drill restores the backup BELAY_BACKUP aside, checks it and removes it again.').optional(),
  },
  [
    {
      rule: 'has(self.backup) || !has(self.restore)',
      message: 'restore without backup restores nothing: fill in backup or remove restore',
      fieldPath: '.backup',
      reason: 'FieldValueRequired',
      check: ({ backup, restore }) => backup !== undefined || restore === undefined,
    },
    {
      rule: 'has(self.backup) || !has(self.drill)',
      message: 'drill without backup has nothing to try out: fill in backup or remove drill',
      fieldPath: '.backup',
      reason: 'FieldValueRequired',
      check: ({ backup, drill }) => backup !== undefined || drill === undefined,
    },
    {
      rule: '!has(self.drill) || !has(self.backup) || has(self.backup.job)',
      message:
        'drill tries out a backup that backup.job makes, and with backup.takenBy there is none: remove drill, or fill in backup.job',
      fieldPath: '.drill',
      check: ({ backup, drill }) => drill === undefined || backup === undefined || backup.job !== undefined,
    },
  ],
);

export const databaseStatus = c.object('status is what was seen last.', {
  observedGeneration: c.observedGeneration,
  conditions,
  schemaVersion: c.text('schemaVersion is the version of the schema.', 64).optional(),
  lastBackup: c
    .object('lastBackup is the newest backup that was verified or attested.', {
      handle: c.nonEmpty('handle is its name, as the backup Job gave it, or the reference that was attested.', 512),
      at: c.instant('at is when it was verified or attested.'),
      run: c.objectName('run is the UpgradeRun that made it, or asked for it.'),
      by: c.text('by is who attested it; absent where its Job made it.', 256).optional(),
    })
    .optional(),
});

export type DatabaseSpec = z.output<typeof databaseSpec>;
export type DatabaseStatus = z.output<typeof databaseStatus>;
export interface Database extends ApiObject<DatabaseSpec, DatabaseStatus> {}

export const databaseKind = defineKind({
  kind: 'Database',
  plural: 'databases',
  shortNames: ['db'],
  description: 'Database is a database under server groups: how it is asked, backed up, migrated and restored.',
  writtenBy: 'users',
  spec: databaseSpec,
  status: databaseStatus,
  maxNameLength: 63,
  columns: [
    { name: 'Host', type: 'string', jsonPath: '.spec.connection.host', description: 'Where it is' },
    { name: 'Schema', type: 'string', jsonPath: '.status.schemaVersion', description: 'Version of its schema' },
    { name: 'Last-Backup', type: 'date', jsonPath: '.status.lastBackup.at', description: 'Newest backup that counts' },
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether it can be used',
    },
  ],
  example: `apiVersion: belay.dev/v1alpha1
kind: Database
metadata:
  name: portal-db
spec:
  connection: {host: postgres, port: 5432, database: portal, credentialsSecret: portal-db}
  schemaVersion: {job: {podTemplate: pg-tools, args: [schema-version]}}
  backup:
    job: {podTemplate: pg-tools, args: [backup], timeout: 30m}
    verify: {job: {podTemplate: pg-tools, args: [verify], timeout: 30m}}
  migrate: {job: {podTemplate: pg-tools, args: [migrate], timeout: 30m}}
  restore: {job: {podTemplate: pg-tools, args: [restore], timeout: 1h}}
`,
});
