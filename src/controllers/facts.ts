/** Finds out what a plan rests on: the objects a set names, and what runs now. */
import pLimit from 'p-limit';
import { decodeDatabase, decodePackage, decodePool, decodeProbeSuite, decodeServerGroup } from '../api/decode.ts';
import type { Package } from '../api/package.ts';
import type { Server, ServerGroup } from '../api/server-group.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import type { RunContext } from '../drivers/contract.ts';
import { deployments, statefulSets } from '../kube/resources.ts';
import type { CacheReader } from '../kube/cache.ts';
import type { KubeObject } from '../kube/types.ts';
import type { MemberRef } from '../planner/effects.ts';
import { imagesFor, type PlanInput } from '../planner/plan.ts';
import { type Installed, installedIn } from '../planner/prerequisites.ts';
import type { Problem } from '../planner/validate.ts';
import type { ControllerContext } from './context.ts';

/** A set may name thousands of workloads; the API server is not asked for all at once. */
const readsAtOnce = 16;

export type Facts =
  | { readonly kind: 'facts'; readonly input: PlanInput }
  | { readonly kind: 'missing'; readonly problems: Problem[] };

interface Workload {
  readonly images: Readonly<Record<string, string>>;
  readonly replicas: number;
  readonly versionLabel: string;
}

export async function gatherFacts(context: ControllerContext, set: UpgradeSet, signal: AbortSignal): Promise<Facts> {
  const missing: Problem[] = [];
  const { namespace } = set.metadata;
  const pick = <T extends KubeObject>(
    cache: CacheReader<T>,
    kind: string,
    name: string,
    object: string,
    field: string,
  ): T[] => {
    const found = cache.get({ name, ...(namespace === undefined ? {} : { namespace }) });
    if (found !== undefined) return [found];
    missing.push({
      reason: 'ReferenceNotFound',
      object,
      field,
      message: `${kind} "${name}" does not exist: create it, or correct the name`,
    });
    return [];
  };
  const self = `upgradeset/${set.metadata.name}`;
  const [package_] = pick(context.caches.packages, 'Package', set.spec.package, self, 'spec.package').map(
    decodePackage,
  );
  const groups = set.spec.serverGroups
    .flatMap((name) => pick(context.caches.serverGroups, 'ServerGroup', name, self, 'spec.serverGroups'))
    .map(decodeServerGroup);
  const references = [...new Map(groups.flatMap(referencesOf).map((one) => [`${one.kind}/${one.name}`, one])).values()];
  const named = <T extends KubeObject>(cache: CacheReader<T>, kind: Reference['kind']): T[] =>
    references
      .filter((reference) => reference.kind === kind)
      .flatMap(({ name, group, field }) => pick(cache, kind, name, `servergroup/${group}`, field));
  const pools = named(context.caches.pools, 'Pool').map(decodePool);
  const asked = (set.spec.preflight?.checks ?? []).flatMap((name) =>
    pick(context.caches.probeSuites, 'ProbeSuite', name, self, 'spec.preflight.checks'),
  );
  const suites = [...named(context.caches.probeSuites, 'ProbeSuite'), ...asked]
    .filter((suite, index, all) => all.findIndex(({ metadata }) => metadata.name === suite.metadata.name) === index)
    .map(decodeProbeSuite);
  // Where groups name different ones, the planner refuses them all.
  const [database] = named(context.caches.databases, 'Database').map(decodeDatabase);
  if (package_ === undefined || missing.length > 0) return { kind: 'missing', problems: missing };
  return {
    kind: 'facts',
    input: await complete(context, { set, package: package_, groups, pools, suites, database }, signal),
  };
}

interface Reference {
  readonly kind: 'Pool' | 'ProbeSuite' | 'Database';
  readonly name: string;
  /** Who names it, and where. */
  readonly group: string;
  readonly field: string;
}

function referencesOf({ metadata, spec }: ServerGroup): Reference[] {
  const group = metadata.name;
  const one = (kind: Reference['kind'], name: string | undefined, field: string): Reference[] =>
    name === undefined ? [] : [{ kind, name, group, field }];
  return [
    ...one('Database', spec.database, 'spec.database'),
    ...one('ProbeSuite', spec.probes, 'spec.probes'),
    ...spec.servers.flatMap(({ pools = [] }) => pools.flatMap(({ name }) => one('Pool', name, 'spec.servers.pools'))),
  ];
}

/** The set's own context: nothing is written under it. */
export function observerOf(set: UpgradeSet): RunContext {
  const { namespace = '', name, uid = '' } = set.metadata;
  const account = set.spec.serviceAccountName;
  return {
    namespace,
    run: name,
    runUID: uid,
    upgradeSet: name,
    handles: {},
    user: account === undefined ? undefined : `system:serviceaccount:${namespace}:${account}`,
  };
}

