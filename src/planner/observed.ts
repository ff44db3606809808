import type { EpochMs } from '../shared/clock.ts';
import type { CheckRequest, DatabaseJob, MemberRef, RebootRequest, SettingChange, WorkloadRef } from './effects.ts';

/** Three answers: "unknown" is neither yes nor no, and carries why. */
export type Known<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };

export interface PodObservation {
  readonly name: string;
  readonly uid: string;
  readonly ready: boolean;
  readonly terminating: boolean;
  /** Container name to image reference in the pod's spec. */
  readonly images: Readonly<Record<string, string>>;
  /** Why a container does not run, e.g. "CrashLoopBackOff: back-off 5m restarting"; empty when it runs. */
  readonly trouble: string;
  readonly address: string;
  /** Where it runs; absent while it is not placed. */
  readonly node?: string;
}

export interface ClaimObservation {
  readonly claim: string;
  readonly uid: string;
  /** Name of the bound PersistentVolume; empty while unbound. */
  readonly volume: string;
  /** Made by this run's restore, told from its operation annotation; the snapshot it came from. */
  readonly restoredFrom: string;
}

/** What the object of a workload tells by itself: one read, where pods, claims and autoscalers take a list each. */
export interface WorkloadObject {
  readonly kind: 'Deployment' | 'StatefulSet';
  readonly name: string;
  readonly exists: boolean;
  /** status.observedGeneration has caught up with metadata.generation. */
  readonly current: boolean;
  readonly replicas: number;
  /** Container name to image in the pod template. */
  readonly images: Readonly<Record<string, string>>;
  /** Hash of the pod template as stored; compared, never interpreted. */
  readonly templateHash: string;
  /** Every pod that should run does, from the present template, and none is terminating; absent where only the pods tell. */
  readonly rolledOut?: boolean;
  /** UID of the run in the lock annotation; empty when free. */
  readonly lockedBy: string;
  /** Managers other than ours that reconcile the template (Argo CD, Flux …); empty when none. */
  readonly reconcilers: readonly string[];
  /** Who last wrote the template, e.g. "kubectl-client-side-apply"; for naming a foreign change. */
  readonly lastWriter: string;
  /** Operation of the last change that a run of ours made; empty when none did. */
  readonly operation: string;
}

export interface WorkloadObservation extends WorkloadObject {
  readonly rolledOut: boolean;
  readonly pods: readonly PodObservation[];
  /** A horizontal autoscaler owns the replica count. */
  readonly autoscaled: boolean;
  /** Claims of its pods, sorted; for a StatefulSet those of its templates for the ordinals that ran. */
  readonly claims: readonly ClaimObservation[];
}

export type MemberState = 'Serving' | 'Draining' | 'Drained' | 'Down' | 'Unknown';

export interface MemberObservation {
  readonly member: string;
  /** Over all instances of the load balancer: the worst news counts. */
  readonly state: MemberState;
  /** Open user connections; unknown where nothing counts them. */
  readonly connections: Known<number>;
  /** What stands in the way of reading this as ours, e.g. "maint set by somebody else on haproxy-1"; empty when nothing. */
  readonly foreign: string;
  /** Instances of the load balancer, in words, for messages ("haproxy-1 unreachable"). */
  readonly detail: string;
  /**
   * New pods are kept out: the hold is written and was seen to work. Where the load balancer itself holds, false only
   * while the journal says the member is out by us and one of its processes would let users in.
   */
  readonly held: boolean;
}

export interface PoolObservation {
  readonly pool: string;
  /** Can the pool keep a started member from its users (design 4.1)? When not, members join as they start. */
  readonly canHold: boolean;
  readonly reachable: Known<true>;
  readonly members: readonly MemberObservation[];
  readonly minServing: number;
  /** How long to wait after the last member left rotation, until everybody who routes has heard of it; then connections count. */
  readonly settleMs: number;
  readonly countsConnections: boolean;
  /** How long nodes may still send users where they were before the API server was away; absent where none do. */
  readonly lagMs?: number;
}

export interface SnapshotObservation {
  readonly snapshot: string;
  readonly exists: boolean;
  readonly ready: boolean;
  /** Bound content has a handle and a size, its source is the claim asked for. */
  readonly verified: boolean;
  readonly createdAt: EpochMs | undefined;
  /** Driver's error in words; empty when none. */
  readonly error: string;
}

export interface RestoreObservation {
  readonly claim: string;
  /** `absent` old claim still there; `working` between; `restored` new claim from the snapshot exists; `blocked` something not ours has the name. */
  readonly state: 'absent' | 'working' | 'restored' | 'blocked';
  readonly message: string;
}

export type ProbeState = 'absent' | 'running' | 'passed' | 'failed' | 'unknown';

export interface ProbeObservation {
  readonly id: string;
  readonly state: ProbeState;
  /** e.g. "login: status 500, want 200 (3 in a row)". */
  readonly message: string;
  /** One per probe of the suite, in order. */
  readonly results: readonly { readonly probe: string; readonly state: ProbeState; readonly message: string }[];
  /** Versions by component, as last answered: what the release tells of itself, whatever was wanted. Absent: none yet. */
  readonly components?: Readonly<Record<string, string>>;
}

