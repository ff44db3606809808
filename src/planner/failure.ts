/** What follows a failed step or a wish to end: first those who can serve, then the way back, then a person. */
import type { Choice, RunGroup, Step, StepEntry } from '../api/upgrade-run.ts';
import { formatInstant } from '../shared/instant.ts';
import { evaluateCleanup } from './steps/cleanup.ts';
import { hasBegun, isIntact, isSchemaChanged, journalOf, recordOf, type GroupRecord } from './journal.ts';
import { isHeldBack, membersOf, seeMembers } from './members.ts';
import { retainedSnapshots } from './retention.ts';
import { contextOf, toMove, type DecideInput } from './decision.ts';
import type { Move, RollbackMethod, RollbackOrder } from './move.ts';
import { backupAtKey, backupKey, claimsKey, drainedKey, resumedKey, snapshotKey } from './steps/keys.ts';
import { mergeHandles } from './journal.ts';
import type { ValidDecision } from './verdict.ts';

type Current = { step: Step; entry: StepEntry };

export function decideAfterFailure(input: DecideInput, current: Current): Move {
  const used = mergeHandles(input.run.spec, input.entries);
  const unused = input.decisions.filter((decision) => used[resumedKey(decision.name)] === undefined);
  const resume = decisionAfter(unused, current.entry, 'Resume');
  if (resume?.approved === true) return resumeAt(input, current, resume);
  if (current.entry.reason === 'JournalLost') {
    const choices: Choice[] = [{ choice: 'Abort', message: 'release the locks and touch nothing else' }];
    return { kind: 'await', reason: 'JournalLost', message: current.entry.message ?? '', choices };
  }
  if (input.run.spec.purpose !== 'Upgrade') return decideFailedRollback(input, current);
  return putBackIntact(input, current) ?? wayBack(input, current);
}

function wayBack(input: DecideInput, current: Current): Move {
  const records = recordsOf(input);
  const message = current.entry.message ?? 'the step failed';
  const changed = records.filter(({ record }) => record.fate === 'Changed' || record.fate === 'Stopped');
  if (changed.length === 0)
    return endRun(input, 'Failed', current.entry.reason ?? 'Failed', `nothing was changed: ${message}`);
  const because = `${current.step.title}: ${message}`;
  if (!changed.some(({ record }) => record.fate === 'Changed')) {
    return {
      kind: 'rollBack',
      order: { method: 'Snapshots', data: 'Keep', because, authorisedBy: 'nothing was changed' },
    };
  }
  // A rollback asked for instead of the sign-off was said before the step failed for it.
  const since = current.step.action === 'AwaitDecision' ? undefined : current.entry;
  const decision = decisionAfter(acceptable(input), since, 'Rollback');
  const policy = input.run.spec.policy.rollback;
  if (decision?.approved === true) return ordered(input, decision, because);
  if (policy.policy === 'Automatic' && !needsDataChoice(input) && isCertain(input, current)) {
    return {
      kind: 'rollBack',
      order: {
        method: 'Snapshots',
        data: automaticData(input),
        because,
        authorisedBy: 'spec.rollback.policy Automatic',
      },
    };
  }
  const asked = whyAsked(input, current);
  return { kind: 'await', reason: asked, message: because, choices: choicesAfter(input) };
}

/** What nobody may decide without a person: a migration whose end is unknown, or one without a backup to restore. */
function isCertain(input: DecideInput, current: Current): boolean {
  const handles = mergeHandles(input.run.spec, input.entries);
  return current.entry.reason !== 'OutcomeUnknown' && (!isSchemaChanged(handles) || handles[backupKey] !== undefined);
}

function whyAsked(input: DecideInput, current: Current): string {
  if (!isCertain(input, current)) return current.entry.reason === 'OutcomeUnknown' ? 'OutcomeUnknown' : 'NoBackup';
  return input.run.spec.policy.rollback.policy === 'Automatic' ? 'WritesAtStake' : 'AwaitingRollbackAuthorization';
}

