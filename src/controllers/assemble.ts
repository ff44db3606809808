/** Joins caches, watches and controllers: everything one controller process runs. */
import {
  databases,
  decisions,
  packages,
  pools,
  probeSuites,
  serverGroups,
  upgradeRuns,
  upgradeSets,
} from '../api/resources.ts';
import type { Decision } from '../api/decision.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { Send } from '../drivers/send-message.ts';
import { Pacer } from '../engine/pacer.ts';
import { Stopwatch } from '../engine/stopwatch.ts';
import { createCache, type Cache } from '../kube/cache.ts';
import {
  runController,
  watchCache,
  type ControllerMetrics,
  type ReconcileResult,
  type Watch,
} from '../kube/controller.ts';
import type { Runnable } from '../kube/manager.ts';
import { objectKeyOf, objectNameOf, type ObjectKey } from '../kube/object-key.ts';
import { createQueue, type Queue } from '../kube/queue.ts';
import { runReflector } from '../kube/reflector.ts';
import {
  deployments,
  endpointSlices,
  jobs,
  persistentVolumeClaims,
  pods,
  statefulSets,
  volumeSnapshots,
} from '../kube/resources.ts';
import type { KubeClient, KubeObject, KubeWatcher, ObjectName, Resource } from '../kube/types.ts';
import type { Logger } from '../shared/logger.ts';
import { hasNewAnswers } from '../status/answered-components.ts';
import { isWorthTelling } from '../status/last-known-good.ts';
import { isEnded } from '../status/summarize-run.ts';
import {
  hasOtherSchema,
  packagesOfDatabase,
  packagesOfGroup,
  runsOther,
  setsOfDatabase,
  setsOfGroup,
} from './catalogue-watch.ts';
import type { Caches, ControllerContext } from './context.ts';
import { createDeploymentLog } from './deployment-log.ts';
import { LastSeen } from './last-seen.ts';
import { Pace } from './pace.ts';
import { reconcileDecision } from './reconcile-decision.ts';
import { reconcileGroup } from './reconcile-objects.ts';
import { reconcilePackage } from './reconcile-package.ts';
import { reconcilePool } from './pool-status.ts';
import { reconcileDatabase } from './reconcile-database.ts';
import { closingProbes, countVerdict, watchRuns, type RunCounters } from './run-watch.ts';
import { reconcileRun } from './reconcile-run.ts';
import { reconcileSet } from './reconcile-set.ts';
import { tellPeople } from './tell-people.ts';
import { createToldStore } from './told-store.ts';

interface Watching {
  readonly client: KubeClient;
  readonly watcher: KubeWatcher;
  /** Empty: all namespaces. */
  readonly namespaces: readonly string[];
  readonly logger: Logger;
  readonly random: () => number;
  readonly clock: ControllerContext['clock'];
}

/** Which runs belong to a set, so that a look at one set does not walk all runs. */
const runIndexes = { set: (run: UpgradeRun): string[] => [`${run.metadata.namespace ?? ''}/${run.spec.upgradeSet}`] };

type OwnCaches = {
  readonly [K in keyof Caches]: Caches[K] extends { get(name: ObjectName): (infer T) | undefined }
    ? T extends KubeObject
      ? Cache<T>
      : never
    : never;
};

export function createCaches(options: Watching): { caches: OwnCaches; runnables: Runnable[] } {
  const { logger } = options;
  const caches: OwnCaches = {
    packages: createCache({ logger }),
    pools: createCache({ logger }),
    probeSuites: createCache({ logger }),
    databases: createCache({ logger }),
    serverGroups: createCache({ logger }),
    upgradeSets: createCache({ logger }),
    upgradeRuns: createCache({ logger, indexes: runIndexes }),
    decisions: createCache({ logger }),
  };
  const runnables = [
    ...follow(options, packages, caches.packages),
    ...follow(options, pools, caches.pools),
    ...follow(options, probeSuites, caches.probeSuites),
    ...follow(options, databases, caches.databases),
    ...follow(options, serverGroups, caches.serverGroups),
    ...follow(options, upgradeSets, caches.upgradeSets),
    ...follow(options, upgradeRuns, caches.upgradeRuns),
    ...follow(options, decisions, caches.decisions),
  ];
  return { caches, runnables };
}

