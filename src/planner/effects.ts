import type { JobAction } from '../api/common.ts';

/** A workload in the run's namespace. */
export interface WorkloadRef {
  readonly kind: 'Deployment' | 'StatefulSet';
  readonly name: string;
}

/** One member of a load-balancer pool, by the names the `Pool` object and the load balancer use. */
export interface MemberRef {
  readonly pool: string;
  readonly member: string;
  /** The workload whose pods are this member; what the `service` driver labels. */
  readonly workload: WorkloadRef;
}

export interface SettingRef {
  readonly object: { readonly kind: 'ConfigMap' | 'Secret'; readonly name: string };
  readonly key: string;
  readonly format: 'Ini' | 'Json' | 'Yaml' | 'Properties' | 'Text';
}

export interface SettingChange extends SettingRef {
  readonly mode: 'set' | 'add' | 'remove';
  /** Place inside the document, parts separated by "/"; empty for `Text`. */
  readonly path: string;
  readonly value: string;
}

/** What a probe run needs; the engine adds the suite frozen in the run. */
export interface ProbeRequest {
  /** Names the run of the suite; the same id asked again continues or answers with the same result. */
  readonly id: string;
  readonly suite: string;
  readonly scope: 'Isolated' | 'Pool';
  readonly parameters: Readonly<Record<string, string>>;
  /** Isolated: every pod of these workloads is connected to in turn. Empty for the pool. */
  readonly workloads: readonly WorkloadRef[];
  /** Versions that components must answer; one that no probe asks for is not compared. Default: none is. */
  readonly components?: Readonly<Record<string, string>>;
  /** A probe that does not pass does not end the suite: every one of them is wanted. */
  readonly whole?: true;
}

/** One question of the preflight about the world. Those of `CheckJob` take Jobs or a message, the others only a look. */
export type CheckRequest = { readonly id: string } & (CheckLook | CheckJob | HookJob);

export type CheckLook =
  /** Does a budget forbid to disturb these now? */
  | { readonly kind: 'Budgets'; readonly workloads: readonly WorkloadRef[] }
  /** Is the class usable for the claims of these, and is there room for the snapshots? */
  | { readonly kind: 'Snapshots'; readonly className: string; readonly workloads: readonly WorkloadRef[] }
  /** Does a quota tell that there is room for the snapshots? */
  | { readonly kind: 'Space'; readonly className: string; readonly workloads: readonly WorkloadRef[] }
  /** Which of these have volumes? */
  | { readonly kind: 'Volumes'; readonly workloads: readonly WorkloadRef[] }
  /** Are the images on every node that runs pods of the workload? */
  | { readonly kind: 'Staged'; readonly workload: WorkloadRef; readonly images: readonly string[] }
  /** Does one of these PodTemplates choose its machine? */
  | { readonly kind: 'Machine'; readonly podTemplates: readonly string[] }
  /** Does the CEL expression hold over these facts? */
  | { readonly kind: 'Expression'; readonly expression: string; readonly facts: string };

export type CheckJob =
  /** Can the image be pulled where the workload runs? */
  | { readonly kind: 'Pull'; readonly workload: WorkloadRef; readonly image: string }
  /** Does a Job on the node of the workload's pod answer? */
  | { readonly kind: 'Access'; readonly workload: WorkloadRef; readonly image: string }
  /** The smallest claim of these, restored aside from a snapshot, and read. */
  | {
      readonly kind: 'Drill';
      readonly className: string;
      readonly workloads: readonly WorkloadRef[];
      readonly image: string;
    }
  /** Does a message get through over the line that the Secret describes? */
  | { readonly kind: 'Channel'; readonly secret: string; readonly text: string };

