/**
 * The read-only mode of the database: a guard that is set and proven before the last backup, and cleared and proven
 * before anybody starts again, in every end of a run (design 1.7, 5.8). One that somebody else had set stays.
 */
import type { DatabaseJob, DatabaseVerb } from '../effects.ts';
import type { Handles } from '../journal.ts';
import { done, fail, wait, type StepContext, type StepVerdict } from '../verdict.ts';
import { answerOf, databaseJob, type JobContext } from './database-jobs.ts';
import { readOnlyKey } from './keys.ts';

type Run = Pick<StepContext, 'run' | 'handles'>;

/** Is the database read-only by our hand, as far as the journal says? */
export function isGuarded(handles: Handles): boolean {
  return handles[readOnlyKey] === 'ours';
}

export function evaluateSetGuard(context: StepContext): StepVerdict {
  const whose = context.handles[readOnlyKey];
  if (whose === 'somebody') return done('the database was read-only already, and stays so');
  if (whose !== 'ours') {
    const before = canWrite(context, job(context, 'writeProbe', 'before'), 'whose mode it is decides who clears it');
    if ('verdict' in before) return before.verdict;
    const record = { [readOnlyKey]: before.writable ? 'ours' : 'somebody' };
    const because = before.writable ? 'it is writable, and will be so again' : 'somebody made it read-only before';
    return { kind: 'record', record, because };
  }
  const set = answerOf(context, job(context, 'setReadOnly', 'set'), 'nobody may write any more', 'ReadOnlyFailed');
  if ('verdict' in set) return set.verdict;
  const after = canWrite(context, job(context, 'writeProbe', 'after'), 'a write must be refused now');
  if ('verdict' in after) return after.verdict;
  return after.writable
    ? fail(
        'ReadOnlyFailed',
        'the database still takes writes although it was made read-only: mend spec.readOnly.set of the Database',
      )
    : done('the database refuses writes');
}

export function evaluateClearGuard(context: StepContext): StepVerdict {
  const whose = context.handles[readOnlyKey];
  if (whose === 'cleared') return done('the database takes writes again');
  if (whose === undefined) return { kind: 'skip', message: 'this run did not make the database read-only' };
  if (whose !== 'ours') return { kind: 'skip', message: 'it was read-only before this run, and stays so' };
  const clear = answerOf(context, job(context, 'clearReadOnly', 'clear'), 'the mode is ours', 'ReadOnlyFailed');
  if ('verdict' in clear) return clear.verdict;
  const probe = canWrite(context, job(context, 'writeProbe', 'after'), 'a write must be taken again');
  if ('verdict' in probe) return probe.verdict;
  if (!probe.writable)
    return fail(
      'ReadOnlyFailed',
      'the database still refuses writes: mend spec.readOnly.clear of the Database, or clear it by hand, then resume',
    );
  return { kind: 'record', record: { [readOnlyKey]: 'cleared' }, because: 'the database takes writes again' };
}

/** Every Job these steps may ask about now. */
export function guardJobs(context: JobContext): DatabaseJob[] {
  return context.step.action === 'SetGuard'
    ? [job(context, 'writeProbe', 'before'), job(context, 'setReadOnly', 'set'), job(context, 'writeProbe', 'after')]
    : [job(context, 'clearReadOnly', 'clear'), job(context, 'writeProbe', 'after')];
}

/**
 * What every end of a run does where a guard is left: clears it, once. Undefined: nothing is left to do; where that did
 * not work, the database is handed over.
 */
export function clearLastGuard(context: StepContext): StepVerdict | undefined {
  const [last] = lastGuardJobs(context);
  if (last === undefined) return undefined;
  const seen = context.observed.databaseJobs.get(last.id);
  if (seen === undefined || seen.state === 'absent')
    return { kind: 'act', effect: { kind: 'RunDatabaseJob', job: last }, because: 'the run ends' };
  if (seen.state === 'running')
    return wait('DatabaseJobRunning', `${last.verb}: ${seen.message === '' ? 'running' : seen.message}`);
  return {
    kind: 'record',
    record: { [readOnlyKey]: seen.state === 'succeeded' ? 'cleared' : 'left' },
    because: seen.message,
  };
}

/** Named by the run, not by a step: whichever end comes first. */
export function lastGuardJobs({ run, handles }: Run): DatabaseJob[] {
  if (!isGuarded(handles) || run.spec.database?.spec.readOnly === undefined) return [];
  return [{ id: `${run.uid}/end/clear-read-only`, verb: 'clearReadOnly', parameters: {} }];
}

function job(context: JobContext, verb: DatabaseVerb, part: string): DatabaseJob {
  return databaseJob(context, verb, part);
}

function canWrite(
  context: StepContext,
  probe: DatabaseJob,
  because: string,
): { readonly writable: boolean } | { readonly verdict: StepVerdict } {
  const asked = answerOf(context, probe, because, 'ReadOnlyFailed');
  if ('verdict' in asked) return asked;
  const { writable } = asked.answer.output;
  if (writable === 'true' || writable === 'false') return { writable: writable === 'true' };
  const message =
    'the writeProbe Job did not say whether it could write: write {"writable": "true"} or {"writable": "false"} as termination message';
  return { verdict: fail('ReadOnlyFailed', message) };
}
