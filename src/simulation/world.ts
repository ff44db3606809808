import type { EpochMs } from '../shared/clock.ts';
import type { WorkloadRef } from '../planner/effects.ts';
import { workloadKey } from '../planner/observed.ts';
import type { CheckObservation, DatabaseJobObservation } from '../planner/observed.ts';
import { ManualClock } from './manual-clock.ts';
import { fingerprint } from './random.ts';

/** How long things take in the simulated cluster, in milliseconds. */
export interface Timings {
  /** From a change of a workload to the first act of its controller. */
  readonly controllerMs: number;
  readonly startMs: number;
  readonly stopMs: number;
  /** From a change of readiness or of a label to the load balancer acting on it. Shorter than `stopMs`, as a preStop hook makes it. */
  readonly lagMs: number;
  /** Until the users of a draining member have left. */
  readonly drainMs: number;
  readonly snapshotMs: number;
  readonly probeMs: number;
  /** One Job on a database. */
  readonly databaseMs: number;
  /** One Job of the preflight. */
  readonly checkMs: number;
}

const timings: Timings = {
  controllerMs: 100,
  startMs: 5_000,
  stopMs: 3_000,
  lagMs: 500,
  drainMs: 8_000,
  snapshotMs: 4_000,
  probeMs: 200,
  databaseMs: 10_000,
  checkMs: 4_000,
};

/** What an image does once it runs. */
export interface Release {
  readonly version: string;
  /** Schema its code knows; any where absent. */
  readonly schema?: string;
  readonly showsVersion?: string;
  readonly neverReady?: boolean;
  /** Names of probes that fail on it. */
  readonly failing?: readonly string[];
  /** Works until it has met users for this long; then `failing` (or everything) fails. */
  readonly turnsBadAfterMs?: number;
  readonly damagesData?: boolean;
  /** Versions by component, as its servers answer. */
  readonly components?: Readonly<Record<string, string>>;
}

export interface Template {
  readonly images: Readonly<Record<string, string>>;
  /** Whatever else stands in the template. */
  readonly rest: string;
}

export interface SimPod {
  readonly name: string;
  readonly uid: string;
  readonly ordinal: number;
  readonly template: Template;
  ready: boolean;
  terminating: boolean;
  /** Pools whose label it wears; only for pools of kind `service`. */
  readonly labels: Set<string>;
  servedSince: EpochMs | undefined;
}

export interface SimWorkload extends WorkloadRef {
  template: Template;
  replicas: number;
  generation: number;
  observedGeneration: number;
  pods: SimPod[];
  lockedBy: string;
  /** Of the last change that a run made. */
  operation: string;
  autoscaled: boolean;
  reconcilers: string[];
  lastWriter: string;
  /** Claim names begin with this and end with the pod's name; undefined: no volumes. */
  readonly claimPrefix: string | undefined;
  readonly group: string;
  /** Database its servers write to. */
  readonly database: string | undefined;
  deleted: boolean;
}

export interface SimMember {
  readonly member: string;
  readonly workload: string;
}

/** What one load-balancer process was told about a member; `by` is empty, the name of an UpgradeSet, or somebody else. */
export interface Admin {
  readonly state: 'ready' | 'drain' | 'maint';
  readonly by: string;
}

export interface SimInstance {
  readonly name: string;
  up: boolean;
  readonly admin: Map<string, Admin>;
  /** UIDs of the pods it sends users to. */
  readonly rotation: Set<string>;
}

export interface SimPool {
  readonly name: string;
  readonly kind: 'haproxy' | 'service';
  readonly canHold: boolean;
  readonly minServing: number;
  readonly countsConnections: boolean;
  readonly settleMs: number;
  readonly members: SimMember[];
  readonly instances: SimInstance[];
  /** Keys of workloads whose new pods stay out; only for `service`. */
  readonly held: Set<string>;
  /** Users per member while it serves, and what becomes of them. */
  readonly usersPerMember: number;
  /** Members whose users do not leave by themselves. */
  readonly sticky: Set<string>;
  readonly leftAt: Map<string, EpochMs>;
  /** The next so many changes are accepted and not carried out. */
  ignoresChanges: number;
}

export interface SimVolume {
  readonly name: string;
  /** Acknowledged writes, by sequence number. */
  writes: number[];
  /** What the rest of the data looks like, as a checksum would show it. */
  content: string;
}