/** A Job of the user's for one server, at a place of the run: runs at most once under its id, and passes when it succeeds. */
export interface HookJob {
  readonly kind: 'Hook';
  readonly group: string;
  readonly hook: string;
  readonly server: string;
  /** On the node of its pods, where it has one. */
  readonly workload: WorkloadRef;
  readonly job: JobAction;
  /** Reach the Job as `BELAY_*`. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Restarts what one server runs on. */
export interface RebootRequest {
  /** Names the Job: asked for again under the same id, it is the same Job. */
  readonly id: string;
  readonly group: string;
  readonly server: string;
  readonly workload: WorkloadRef;
  /** Where its Job runs. */
  readonly node: string;
  readonly job: JobAction;
  readonly parameters: Readonly<Record<string, string>>;
}

/** What a Job on the database is for. */
export type DatabaseVerb =
  | 'schemaVersion'
  | 'backup'
  | 'verify'
  | 'migrate'
  | 'restore'
  | 'drill'
  | 'setReadOnly'
  | 'clearReadOnly'
  | 'writeProbe';

/** One Job on the database; the engine adds the Database frozen in the run. */
export interface DatabaseJob {
  /** Names the Job: asked for again under the same id, it is the same Job, and runs at most once. */
  readonly id: string;
  readonly verb: DatabaseVerb;
  /** Reach the Job as `BELAY_*`, such as `{BACKUP: "portal-1205", TO_SCHEMA: "42"}`. */
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Something to be done to the world, as data: what the planner answers and the engine performs.
 * Each is idempotent per operation id. Classes: *converge* may be asserted on any pass, *named* creates an
 * object whose name is in the effect, so doing it twice finds it there.
 */
export type Effect =
  /**
   * converge: lock annotation on each workload, in this order, up to the first that another run holds.
   * `takeFrom` is the UID of the run that hands its locks over.
   */
  | { readonly kind: 'LockWorkloads'; readonly workloads: readonly WorkloadRef[]; readonly takeFrom?: string }
  | { readonly kind: 'UnlockWorkloads'; readonly workloads: readonly WorkloadRef[] }
  /** converge: lock in the status of each group, in the same way. */
  | { readonly kind: 'LockGroups'; readonly groups: readonly string[]; readonly takeFrom?: string }
  | { readonly kind: 'UnlockGroups'; readonly groups: readonly string[] }
  /** converge: new pods of these workloads stay out of their pools from now on. Driver-specific; a no-op where the load balancer itself holds. */
  | { readonly kind: 'HoldMember'; readonly member: MemberRef }
  | { readonly kind: 'DrainMember'; readonly member: MemberRef; readonly force: boolean }
  | { readonly kind: 'ServeMember'; readonly member: MemberRef }
  | { readonly kind: 'ScaleWorkload'; readonly workload: WorkloadRef; readonly replicas: number }
  /** converge: pods by UID, for an ordered scale-down that an unready pod holds up. */
  | { readonly kind: 'DeletePods'; readonly workload: WorkloadRef; readonly uids: readonly string[] }
  /** named: the pod template as a ControllerRevision the run owns, plus claims and replicas before. */
  | { readonly kind: 'SaveRevision'; readonly workload: WorkloadRef; readonly revision: string }
  | {
      readonly kind: 'ApplyImages';
      readonly workload: WorkloadRef;
      readonly images: Readonly<Record<string, string>>;
      readonly takeOwnership: boolean;
    }
  | { readonly kind: 'RestoreTemplate'; readonly workload: WorkloadRef; readonly revision: string }
  /** named: values before, in an immutable Secret. */
  | { readonly kind: 'SaveSettings'; readonly name: string; readonly settings: readonly SettingRef[] }
  | { readonly kind: 'ApplySettings'; readonly changes: readonly SettingChange[] }
  | { readonly kind: 'RestoreSettings'; readonly name: string }
  /** named */
  | { readonly kind: 'CreateSnapshot'; readonly snapshot: string; readonly claim: string; readonly className: string }
  /** converge: one step of replacing the claim by one made from the snapshot, under the same name; asked again until `restored`. */
  | { readonly kind: 'RestoreClaim'; readonly claim: string; readonly snapshot: string; readonly manifest: string }
  /** converge: the volume from before a failed restore goes back under the claim's name. */
  | { readonly kind: 'ReattachVolume'; readonly claim: string; readonly manifest: string }
  /** converge: what earlier runs have noted on the workload is gone, but for its lock. */
  | { readonly kind: 'ResetWorkload'; readonly workload: WorkloadRef }
  /** named: one Job on the server's node. */
  | { readonly kind: 'RebootServer'; readonly request: RebootRequest }
  /** converge: the volume of the claim outlives it from now on. */
  | { readonly kind: 'KeepVolume'; readonly claim: string }
  /** converge: one step of replacing the claim by an empty one under the same name; asked again until `restored`. */
  | { readonly kind: 'ReplaceClaim'; readonly claim: string; readonly manifest: string }
  /** converge: way back no longer needed. */
  | { readonly kind: 'ReleaseRetained'; readonly object: { readonly kind: string; readonly name: string } }
  | { readonly kind: 'RunProbes'; readonly request: ProbeRequest }
  /** named: the Jobs and temporary objects of one check; asked again while it is `working`. */
  | { readonly kind: 'RunCheck'; readonly request: CheckRequest }
  /** converge: nothing temporary of the check is left. */
  | { readonly kind: 'EndCheck'; readonly request: CheckRequest }
  /** named; a migration is *once*: begun without evidence of its end, it is not begun again. */
  | { readonly kind: 'RunDatabaseJob'; readonly job: DatabaseJob };

export type EffectKind = Effect['kind'];
