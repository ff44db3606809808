import type { DatabaseSpec } from '../api/database.ts';
import type { ProbeSuiteSpec } from '../api/probe-suite.ts';
import type { Effect } from '../planner/effects.ts';
import type {
  CheckObservation,
  DatabaseJobObservation,
  GroupObservation,
  ObservationScope,
  PoolObservation,
  ProbeObservation,
  RebootObservation,
  RestoreObservation,
  SnapshotObservation,
  WorkloadObject,
  WorkloadObservation,
} from '../planner/observed.ts';
import type {
  CheckRequest,
  DatabaseJob,
  MemberRef,
  RebootRequest,
  SettingChange,
  WorkloadRef,
} from '../planner/effects.ts';

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
  /** By one read. */
  observeObject(context: RunContext, workload: WorkloadRef, signal: AbortSignal): Promise<WorkloadObject>;
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
  /** The Job of a reboot, and the node it runs on. */
  observeReboot(context: RunContext, reboot: RebootRequest, signal: AbortSignal): Promise<RebootObservation>;
  request(
    operation: Operation,
    effect:
      | WorkloadEffect
      | EffectOf<
          'LockWorkloads' | 'UnlockWorkloads' | 'SaveSettings' | 'ApplySettings' | 'RestoreSettings' | 'RebootServer'
        >,
    signal: AbortSignal,
  ): Promise<void>;
}

export interface GroupDriver {
  observe(context: RunContext, group: string, signal: AbortSignal): Promise<GroupObservation>;
  request(operation: Operation, effect: EffectOf<'LockGroups' | 'UnlockGroups'>, signal: AbortSignal): Promise<void>;
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
    effect: EffectOf<
      'CreateSnapshot' | 'RestoreClaim' | 'ReattachVolume' | 'KeepVolume' | 'ReplaceClaim' | 'ReleaseRetained'
    >,
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
  /** What its Jobs wrote and what its tests that did not pass were answered; empty when there is neither. Redacted. */
  readLog(context: RunContext, id: string): readonly Evidence[];
  /** Called whenever the state of a probe run changed, with its id. */
  onChange(listener: (id: string) => void): void;
  /** Stops and forgets the runs whose id `isOver` holds for, and deletes their Jobs: nobody waits for the answer. */
  end(isOver: (id: string) => boolean): void;
  /** Stops all runs without a verdict, for good. Jobs stay: another process may take them up again. */
  close(): Promise<void>;
}

/** What a Job or a test left behind, for the deployment log. Redacted and bounded by whoever hands it out. */
export interface Evidence {
  /** Such as "Job belay-db-4f (migrate)" or "probe login". */
  readonly title: string;
  /** In the order in which they are shown: pod, node, command, exit code and the like. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** The end of what it wrote; empty when that is nothing. */
  readonly output: string;
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
  /** What the Job of this id left behind; undefined where there is none. */
  readLog(context: RunContext, job: DatabaseJob, signal: AbortSignal): Promise<Evidence | undefined>;
}

/** Questions of the preflight. Its Jobs and temporary objects are named after the request's id and bear the run's labels. */
export interface CheckDriver {
  observe(context: RunContext, check: CheckRequest, signal: AbortSignal): Promise<CheckObservation>;
  request(operation: Operation, effect: EffectOf<'RunCheck' | 'EndCheck'>, signal: AbortSignal): Promise<void>;
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
  readonly checks: CheckDriver;
}

/** The effects of these kinds. */
export type EffectOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>;

/** On one workload; the driver of workloads takes those on settings as well. */
export type WorkloadEffect = EffectOf<
  'ScaleWorkload' | 'DeletePods' | 'SaveRevision' | 'ApplyImages' | 'RestoreTemplate' | 'ResetWorkload'
>;