export interface SimClaim {
  readonly claim: string;
  readonly uid: string;
  readonly volume: string;
  readonly restoredFrom: string;
  /** UID of the run that restored it; empty when nobody did. */
  readonly restoredBy: string;
}

export interface SimSnapshot {
  readonly snapshot: string;
  readonly claim: string;
  readonly createdAt: EpochMs;
  ready: boolean;
  error: string;
  readonly writes: readonly number[];
  readonly content: string;
}

export interface SimRestore {
  readonly snapshot: string;
  readonly oldVolume: string;
  state: 'working' | 'restored';
  message: string;
}

export interface SimDatabase {
  readonly name: string;
  schema: string;
  /** Whether it refuses writes, and by whose hand. */
  readOnly: 'ours' | 'somebody' | undefined;
  /** Acknowledged writes that it holds. */
  writes: number[];
  readonly backups: Map<string, SimBackup>;
  readonly jobs: Map<string, DatabaseJobObservation>;
  /** What its own table says of each migration. */
  readonly operations: Map<string, 'begun' | 'done'>;
}

export interface SimBackup {
  readonly schema: string;
  readonly writes: readonly number[];
  /** It counts: a Job has verified it, or people have attested it. */
  verified: boolean;
}

/** How a Job can go wrong, as `--fail database:VERB[:HOW]` says it. */
export type JobFault = 'fails' | 'unknown' | 'lost';

export type Saved =
  | { readonly kind: 'Revision'; readonly workload: string; readonly template: Template; readonly replicas: number }
  | { readonly kind: 'Settings'; readonly values: ReadonlyMap<string, string | undefined> };

/** One call of a driver that asks for a change. */
export interface Call {
  readonly at: EpochMs;
  readonly runUID: string;
  readonly operation: string;
  readonly kind: string;
  readonly target: string;
  /** The world was different afterwards. */
  readonly changed: boolean;
}

export interface Traffic {
  requests: number;
  failed: number;
  /** Requests answered by a release that had not passed its isolated tests although the pool could hold it. */
  unproven: number;
  /** Users cut off while a member left. */
  cut: number;
  nextWrite: number;
  /** Acknowledged writes by claim. */
  readonly acknowledged: Map<string, number[]>;
  /** Acknowledged writes by database. */
  readonly stored: Map<string, number[]>;
  /** Requests that failed in a declared downtime. */
  refused: number;
  /** `WORKLOAD images` that passed, and what ran at the beginning. */
  readonly proven: Set<string>;
}

/** Jobs that reboot, by id of the request, and the machines they run on. */
export interface SimReboots {
  readonly jobs: Map<string, { readonly state: 'running' | 'succeeded' | 'failed'; readonly message: string }>;
  /** How often each was booted. */
  readonly boots: Map<string, number>;
  readonly down: Set<string>;
  fails: boolean;
  /** The Job reboots its machine, and goes down with it. */
  boot: boolean;
}

export interface World {
  readonly clock: ManualClock;
  readonly timings: Timings;
  readonly releases: Map<string, Release>;
  readonly workloads: Map<string, SimWorkload>;
  readonly pools: Map<string, SimPool>;
  readonly groups: Map<string, { lockedBy: string }>;
  readonly claims: Map<string, SimClaim>;
  readonly volumes: Map<string, SimVolume>;
  readonly snapshots: Map<string, SimSnapshot>;
  readonly restores: Map<string, SimRestore>;
  readonly databases: Map<string, SimDatabase>;
  readonly reboots: SimReboots;
  /** Jobs of the preflight, by the id of their question. */
  readonly checkJobs: Map<string, Pick<CheckObservation, 'state' | 'message' | 'remedy'>>;
  /** Temporary objects of restore drills, by the id of their question, with the run's UID. */
  readonly asides: Map<string, string>;
  /** A run has announced that nobody serves now. */
  declaredDowntime: boolean;
  readonly snapshotClasses: Set<string>;
  /** `KIND/NAME` of ConfigMaps and Secrets, with their values by `KEY/PATH`. */
  readonly documents: Map<string, Map<string, string>>;
  readonly saved: Map<string, Saved>;
  readonly calls: Call[];
  readonly traffic: Traffic;
  /** `WORKLOAD images` that ran at the beginning. */
  readonly original: Set<string>;
  /** Pools by the UpgradeSet that works on them. */
  readonly poolsOf: Map<string, readonly string[]>;
  /** Database by the UpgradeSet above it. */
  readonly databaseOf: Map<string, string>;
  /** What a story allows although no upgrade should do it. */
  readonly promises: Record<
    'mayInterrupt' | 'mayServeFewer' | 'mayCut' | 'mayLose' | 'mayServeUnproven' | 'mayMixSchemas',
    boolean
  >;
  /** Promises that were broken, in the order they were noticed. */
  readonly violations: string[];
  /** Names of claims and groups whose storage misbehaves. */
  readonly faults: {
    readonly snapshots: Set<string>;
    readonly restores: Set<string>;
    readonly starts: Set<string>;
    /** Versions that stay as they are, whatever release is installed; by `componentKey`. */
    readonly components: Map<string, string>;
    /** Groups whose pods do not end. */
    readonly stops: Set<string>;
    /** By verb. */
    readonly databases: Map<string, JobFault>;
    /** Answers to the preflight's questions, by the beginning of what they are about, such as "Budgets" or "Pull registry". */
    readonly checks: Map<string, Pick<CheckObservation, 'state' | 'message' | 'remedy'>>;
    /** The schema that the command of a release leaves behind, whatever was asked for. */
    hiddenMigration: string | undefined;
    /** The database takes writes although it was made read-only. */
    keepsWriting: boolean;
    apiDown: boolean;
  };
  readonly listeners: Set<() => void>;
  sequence: number;
}

