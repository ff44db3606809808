/**
 * Tells people how a run goes, over the lines of `spec.notify`: beside the run and never in its way.
 *
 * A message is sent, then written down as told, and only then the next one is sent: a process that is stopped in between
 * leaves at most the last message of each line to be sent a second time, under the same id.
 */
import { decodeUpgradeRun } from '../api/decode.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { RunContext } from '../drivers/contract.ts';
import type { Send } from '../drivers/send-message.ts';
import { contextOf } from '../engine/run-context.ts';
import type { ReconcileResult } from '../kube/controller.ts';
import { objectKeyOf, type ObjectKey } from '../kube/object-key.ts';
import type { ObjectName } from '../kube/types.ts';
import { RetryError } from '../shared/errors.ts';
import { parseInstant } from '../shared/instant.ts';
import type { Logger } from '../shared/logger.ts';
import { messagesOf, type DueMessage } from '../status/messages.ts';
import { isEnded } from '../status/summarize-run.ts';
import type { ControllerContext } from './context.ts';
import { sayDelivery, type LineState } from './line-condition.ts';
import type { ToldRecord, ToldStore } from './told-store.ts';

/** How often a message is tried while its line is not known to be broken; about a minute in all. */
const mostTries = 6;
const firstWaitMs = 1_000;
/** A run that ended longer ago is history: nobody is told of it any more, and a new leader need not look. */
const tellForMs = 3_600_000;

interface Tries {
  readonly id: string;
  readonly count: number;
  /** By the monotonic clock. */
  readonly nextAt: number;
}

/** Of one run; a new leader begins with what is written down. */
interface RunMemory {
  readonly uid: string | undefined;
  readonly epoch: number;
  record: ToldRecord;
  /** Lines that were told something which is not written down yet. */
  unwritten: Set<string>;
  readonly tries: Map<string, Tries>;
  /** Lines whose last message was given up: each further one is tried once, until one gets through. */
  readonly broken: Set<string>;
}

export interface TellParts {
  readonly context: Pick<ControllerContext, 'client' | 'caches' | 'clock' | 'now' | 'leader' | 'announcer'>;
  readonly send: Send;
  readonly store: ToldStore;
  readonly memory: Map<ObjectKey, RunMemory>;
}

/** Sends at most one message over each line, and writes at most once. */
export async function tellPeople(
  parts: TellParts,
  name: ObjectName,
  signal: AbortSignal,
  logger: Logger,
): Promise<ReconcileResult> {
  const { context, memory } = parts;
  const key = objectKeyOf(name);
  const cached = context.caches.upgradeRuns.get(name);
  if (cached === undefined || !isToBeTold(cached, context.now())) {
    memory.delete(key);
    return { kind: 'settled' };
  }
  const run = decodeUpgradeRun(cached);
  const known = await recall(parts, key, run, signal);
  await writeDown(parts, known, run, signal);
  const due = dueNow(known, run);
  if (due.length === 0) return { kind: 'settled' };
  // A lease that was renewed late is ours again, and nothing else may ever wake this run.
  if (!context.leader.mayAct()) return { kind: 'requeue', afterMs: firstWaitMs };
  const now = context.clock.monotonic();
  const ready = due.filter(({ line }) => (known.tries.get(line)?.nextAt ?? 0) <= now);
  // All of them: one that is still under way would be sent again by the next look.
  const ends = await Promise.allSettled(ready.map((one) => tell({ parts, known, run, signal, logger }, one)));
  const decided = ends.flatMap((end) => (end.status === 'fulfilled' && end.value !== undefined ? [end.value] : []));
  // One line that works does not mend the other.
  const isTold = decided.some(({ isWell }) => !isWell) || known.broken.size === 0;
  if (isTold) await sayDelivery(context, run, decided, signal, logger);
  await writeDown(parts, known, run, signal);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return next(known, run, context.clock.monotonic());
}

