/** What follows a failed step or a wish to end: first those who can serve, then the way back, then a person. */
import type { Choice, RunGroup, Step, StepEntry } from '../api/upgrade-run.ts';
import { formatInstant } from '../shared/instant.ts';
import { offerRebuild } from './rebuild.ts';
import { evaluateCleanup } from './steps/cleanup.ts';
import { choicesAfterRollback, waysBack } from './choices.ts';
import { hasBegun, journalOf, mergeHandles, recordOf, type GroupRecord } from './journal.ts';
import { noteLeftOut, returnBeforeEnd, returnIntact } from './left-out.ts';
import { contextOf, toMove, type DecideInput } from './decision.ts';
import type { Move, RollbackMethod, RollbackOrder } from './move.ts';
import { nextLeftover } from './preflight/leftovers.ts';
import { ask } from './question.ts';
import { automaticData, databaseAtStake, lacksBackup, needsDataChoice } from './stake.ts';
import { overriddenCheck, overrideOf } from './preflight/waivers.ts';
import { nextFact, restartKey, resumedKey, startApprovedKey } from './steps/keys.ts';
import { listSome, type ValidDecision } from './verdict.ts';
import { whyNoRestart } from './window.ts';

/** Of what is said of words that are void; each may be long. */
const maxVoid = 512;

type Current = { step: Step; entry: StepEntry };

export function decideAfterFailure(input: DecideInput, current: Current): Move {
  const resume = decisionAfter(notResumed(input), current.entry, 'Resume');
  if (resume?.approved === true) return resumeAt(input, current, resume);
  if (current.entry.reason === 'JournalLost') {
    const choices: Choice[] = [{ choice: 'Abort', message: 'release the locks and touch nothing else' }];
    return { kind: 'await', reason: 'JournalLost', message: current.entry.message ?? '', choices };
  }
  if (input.run.spec.purpose !== 'Upgrade') return decideFailedRollback(input, current);
  return returnIntact(input, current, current.entry.finished) ?? wayBack(input, current);
}

function wayBack(input: DecideInput, current: Current): Move {
  const records = recordsOf(input);
  const message = current.entry.message ?? 'the step failed';
  const changed = records.filter(({ record }) => record.fate === 'Changed' || record.fate === 'Stopped');
  const restart = restartAfter(input, current);
  if (restart !== undefined && mergeHandles(input.run.spec, input.entries)[restartKey] !== restart.name)
    return noteRestart(current, restart);
  if (changed.length === 0)
    return endRun(input, 'Failed', current.entry.reason ?? 'Failed', `nothing was changed: ${message}`);
  const because = `${current.step.title}: ${message}`;
  if (!changed.some(({ record }) => record.fate === 'Changed')) {
    const order = { method: 'Snapshots', data: 'Keep', because, authorisedBy: 'nothing was changed' } as const;
    return { kind: 'rollBack', order: restart === undefined ? order : { ...order, next: 'Restart' } };
  }
  if (restart !== undefined) return again(input, restart, because);
  // A rollback asked for instead of the sign-off was said before the step failed for it.
  const since = current.step.action === 'AwaitDecision' ? undefined : current.entry;
  const words = decisionsAfter(acceptable(input), since, 'Rollback');
  const decision = words.find(({ approved }) => approved);
  const policy = input.run.spec.policy.rollback;
  if (decision !== undefined) return ordered(input, decision, because);
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
  return ask({ ...input, current, isCertain: isCertain(input, current), denied: words[0] });
}

/** Written down first: repeated, it may come too late; and where nothing is to be put back it is the only trace. */
function noteRestart({ step }: Current, restart: ValidDecision): Move {
  const because = `${restart.by} asks for a restart: ${restart.reason}`;
  return { kind: 'record', step: step.id, record: { [restartKey]: restart.name }, because };
}

/** A word for a restart that came after the failure and in time, or was heard in time. */
function restartAfter(input: DecideInput, current: Current): ValidDecision | undefined {
  const restart = decisionAfter(acceptable(input), current.entry, 'Restart');
  if (restart?.approved !== true) return undefined;
  if (mergeHandles(input.run.spec, input.entries)[restartKey] === restart.name) return restart;
  return whyNoRestart(input, restart.data ?? automaticData(input), input.now) === '' ? restart : undefined;
}

