/**
 * The deployment log: for a step that failed, or that had somebody write an output, what was asked of whom and what came
 * back. It explains; it decides nothing: a log that cannot be read or written is said to be missing, and the run goes on.
 * Source: 001-67, 001-119 … 001-121.
 */
import type { Step, StepEntry, UpgradeRun } from '../api/upgrade-run.ts';
import type { Drivers, Evidence, RunContext } from '../drivers/contract.ts';
import type { Effect, WorkloadRef } from '../planner/effects.ts';
import { journalOf } from '../planner/journal.ts';
import { workloadsOf } from '../planner/members.ts';
import { computeScope } from '../planner/scope.ts';
import { listSome, targetOf } from '../planner/verdict.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatInstant, parseInstant } from '../shared/instant.ts';
import type { Logger } from '../shared/logger.ts';
import { runOf } from '../status/summarize-run.ts';
import { contextOf } from './run-context.ts';
import { renderStepLog, type Asked } from './deployment-log-text.ts';

/** One step attempt's log, as it is stored. */
export interface StoredLog {
  /** Follows from run, step and attempt, so that a repetition after a crash writes the same object. */
  readonly name: string;
  readonly step: string;
  readonly attempt: number;
  readonly operation: string;
  readonly text: string;
}

/** Of the same run. */
export interface OtherLogs {
  /** Names of those that must stay. */
  readonly named: readonly string[];
  /** There are no more than so many, those of earlier attempts counted. */
  readonly atMost: number;
}

/** Where logs are kept; as the controller itself, whoever the run acts as. */
export interface LogStore {
  /**
   * Writes the log, again as well. Logs of earlier attempts that the journal names no longer may go for it.
   * @throws whatever keeps it from being written
   */
  write(context: RunContext, log: StoredLog, others: OtherLogs, signal: AbortSignal): Promise<void>;
  /** Says on the run that this step has no log. Never throws. */
  tellLoss(run: UpgradeRun, step: string, why: string): void;
}

export interface DeploymentLogOptions {
  readonly store: LogStore;
  readonly now: () => EpochMs;
  /** What the step left beyond that of which the drivers speak; `workloads` are those that may tell why it failed. */
  readonly further?: (
    context: RunContext,
    traces: { readonly operation: string; readonly workloads: readonly WorkloadRef[] },
    signal: AbortSignal,
  ) => Promise<readonly Evidence[]>;
  /** Ends the work when it takes too long: a log must not hold up an upgrade. */
  readonly limit: <T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
}

/** What one pass gives: the run before its steps ended. */
export interface LogInput {
  readonly run: UpgradeRun;
  readonly drivers: Drivers;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** More objects of one effect are counted only. */
const maxNames = 16;

/** Longest row of different requests that is kept for one attempt. */
const maxAsked = 200;

/** One for each life of the controller: it knows what this process has asked. */
export class DeploymentLog {
  readonly #options: DeploymentLogOptions;
  readonly #since: EpochMs;
  /** By operation. */
  readonly #asked = new Map<string, Asked[]>();

  constructor(options: DeploymentLogOptions) {
    this.#options = options;
    this.#since = options.now();
  }

  /** An effect is about to be asked for. */
  note(operation: string, effect: Effect, because: string): void {
    const asked = this.#asked.get(operation) ?? [];
    const last = asked.at(-1);
    const what = tellEffect(effect);
    const at = this.#options.now();
    if (last?.what === what && last.answer === '')
      asked[asked.length - 1] = { ...last, times: last.times + 1, lastAt: at };
    else asked.push({ at, lastAt: at, what, because, times: 1, answer: '' });
    this.#asked.set(operation, asked.slice(-maxAsked));
  }

  /** The effect asked for last was refused. */
  noteRefusal(operation: string, message: string): void {
    const asked = this.#asked.get(operation) ?? [];
    const last = asked.at(-1);
    if (last !== undefined) asked[asked.length - 1] = { ...last, answer: message };
  }

  /** Forgets what was asked for steps of this run. */
  forget(runUID: string): void {
    for (const operation of this.#asked.keys()) if (operation.startsWith(`${runUID}/`)) this.#asked.delete(operation);
  }

  /**
   * Writes the logs of the steps that have ended between the two journals, before the journal says so.
   * @returns `after`, in which these steps name their logs
   */
  async writeEnded(input: LogInput, after: readonly StepEntry[]): Promise<readonly StepEntry[]> {
    const before = new Map((input.run.status?.steps ?? []).map((entry) => [entry.id, entry]));
    let next = after;
    for (const { step, entry } of journalOf(input.run.spec, after)) {
      if (entry.state !== 'Succeeded' && entry.state !== 'Failed') continue;
      const old = before.get(entry.id);
      if (old?.state === entry.state && old.attempt === entry.attempt) continue;
      const name = await this.#writeOne(input, next, step, entry);
      this.#asked.delete(entry.operation);
      if (name !== undefined) next = next.map((other) => (other.id === entry.id ? { ...other, log: name } : other));
    }
    return next;
  }

  /** Nothing is asked after a good end of a step that ran no Job. */
  async #further(run: UpgradeRun, step: Step, entry: StepEntry, signal: AbortSignal): Promise<readonly Evidence[]> {
    const { further } = this.#options;
    const isFailed = entry.state === 'Failed';
    const asked = this.#asked.get(entry.operation) ?? [];
    const isWorth = isFailed || runsJobs.has(step.action) || asked.some(({ what }) => what.startsWith('RunCheck'));
    if (further === undefined || !isWorth) return [];
    const group = isFailed && step.group !== undefined ? targetOf(run.spec, step) : undefined;
    const workloads = group === undefined ? [] : workloadsOf(group);
    return further(contextOf(run), { operation: entry.operation, workloads }, signal).catch((error: unknown) => [
      unreadable('Jobs and servers of this step', error),
    ]);
  }

