/** One pass over one run: look once, decide, journal, at most one effect, status. */
import type { StepEntry, UpgradeRun } from '../api/upgrade-run.ts';
import type { Operation } from '../drivers/contract.ts';
import { decide } from '../planner/decide.ts';
import { currentStep } from '../planner/decision.ts';
import type { Move, StepChange } from '../planner/move.ts';
import { isHeldByGate } from '../planner/preflight/gate.ts';
import { computeScope, computeWideScope, heldMembers, mergeScopes, soonMs } from '../planner/scope.ts';
import type { ObservationScope } from '../planner/observed.ts';
import { manifestKey } from '../planner/steps/keys.ts';
import type { HeldEffect } from '../planner/verdict.ts';
import { replacedManifestKey } from '../planner/steps/rebuild-keys.ts';
import type { EpochMs } from '../shared/clock.ts';
import { parseDuration } from '../shared/duration.ts';
import { RetryError, TerminalError } from '../shared/errors.ts';
import { isEnded, runOf, summarizeRestored, summarizeRun, type SummaryInput } from '../status/summarize-run.ts';
import { executeEffect } from './execute.ts';
import { endAfter, findFollower, findRestored, planFollower, type FollowMove } from './follower.ts';
import { advance, begin, heartbeat, initialEntries, note } from './journal.ts';
import { signOfLostJournal } from './lost-journal.ts';
import { observeWorld } from './observe.ts';
import { toFailure } from './outcome.ts';
import { asStored, type PassInput, type PassOutcome, type Progress } from './input.ts';
import { contextOf } from './run-context.ts';
import { retainPass } from './retain.ts';
import { isSameJson } from './same.ts';

/** Pause before looking again at what could not be seen, where no step's deadline ends the waiting. */
const unseenMs = 10_000;

/** A load balancer tells nobody that it forgot whom to keep out: while something is held, it is asked this often. */
const holdingMs = 5_000;

/** A waiting step's consumed time reaches the journal at least this often. */
const heartbeatMs = 60_000;

export async function runPass(input: PassInput): Promise<PassOutcome> {
  try {
    return await passOnce(input);
  } catch (error) {
    // Time in which the journal could not be read or written is not the step's.
    input.stopwatch.forget(input.run.metadata.uid ?? '');
    throw error;
  }
}

async function passOnce(input: PassInput): Promise<PassOutcome> {
  const { run } = input;
  if (isEnded(run.status?.phase)) {
    input.stopwatch.forget(run.metadata.uid ?? '');
    input.pacer.forget(run.metadata.uid ?? '');
    input.deploymentLog?.forget(run.metadata.uid ?? '');
    return retainPass(input);
  }
  if (run.status?.steps === undefined) return start(input);
  if (run.status.phase === 'RollingBack') return followOther(input);
  if (run.status.epoch > input.epoch) throw new RetryError('NotLeader', 'a later leader has written to the run');
  return apply(input, await think(input));
}

async function start(input: PassInput): Promise<PassOutcome> {
  const entries = await findLostJournal(input, initialEntries(input.run.spec));
  const run = await write(input, entries, { kind: 'wait', afterMs: 0, reason: 'Planned', message: 'about to begin' });
  return { kind: 'again', ...asStored(run) };
}

/** An empty journal on objects this run has locked is not a beginning: the cluster was restored from before it (design 5.9). */
async function findLostJournal(input: PassInput, entries: StepEntry[]): Promise<StepEntry[]> {
  const run = runOf(input.run);
  const scope = computeWideScope({ run, entries });
  const observed = await observeWorld(input.drivers, contextOf(input.run), scope, input.now(), input.signal);
  const message = signOfLostJournal({ run, entries, observed, intent: input.intent });
  const [first] = entries;
  if (message === '' || first === undefined) return entries;
  return advance(entries, [lostAt(first.id, message)], run.uid, input.now(), 0);
}

function lostAt(id: string, message: string): StepChange {
  return { id, state: 'Failed', reason: 'JournalLost', message };
}

function entriesOf(run: UpgradeRun): readonly StepEntry[] {
  return run.status?.steps ?? [];
}