type Sink<T extends KubeObject> = Pick<Cache<T>, 'replaced' | 'changed' | 'deleted' | 'progressed'>;

function follow<T extends KubeObject>(options: Watching, resource: Resource<T>, sink: Sink<T>): Runnable[] {
  const places = options.namespaces.length === 0 ? [undefined] : options.namespaces;
  return places.map((namespace) => ({
    name: `watch ${resource.plural}${namespace === undefined ? '' : ` in ${namespace}`}`,
    run: (signal) =>
      runReflector({ ...options, resource, selection: namespace === undefined ? {} : { namespace }, sink }, signal),
  }));
}

/** What happens in a namespace wakes the runs that act there; nothing of it is kept in memory. */
function wakeOn<T extends KubeObject>(
  options: Watching,
  resource: Resource<T>,
  wake: (namespace: string) => void,
): Runnable[] {
  const one = (object: T): void => wake(object.metadata.namespace ?? '');
  return follow(options, resource, { replaced() {}, progressed() {}, changed: one, deleted: one });
}

export interface AssembleOptions extends Watching {
  readonly context: ControllerContext;
  readonly caches: OwnCaches;
  readonly metrics: (controller: string) => ControllerMetrics;
  readonly abortSignal: AbortSignal;
  /** Told what runs did. */
  readonly counters?: RunCounters;
  /** Sends messages to people; default: nobody is told. */
  readonly send?: Send;
}

/** The controllers, to be run while leading. */
export function assembleControllers(options: AssembleOptions): Runnable[] {
  const metrics = options.metrics('upgraderun');
  const runQueue = newQueue(options, metrics, 30_000);
  const { probes } = options.context.drivers;
  return [
    ...wakers(options, runQueue),
    watchRuns(options.caches.upgradeRuns, probes, options.counters ?? {}),
    closingProbes(runsController(options, runQueue, metrics), probes),
    setController(options),
    ...peopleController(options),
    ...objectControllers(options),
  ];
}

function newQueue({ clock }: Watching, { queue }: ControllerMetrics, maxBackoffMs: number): Queue {
  return createQueue({ clock, maxBackoffMs, ...(queue === undefined ? {} : { metrics: queue }) });
}

function activeRuns(caches: OwnCaches, namespace: string): UpgradeRun[] {
  return caches.upgradeRuns.list(namespace).filter((run) => !isEnded(run.status?.phase));
}

/** Changes of the world that a waiting run may be waiting for. */
function wakers(options: AssembleOptions, queue: Queue): Runnable[] {
  const { caches, context } = options;
  const wake = (namespace: string): void => {
    for (const run of activeRuns(caches, namespace)) queue.add(objectKeyOf(run.metadata));
  };
  context.drivers.probes.onChange((id) => {
    const run = caches.upgradeRuns.list().find((candidate) => candidate.metadata.uid === id.split('/')[0]);
    if (run === undefined) return;
    queue.add(objectKeyOf(run.metadata));
    countVerdict(run, context.drivers.probes, options.counters ?? {}, id);
  });
  return [
    ...wakeOn(options, pods, wake),
    ...wakeOn(options, statefulSets, wake),
    ...wakeOn(options, deployments, wake),
    ...wakeOn(options, endpointSlices, wake),
    ...wakeOn(options, persistentVolumeClaims, wake),
    ...wakeOn(options, volumeSnapshots, wake),
    // Of the pod alone a run believes nothing: the Job says so a moment later.
    ...wakeOn(options, jobs, wake),
  ];
}

interface ControllerParts {
  readonly name: string;
  /** Default: a new one. */
  readonly queue?: { readonly queue: Queue; readonly metrics: ControllerMetrics };
  readonly watches: Watch[];
  readonly concurrency?: number;
  readonly reconcile: (name: ObjectName, signal: AbortSignal, logger: Logger) => Promise<ReconcileResult>;
}

