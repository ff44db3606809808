/**
 * A full backup, and the proof that it can be restored; where nobody but people have access, their word and its reference.
 * Source: 001-52, 001-60, 001-61, invariant 4 of the requirements.
 */
import { formatInstant } from '../../shared/instant.ts';
import type { DatabaseJob } from '../effects.ts';
import { done, fail, listSome, type StepContext, type StepVerdict } from '../verdict.ts';
import { attestedBy, isByPeople } from './by-people.ts';
import { answerOf, databaseJob, podsOn, readSchemaBefore, schemaBeforeJob, type JobContext } from './database-jobs.ts';
import { backupAtKey, backupByKey, backupKey, schemaBeforeKey } from './keys.ts';

interface Backup {
  readonly handle: string;
  /** Who attests it; undefined where its Job made it. */
  readonly by?: string;
}

export function evaluateBackupDatabase(context: StepContext): StepVerdict {
  const unread = readSchemaBefore(context);
  if (unread !== undefined) return unread;
  if (isLeftToPeople(context) && !isByPeople(context.step))
    return done(`the schema is ${context.handles[schemaBeforeKey] ?? ''}; people take the backup when nobody writes`);
  const backup = isByPeople(context.step) ? taken(context) : made(context);
  if ('verdict' in backup) return backup.verdict;
  const { handle, by } = backup;
  const verified = isProvable(context)
    ? answerOf(context, verifyJob(context, handle), `${handle} is not proven yet`, 'BackupNotVerified')
    : undefined;
  if (verified !== undefined && 'verdict' in verified) return verified.verdict;
  const how = [...(by === undefined ? [] : [`attested by ${by}`]), ...(verified === undefined ? [] : ['verified'])];
  // The same reference may name another backup by now: what an earlier attempt or row wrote is not about this one.
  const { started = '' } = context.entry;
  if (context.handles[backupKey] !== handle || (context.handles[backupAtKey] ?? '') < started) {
    // The clock of an earlier leader may be ahead.
    const now = formatInstant(context.now);
    const at = { [backupKey]: handle, [backupAtKey]: now < started ? started : now };
    const record = by === undefined ? at : { ...at, [backupByKey]: by };
    const because = by === undefined ? `${handle} can be restored` : `${handle} is ${how.join(' and ')}`;
    return { kind: 'record', record, because };
  }
  return done(`${handle} is ${how.join(' and ')}`);
}

/** Every Job this step may ask about now. */
export function backupJobs(context: JobContext): DatabaseJob[] {
  const before = schemaBeforeJob(context);
  if (!isLeftToPeople(context)) return [before, databaseJob(context, 'backup', 'backup'), verifyJob(context, '')];
  return isByPeople(context.step) && isProvable(context) ? [before, verifyJob(context, '')] : [before];
}

function made(context: StepContext): Backup | { readonly verdict: StepVerdict } {
  const backup = answerOf(context, databaseJob(context, 'backup', 'backup'), 'there is no backup yet', 'BackupFailed');
  if ('verdict' in backup) return backup;
  const handle = backup.answer.output['handle'] ?? '';
  if (handle !== '') return { handle };
  const message = 'the backup Job did not name its backup: write {"handle": "…"} as termination message';
  return { verdict: fail('BackupFailed', message) };
}

function taken(context: StepContext): Backup | { readonly verdict: StepVerdict } {
  const name = context.run.spec.database?.name ?? '';
  const pods = podsOn(context);
  if (pods.length > 0) {
    const message = `pods use the database while people back it up: ${listSome(pods)}; stop them, then have another backup taken`;
    return { verdict: fail('NotStopped', message) };
  }
  const word = attestedBy(context, {
    reason: 'AwaitingBackup',
    failure: 'Denied',
    what: `take a full backup of Database ${name} now: all servers have stopped, so nobody writes to it`,
    evidence: 'the reference of the backup',
    offer: `the backup of Database ${name} is taken, and evidence is its reference; verdict Denied: there will be none, and the step fails`,
  });
  return 'verdict' in word ? word : { handle: word.reference, by: word.by };
}

function isLeftToPeople({ run }: JobContext): boolean {
  return run.spec.database?.spec.backup?.takenBy !== undefined;
}

/** What people attest is taken at their word where nothing can look at it. */
function isProvable({ run, step }: JobContext): boolean {
  return !isByPeople(step) || run.spec.database?.spec.backup?.verify !== undefined;
}

function verifyJob(context: JobContext, handle: string): DatabaseJob {
  return databaseJob(context, 'verify', 'verify', { BACKUP: handle });
}
