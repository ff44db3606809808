/** A full backup, and the proof that it can be restored. Source: 001-52, 001-60, invariant 4 of the requirements. */
import { formatInstant } from '../../shared/instant.ts';
import type { DatabaseJob } from '../effects.ts';
import { done, fail, type StepContext, type StepVerdict } from '../verdict.ts';
import { answerOf, databaseJob, readSchemaBefore, schemaBeforeJob, type JobContext } from './database-jobs.ts';
import { backupAtKey, backupKey } from './keys.ts';

export function evaluateBackupDatabase(context: StepContext): StepVerdict {
  const unread = readSchemaBefore(context);
  if (unread !== undefined) return unread;
  const backup = answerOf(context, databaseJob(context, 'backup', 'backup'), 'there is no backup yet', 'BackupFailed');
  if ('verdict' in backup) return backup.verdict;
  const handle = backup.answer.output['handle'] ?? '';
  if (handle === '')
    return fail('BackupFailed', 'the backup Job did not name its backup: write {"handle": "…"} as termination message');
  const verified = answerOf(context, verifyJob(context, handle), `${handle} is not proven yet`, 'BackupNotVerified');
  if ('verdict' in verified) return verified.verdict;
  if (context.handles[backupKey] !== handle) {
    const record = { [backupKey]: handle, [backupAtKey]: formatInstant(context.now) };
    return { kind: 'record', record, because: `${handle} can be restored` };
  }
  return done(`${handle} is verified`);
}

/** Every Job this step may ask about now. */
export function backupJobs(context: JobContext): DatabaseJob[] {
  return [schemaBeforeJob(context), databaseJob(context, 'backup', 'backup'), verifyJob(context, '')];
}

function verifyJob(context: JobContext, handle: string): DatabaseJob {
  return databaseJob(context, 'verify', 'verify', { BACKUP: handle });
}