/** Observe and decide. An error while looking is a reason to wait, until the step's deadline. */
async function think(input: PassInput): Promise<Move> {
  const { run, intent } = input;
  const entries = entriesOf(run);
  const current = currentStep(run.spec, entries);
  const consumedMs = current === undefined ? 0 : input.stopwatch.read(run.metadata.uid ?? '', current.entry);
  const scope = scopeOf(input, current, consumedMs);
  try {
    const observed = await observeWorld(input.drivers, contextOf(run), scope, input.now(), input.signal);
    const lost = signOfLostJournal({ run: runOf(run), entries, observed, intent });
    if (lost !== '' && current !== undefined) return { kind: 'advance', changes: [lostAt(current.step.id, lost)] };
    return decide({
      run: runOf(run),
      entries,
      observed,
      decisions: input.decisions,
      intent,
      now: observed.now,
      consumedMs,
    });
  } catch (error) {
    return moveAfterError(input, error, consumedMs);
  }
}

/** A step under way needs what it asks for; a failure or a wish to end, everything the run touches; an end in mid-step, both. */
function scopeOf(
  { run, intent }: PassInput,
  current: ReturnType<typeof currentStep>,
  consumedMs: number,
): ObservationScope {
  const entries = entriesOf(run);
  const own =
    current === undefined || current.entry.state === 'Failed'
      ? undefined
      : computeScope({ run: runOf(run), entries, consumedMs, ...current });
  if (own !== undefined && intent.end === undefined) return own;
  const wide = computeWideScope({ run: runOf(run), entries });
  return own === undefined ? wide : mergeScopes(wide, own);
}

function moveAfterError(input: PassInput, error: unknown, consumedMs: number): Move {
  const failure = toFailure(error);
  input.logger.warn('Call failed', { reason: failure.reason, err: error });
  const current = currentStep(input.run.spec, entriesOf(input.run));
  if (current === undefined || current.entry.state === 'Failed') {
    // Nothing is left to fail: what keeps the run from its next decision is shown, and looked at again.
    const blocker = { type: 'Error', object: `upgraderun/${input.run.metadata.name}` };
    return { kind: 'wait', afterMs: unseenMs, reason: failure.reason, message: failure.message, blocker };
  }
  const isHeld = input.intent.end === undefined && isHeldByGate(runOf(input.run), entriesOf(input.run));
  const over = consumedMs >= parseDuration(current.step.timeout);
  if (!isHeld && (failure.kind === 'fail' || over)) {
    const message = over ? `${failure.message}; gave up after ${current.step.timeout}` : failure.message;
    return { kind: 'advance', changes: [{ id: current.step.id, state: 'Failed', reason: failure.reason, message }] };
  }
  const blocker = { type: 'Error', object: `step/${current.step.id}` };
  // Waiting for a step begins it, and one that is pending while the run is paused or ends is not to begin.
  const isIdle = current.entry.state === 'Pending' && (input.intent.paused || input.intent.end !== undefined);
  return {
    kind: 'wait',
    ...(isIdle ? {} : { step: current.step.id }),
    afterMs: failure.kind === 'fail' ? unseenMs : failure.afterMs,
    reason: failure.reason,
    message: failure.message,
    blocker,
    ...(isHeld || isIdle ? { untimed: true } : {}),
  };
}

async function apply(input: PassInput, move: Move): Promise<PassOutcome> {
  const { run } = input;
  switch (move.kind) {
    case 'act':
      return act(input, move);
    case 'record': {
      const entries = note(
        begin(entriesOf(run), move.step, run.metadata.uid ?? '', input.now()),
        move.step,
        move.record,
      );
      return { kind: 'again', ...know(input, entries, move) };
    }
    case 'advance':
      input.pacer.forget(run.metadata.uid ?? '');
      return { kind: 'again', ...(await advanceSteps(input, move)) };
    case 'wait':
    case 'await':
      return rest(input, move);
    case 'rollBack':
    case 'rebuild':
      return { kind: 'again', ...asStored(await follow(input, move)) };
    case 'finish':
      return { kind: 'ended', run: await write(input, entriesOf(run), move) };
  }
}