  async #writeOne(
    input: LogInput,
    entries: readonly StepEntry[],
    step: Step,
    entry: StepEntry,
  ): Promise<string | undefined> {
    const { run, logger } = input;
    const context = contextOf(run);
    const others = othersOf(entries);
    try {
      return await this.#options.limit(input.signal, async (signal) => {
        const evidence = [
          ...(await gatherEvidence({ ...input, signal }, context, entries, step, entry)),
          ...(await this.#further(run, step, entry, signal)),
        ];
        if (entry.state === 'Succeeded' && evidence.length === 0) return undefined;
        const isFromBefore = entry.started !== undefined && parseInstant(entry.started) + 1_000 <= this.#since;
        const log: StoredLog = {
          name: logName(run.metadata.name, entry),
          step: entry.id,
          attempt: entry.attempt,
          operation: entry.operation,
          text: renderStepLog({
            run: run.metadata.name,
            user: context.user,
            step,
            entry,
            asked: this.#asked.get(entry.operation) ?? [],
            ...(isFromBefore ? { askedSince: formatInstant(this.#since) } : {}),
            evidence,
          }),
        };
        await this.#options.store.write(context, log, others, signal);
        return log.name;
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      logger.warn('Deployment log not written', { step: entry.id, err: error });
      this.#options.store.tellLoss(run, entry.id, why);
      return undefined;
    }
  }
}

/** Jobs of other kinds than those that have a driver of their own to speak of them. */
const runsJobs: ReadonlySet<string> = new Set(['Hook', 'Reboot']);

/** Jobs and tests of this attempt; a look that fails stands in the place of what it would have shown. */
async function gatherEvidence(
  { run, drivers, signal }: LogInput,
  context: RunContext,
  entries: readonly StepEntry[],
  step: Step,
  entry: StepEntry,
): Promise<Evidence[]> {
  const scope = computeScope({ run: runOf(run), entries, step, entry });
  const jobs = await Promise.all(
    scope.databaseJobs.map((job) =>
      drivers.databases
        .readLog(context, job, signal)
        .catch((error: unknown) => unreadable(`${job.verb} on the database`, error)),
    ),
  );
  return [
    ...jobs.filter((found) => found !== undefined),
    ...scope.probes.flatMap((id) => drivers.probes.readLog(context, id)),
  ];
}

function unreadable(title: string, error: unknown): Evidence {
  const why = error instanceof Error ? error.message : String(error);
  return { title, facts: [], output: `what it left behind could not be read: ${why}` };
}

function othersOf(entries: readonly StepEntry[]): OtherLogs {
  const logged = entries.filter(({ log }) => log !== undefined);
  return {
    named: logged.flatMap(({ log }) => log ?? []),
    atMost: logged.reduce((sum, { attempt }) => sum + attempt, 0),
  };
}

/** Lower case, because it names an object: "portal-7-log-migrate-1". */
export function logName(run: string, { id, attempt }: Pick<StepEntry, 'id' | 'attempt'>): string {
  return `${run}-log-${id.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-')}-${attempt}`;
}

/** Verb and object, whatever the effect is: "ScaleWorkload StatefulSet/web-1 to 0". */
function tellEffect(effect: Effect): string {
  return `${effect.kind} ${objectOf(effect)}`.trim();
}

function objectOf(effect: Effect): string {
  if ('member' in effect) return `${effect.member.member} of pool ${effect.member.pool}`;
  if ('workload' in effect) {
    const what = `${effect.workload.kind}/${effect.workload.name}`;
    if (effect.kind === 'ScaleWorkload') return `${what} to ${effect.replicas}`;
    if (effect.kind === 'ApplyImages') return `${what} ${JSON.stringify(effect.images)}`;
    return 'revision' in effect ? `${what} as ${effect.revision}` : what;
  }
  if ('workloads' in effect)
    return listSome(
      effect.workloads.map(({ kind, name }) => `${kind}/${name}`),
      maxNames,
    );
  if ('groups' in effect)
    return listSome(
      effect.groups.map((name) => `ServerGroup/${name}`),
      maxNames,
    );
  // Of settings the names only: a value may be one of a Secret.
  if ('changes' in effect)
    return listSome(
      [...new Set(effect.changes.map(({ object, key }) => `${object.kind}/${object.name} key ${key}`))],
      maxNames,
    );
  if ('claim' in effect)
    return `PersistentVolumeClaim/${effect.claim}${'snapshot' in effect ? ` with ${effect.snapshot}` : ''}`;
  if ('job' in effect) return effect.job.verb;
  if (effect.kind === 'RunCheck' && effect.request.kind === 'Hook')
    return `hook ${effect.request.hook} for ${effect.request.server}`;
  if (effect.kind === 'RunProbes') return `${effect.request.suite} (${effect.request.scope})`;
  if ('object' in effect) return `${effect.object.kind}/${effect.object.name}`;
  return 'name' in effect ? effect.name : '';
}