async function complete(
  context: ControllerContext,
  base: Pick<PlanInput, 'set' | 'package' | 'groups' | 'pools' | 'suites' | 'database'>,
  signal: AbortSignal,
): Promise<PlanInput> {
  const workloads = new Map<string, Workload>();
  const limit = pLimit(readsAtOnce);
  const namespace = base.set.metadata.namespace ?? '';
  await Promise.all(
    base.groups
      .flatMap((group) => group.spec.servers)
      .map(({ workload }) =>
        limit(async () => {
          const seen = await readWorkload(context, namespace, workload, signal);
          if (seen !== undefined) workloads.set(`${workload.kind}/${workload.name}`, seen);
        }),
      ),
  );
  const cannotHold: string[] = [];
  const members = new Map<string, number>();
  await Promise.all(
    base.pools.map(async (pool) => {
      const seen = await context.drivers.pools.observe(
        observerOf(base.set),
        pool.metadata.name,
        membersIn(base.groups, pool.metadata.name),
        signal,
      );
      if (!seen.canHold) cannotHold.push(pool.metadata.name);
      members.set(pool.metadata.name, seen.members.length);
    }),
  );
  return {
    ...base,
    workloads,
    cannotHold,
    members,
    catalogue: context.caches.packages.list(namespace),
    installed: installedHere(context.caches, namespace),
    neighbours: neighboursOf(context, base.groups, namespace),
    now: context.now(),
    ...sourceVersion(context, base.set, base.groups, workloads, base.package),
  };
}

function neighboursOf({ caches }: ControllerContext, groups: readonly ServerGroup[], namespace: string): ServerGroup[] {
  const own = new Set(groups.map(({ metadata }) => metadata.name));
  return caches.serverGroups.list(namespace).filter(({ metadata }) => !own.has(metadata.name));
}

/** What runs in a namespace, as the status of its objects says; one that cannot be decoded is nobody else's trouble. */
export function installedHere(
  caches: Pick<ControllerContext['caches'], 'serverGroups' | 'databases'>,
  namespace: string,
): Installed[] {
  return installedIn(caches.serverGroups.list(namespace), caches.databases.list(namespace));
}

export function membersIn(groups: readonly ServerGroup[], pool: string): MemberRef[] {
  return groups.flatMap((group) =>
    group.spec.servers.flatMap((server) =>
      (server.pools ?? [])
        .filter((membership) => membership.name === pool)
        .map((membership) => ({
          pool,
          member: membership.member ?? server.name,
          workload: { kind: server.workload.kind, name: server.workload.name },
        })),
    ),
  );
}

async function readWorkload(
  context: ControllerContext,
  namespace: string,
  workload: { kind: string; name: string },
  signal: AbortSignal,
): Promise<Workload | undefined> {
  const resource = workload.kind === 'StatefulSet' ? statefulSets : deployments;
  const found = await context.client.find(resource, { namespace, name: workload.name }, signal);
  if (found === undefined) return undefined;
  const { template, replicas = 1 } = found.spec;
  return {
    images: Object.fromEntries(
      (template.spec?.containers ?? []).map((container) => [container.name, container.image ?? '']),
    ),
    replicas,
    versionLabel:
      template.metadata?.labels?.['app.kubernetes.io/version'] ??
      found.metadata.labels?.['app.kubernetes.io/version'] ??
      '',
  };
}

/** The package whose images every server runs; else the version their labels agree on; else unknown. */
export function sourceVersion(
  context: Pick<ControllerContext, 'caches'>,
  set: UpgradeSet,
  groups: readonly ServerGroup[],
  workloads: ReadonlyMap<string, Workload>,
  wanted: Package,
): Pick<PlanInput, 'from' | 'fromPackage'> & Required<Pick<PlanInput, 'versions' | 'installedPackages'>> {
  const candidates = context.caches.packages
    .list(set.metadata.namespace)
    .map(decodePackage)
    .filter((candidate) => candidate.spec.product === wanted.spec.product && candidate.spec.images !== undefined);
  const found = groups.map((group) => ({
    group,
    match: candidates.find((candidate) => runs(candidate, group, workloads)),
  }));
  const installedPackages = new Map(
    found.flatMap(({ group, match }) => (match === undefined ? [] : [[group.metadata.name, match]])),
  );
  const versions = new Map([...installedPackages].map(([group, { spec }]) => [group, spec.version]));
  const known = { versions, installedPackages };
  // Not yet upgraded groups tell the version to go back to; after an attempt was superseded some are ahead.
  const behind = found.findLast(
    ({ match }) => match !== undefined && match.metadata.name !== wanted.metadata.name,
  )?.match;
  if (behind !== undefined) return { from: behind.spec.version, fromPackage: behind.metadata.name, ...known };
  const labels = new Set(
    groups
      .flatMap((group) => group.spec.servers)
      .map(({ workload }) => workloads.get(`${workload.kind}/${workload.name}`)?.versionLabel ?? ''),
  );
  const [label] = labels;
  return { from: labels.size === 1 && label !== undefined ? label : '', fromPackage: '', ...known };
}

/** Does every server of the group run this package's images? */
export function runs(
  package_: Package,
  group: ServerGroup,
  workloads: ReadonlyMap<string, Pick<Workload, 'images'>>,
): boolean {
  return group.spec.servers.every((server) =>
    runsOn(package_, server, workloads.get(`${server.workload.kind}/${server.workload.name}`)),
  );
}

/** Does this server run this package's images? */
export function runsOn(package_: Package, server: Server, seen: Pick<Workload, 'images'> | undefined): boolean {
  if (seen === undefined) return false;
  const images = imagesFor(package_.spec.images ?? {}, server.role, Object.keys(seen.images));
  return (
    Object.keys(images).length > 0 &&
    Object.entries(images).every(([container, image]) => seen.images[container] === image)
  );
}