/** Journal first, then the effect, then what only its success may say: that may wait for the next write. */
async function act(input: PassInput, move: Extract<Move, { kind: 'act' }>): Promise<PassOutcome> {
  const uid = input.run.metadata.uid ?? '';
  const before = entriesOf(input.run);
  const isNew = before.find((entry) => entry.id === move.step)?.state === 'Pending';
  const started = isNew ? begin(before, move.step, uid, input.now()) : before;
  const entries = note(started, move.step, { ...move.record, ...(await describe(input, move)) });
  const written = input.mustWrite || entries !== before || !isShown(input.run, move.held);
  const progress = written ? asStored(await write(input, entries, move)) : input;
  const { run } = progress;
  const entry = entries.find((candidate) => candidate.id === move.step);
  const operation: Operation = { ...contextOf(run), operation: entry?.operation ?? `${uid}/${move.step}/0` };
  if (!input.mayAct()) throw new RetryError('NotLeader', 'the lease is over');
  input.logger.info('Requesting effect', { step: move.step, effect: move.effect.kind, because: move.because });
  input.deploymentLog?.note(operation.operation, move.effect, move.because);
  try {
    await executeEffect(input.drivers, operation, move.effect, run.spec, input.signal);
  } catch (error) {
    input.deploymentLog?.noteRefusal(operation.operation, toFailure(error).message);
    const consumedMs = entry === undefined ? 0 : input.stopwatch.read(uid, entry);
    const next = { ...input, run, stored: progress.stored, mustWrite: progress.mustWrite };
    return apply(next, moveAfterError(next, error, consumedMs));
  }
  input.onEffect?.(move.effect.kind);
  input.stopwatch.setRunning(uid, true);
  const noted = note(entriesOf(run), move.step, move.after);
  const after =
    run.status === undefined || noted === run.status.steps
      ? run
      : { ...run, status: { ...run.status, steps: [...noted] } };
  const afterMs = input.pacer.pauseMs(uid, move.effect);
  return afterMs === 0
    ? { kind: 'again', run: after, stored: progress.stored, mustWrite: false }
    : { kind: 'wait', run: after, afterMs };
}

/** What follows is a run of its own; created before this run says so, so that a stop in between repeats it. */
async function follow(pass: PassInput, move: FollowMove): Promise<UpgradeRun> {
  if (!pass.mayAct()) throw new RetryError('NotLeader', 'the lease is over');
  const input = await keepHeard(pass);
  const { run, store } = input;
  const { name, spec } = await planFollower(store, run, move);
  input.logger.info('Creating the run that follows', { follower: name, purpose: spec.purpose, ...move.order });
  try {
    await store.createRun(run, name, spec);
  } catch (error) {
    if (!(error instanceof TerminalError) || error.reason !== 'NamespaceTerminating') throw error;
    // What the run would put back goes with the namespace.
    return write(input, entriesOf(run), {
      kind: 'finish',
      phase: 'Failed',
      reason: error.reason,
      message: error.message,
    });
  }
  return write(input, entriesOf(run), move, { follower: { name } });
}

/** What a person was heard to say is written down before it is acted on: when this is repeated, it may come too late. */
async function keepHeard(input: PassInput): Promise<PassInput> {
  const { run, stored, store } = input;
  if (!input.mustWrite || run.status === undefined || stored.status === undefined) return input;
  return { ...input, ...asStored(await store.writeStatus(stored, { ...stored.status, steps: run.status.steps })) };
}

/** While another follows it, a run only waits for how that ends. */
async function followOther(input: PassInput): Promise<PassOutcome> {
  const { run } = input;
  const follower = await findFollower(input.store, run);
  const restoredAt = await findRestored(input.store, run);
  if (follower === undefined || !isEnded(follower.status?.phase))
    return { kind: 'wait', run: await tellRestored(input, restoredAt), afterMs: heartbeatMs };
  const { metadata, status } = follower;
  const after = { restoredAt, follower: { name: metadata.name, service: status?.service } };
  return { kind: 'ended', run: await write(input, entriesOf(run), endAfter(run, follower), after) };
}

async function tellRestored({ run, store, mayAct }: PassInput, restoredAt: EpochMs | undefined): Promise<UpgradeRun> {
  const status = restoredAt === undefined ? undefined : summarizeRestored(run, restoredAt);
  if (status === undefined || isSameJson(status, run.status ?? {}) || !mayAct()) return run;
  return store.writeStatus(run, status);
}

/** A claim is written down as it is before its snapshot or before it is made anew, because both delete it. */
async function describe(input: PassInput, move: Extract<Move, { kind: 'act' }>): Promise<Record<string, string>> {
  const { kind } = move.effect;
  if (kind !== 'CreateSnapshot' && kind !== 'KeepVolume') return {};
  const { claim } = move.effect;
  const key = kind === 'CreateSnapshot' ? manifestKey(claim) : replacedManifestKey(claim);
  return { [key]: await input.drivers.snapshots.describeClaim(contextOf(input.run), claim, input.signal) };
}

