/** Puts the database back to the verified backup, with nobody on it. Source: 001-130, 001-133, invariant 6 of the requirements. */
import type { DatabaseJob } from '../effects.ts';
import { seeWorkload, workloadsOf } from '../members.ts';
import { done, fail, listSome, type StepContext, type StepVerdict } from '../verdict.ts';
import { answerOf, databaseJob, type JobContext } from './database-jobs.ts';
import { backupKey, schemaBeforeKey, schemaNowKey } from './keys.ts';

export function evaluateRestoreDatabase(context: StepContext): StepVerdict {
  const pods = context.run.spec.groups
    .flatMap(workloadsOf)
    .flatMap((workload) => seeWorkload(context.observed, workload)?.pods ?? []);
  if (pods.length > 0)
    return fail('NotStopped', `pods still use the database: ${listSome(pods.map((pod) => pod.name))}`);
  const backup = context.handles[backupKey];
  if (backup !== undefined) {
    const because = `the schema was changed; ${backup} is the way back`;
    const restored = answerOf(context, restoration(context), because, 'RestoreFailed');
    if ('verdict' in restored) return restored.verdict;
  }
  const read = answerOf(context, after(context), 'the schema must be the old one again', 'SchemaUnknown');
  if ('verdict' in read) return read.verdict;
  const now = read.answer.output['schemaVersion'] ?? '';
  const before = context.handles[schemaBeforeKey] ?? '';
  if (now !== before && backup === undefined)
    return fail('NoBackup', `there is no verified backup: put the schema back to ${before} by hand, then resume`);
  if (now !== before) return fail('SchemaMismatch', `the schema is ${now} after the restore, and was ${before}`);
  if (context.handles[schemaNowKey] !== now)
    return { kind: 'record', record: { [schemaNowKey]: now }, because: `the schema is ${now} again` };
  return done(`${backup ?? 'the database'} is restored, the schema is ${now} again`);
}

/** Every Job this step may ask about now. */
export function restoreJobs(context: JobContext): DatabaseJob[] {
  return [restoration(context), after(context)];
}

function restoration(context: JobContext): DatabaseJob {
  const parameters = { BACKUP: context.handles[backupKey] ?? '', OPERATION: context.entry.operation };
  return databaseJob(context, 'restore', 'restore', parameters);
}

function after(context: JobContext): DatabaseJob {
  return databaseJob(context, 'schemaVersion', 'after');
}
