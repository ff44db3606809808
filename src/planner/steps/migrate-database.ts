/**
 * Runs the database upgrade command, once. Begun without evidence of its end it is not begun again; the evidence is
 * inside the database. In a minor release it must turn out to change nothing. Source: 001-82, 001-102, A-10, design 5.4.
 */
import type { DatabaseJob } from '../effects.ts';
import type { DatabaseJobObservation } from '../observed.ts';
import { act, done, fail, type StepContext, type StepVerdict } from '../verdict.ts';
import {
  answerOf,
  databaseJob,
  noSchemaVersion,
  readSchemaBefore,
  schemaBeforeJob,
  stillRunning,
  type JobContext,
} from './database-jobs.ts';
import { migrationKey, schemaBeforeKey, schemaChangedKey, schemaNowKey } from './keys.ts';

/** The wrapper's exit status where it cannot tell what became of the migration. */
const unknownStatus = 75;

export function evaluateMigrateDatabase(context: StepContext): StepVerdict {
  const unread = readSchemaBefore(context);
  if (unread !== undefined) return unread;
  const before = context.handles[schemaBeforeKey] ?? '';
  const wanted = context.run.spec.to.schema;
  if (!isMinor(context) && before === wanted) return done(`the schema is ${before} already; nothing was run`);
  const job = migration(context);
  const seen = context.observed.databaseJobs.get(job.id);
  if (seen === undefined || seen.state === 'absent')
    return timesBegun(context) === 0 ? begin(context, job) : askEvidence(context, job, before);
  if (seen.state === 'failed') return failed(seen);
  if (seen.state === 'unknown') return askEvidence(context, undefined, before);
  return seen.state === 'succeeded' ? check(context, before) : stillRunning(context, job, seen);
}

/** Every Job this step may ask about now. */
export function migrationJobs(context: JobContext): DatabaseJob[] {
  return [schemaBeforeJob(context), migration(context), evidence(context), after(context)];
}

/** Written down before it begins, so that a way back restores the database whatever became of it. */
function begin(context: StepContext, job: DatabaseJob): StepVerdict {
  const { operation } = context.entry;
  const record = {
    [migrationKey(operation)]: String(timesBegun(context) + 1),
    ...(isMinor(context) ? {} : { [schemaChangedKey]: operation }),
  };
  return act({ kind: 'RunDatabaseJob', job }, `the schema is ${context.handles[schemaBeforeKey] ?? ''}`, record);
}

/**
 * The Job is gone, or the controller was killed before it made it, or its pods do not agree: the database knows which.
 * @param job what to begin where the database has never heard of it; undefined where it cannot be begun again
 */
function askEvidence(context: StepContext, job: DatabaseJob | undefined, schema: string): StepVerdict {
  const asked = answerOf(
    context,
    evidence(context),
    'the migration was begun and its Job does not tell how it ended',
    'OutcomeUnknown',
  );
  if ('verdict' in asked) return asked.verdict;
  const found = asked.answer.output['operation'];
  if (found === 'done') return check(context, schema);
  if (found === 'none' && job !== undefined) return begin(context, job);
  if (asked.answer.output['rolledBack'] === 'true')
    return fail('MigrationFailed', 'the migration was rolled back; the schema is as it was');
  return fail(
    'OutcomeUnknown',
    `the migration was begun, and the database does not say how it ended (${found ?? 'no answer'}): look at the database, then resume or roll back`,
  );
}

function failed(seen: DatabaseJobObservation): StepVerdict {
  if (seen.exitCode === unknownStatus)
    return fail('OutcomeUnknown', `${seen.message}: look at the database, then resume or roll back`);
  return fail('MigrationFailed', seen.message);
}

/** The Job says it went well; the schema says whether it is what the release needs. */
function check(context: StepContext, schema: string): StepVerdict {
  const read = answerOf(context, after(context), 'the migration has ended', 'SchemaUnknown');
  if ('verdict' in read) return read.verdict;
  const now = read.answer.output['schemaVersion'] ?? '';
  if (now === '') return fail('SchemaUnknown', noSchemaVersion);
  if (isMinor(context)) return checkNoOp(context, schema, now);
  const wanted = context.run.spec.to.schema;
  if (wanted !== undefined && wanted !== now)
    return fail('SchemaMismatch', `the schema is ${now} after the migration, the release needs ${wanted}`);
  if (context.handles[schemaNowKey] !== now)
    return { kind: 'record', record: { [schemaNowKey]: now }, because: `the schema is ${now}` };
  return done(`the schema went from ${schema} to ${now}`);
}

function checkNoOp(context: StepContext, schema: string, now: string): StepVerdict {
  if (now === schema) return done(`the schema is ${now} as before`);
  if (context.handles[schemaChangedKey] === undefined) {
    const record = { [schemaChangedKey]: context.entry.operation, [schemaNowKey]: now };
    return { kind: 'record', record, because: `the schema went from ${schema} to ${now}` };
  }
  return fail(
    'NotAMinorRelease',
    `the command changed the schema from ${schema} to ${now}: the release is not a minor one`,
  );
}

function isMinor(context: JobContext): boolean {
  return context.run.spec.procedure === 'rolling';
}

function timesBegun({ handles, entry }: JobContext): number {
  return Number(handles[migrationKey(entry.operation)] ?? '0');
}

function after(context: JobContext): DatabaseJob {
  return databaseJob(context, 'schemaVersion', 'after');
}

function migration(context: JobContext): DatabaseJob {
  const { spec } = context.run;
  const from = context.handles[schemaBeforeKey] ?? '';
  return databaseJob(context, 'migrate', 'migrate', {
    OPERATION: context.entry.operation,
    FROM_SCHEMA: from,
    TO_SCHEMA: spec.to.schema ?? from,
  });
}

/** Named by the count: an answer from before the last beginning says nothing about it. */
function evidence(context: JobContext): DatabaseJob {
  return databaseJob(context, 'schemaVersion', `evidence-${timesBegun(context)}`, {
    OPERATION: context.entry.operation,
  });
}