export function createWorld(options: { start?: EpochMs; timings?: Partial<Timings> } = {}): World {
  return {
    clock: new ManualClock(options.start ?? Date.UTC(2026, 11, 5, 20, 0, 0)),
    timings: { ...timings, ...options.timings },
    releases: new Map(),
    workloads: new Map(),
    pools: new Map(),
    groups: new Map(),
    claims: new Map(),
    volumes: new Map(),
    snapshots: new Map(),
    restores: new Map(),
    databases: new Map(),
    reboots: { jobs: new Map(), boots: new Map(), down: new Set(), fails: false, boot: true },
    checkJobs: new Map(),
    asides: new Map(),
    declaredDowntime: false,
    snapshotClasses: new Set(['csi']),
    documents: new Map(),
    saved: new Map(),
    calls: [],
    traffic: {
      requests: 0,
      failed: 0,
      unproven: 0,
      cut: 0,
      nextWrite: 1,
      acknowledged: new Map(),
      stored: new Map(),
      refused: 0,
      proven: new Set(),
    },
    original: new Set(),
    poolsOf: new Map(),
    databaseOf: new Map(),
    promises: {
      mayInterrupt: false,
      mayServeFewer: false,
      mayCut: false,
      mayLose: false,
      mayServeUnproven: false,
      mayMixSchemas: false,
    },
    violations: [],
    faults: {
      snapshots: new Set(),
      restores: new Set(),
      starts: new Set(),
      components: new Map(),
      stops: new Set(),
      databases: new Map(),
      checks: new Map(),
      hiddenMigration: undefined,
      keepsWriting: false,
      apiDown: false,
    },
    listeners: new Set(),
    sequence: 0,
  };
}

/** A number nobody had before, for names and UIDs. */
export function nextNumber(world: World): number {
  world.sequence += 1;
  return world.sequence;
}

/** Tells everybody who watches that something is different now. */
export function changed(world: World): void {
  for (const listener of world.listeners) listener();
}

/** Runs `change` after `delayMs`, then tells everybody. */
export function later(world: World, delayMs: number, change: () => void): void {
  world.clock.setTimer(() => {
    change();
    changed(world);
  }, delayMs);
}

export function templateHash(template: Template): string {
  const images = Object.entries(template.images).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return fingerprint(JSON.stringify([images, template.rest]));
}

/** The release behind the first image of the template. Unknown images are a release of their own. */
export function releaseOf(world: World, template: Template): Release {
  const image = Object.values(template.images)[0] ?? 'none';
  return world.releases.get(image) ?? { version: image };
}

export function provenKey(workload: WorkloadRef, template: Template): string {
  return `${workloadKey(workload)} ${JSON.stringify(template.images)}`;
}

export function componentKey(workload: WorkloadRef, component: string): string {
  return `${workloadKey(workload)} ${component}`;
}

/** @throws RangeError the story names something that is not there */
export function must<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new RangeError(`the simulated cluster has no ${what}`);
  return value;
}
