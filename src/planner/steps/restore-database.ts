/** Puts the database back to the verified backup, with nobody on it. Source: 001-130, 001-133, invariant 6 of the requirements. */
import type { DatabaseJob } from '../effects.ts';
import { done, fail, listSome, type StepContext, type StepVerdict } from '../verdict.ts';
import { attestedBy, isByPeople } from './by-people.ts';
import { answerOf, databaseJob, podsOn, type JobContext } from './database-jobs.ts';
import { isGuarded } from './guards.ts';
import { backupKey, schemaBeforeKey, schemaNowKey } from './keys.ts';

export function evaluateRestoreDatabase(context: StepContext): StepVerdict {
  const pods = podsOn(context);
  if (pods.length > 0) return fail('NotStopped', `pods still use the database: ${listSome(pods)}`);
  const backup = context.handles[backupKey];
  if (backup !== undefined) {
    const because = `the schema was changed; ${backup} is the way back`;
    const restored = isByPeople(context.step)
      ? putBack(context, backup)
      : answerOf(context, restoration(context), because, 'RestoreFailed');
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
  return isByPeople(context.step) ? [after(context)] : [restoration(context), after(context)];
}

/** Their word says when to look; that it is so, the schema says. */
function putBack(context: StepContext, backup: string): ReturnType<typeof attestedBy> {
  const name = context.run.spec.database?.name ?? '';
  const before = context.handles[schemaBeforeKey] ?? '';
  // Cleared right after this step: until then whoever restores has to write all the same.
  const readOnly = isGuarded(context.handles) ? '; by default it refuses writes, as spec.readOnly.set has made it' : '';
  return attestedBy(context, {
    reason: 'AwaitingRestore',
    failure: 'RestoreFailed',
    what: `put Database ${name} back to the backup ${backup} now: all servers have stopped, and the schema must be ${before} again${readOnly}`,
    evidence: 'a reference to what was done',
    offer: `Database ${name} is put back to ${backup}, and evidence is a reference to what was done; the schema is read then. Verdict Denied: it cannot be put back, and the step fails`,
  });
}

function restoration(context: JobContext): DatabaseJob {
  const parameters = { BACKUP: context.handles[backupKey] ?? '', OPERATION: context.entry.operation };
  return databaseJob(context, 'restore', 'restore', parameters);
}

function after(context: JobContext): DatabaseJob {
  return databaseJob(context, 'schemaVersion', 'after');
}
