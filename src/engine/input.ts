/** What one pass over a run is made from, and what it answers. */
import type { DecisionRecord, UpgradeRun, UpgradeRunSpec, UpgradeRunStatus } from '../api/upgrade-run.ts';
import type { Drivers } from '../drivers/contract.ts';
import type { RunIntent } from '../planner/decision.ts';
import type { ValidDecision } from '../planner/verdict.ts';
import type { EpochMs } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import type { DeploymentLog } from './deployment-log.ts';
import type { Pacer } from './pacer.ts';
import type { Stopwatch } from './stopwatch.ts';

/** Where the journal lives. */
export interface RunStore {
  /** Replaces the status of `run`, as it was stored last, under its resourceVersion. @throws RetryError Conflict - somebody wrote in between */
  writeStatus(run: UpgradeRun, status: UpgradeRunStatus): Promise<UpgradeRun>;
  /** Creates the run beside `previous`, for the same set; the one that is there when the name is taken. */
  createRun(previous: UpgradeRun, name: string, spec: UpgradeRunSpec): Promise<UpgradeRun>;
  /** The run with this name; undefined when there is none. */
  findRun(beside: UpgradeRun, name: string): Promise<UpgradeRun | undefined>;
}

/** A run between two passes. Nothing but a write makes `stored` newer; a process that dies goes on from it. */
export interface Progress {
  readonly run: UpgradeRun;
  /** As it was read or written last; `run` may know more. */
  readonly stored: UpgradeRun;
  /** What `run` knows has to be in the journal before the next effect is made. */
  readonly mustWrite: boolean;
}

export interface PassInput extends Progress {
  readonly drivers: Drivers;
  readonly store: RunStore;
  readonly stopwatch: Stopwatch;
  readonly pacer: Pacer;
  /** Undefined: none is kept. */
  readonly deploymentLog?: DeploymentLog;
  /** API server's time. */
  readonly now: () => EpochMs;
  readonly decisions: readonly ValidDecision[];
  /** What people decided so far, for the record; it decides nothing. */
  readonly decided?: readonly DecisionRecord[];
  readonly intent: RunIntent;
  /** Lease transitions: which leader this is. */
  readonly epoch: number;
  /** Is this process still the leader, by its own clock? Asked right before every effect. */
  readonly mayAct: () => boolean;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Told after each effect, for metrics. */
  readonly onEffect?: (kind: string) => void;
}

/** Only `again` may know more than the journal: whoever stops there has lost nothing but a look. */
export type PassOutcome =
  | (Progress & { readonly kind: 'again' })
  | { readonly kind: 'wait'; readonly run: UpgradeRun; readonly afterMs: number }
  | { readonly kind: 'ended'; readonly run: UpgradeRun };

/** A run as it was just read or written. */
export function asStored(run: UpgradeRun): Progress {
  return { run, stored: run, mustWrite: false };
}