/** A rollback that fails takes the next method; after the last a person looks. */
function decideFailedRollback(input: DecideInput, current: Current): Move {
  const message = current.entry.message ?? 'the step failed';
  if (input.intent.outOfTime === true) return endRun(input, 'Failed', 'RollbackFailed', message);
  if (current.step.action === 'RestoreSnapshot') {
    const because = `restore failed (${message}); the previous template alone is tried, with the data as it is`;
    return {
      kind: 'rollBack',
      order: { method: 'PreviousTemplate', data: 'Keep', because, authorisedBy: 'the rollback before' },
    };
  }
  const abort = decisionAfter(input.decisions, current.entry, 'Abort');
  if (abort?.approved === true) return endRun(input, 'Failed', 'RollbackFailed', `${abort.by} took over: ${message}`);
  return {
    kind: 'await',
    reason: 'RollbackFailed',
    message: `${current.step.title}: ${message}`,
    choices: [
      { choice: 'Resume', message: 'mend the cause, then try the failed step again' },
      { choice: 'Abort', message: 'end here; what is still out is handed over to you' },
    ],
  };
}

/** The wish to end a run that has not failed. Undefined: go on as before. */
export function decideEnding(input: DecideInput, current: Current): Move | undefined {
  // What was done is not known any more, so nothing is undone by it.
  if (current.entry.reason === 'JournalLost' && current.entry.state === 'Failed')
    return endRun(input, 'Failed', 'JournalLost', current.entry.message ?? 'the journal was lost');
  if (input.intent.outOfTime === true)
    return endRun(input, 'Failed', 'FinalizeTimeout', 'undoing took longer than spec.finalizeTimeout');
  if (input.run.spec.purpose !== 'Upgrade') return undefined;
  const touched = recordsOf(input).filter(({ record }) => record.fate !== 'Untouched');
  const reason = { Abort: 'Aborted', Delete: 'Deleted', Supersede: 'Superseded' }[input.intent.end ?? 'Abort'];
  if (touched.length === 0)
    return endRun(
      input,
      input.intent.end === 'Supersede' ? 'Superseded' : 'Cancelled',
      reason,
      'ended before anything was touched',
    );
  if (current.step.action === 'Cleanup') return undefined;
  if (input.intent.end === 'Supersede')
    return supersede(
      input,
      current,
      touched.map(({ record }) => record),
    );
  const back = putBackIntact(input, current);
  if (back !== undefined) return back;
  if (touched.every(({ record }) => record.fate === 'Drained'))
    return endRun(input, 'Cancelled', reason, 'ended before anything was changed');
  const decision = decisionAfter(acceptable(input), undefined, 'Rollback');
  if (decision?.approved === true) return ordered(input, decision, reason);
  if (input.intent.end === 'Abort' && needsDataChoice(input)) {
    return {
      kind: 'await',
      reason: 'WritesAtStake',
      message: 'the run is aborted; say what becomes of the writes since the snapshots',
      choices: choicesAfter(input),
    };
  }
  const data = automaticData(input);
  if (data === 'Keep' && databaseAtStake(input) !== undefined) {
    const message = 'the schema was changed and users have written since: nothing is taken back without a word';
    return endRun(input, 'Failed', 'WritesAtStake', message);
  }
  return {
    kind: 'rollBack',
    order: {
      method: 'Snapshots',
      data,
      because: reason,
      authorisedBy: input.intent.end === 'Delete' ? 'deletion' : 'abort',
    },
  };
}

/** Between two groups, with everybody in the pool and nothing half done. */
function supersede(input: DecideInput, current: Current, records: readonly GroupRecord[]): Move | undefined {
  const between = current.entry.state === 'Pending' && records.every((record) => !record.out);
  return between ? endRun(input, 'Superseded', 'Superseded', 'another package is asked for') : undefined;
}

/**
 * Drained but otherwise intact groups serve again at once, before anybody is asked: an old one that was only
 * drained, or a new one that had passed its tests and was out for another's.
 */