/** What nobody may decide without a person: a migration whose end is unknown, or one without a backup to restore. */
function isCertain(input: DecideInput, current: Current): boolean {
  return current.entry.reason !== 'OutcomeUnknown' && !lacksBackup(input);
}

/** A rollback that fails takes the next method; after the last a person looks. */
function decideFailedRollback(input: DecideInput, current: Current): Move {
  const message = current.entry.message ?? 'the step failed';
  if (input.intent.outOfTime === true) return endRun(input, 'Failed', 'RollbackFailed', message);
  return nextMethod(input, current) ?? askAfterRollback(input, current);
}

function nextMethod({ run }: DecideInput, { step, entry }: Current): Move | undefined {
  if (step.action !== 'RestoreSnapshot' || run.spec.purpose === 'Rebuild') return undefined;
  const message = entry.message ?? 'the step failed';
  const ends = run.spec.facts[nextFact] === undefined ? '' : ', and the run is not started again';
  const because = `restore failed (${message}); the previous template alone is tried, with the data as it is${ends}`;
  return {
    kind: 'rollBack',
    order: { method: 'PreviousTemplate', data: 'Keep', because, authorisedBy: 'the rollback before' },
  };
}

function askAfterRollback(input: DecideInput, current: Current): Move {
  const message = current.entry.message ?? 'the step failed';
  const abort = decisionAfter(input.decisions, current.entry, 'Abort');
  if (abort?.approved === true) return endRun(input, 'Failed', 'RollbackFailed', `${abort.by} took over: ${message}`);
  const rebuild = offerRebuild(input, current);
  if (rebuild !== undefined) return rebuild;
  return {
    kind: 'await',
    reason: 'RollbackFailed',
    message: `${current.step.title}: ${message}`,
    choices: choicesAfterRollback(input),
  };
}

