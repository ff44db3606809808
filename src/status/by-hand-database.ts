/** The Jobs of a Database as commands: what runs in them is what the operator would have run. Pure. */
import type { JobAction } from '../api/common.ts';
import type { Step } from '../api/upgrade-run.ts';
import { expand } from '../api/variables.ts';
import type { DatabaseVerb } from '../planner/effects.ts';
import { backupKey, readOnlyKey, schemaBeforeKey } from '../planner/steps/keys.ts';
import type { Place } from './by-hand-place.ts';
import { quote } from './by-hand-text.ts';

export function databaseCommands(place: Place, step: Step): string[] {
  const { database } = place.spec;
  if (database === undefined) return [];
  const before = place.handles[schemaBeforeKey] ?? '';
  const operation = `${place.uid}/${step.id}/by-hand`;
  switch (step.action) {
    case 'BackupDatabase':
      return [
        ...jobCommands(place, step, 'backup', database.spec.backup?.job, { OPERATION: operation }),
        '# its termination message names the backup; prove that it can be restored, with that name as BELAY_BACKUP:',
        ...jobCommands(place, step, 'verify', database.spec.backup?.verify.job, { BACKUP: 'NAME' }),
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
        ...jobCommands(place, step, 'restore', database.spec.restore?.job, { BACKUP: backup, OPERATION: operation }),
        ...lookCommands(place),
        `# the schema must be ${before} again`,
      ];
    }
  }
}

function clearCommands(place: Place, step: Step, action: JobAction | undefined): string[] {
  if (place.handles[readOnlyKey] !== 'ours') return ['# the database is not read-only by this run'];
  return jobCommands(place, step, 'clearReadOnly', action, {});
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
  const fill = (text: string): string => expand(text, facts).text;
  const env = [
    ...Object.entries(facts).map(([key, value]) => ({ name: `BELAY_${key}`, value })),
    ...(action.env ?? []).map(({ name: key, value, secretKeyRef }) =>
      secretKeyRef === undefined ? { name: key, value: fill(value ?? '') } : { name: key, valueFrom: { secretKeyRef } },
    ),
  ];
  const container = {
    ...(action.command === undefined ? {} : { command: action.command.map(fill) }),
    ...(action.args === undefined ? {} : { args: action.args.map(fill) }),
    ...(credentialsSecret === undefined ? {} : { envFrom: [{ secretRef: { name: credentialsSecret } }] }),
  };
  const job = `by-hand-${verb.toLowerCase()}`;
  const create = `kubectl -n ${namespace} create -f -`;
  return [
    `kubectl -n ${namespace} delete job ${job} --ignore-not-found`,
    action.podTemplate === undefined
      ? `echo ${quote(JSON.stringify(jobOf(job, { name: 'database', image: action.image, ...container, env })))} | ${create}`
      : [
          `kubectl -n ${namespace} get podtemplate ${action.podTemplate} -o json`,
          `jq --argjson c ${quote(JSON.stringify(container))} --argjson e ${quote(JSON.stringify(env))} ${quote(fromTemplate(job))}`,
          create,
        ].join(' | '),
    `kubectl -n ${namespace} wait job/${job} --for=condition=complete --timeout=${action.timeout}`,
    `kubectl -n ${namespace} logs job/${job}`,
  ];
}

function jobOf(name: string, container: object): object {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: { backoffLimit: 0, template: { spec: { restartPolicy: 'Never', containers: [container] } } },
  };
}

/** The Job in the words of jq: the template with our command and variables in its first container. */
function fromTemplate(job: string): string {
  const container =
    '.spec.containers[0] |= (. + ($c | del(.envFrom)) + {env: ((.env // []) + $e), envFrom: ((.envFrom // []) + ($c.envFrom // []))})';
  const template = `(.template | ${container} | .spec.restartPolicy = "Never" | del(.metadata.creationTimestamp))`;
  return `{apiVersion: "batch/v1", kind: "Job", metadata: {name: "${job}"}, spec: {backoffLimit: 0, template: ${template}}}`;
}