export interface DatabaseJobObservation {
  readonly id: string;
  /** `unknown`: it cannot be told, e.g. the Job is there and its pod is gone. */
  readonly state: 'absent' | 'running' | 'succeeded' | 'failed' | 'unknown';
  /** Of the container; undefined while it has not ended, or never began. */
  readonly exitCode: number | undefined;
  /** Fields of its JSON termination message, as text; empty when there was none. */
  readonly output: Readonly<Record<string, string>>;
  /** In words, with the last lines it wrote: "exit 3: relation exists". Redacted, at most 512 characters. */
  readonly message: string;
}

/** The answer to one question of the preflight. */
export interface CheckObservation {
  readonly id: string;
  /** `absent`: its Job was not asked for yet. `working`: it has to be asked for again. */
  readonly state: 'absent' | 'working' | 'running' | 'passed' | 'failed' | 'unknown';
  /** What was seen, in words. */
  readonly message: string;
  /** What to do where it did not pass; empty where the message says it. */
  readonly remedy: string;
}

export interface RebootObservation {
  readonly id: string;
  /** Of its Job; `unknown`: the Job is there and its pod is gone. */
  readonly state: 'absent' | 'running' | 'succeeded' | 'failed' | 'unknown';
  /** In words, such as "exit status 1". */
  readonly message: string;
  readonly nodeReady: boolean;
  /** Another one after each boot of the node; empty where it is not known. */
  readonly bootID: string;
}

export interface GroupObservation {
  readonly group: string;
  readonly exists: boolean;
  readonly lockedBy: string;
}

/** What was seen in one look at the world, for one pass. Only what the pass's scope names is present. */
export interface Observed {
  readonly now: EpochMs;
  readonly groups: ReadonlyMap<string, GroupObservation>;
  /** By `workloadKey`. */
  readonly workloads: ReadonlyMap<string, WorkloadObservation>;
  /** By `workloadKey`: those of which only the object was looked at; absent where there are none. */
  readonly objects?: ReadonlyMap<string, WorkloadObject>;
  readonly pools: ReadonlyMap<string, PoolObservation>;
  /** By snapshot name. */
  readonly snapshots: ReadonlyMap<string, SnapshotObservation>;
  /** By claim name. */
  readonly restores: ReadonlyMap<string, RestoreObservation>;
  /** By probe request id. */
  readonly probes: ReadonlyMap<string, ProbeObservation>;
  /** By id of the Job. */
  readonly databaseJobs: ReadonlyMap<string, DatabaseJobObservation>;
  /** By id of the request. */
  readonly checks: ReadonlyMap<string, CheckObservation>;
  /** By id of the request; absent where none was asked about. */
  readonly reboots?: ReadonlyMap<string, RebootObservation>;
  /** Names of saved revisions and settings that exist. */
  readonly saved: ReadonlySet<string>;
  /** Settings that already have the value asked for, by `settingKey`; missing objects are named in `missingSettings`. */
  readonly settings: ReadonlyMap<string, 'as-wanted' | 'differs' | 'missing'>;
}

/** What to look at in a pass; the planner asks, the drivers look. */
export interface ObservationScope {
  readonly groups: readonly string[];
  readonly workloads: readonly WorkloadRef[];
  /** Those whose own object is enough. */
  readonly objects?: readonly WorkloadRef[];
  readonly pools: readonly { readonly pool: string; readonly members: readonly MemberRef[] }[];
  readonly snapshots: readonly { readonly snapshot: string; readonly claim: string }[];
  readonly restores: readonly { readonly claim: string; readonly snapshot: string; readonly manifest: string }[];
  readonly probes: readonly string[];
  readonly databaseJobs: readonly DatabaseJob[];
  readonly checks: readonly CheckRequest[];
  readonly reboots?: readonly RebootRequest[];
  readonly saved: readonly { readonly kind: 'Revision' | 'Settings'; readonly name: string }[];
  readonly settings: readonly SettingChange[];
}

/** Key of `Observed.workloads`. */
export function workloadKey(workload: { readonly kind: string; readonly name: string }): string {
  return `${workload.kind}/${workload.name}`;
}

/** Key of `Observed.settings`. */
export function settingKey(setting: {
  readonly object: { readonly kind: string; readonly name: string };
  readonly key: string;
  readonly path: string;
}): string {
  return `${setting.object.kind}/${setting.object.name}/${setting.key}/${setting.path}`;
}

/** What is seen of a workload that is not there. */
export function absentWorkload({ kind, name }: WorkloadRef): WorkloadObservation {
  return {
    kind,
    name,
    exists: false,
    current: false,
    replicas: 0,
    pods: [],
    images: {},
    templateHash: '',
    rolledOut: false,
    lockedBy: '',
    autoscaled: false,
    claims: [],
    reconcilers: [],
    lastWriter: '',
    operation: '',
  };
}