function putBackIntact(input: DecideInput, current: Current): Move | undefined {
  for (const { group, record } of recordsOf(input)) {
    const intact = record.out && isIntact(record);
    if (!intact) continue;
    const handles = mergeHandles(input.run.spec, input.entries);
    const ours = membersOf(group).filter((member) => handles[drainedKey(member)] === 'ours');
    const { seen } = seeMembers(input.observed, ours);
    const away = seen.find(
      (member) =>
        isHeldBack(input.run.spec, member) || member.seen.state === 'Drained' || member.seen.state === 'Draining',
    );
    if (away !== undefined && away.seen.foreign === '') {
      const because = `${group.name} is intact and serves again, because ${current.step.title} ended`;
      return { kind: 'act', step: current.step.id, effect: { kind: 'ServeMember', member: away.ref }, because };
    }
  }
  return undefined;
}

function recordsOf(input: DecideInput): { group: RunGroup; record: GroupRecord }[] {
  const { spec } = input.run;
  return spec.groups.map((group) => ({ group, record: recordOf(spec, input.entries, group.name) }));
}

/** Groups whose volumes would lose writes that were acknowledged to users. */
export function groupsAtStake(input: Pick<DecideInput, 'run' | 'entries'>): { group: string; since: string }[] {
  const { spec } = input.run;
  const handles = mergeHandles(spec, input.entries);
  return spec.groups.flatMap((group) => {
    const record = recordOf(spec, input.entries, group.name);
    const claims = (handles[claimsKey(group.name)] ?? '')
      .split(',')
      .filter((claim) => handles[snapshotKey(claim)] !== undefined);
    return record.fate === 'Changed' && record.servedSince !== '' && claims.length > 0
      ? [{ group: group.name, since: record.servedSince }]
      : [];
  });
}

/**
 * Since when writes that users were told are stored are in no backup; undefined where the database need not go back, or
 * nobody has written since.
 */
export function databaseAtStake(input: Pick<DecideInput, 'run' | 'entries'>): string | undefined {
  const { spec } = input.run;
  const handles = mergeHandles(spec, input.entries);
  if (!isSchemaChanged(handles)) return undefined;
  // In a rolling run the other groups have never stopped writing.
  if (spec.procedure === 'rolling') return handles[backupAtKey] ?? spec.from.version ?? 'the beginning';
  const since = spec.groups.map((group) => recordOf(spec, input.entries, group.name).servedSince);
  return since.filter((at) => at !== '').toSorted()[0];
}

/** After a migration there is no way back that keeps what was written since: the point of no return. */
function needsDataChoice(input: DecideInput): boolean {
  const { onServed } = input.run.spec.policy.rollback;
  if (databaseAtStake(input) !== undefined) return onServed !== 'DiscardWrites';
  return onServed === 'Ask' && groupsAtStake(input).length > 0;
}

function automaticData(input: DecideInput): 'Discard' | 'Keep' {
  return input.run.spec.policy.rollback.onServed === 'DiscardWrites' ? 'Discard' : 'Keep';
}

/** What a person may choose after a failure, with the loss each means. */
export function choicesAfter(input: Pick<DecideInput, 'run' | 'entries'>): Choice[] {
  const stake = groupsAtStake(input);
  const since = stake.map(({ group, since: at }) => `${group} since ${at}`).join(', ');
  const resume: Choice = { choice: 'Resume', message: 'mend the cause, then try the failed step again' };
  if (isSchemaChanged(mergeHandles(input.run.spec, input.entries))) return [resume, databaseChoice(input)];
  if (stake.length === 0) {
    return [
      resume,
      {
        choice: 'Rollback',
        method: 'Snapshots',
        data: 'Keep',
        loss: 'none',
        message: hasSnapshots(input)
          ? 'volumes back to their snapshots: they never served users'
          : 'the previous release; no volume has a snapshot, so none is touched',
      },
    ];
  }
  return [
    resume,
    {
      choice: 'Rollback',
      method: 'Snapshots',
      data: 'Keep',
      loss: 'none',
      message: `previous release on today's data; volumes that served stay: ${since}`,
    },
    {
      choice: 'Rollback',
      method: 'Snapshots',
      data: 'Discard',
      loss: `writes of ${since}`,
      message: 'every volume back to its snapshot',
    },
  ];
}

