/** Joins caches, watches and controllers: everything one controller process runs. */
import { decisions, packages, pools, probeSuites, serverGroups, upgradeRuns, upgradeSets } from '../api/resources.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
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
  persistentVolumeClaims,
  pods,
  statefulSets,
  volumeSnapshots,
} from '../kube/resources.ts';
import type { KubeClient, KubeObject, KubeWatcher, ObjectName, Resource } from '../kube/types.ts';
import type { Logger } from '../shared/logger.ts';
import { isEnded } from '../status/summarize-run.ts';
import type { Caches, ControllerContext } from './context.ts';
import { reconcileDecision, reconcileGroup, reconcilePackage, reconcilePool } from './reconcile-objects.ts';
import { reconcileRun } from './reconcile-run.ts';
import { reconcileSet } from './reconcile-set.ts';

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
    serverGroups: createCache({ logger }),
    upgradeSets: createCache({ logger }),
    upgradeRuns: createCache({ logger, indexes: runIndexes }),
    decisions: createCache({ logger }),
  };
  const runnables = [
    ...follow(options, packages, caches.packages),
    ...follow(options, pools, caches.pools),
    ...follow(options, probeSuites, caches.probeSuites),
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
}

/** The controllers, to be run while leading. */
export function assembleControllers(options: AssembleOptions): Runnable[] {
  const { caches, context, clock } = options;
  const memory = { stopwatch: new Stopwatch(() => clock.monotonic()), pacer: new Pacer() };
  const runQueue = createQueue({ clock, maxBackoffMs: 30_000 });
  const active = (namespace: string): UpgradeRun[] =>
    caches.upgradeRuns.list(namespace).filter((run) => !isEnded(run.status?.phase));
  const wakeRuns = (namespace: string): void => {
    for (const run of active(namespace)) runQueue.add(objectKeyOf(run.metadata));
  };
  context.drivers.probes.onChange((id) => {
    const run = caches.upgradeRuns.list().find((candidate) => candidate.metadata.uid === id.split('/')[0]);
    if (run !== undefined) runQueue.add(objectKeyOf(run.metadata));
  });
  const wakers = [
    ...wakeOn(options, pods, wakeRuns),
    ...wakeOn(options, statefulSets, wakeRuns),
    ...wakeOn(options, deployments, wakeRuns),
    ...wakeOn(options, endpointSlices, wakeRuns),
    ...wakeOn(options, persistentVolumeClaims, wakeRuns),
    ...wakeOn(options, volumeSnapshots, wakeRuns),
  ];
  const inNamespace = (namespace: string | undefined, list: readonly KubeObject[]): ObjectKey[] =>
    list.filter((object) => object.metadata.namespace === namespace).map((object) => objectKeyOf(object.metadata));
  const setsNear = (object: KubeObject): ObjectKey[] =>
    inNamespace(object.metadata.namespace, caches.upgradeSets.list(object.metadata.namespace));
  const place = (namespace: string | undefined, name: string): ObjectKey =>
    objectKeyOf({ name, ...(namespace === undefined ? {} : { namespace }) });
  const controller = (
    name: string,
    queue: Queue,
    watches: Watch[],
    concurrency: number,
    reconcile: (name: ObjectName, signal: AbortSignal, logger: Logger) => Promise<ReconcileResult>,
  ): Runnable => ({
    name: `controller ${name}`,
    run: (signal) =>
      runController(
        {
          name,
          queue,
          watches,
          concurrency,
          clock,
          logger: options.logger,
          metrics: options.metrics(name),
          abortSignal: options.abortSignal,
          reconcile: (key, inner, logger) => reconcile(objectNameOf(key), inner, logger),
        },
        signal,
      ),
  });
  const queue = (): Queue => createQueue({ clock, maxBackoffMs: 60_000 });
  const changedSpec = (object: KubeObject, old: KubeObject): boolean =>
    object.metadata.generation !== old.metadata.generation ||
    object.metadata.deletionTimestamp !== old.metadata.deletionTimestamp;
  return [
    ...wakers,
    controller(
      'upgraderun',
      runQueue,
      [
        watchCache(caches.upgradeRuns, (run) => [
          objectKeyOf(run.metadata),
          ...(run.spec.previous === undefined ? [] : [place(run.metadata.namespace, run.spec.previous)]),
        ]),
        watchCache(
          caches.upgradeSets,
          (set) =>
            active(set.metadata.namespace ?? '')
              .filter((run) => run.spec.upgradeSet === set.metadata.name)
              .map((run) => objectKeyOf(run.metadata)),
          changedSpec,
        ),
        watchCache(caches.decisions, (decision) => [place(decision.metadata.namespace, decision.spec.run)]),
      ],
      8,
      (name, signal, logger) => reconcileRun(context, memory, name, signal, logger),
    ),
    controller(
      'upgradeset',
      queue(),
      [
        watchCache(caches.upgradeSets, undefined, changedSpec),
        watchCache(caches.upgradeRuns, (run) => [place(run.metadata.namespace, run.spec.upgradeSet)]),
        watchCache(caches.packages, setsNear, changedSpec),
        watchCache(caches.serverGroups, setsNear, changedSpec),
        watchCache(caches.pools, setsNear, changedSpec),
        watchCache(caches.probeSuites, setsNear, changedSpec),
      ],
      4,
      (name, signal, logger) => reconcileSet(context, name, signal, logger),
    ),
    controller(
      'decision',
      queue(),
      [
        watchCache(caches.decisions),
        watchCache(
          caches.upgradeRuns,
          (run) =>
            caches.decisions
              .list(run.metadata.namespace)
              .filter((decision) => decision.spec.run === run.metadata.name)
              .map((decision) => objectKeyOf(decision.metadata)),
          changedSpec,
        ),
      ],
      1,
      (name) => reconcileDecision(context, name),
    ),
    controller(
      'servergroup',
      queue(),
      [
        watchCache(caches.serverGroups),
        watchCache(
          caches.packages,
          (object) => inNamespace(object.metadata.namespace, caches.serverGroups.list(object.metadata.namespace)),
          changedSpec,
        ),
      ],
      1,
      (name, signal) => reconcileGroup(context, name, signal),
    ),
    controller(
      'pool',
      queue(),
      [
        watchCache(caches.pools, undefined, changedSpec),
        watchCache(
          caches.serverGroups,
          (group) =>
            group.spec.servers
              .flatMap((server) => server.pools ?? [])
              .map((pool) => place(group.metadata.namespace, pool.name)),
          changedSpec,
        ),
      ],
      1,
      (name, signal) => reconcilePool(context, name, signal),
    ),
    controller('package', queue(), [watchCache(caches.packages, undefined, changedSpec)], 1, (name) =>
      reconcilePackage(context, name),
    ),
  ];
}
