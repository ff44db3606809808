/** The Jobs of a Database as commands: what runs in them is what the operator would have run. Pure. */
import type { JobAction } from '../../api/common.ts';
import type { Step } from '../../api/upgrade-run.ts';
import type { DatabaseVerb } from '../../planner/effects.ts';
import { isByPeople } from '../../planner/steps/by-people.ts';
import { backupKey, readOnlyKey, schemaBeforeKey } from '../../planner/steps/keys.ts';
import { jobLines } from './job.ts';
import type { Place } from './place.ts';

export function databaseCommands(place: Place, step: Step): string[] {
  const { database } = place.spec;
  if (database === undefined) return [];
  const before = place.handles[schemaBeforeKey] ?? '';
  const operation = `${place.uid}/${step.id}/by-hand`;
  switch (step.action) {
    case 'BackupDatabase':
      if (database.spec.backup?.takenBy !== undefined) return peoplesBackup(place, step);
      return [
        ...jobCommands(place, step, 'backup', database.spec.backup?.job, { OPERATION: operation }),
        '# its termination message names the backup; prove that it can be restored, with that name as BELAY_BACKUP:',
        ...jobCommands(place, step, 'verify', database.spec.backup?.verify?.job, { BACKUP: 'NAME' }),
      ];
    case 'SetGuard':
    case 'ClearGuard': {
      const { set, clear } = database.spec.readOnly ?? {};
      return step.action === 'SetGuard'
        ? jobCommands(place, step, 'setReadOnly', set?.job, {})
        : clearCommands(place, step, clear?.job);
    }
    case 'MigrateDatabase':
      return [
        ...lookCommands(place),
        `# only where nothing there is begun, and the schema is still ${before === '' ? 'the old one' : before}:`,
        ...jobCommands(place, step, 'migrate', database.spec.migrate?.job, {
          OPERATION: operation,
          FROM_SCHEMA: before,
          TO_SCHEMA: place.spec.to.schema ?? before,
        }),
      ];
    default: {
      const backup = place.handles[backupKey];
      if (backup === undefined)
        return [`# there is no verified backup: put the schema back to ${before} by hand`, ...lookCommands(place)];
      return [
        '# with every server stopped: the backup replaces whatever is there',
        ...(isByPeople(step)
          ? [`# put ${whereIs(place)} back to ${backup}, as whoever took it says`]
          : jobCommands(place, step, 'restore', database.spec.restore?.job, { BACKUP: backup, OPERATION: operation })),
        ...lookCommands(place),
        `# the schema must be ${before} again`,
      ];
    }
  }
}

/** Nobody but people have access: what they do stands in no Job. */
function peoplesBackup(place: Place, step: Step): string[] {
  const verify = place.spec.database?.spec.backup?.verify;
  if (!isByPeople(step)) return ['# nothing: people take the backup in row 5a', ...lookCommands(place)];
  return [
    `# with every server stopped: have a full backup of ${whereIs(place)} taken, and note its reference`,
    ...(verify === undefined ? [] : jobCommands(place, step, 'verify', verify.job, { BACKUP: 'REFERENCE' })),
  ];
}

/** "Database portal-db (portal on postgres:5432)". */
function whereIs({ spec }: Place): string {
  if (spec.database === undefined) return 'the database';
  const { host, port, database } = spec.database.spec.connection;
  return `Database ${spec.database.name} (${database} on ${host}:${port})`;
}

function clearCommands(place: Place, step: Step, action: JobAction | undefined): string[] {
  const isSetBefore = place.spec.steps.some(({ action: other }) => other === 'SetGuard');
  switch (place.handles[readOnlyKey]) {
    case 'ours':
      return jobCommands(place, step, 'clearReadOnly', action, {});
    case undefined:
      if (!isSetBefore) return ['# the database is not read-only by this run'];
      return ['# only where you set it by hand above:', ...jobCommands(place, step, 'clearReadOnly', action, {})];
    case 'somebody':
      return ['# the database was read-only before this run: leave it'];
    default:
      return ['# the database is not read-only by this run'];
  }
}

/** What the database itself says of migrations: the table of docs/databases.md. */
export function lookCommands({ namespace, spec }: Place): string[] {
  const { connection } = spec.database?.spec ?? {};
  if (connection === undefined) return [];
  const { host, port, database, credentialsSecret } = connection;
  const at = `-h ${host} -p ${port} -d ${database}`;
  return [
    ...(credentialsSecret === undefined
      ? []
      : [`# user and password: kubectl -n ${namespace} get secret ${credentialsSecret} -o jsonpath='{.data}'`]),
    `psql ${at} -c 'select operation, state, schema, at from belay_operations order by at'`,
  ];
}

function jobCommands(
  place: Place,
  step: Step,
  verb: DatabaseVerb,
  action: JobAction | undefined,
  parameters: Readonly<Record<string, string>>,
): string[] {
  const { namespace, spec, run } = place;
  const { database } = spec;
  if (database === undefined) return [];
  if (action === undefined) return [`# Database ${database.name} has no Job for ${verb}: as your runbook says`];
  const { host, port, database: name, credentialsSecret } = database.spec.connection;
  const facts: Record<string, string> = {
    FROM_VERSION: spec.from.version ?? '',
    TO_VERSION: spec.to.version,
    ...parameters,
    VERB: verb,
    RUN: run,
    STEP: step.id,
    DB_HOST: host,
    DB_PORT: String(port),
    DB_NAME: name,
  };
  return jobLines({
    namespace,
    name: `by-hand-${verb.toLowerCase()}`,
    container: 'database',
    action,
    facts,
    credentialsSecret,
  });
}