function hasSnapshots({ run, entries }: Pick<DecideInput, 'run' | 'entries'>): boolean {
  return retainedSnapshots(run.spec, mergeHandles(run.spec, entries)).length > 0;
}

/** Old code cannot run on the new schema: the database goes back, and with it what was written since. */
function databaseChoice(input: Pick<DecideInput, 'run' | 'entries'>): Choice {
  const since = databaseAtStake(input);
  const { database } = input.run.spec;
  const backup = mergeHandles(input.run.spec, input.entries)[backupKey];
  const how = backup === undefined ? 'after you have put the schema back by hand' : `from ${backup}`;
  return {
    choice: 'Rollback',
    method: 'DatabaseAndSnapshots',
    data: since === undefined ? 'Keep' : 'Discard',
    loss: since === undefined ? 'none' : `writes to the database since ${since}`,
    message: `everything stops, database ${database?.name ?? ''} is restored ${how}, then the previous release starts`,
  };
}

function ordered(input: DecideInput, decision: ValidDecision, because: string): Move {
  const method: RollbackMethod = decision.method === 'PreviousTemplate' ? 'PreviousTemplate' : 'Snapshots';
  const order: RollbackOrder = {
    method,
    data: decision.data ?? automaticData(input),
    because,
    authorisedBy: decision.by,
  };
  return { kind: 'rollBack', order };
}

/** Writes that are at stake are given up by name only. */
function acceptable(input: DecideInput): readonly ValidDecision[] {
  if (databaseAtStake(input) === undefined) return input.decisions;
  return input.decisions.filter((decision) => decision.choice !== 'Rollback' || decision.data === 'Discard');
}

/** Only a word given after the failure counts for it. */
function decisionAfter(
  decisions: readonly ValidDecision[],
  entry: StepEntry | undefined,
  choice: string,
): ValidDecision | undefined {
  const since = entry?.finished === undefined ? '' : entry.finished;
  return decisions.find((decision) => decision.choice === choice && formatInstant(decision.createdAt + 999) >= since);
}

/** From the failed step on again; a drain that was lifted meanwhile comes first. */
function resumeAt(input: DecideInput, current: Current, decision: ValidDecision): Move {
  const rows = journalOf(input.run.spec, input.entries);
  const failedAt = rows.findIndex((row) => row.step.id === current.step.id);
  const lifted = rows.findIndex((row) => {
    if (row.step.action !== 'Drain' || !hasBegun(row.entry) || row.step.group === undefined) return false;
    const record = recordOf(input.run.spec, input.entries, row.step.group);
    const last = rows.findLast(
      (other) => other.step.group === row.step.group && other.step.action === 'Drain' && hasBegun(other.entry),
    );
    return last === row && record.out && (record.fate === 'Drained' || record.servedSince !== '');
  });
  const from = lifted >= 0 && lifted < failedAt ? lifted : failedAt;
  const message = `resumed by ${decision.by}: ${decision.reason}`;
  const changes = rows
    .slice(from, failedAt + 1)
    .filter((row) => row.entry.state !== 'Skipped' && row.entry.state !== 'Pending');
  // One word, one resumption: the next failure asks again.
  const record = { [resumedKey(decision.name)]: current.step.id };
  return {
    kind: 'advance',
    changes: changes.map((row) => ({ id: row.step.id, state: 'Pending', reason: 'Resumed', message, record })),
  };
}

/** Gives everything back that is ours, then ends. */
export function endRun(
  input: DecideInput,
  phase: 'Failed' | 'Cancelled' | 'Superseded',
  reason: string,
  message: string,
): Move {
  const { spec } = input.run;
  const cleanup: Step = { ...(spec.steps.at(-1) as Step), groups: spec.groups.map((group) => group.name) };
  const entry = input.entries.find((candidate) => candidate.id === cleanup.id) ?? {
    id: cleanup.id,
    state: 'Pending',
    attempt: 0,
    operation: '',
  };
  const verdict = evaluateCleanup(contextOf(input, { step: cleanup, entry }));
  return verdict.kind === 'act' || verdict.kind === 'record'
    ? toMove(cleanup, verdict)
    : { kind: 'finish', phase, reason, message };
}
