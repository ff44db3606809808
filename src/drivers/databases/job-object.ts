import type { JobAction } from '../../api/common.ts';
import type { DatabaseSpec } from '../../api/database.ts';
import type { Container, Job, PodTemplate } from '../../kube/objects.ts';
import type { DatabaseJob, DatabaseVerb } from '../../planner/effects.ts';
import { TerminalError } from '../access.ts';
import type { Operation } from '../contract.ts';
import { fillIn } from '../jobs/fill.ts';
import { stepOf, type JobPurpose } from '../jobs/named-job.ts';
import { equip, oneShotJob } from '../jobs/one-shot-job.ts';
import { sha256 } from '../marks.ts';

/** On a Job and its pod: the id it was made for. */
const jobAnnotation = 'belay.dev/database-job';

/** A day: the log outlives the night in which it was written, and a decision that waits for the morning. */
const keepSeconds = 86_400;

/** Follows from the id, so that asking again, and after a crash, finds the first one. */
export function databaseJobName({ id }: Pick<DatabaseJob, 'id'>): string {
  return `belay-db-${sha256(id).slice(0, 20)}`;
}

export function purposeOf({ id }: Pick<DatabaseJob, 'id'>): JobPurpose {
  return { annotation: jobAnnotation, id };
}

export interface VerbAction {
  /** Place of the action in a Database, for messages. */
  readonly field: string;
  readonly action: JobAction;
}

/** @throws TerminalError the Database has nothing for this verb: it is frozen in the run, so that waiting does not help */
export function actionFor(database: DatabaseSpec, verb: DatabaseVerb): VerbAction {
  const { field, task } = taskFor(database, verb);
  if (task !== undefined) return { field, action: task.job };
  throw new TerminalError(
    'InvalidObject',
    `the Database has no ${field}, and the run needs it: fill it in and start a new run`,
  );
}

function taskFor(database: DatabaseSpec, verb: DatabaseVerb): { field: string; task: { job: JobAction } | undefined } {
  const { backup, readOnly } = database;
  switch (verb) {
    case 'backup':
      return { field: 'spec.backup.job', task: backup?.job === undefined ? undefined : { job: backup.job } };
    case 'verify':
      return { field: 'spec.backup.verify.job', task: backup?.verify };
    case 'setReadOnly':
      return { field: 'spec.readOnly.set.job', task: readOnly?.set };
    case 'clearReadOnly':
      return { field: 'spec.readOnly.clear.job', task: readOnly?.clear };
    case 'writeProbe':
      return { field: 'spec.readOnly.writeProbe.job', task: readOnly?.writeProbe };
    default:
      return { field: `spec.${verb}.job`, task: database[verb] };
  }
}

export interface DatabaseJobOptions extends VerbAction {
  readonly operation: Operation;
  readonly job: DatabaseJob;
  readonly connection: DatabaseSpec['connection'];
  readonly template: PodTemplate;
  /** The template's first one. */
  readonly container: Container;
}

/**
 * The Job as it is created. No owner: it is the evidence of what was done to the database, and must be there when its
 * run was deleted; the server removes it a day after its end. Of the credentials it holds the Secret's name only.
 * @throws TerminalError a text uses a variable without a value
 */
export function databaseJobObject(options: DatabaseJobOptions): Job {
  const { operation, job, connection, template, container, action, field } = options;
  const facts = factsOf(operation, job, connection);
  // What tells one operation from another is not for the action to change.
  const env = (action.env ?? []).filter(
    ({ name }) => !(name.startsWith('BELAY_') && Object.hasOwn(facts, name.slice(6))),
  );
  const equipped = equip(container, {
    action: { ...action, env },
    facts,
    values: facts,
    fill: fillIn(`${field} of the Database`, ', or write $${NAME} for the text itself'),
  });
  const { credentialsSecret } = connection;
  const envFrom =
    credentialsSecret === undefined ? [] : [...(container.envFrom ?? []), { secretRef: { name: credentialsSecret } }];
  return oneShotJob({
    operation,
    name: databaseJobName(job),
    annotations: { [jobAnnotation]: job.id },
    timeout: action.timeout,
    keepSeconds,
    template,
    // `File`: what the program says is told apart from what it merely logs.
    container: { ...equipped, ...(envFrom.length === 0 ? {} : { envFrom }), terminationMessagePolicy: 'File' },
  });
}

/** `BELAY_*` without the prefix. A migration is asked about under its own operation, which comes as a parameter. */
function factsOf(
  operation: Operation,
  { id, verb, parameters }: DatabaseJob,
  { host, port, database }: DatabaseSpec['connection'],
): Record<string, string> {
  return {
    ...parameters,
    VERB: verb,
    OPERATION: parameters['OPERATION'] ?? id,
    RUN: operation.run,
    STEP: stepOf(operation),
    DB_HOST: host,
    DB_PORT: String(port),
    DB_NAME: database,
  };
}