function isToBeTold({ spec, status }: UpgradeRun, now: number): boolean {
  if ((spec.policy.notify ?? []).length === 0) return false;
  const { phase, finished } = status ?? {};
  return !isEnded(phase) || finished === undefined || now - parseInstant(finished) < tellForMs;
}

async function recall(
  { context, memory, store }: TellParts,
  key: ObjectKey,
  run: UpgradeRun,
  signal: AbortSignal,
): Promise<RunMemory> {
  const epoch = context.leader.epoch();
  const before = memory.get(key);
  // A run of the same name that was deleted has told nothing of this one.
  if (before !== undefined && before.epoch === epoch && before.uid === run.metadata.uid) return before;
  const record = await store.read(contextOf(run), signal);
  const fresh = {
    uid: run.metadata.uid,
    epoch,
    record,
    unwritten: new Set<string>(),
    tries: new Map<string, Tries>(),
    broken: new Set<string>(),
  };
  memory.set(key, fresh);
  return fresh;
}

interface Telling {
  readonly parts: TellParts;
  readonly known: RunMemory;
  readonly run: UpgradeRun;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

interface Due {
  readonly line: string;
  readonly due: DueMessage;
}

/** The first message of each line that was not told. */
function dueNow({ record }: RunMemory, run: UpgradeRun): Due[] {
  return (run.spec.policy.notify ?? []).flatMap(({ secret, events }) => {
    const [due] = messagesOf(record.told[secret] ?? {}, run, events);
    return due === undefined ? [] : [{ line: secret, due }];
  });
}

/** @returns how the line is now; undefined while that is not decided */
async function tell(
  { parts: { context, send }, known, run, signal, logger }: Telling,
  { line, due }: Due,
): Promise<LineState | undefined> {
  const { id, type } = due.message;
  const before = known.tries.get(line);
  const count = (before?.id === id ? before.count : 0) + 1;
  logger.debug('Telling people', { line, message: id, type, try: count });
  const delivery = await send(contextOf(run), line, due.message, signal);
  if (delivery.kind === 'failed' && !delivery.isFinal && count < (known.broken.has(line) ? 1 : mostTries)) {
    known.tries.set(line, { id, count, nextAt: context.clock.monotonic() + firstWaitMs * 2 ** (count - 1) });
    return undefined;
  }
  known.tries.delete(line);
  known.record = {
    ...known.record,
    told: { ...known.record.told, [line]: { ...known.record.told[line], ...due.marks } },
  };
  known.unwritten.add(line);
  if (delivery.kind === 'delivered') {
    known.broken.delete(line);
    return { line, isWell: true };
  }
  known.broken.add(line);
  return {
    line,
    isWell: false,
    message: `the message "${type}" of run ${run.metadata.name} did not get through: ${delivery.why}; ${delivery.remedy}`,
  };
}

/** Nothing more is sent before this has succeeded: a message that is not written down would be sent again and again. */
async function writeDown({ store }: TellParts, known: RunMemory, run: UpgradeRun, signal: AbortSignal): Promise<void> {
  if (known.unwritten.size === 0) return;
  const context: RunContext = contextOf(run);
  const written = await store.write(context, known.record, [...known.unwritten], signal);
  if (written === undefined) {
    const { version, told } = await store.read(context, signal);
    const ours = Object.fromEntries(
      [...known.unwritten].map((line) => [line, { ...told[line], ...known.record.told[line] }]),
    );
    known.record = { ...known.record, version, told: { ...told, ...ours } };
    throw new RetryError('Conflict', `what people were told of run ${context.run} was written by somebody else`);
  }
  known.record = written;
  known.unwritten = new Set();
}

function next(known: RunMemory, run: UpgradeRun, now: number): ReconcileResult {
  const due = dueNow(known, run);
  if (due.length === 0) return { kind: 'settled' };
  const waits = due.map(({ line }) => Math.max(1, (known.tries.get(line)?.nextAt ?? 0) - now));
  return { kind: 'requeue', afterMs: Math.min(...waits) };
}