async function advanceSteps(input: PassInput, move: Extract<Move, { kind: 'advance' }>): Promise<Progress> {
  const { run, intent } = input;
  const uid = run.metadata.uid ?? '';
  const before = entriesOf(run);
  const current = currentStep(run.spec, before);
  const consumedMs = current === undefined ? 0 : input.stopwatch.read(uid, current.entry);
  const advanced = advance(before, move.changes, uid, input.now(), consumedMs);
  const entries = (await input.deploymentLog?.writeEnded(input, advanced)) ?? advanced;
  const turns = move.changes.some((change) => change.state === 'Failed' || change.state === 'Pending');
  if (turns) return asStored(await write(input, entries, move));
  if (intent.end !== undefined || intent.paused) return know(input, entries, move);
  return know(input, beginNext(input, entries), move);
}

/** The next step begins with the end of the one before it, and what the plan leaves out is passed over. */
function beginNext(input: PassInput, entries: readonly StepEntry[]): readonly StepEntry[] {
  const { run, now } = input;
  const uid = run.metadata.uid ?? '';
  const next = currentStep(run.spec, entries);
  if (next === undefined) return entries;
  const { id, skip } = next.step;
  if (skip === undefined) return begin(entries, id, uid, now());
  const passed = advance(entries, [{ id, state: 'Skipped', reason: 'PlannedSkip', message: skip }], uid, now(), 0);
  return beginNext(input, passed);
}

async function rest(input: PassInput, move: Extract<Move, { kind: 'wait' | 'await' }>): Promise<PassOutcome> {
  const { run } = input;
  const uid = run.metadata.uid ?? '';
  const timed = move.kind === 'wait' && move.untimed !== true;
  const longestMs = heldMembers(run.spec, entriesOf(run)).length > 0 ? holdingMs : heartbeatMs;
  const afterMs = Math.min(move.afterMs ?? longestMs, longestMs);
  let entries = entriesOf(run);
  if (move.kind === 'wait' && move.step !== undefined && move.paused !== true) {
    const begun = begin(entries, move.step, uid, input.now());
    const entry = begun.find((candidate) => candidate.id === move.step);
    const consumedMs = entry === undefined ? 0 : input.stopwatch.read(uid, entry);
    // Most of what is waited for comes at once: only what takes longer is worth a write of its own.
    if (timed && !input.mustWrite && isPlain(run) && entry?.message === '' && consumedMs < soonMs) {
      input.stopwatch.setRunning(uid, true);
      return { kind: 'wait', run, afterMs: Math.min(afterMs, soonMs - consumedMs) };
    }
    const journalled = entry?.consumed === undefined ? 0 : parseDuration(entry.consumed);
    const due = entry?.message !== move.message || consumedMs - journalled >= heartbeatMs;
    entries = due ? heartbeat(begun, move.step, move.message, consumedMs) : begun;
  }
  input.stopwatch.setRunning(uid, timed);
  return { kind: 'wait', run: await write(input, entries, move), afterMs };
}

function isShown({ status }: UpgradeRun, held: HeldEffect | undefined): boolean {
  if (held === undefined) return true;
  const { type, object } = held.blocker;
  return status?.blockers?.some((blocker) => blocker.type === type && blocker.object === object) === true;
}

/** Nothing is shown that a wait would change. */
function isPlain({ status }: UpgradeRun): boolean {
  return (status?.phase === 'Running' || status?.phase === 'Preflight') && status.blockers === undefined;
}

/** Kept in memory until the next write: who starts again from the journal finds it out again. */
function know(input: PassInput, entries: readonly StepEntry[], move: Move): Progress {
  const { run, stored } = input;
  const status = summarizeRun({ run, entries, move, epoch: input.epoch, now: input.now(), decided: input.decided });
  return { run: { ...run, status }, stored, mustWrite: true };
}

/** One status write; none when nothing would change. */
async function write(
  input: PassInput,
  entries: readonly StepEntry[],
  move: Move,
  after: Pick<SummaryInput, 'restoredAt' | 'follower'> = {},
): Promise<UpgradeRun> {
  const { run, stored, epoch, decided } = input;
  const status = summarizeRun({ run, entries, move, epoch, now: input.now(), decided, ...after });
  if (isSameJson(status, stored.status ?? {})) return stored;
  if (!input.mayAct()) throw new RetryError('NotLeader', 'the lease is over');
  return input.store.writeStatus(stored, status);
}
