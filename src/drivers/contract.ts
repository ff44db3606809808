import type { DatabaseSpec } from '../api/database.ts';
import type { ProbeSuiteSpec } from '../api/probe-suite.ts';
import type { Effect } from '../planner/effects.ts';
import type {
  DatabaseJobObservation,
  GroupObservation,
  ObservationScope,
  PoolObservation,
  ProbeObservation,
  RestoreObservation,
  SnapshotObservation,
  WorkloadObservation,
} from '../planner/observed.ts';
import type { DatabaseJob, MemberRef, SettingChange, WorkloadRef } from '../planner/effects.ts';

/** Whose run, under which operation, as whom. Stamped on every object written (`belay.dev/operation`). */
export interface RunContext {
  readonly namespace: string;
  readonly run: string;
  readonly runUID: string;
  readonly upgradeSet: string;
  /** `system:serviceaccount:NAMESPACE:NAME` impersonated for everything on user objects; undefined: the operator itself. */
  readonly user: string | undefined;
  /** Journal handles of the run: what we last set, names and values before. Drivers read their own keys only. */
  readonly handles: Readonly<Record<string, string>>;
}

export interface Operation extends RunContext {
  /** run UID / step / attempt: the same for every repetition after a crash. */
  readonly operation: string;
}

/** Rules for every driver: `observe` never writes; `request` never blocks on the outcome, is idempotent, ends within 5 s or by the signal. */
export interface PoolDriver {
  observe(
    context: RunContext,
    pool: string,
    members: readonly MemberRef[],
    signal: AbortSignal,
  ): Promise<PoolObservation>;
  request(
    operation: Operation,
    effect: EffectOf<'HoldMember' | 'DrainMember' | 'ServeMember'>,
    signal: AbortSignal,
  ): Promise<void>;
}

export interface WorkloadDriver {
  observe(context: RunContext, workload: WorkloadRef, signal: AbortSignal): Promise<WorkloadObservation>;
  observeSaved(
    context: RunContext,
    saved: ObservationScope['saved'],
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>>;
  observeSettings(
    context: RunContext,
    changes: readonly SettingChange[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, 'as-wanted' | 'differs' | 'missing'>>;
  request(
    operation: Operation,
    effect: WorkloadEffect | EffectOf<'SaveSettings' | 'ApplySettings' | 'RestoreSettings'>,
    signal: AbortSignal,
  ): Promise<void>;
}

export interface GroupDriver {
  observe(context: RunContext, group: string, signal: AbortSignal): Promise<GroupObservation>;
  request(operation: Operation, effect: EffectOf<'LockGroup' | 'UnlockGroup'>, signal: AbortSignal): Promise<void>;
}

export interface SnapshotDriver {
  observe(
    context: RunContext,
    snapshot: { readonly snapshot: string; readonly claim: string },
    signal: AbortSignal,
  ): Promise<SnapshotObservation>;
  observeRestore(
    context: RunContext,
    restore: { readonly claim: string; readonly snapshot: string; readonly manifest: string },
    signal: AbortSignal,
  ): Promise<RestoreObservation>;
  /** The manifest, UID, volume and reclaim policy of a claim, as one JSON string to journal before a restore. */
  describeClaim(context: RunContext, claim: string, signal: AbortSignal): Promise<string>;
  request(
    operation: Operation,
    effect: EffectOf<'CreateSnapshot' | 'RestoreClaim' | 'ReattachVolume' | 'ReleaseRetained'>,
    signal: AbortSignal,
  ): Promise<void>;
}

/** Probe runs live in the driver's memory (Jobs excepted) and start afresh after a restart of the controller. */
export interface ProbeDriver {
  observe(context: RunContext, id: string): ProbeObservation;
  request(
    operation: Operation,
    effect: EffectOf<'RunProbes'>,
    suite: ProbeSuiteLike,
    signal: AbortSignal,
  ): Promise<void>;
  /** Called whenever the state of a probe run changed, with its id. */
  onChange(listener: (id: string) => void): void;
  /** Stops and forgets the runs whose id `isOver` holds for, and deletes their Jobs: nobody waits for the answer. */
  end(isOver: (id: string) => boolean): void;
  /** Stops all runs without a verdict, for good. Jobs stay: another process may take them up again. */
  close(): Promise<void>;
}

/** One Kubernetes Job per id, in the run's namespace, made under the run's account; its pod runs at most once. */
export interface DatabaseDriver {
  observe(context: RunContext, job: DatabaseJob, signal: AbortSignal): Promise<DatabaseJobObservation>;
  /** Creates the Job unless it is there. `database` is the frozen spec. */
  request(
    operation: Operation,
    effect: EffectOf<'RunDatabaseJob'>,
    database: DatabaseSpec,
    signal: AbortSignal,
  ): Promise<void>;
}

/** The frozen spec of a ProbeSuite; typed in `api/probe-suite.ts`. */
export type ProbeSuiteLike = ProbeSuiteSpec;

export interface Drivers {
  readonly pools: PoolDriver;
  readonly workloads: WorkloadDriver;
  readonly groups: GroupDriver;
  readonly snapshots: SnapshotDriver;
  readonly probes: ProbeDriver;
  readonly databases: DatabaseDriver;
}

/** The effects of these kinds. */
export type EffectOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>;

/** On one workload; the driver of workloads takes those on settings as well. */
export type WorkloadEffect = EffectOf<
  | 'LockWorkload'
  | 'UnlockWorkload'
  | 'ScaleWorkload'
  | 'DeletePods'
  | 'SaveRevision'
  | 'ApplyImages'
  | 'RestoreTemplate'
>;
