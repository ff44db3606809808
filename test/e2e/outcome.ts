/** Follows an UpgradeSet until it rests, and tells what its runs did. */
import { upgradeRuns, upgradeSets } from '../../src/api/resources.ts';
import { waitFor } from '../cluster/poll.ts';
import type { Step, StepEntry, UpgradeRun } from '../../src/api/upgrade-run.ts';
import type { UpgradeSet } from '../../src/api/upgrade-set.ts';
import type { Example } from './example.ts';

/** Phases in which nothing more happens without a person. */
const resting = new Set([
  'Completed',
  'CompletedWithFailures',
  'RolledBack',
  'Failed',
  'Cancelled',
  'AwaitingDecision',
  'Halted',
]);

export interface Outcome {
  readonly phase: string;
  readonly set: UpgradeSet;
  /** Of this upgrade, oldest first: the upgrade itself, then its rollback if there was one. */
  readonly runs: readonly UpgradeRun[];
}

export interface TimelineRow {
  readonly run: string;
  readonly number: string;
  readonly title: string;
  readonly state: StepEntry['state'];
  readonly started: string;
  readonly seconds: number;
  readonly message: string;
}

export async function getSet(example: Example): Promise<UpgradeSet> {
  return example.client.get(upgradeSets, { namespace: example.namespace, name: 'portal' });
}

/** All runs in the namespace, oldest first. */
export async function getRuns(example: Example): Promise<UpgradeRun[]> {
  const { items } = await example.client.list(upgradeRuns, { namespace: example.namespace });
  return items.toSorted(
    (a, b) => creation(a).localeCompare(creation(b)) || a.metadata.name.localeCompare(b.metadata.name),
  );
}

function creation(run: UpgradeRun): string {
  return run.metadata.creationTimestamp ?? '';
}

export interface WaitOptions {
  /** Default 600 000: the deadlines of the example end a run long before, also on a busy machine. */
  readonly timeoutMs?: number;
  /** Runs that are older than the upgrade that is waited for. */
  readonly earlier: readonly UpgradeRun[];
  readonly onChange?: (set: UpgradeSet) => void;
  /** Also rest in this phase or step; for tests that interfere. */
  readonly until?: (set: UpgradeSet, runs: readonly UpgradeRun[]) => boolean;
  /** The API server is taken away meanwhile: looks that fail are repeated. */
  readonly mayBeAway?: boolean;
}

/** @throws after `timeoutMs` (default 600 000) with phase, step and blockers in the message */
export async function waitForOutcome(example: Example, options: WaitOptions): Promise<Outcome> {
  const before = new Set(options.earlier.map((run) => run.metadata.name));
  let last: UpgradeSet | undefined;
  try {
    return await waitFor({
      what: `the upgrade in ${example.namespace}`,
      timeoutMs: options.timeoutMs ?? 600_000,
      intervalMs: 250,
      check: async () => {
        // A story may take the API server away: then there is nothing to see until it is back.
        const set = await getSet(example).catch((error: unknown) => {
          if (options.mayBeAway !== true) throw error;
          return undefined;
        });
        if (set === undefined) return undefined;
        last = set;
        options.onChange?.(set);
        // Runs are large: they are looked at only when they can make a difference.
        if (options.until === undefined && !resting.has(set.status?.phase ?? '')) return undefined;
        const runs = (await getRuns(example)).filter((run) => !before.has(run.metadata.name));
        const isDone = options.until === undefined ? isAtRest(set, runs) : options.until(set, runs);
        return isDone ? { phase: set.status?.phase ?? '', set, runs } : undefined;
      },
    });
  } catch (error) {
    const { status } = last ?? {};
    const detail = JSON.stringify({
      phase: status?.phase,
      step: status?.step,
      blockers: status?.blockers,
      conditions: status?.conditions,
    });
    throw new Error(`${error instanceof Error ? error.message : String(error)}; last seen ${detail}`, { cause: error });
  }
}

function isAtRest(set: UpgradeSet, runs: readonly UpgradeRun[]): boolean {
  const { phase, observedGeneration, run } = set.status ?? {};
  return (
    runs.some(({ metadata }) => metadata.name === run) &&
    observedGeneration === set.metadata.generation &&
    phase !== undefined &&
    resting.has(phase)
  );
}

export function timelineOf(runs: readonly UpgradeRun[]): TimelineRow[] {
  return runs.flatMap((run) => (run.status?.steps ?? []).map((entry) => toRow(run, entry)));
}

function toRow(run: UpgradeRun, entry: StepEntry): TimelineRow {
  const step: Step | undefined = run.spec.steps.find(({ id }) => id === entry.id);
  const seconds =
    entry.started === undefined || entry.finished === undefined
      ? 0
      : (Date.parse(entry.finished) - Date.parse(entry.started)) / 1000;
  return {
    run: run.metadata.name,
    number: step?.number ?? '',
    title: step?.title ?? entry.id,
    state: entry.state,
    started: entry.started ?? '',
    seconds,
    message: entry.message ?? '',
  };
}