/** The wish to end a run that has not failed. Undefined: go on as before. */
export function decideEnding(input: DecideInput, current: Current): Move | undefined {
  // What was done is not known any more, so nothing is undone by it.
  if (current.entry.reason === 'JournalLost' && current.entry.state === 'Failed')
    return endRun(input, 'Failed', 'JournalLost', current.entry.message ?? 'the journal was lost');
  if (input.intent.outOfTime === true)
    return (
      noteLeftOut(input) ?? endRun(input, 'Failed', 'FinalizeTimeout', 'undoing took longer than spec.finalizeTimeout')
    );
  if (input.run.spec.purpose !== 'Upgrade') return undefined;
  const touched = recordsOf(input).filter(({ record }) => record.fate !== 'Untouched');
  const reason = { Abort: 'Aborted', Delete: 'Deleted', Supersede: 'Superseded' }[input.intent.end ?? 'Abort'];
  if (touched.length === 0)
    return endRun(
      input,
      input.intent.end === 'Supersede' ? 'Superseded' : 'Cancelled',
      reason,
      `ended before anything was touched${voidWords(input)}`,
    );
  if (current.step.action === 'Cleanup') return undefined;
  if (input.intent.end === 'Supersede')
    return supersede(
      input,
      current,
      touched.map(({ record }) => record),
    );
  const back = returnBeforeEnd(input, current);
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
      choices: waysBack(input),
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

/** What people said of a plan is void with it; the run that takes its place asks anew. */
function voidWords({ run, entries, intent }: DecideInput): string {
  if (intent.end !== 'Supersede') return '';
  const handles = mergeHandles(run.spec, entries);
  const checks = Object.keys(handles).flatMap((key) => overriddenCheck(key) ?? []);
  const words = checks.map((check) => `${check} by ${overrideOf(handles, check)?.by ?? 'somebody'}`);
  const start = handles[startApprovedKey];
  const all = [...words, ...(start === undefined ? [] : [`the start by ${start}`])];
  if (all.length === 0) return '';
  return `; the plan has changed, so what was decided of it is void: ${listSome(all)}`.slice(0, maxVoid);
}

/** Between two groups, with everybody in the pool and nothing half done. */
function supersede(input: DecideInput, current: Current, records: readonly GroupRecord[]): Move | undefined {
  const between = current.entry.state === 'Pending' && records.every((record) => !record.out);
  return between ? endRun(input, 'Superseded', 'Superseded', 'another package is asked for') : undefined;
}

function recordsOf(input: DecideInput): { group: RunGroup; record: GroupRecord }[] {
  const { spec } = input.run;
  return spec.groups.map((group) => ({ group, record: recordOf(spec, input.entries, group.name) }));
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

/** Back as ordered, and from step 1 again. */
function again(input: DecideInput, decision: ValidDecision, because: string): Move {
  const order: RollbackOrder = {
    method: 'Snapshots',
    data: decision.data ?? automaticData(input),
    because,
    authorisedBy: decision.by,
    next: 'Restart',
  };
  return { kind: 'rollBack', order };
}

/** Writes that are at stake are given up by name only. */
function acceptable(input: DecideInput): readonly ValidDecision[] {
  if (databaseAtStake(input) === undefined) return input.decisions;
  const goesBack = (choice: string): boolean => choice === 'Rollback' || choice === 'Restart';
  return input.decisions.filter(
    (decision) => !decision.approved || !goesBack(decision.choice) || decision.data === 'Discard',
  );
}

/** One word, one resumption. */
function notResumed(input: DecideInput): readonly ValidDecision[] {
  const used = mergeHandles(input.run.spec, input.entries);
  return input.decisions.filter((decision) => used[resumedKey(decision.name)] === undefined);
}

/** Only a word given after the failure counts for it. */
function decisionAfter(
  decisions: readonly ValidDecision[],
  entry: StepEntry | undefined,
  choice: string,
): ValidDecision | undefined {
  return decisionsAfter(decisions, entry, choice)[0];
}

function decisionsAfter(
  decisions: readonly ValidDecision[],
  entry: StepEntry | undefined,
  choice: string,
): readonly ValidDecision[] {
  const since = entry?.finished === undefined ? '' : entry.finished;
  return decisions.filter((decision) => decision.choice === choice && formatInstant(decision.createdAt + 999) >= since);
}

/** From the failed step on again; a drain that was lifted meanwhile comes first. */
function resumeAt(input: DecideInput, current: Current, decision: ValidDecision): Move {
  const rows = journalOf(input.run.spec, input.entries);
  const failedAt = rows.findIndex((row) => row.step.id === current.step.id);
  const lifted = rows.findIndex((row, index) => {
    if (row.step.action !== 'Drain' || !hasBegun(row.entry) || row.step.group === undefined) return false;
    const record = recordOf(input.run.spec, input.entries, row.step.group);
    const last = rows.findLast(
      (other) => other.step.group === row.step.group && other.step.action === 'Drain' && hasBegun(other.entry),
    );
    // Drained to be changed, and not for another's test: it is changed now, and what comes next is its own return.
    const changed = rows.some(
      (other, at) =>
        at > index && other.step.group === row.step.group && other.step.action === 'Stop' && hasBegun(other.entry),
    );
    return last === row && !changed && record.out && (record.fate === 'Drained' || record.servedSince !== '');
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
  const left = input.intent.outOfTime === true ? undefined : nextLeftover(input.run, input.entries);
  if (left !== undefined) return left;
  const { spec } = input.run;
  const cleanup: Step = { ...(spec.steps.at(-1) as Step), groups: spec.groups.map((group) => group.name) };
  const entry = input.entries.find((candidate) => candidate.id === cleanup.id) ?? {
    id: cleanup.id,
    state: 'Pending',
    attempt: 0,
    operation: '',
  };
  const verdict = evaluateCleanup(contextOf(input, { step: cleanup, entry }));
  return verdict.kind === 'act' || verdict.kind === 'record' || verdict.kind === 'wait'
    ? toMove(cleanup, verdict)
    : { kind: 'finish', phase, reason, message };
}