function controller(options: AssembleOptions, parts: ControllerParts): Runnable {
  const { clock, logger, abortSignal } = options;
  const { name, watches, concurrency = 1 } = parts;
  const metrics = parts.queue?.metrics ?? options.metrics(name);
  const queue = parts.queue?.queue ?? newQueue(options, metrics, 60_000);
  return {
    name: `controller ${name}`,
    run: (signal) =>
      runController(
        {
          name,
          queue,
          watches,
          concurrency,
          clock,
          logger,
          metrics,
          abortSignal,
          reconcile: (key, inner, own) => parts.reconcile(objectNameOf(key), inner, own),
        },
        signal,
      ),
  };
}

function keysOf(list: readonly KubeObject[]): ObjectKey[] {
  return list.map((object) => objectKeyOf(object.metadata));
}

function keyNear(object: KubeObject, name: string): ObjectKey {
  const { namespace } = object.metadata;
  return objectKeyOf({ name, ...(namespace === undefined ? {} : { namespace }) });
}

/** Our own status writes change neither: without this every write would be a reason to look again. */
function isWanted(object: KubeObject, old: KubeObject): boolean {
  const { generation, deletionTimestamp } = object.metadata;
  return generation !== old.metadata.generation || deletionTimestamp !== old.metadata.deletionTimestamp;
}

function hasMoved(run: UpgradeRun, old: UpgradeRun): boolean {
  return run.status?.step !== old.status?.step || run.status?.phase !== old.status?.phase;
}

function runsController(options: AssembleOptions, queue: Queue, metrics: ControllerMetrics): Runnable {
  const { caches, context, clock } = options;
  const memory = {
    stopwatch: new Stopwatch(() => clock.monotonic()),
    pacer: new Pacer(),
    lastSeen: new LastSeen(),
    deploymentLog: createDeploymentLog(context),
  };
  return controller(options, {
    name: 'upgraderun',
    queue: { queue, metrics },
    concurrency: 8,
    watches: [
      watchCache(caches.upgradeRuns, (run) => [
        objectKeyOf(run.metadata),
        ...(run.spec.previous === undefined ? [] : [keyNear(run, run.spec.previous)]),
      ]),
      watchCache(
        caches.upgradeSets,
        (set) =>
          keysOf(
            activeRuns(caches, set.metadata.namespace ?? '').filter((run) => run.spec.upgradeSet === set.metadata.name),
          ),
        isWanted,
      ),
      watchCache(caches.decisions, (decision) => [keyNear(decision, decision.spec.run)]),
    ],
    reconcile: (name, signal, logger) => reconcileRun(context, memory, name, signal, logger),
  });
}

function setsDecided(caches: Pick<OwnCaches, 'upgradeRuns'>, decision: Decision): ObjectKey[] {
  const { namespace } = decision.metadata;
  const run = caches.upgradeRuns.get({ name: decision.spec.run, ...(namespace === undefined ? {} : { namespace }) });
  return run === undefined ? [] : [keyNear(run, run.spec.upgradeSet)];
}

/** How often a set says how far its run is, and a package how many run it, while nothing else about them changes. */
const toldEveryMs = 1_000;

function setController(options: AssembleOptions): Runnable {
  const { caches, context } = options;
  const setsNear = (object: KubeObject): ObjectKey[] => keysOf(caches.upgradeSets.list(object.metadata.namespace));
  const pace = new Pace(() => options.clock.monotonic(), toldEveryMs);
  return controller(options, {
    name: 'upgradeset',
    concurrency: 4,
    watches: [
      watchCache(caches.upgradeSets, undefined, isWanted),
      watchCache(caches.upgradeRuns, (run) => [keyNear(run, run.spec.upgradeSet)]),
      // A run that is over looks at nothing any more: a word to try again is the set's to hear.
      watchCache(caches.decisions, (decision) => setsDecided(caches, decision)),
      watchCache(caches.packages, setsNear, isWanted),
      watchCache(caches.serverGroups, setsNear, isWanted),
      watchCache(caches.serverGroups, (group) => setsOfGroup(caches, group), runsOther),
      watchCache(caches.pools, setsNear, isWanted),
      watchCache(caches.probeSuites, setsNear, isWanted),
      watchCache(caches.databases, setsNear, isWanted),
      watchCache(caches.databases, (database) => setsOfDatabase(caches, database), hasOtherSchema),
    ],
    reconcile: (name, signal, logger) => reconcileSet(context, pace, name, signal, logger),
  });
}

