/** Jobs on the database, one after the other, as the steps that need them ask. */
import type { DatabaseJob, DatabaseVerb } from '../effects.ts';
import type { DatabaseJobObservation } from '../observed.ts';
import { seeWorkload, workloadsOf } from '../members.ts';
import { schemaBeforeKey } from './keys.ts';
import { act, fail, wait, type StepContext, type StepVerdict } from '../verdict.ts';

export type JobContext = Pick<StepContext, 'run' | 'step' | 'entry' | 'handles'>;

/** @param part tells two Jobs of one verb in one attempt apart, such as "before" and "after" */
export function databaseJob(
  context: JobContext,
  verb: DatabaseVerb,
  part: string,
  parameters: Readonly<Record<string, string>> = {},
): DatabaseJob {
  const { spec } = context.run;
  const versions = { FROM_VERSION: spec.from.version ?? '', TO_VERSION: spec.to.version };
  return { id: `${context.entry.operation}/${part}`, verb, parameters: { ...versions, ...parameters } };
}

/** What the Job answered, or what to do until it has. `failure` is the reason where it failed. */
export function answerOf(
  context: StepContext,
  job: DatabaseJob,
  because: string,
  failure: string,
): { readonly answer: DatabaseJobObservation } | { readonly verdict: StepVerdict } {
  const seen = context.observed.databaseJobs.get(job.id);
  if (seen === undefined || seen.state === 'absent') return { verdict: act({ kind: 'RunDatabaseJob', job }, because) };
  if (seen.state === 'succeeded') return { answer: seen };
  if (seen.state === 'failed') return { verdict: fail(failure, `${job.verb}: ${seen.message}`) };
  return { verdict: stillRunning(context, job, seen) };
}

/** The Job has a deadline of its own; the step's is behind it. */
export function stillRunning(context: StepContext, job: DatabaseJob, seen: DatabaseJobObservation): StepVerdict {
  const message = `${job.verb}: ${seen.message === '' ? 'running' : seen.message}`;
  if (context.consumedMs >= context.timeoutMs)
    return fail('DatabaseTimeout', `${message}; gave up after ${context.step.timeout}`);
  return wait('DatabaseJobRunning', message, {
    type: 'Job',
    object: `database/${context.run.spec.database?.name ?? ''}`,
  });
}

/** The schema before anything is run, asked once a run: {@link schemaBeforeKey}. Undefined: it is known. */
export function readSchemaBefore(context: StepContext): StepVerdict | undefined {
  if (context.handles[schemaBeforeKey] !== undefined) return undefined;
  const read = answerOf(context, schemaBeforeJob(context), 'the schema is not known yet', 'SchemaUnknown');
  if ('verdict' in read) return read.verdict;
  const version = read.answer.output['schemaVersion'] ?? '';
  if (version === '') return fail('SchemaUnknown', noSchemaVersion);
  return {
    kind: 'record',
    record: { [schemaBeforeKey]: version },
    because: `the schema is ${version} before anything is run`,
  };
}

/** Pods of the run's groups, which use the database. */
export function podsOn({ run, observed }: StepContext): string[] {
  return run.spec.groups
    .flatMap(workloadsOf)
    .flatMap((workload) => seeWorkload(observed, workload)?.pods ?? [])
    .map(({ name }) => name);
}

export function schemaBeforeJob(context: JobContext): DatabaseJob {
  return databaseJob(context, 'schemaVersion', 'before');
}

export const noSchemaVersion =
  'the schemaVersion Job did not say one: write {"schemaVersion": "41"} as termination message';