/** Beside the runs, with a queue of its own: a line that does not answer holds up nobody. */
function peopleController(options: AssembleOptions): Runnable[] {
  const { caches, context, send } = options;
  if (send === undefined) return [];
  const parts = { context, send, store: createToldStore(context.client), memory: new Map() };
  const told = (run: UpgradeRun): ObjectKey[] =>
    (run.spec.policy.notify ?? []).length === 0 ? [] : [objectKeyOf(run.metadata)];
  return [
    controller(options, {
      name: 'notify',
      concurrency: 4,
      watches: [watchCache(caches.upgradeRuns, told)],
      reconcile: (name, signal, logger) => tellPeople(parts, name, signal, logger),
    }),
  ];
}

/** Those that only say something about what people wrote. */
function objectControllers(options: AssembleOptions): Runnable[] {
  const { caches, context } = options;
  const decisionsOf = (run: KubeObject): ObjectKey[] =>
    keysOf(caches.decisions.list(run.metadata.namespace).filter((decision) => decision.spec.run === run.metadata.name));
  const groupsNear = (object: KubeObject): ObjectKey[] => keysOf(caches.serverGroups.list(object.metadata.namespace));
  const packagePace = new Pace(() => options.clock.monotonic(), toldEveryMs);
  return [
    controller(options, {
      name: 'decision',
      watches: [watchCache(caches.decisions), watchCache(caches.upgradeRuns, decisionsOf, isWanted)],
      reconcile: (name, signal) => reconcileDecision(context, name, signal),
    }),
    controller(options, {
      name: 'servergroup',
      watches: [
        watchCache(caches.serverGroups),
        watchCache(caches.packages, groupsNear, isWanted),
        watchCache(
          caches.upgradeRuns,
          (run) => run.spec.groups.map(({ name }) => keyNear(run, name)),
          (run, old) => isWorthTelling(run, old) || hasNewAnswers(run, old),
        ),
      ],
      reconcile: (name, signal) => reconcileGroup(context, name, signal),
    }),
    controller(options, {
      name: 'pool',
      watches: [
        watchCache(caches.pools, undefined, isWanted),
        watchCache(
          caches.serverGroups,
          (group) =>
            group.spec.servers.flatMap((server) => (server.pools ?? []).map((pool) => keyNear(group, pool.name))),
          isWanted,
        ),
        watchCache(caches.upgradeRuns, (run) => run.spec.pools.map((pool) => keyNear(run, pool.name)), hasMoved),
        // Wakes nothing, but has to be there: it tells which run a set is at.
        watchCache(caches.upgradeSets, () => []),
      ],
      reconcile: (name, signal) => reconcilePool(context, name, signal),
    }),
    controller(options, {
      name: 'database',
      watches: [
        watchCache(caches.databases, undefined, isWanted),
        watchCache(
          caches.upgradeRuns,
          (run) => (run.spec.database === undefined ? [] : [keyNear(run, run.spec.database.name)]),
          hasMoved,
        ),
      ],
      reconcile: (name, signal) => reconcileDatabase(context, name, signal),
    }),
    controller(options, {
      name: 'package',
      watches: [
        watchCache(caches.packages, undefined, isWanted),
        watchCache(caches.serverGroups, (group) => packagesOfGroup(caches, group), runsOther),
        watchCache(caches.databases, (database) => packagesOfDatabase(caches, database), hasOtherSchema),
      ],
      reconcile: (name, signal) => reconcilePackage(context, packagePace, name, signal),
    }),
  ];
}
