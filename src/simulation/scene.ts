/** A simulated cluster around the objects a user wrote. */
import type { Database } from '../api/database.ts';
import type { Package } from '../api/package.ts';
import type { Pool } from '../api/pool.ts';
import type { ProbeSuite } from '../api/probe-suite.ts';
import type { Server, ServerGroup } from '../api/server-group.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { compareVersions, parseVersion } from '../api/version.ts';
import type { EpochMs } from '../shared/clock.ts';
import type { WorkloadRef } from '../planner/effects.ts';
import { workloadKey } from '../planner/observed.ts';
import { addDatabase } from './databases.ts';
import { addPool } from './pools.ts';
import { addWorkload } from './workloads.ts';
import { createWorld, type Timings, type World } from './world.ts';

/** What exists besides the cluster's own objects. Lists change when a story changes them. */
export interface SceneObjects {
  packages: Package[];
  pools: Pool[];
  suites: ProbeSuite[];
  databases: Database[];
  groups: ServerGroup[];
  sets: UpgradeSet[];
}

/** A workload as its manifest describes it, where there is one. */
export interface KnownWorkload extends WorkloadRef {
  readonly images: Readonly<Record<string, string>>;
  readonly replicas: number;
  /** Name of the first claim template. */
  readonly claimPrefix?: string;
  /** What its pods say they run, where no Package holds their image. */
  readonly version?: string;
}

export interface SceneOptions {
  readonly workloads?: readonly KnownWorkload[];
  /** Version that runs where manifests do not tell. */
  readonly from?: string;
  /** Schema of the databases at the beginning; default: that of the oldest package, else "1". */
  readonly schema?: string;
  /** Pools that cannot keep started members from their users. */
  readonly cannotHold?: readonly string[];
  readonly timings?: Partial<Timings>;
  /** When it begins; default: an evening in December 2026. */
  readonly start?: EpochMs;
  readonly usersPerMember?: number;
}

export function createScene(objects: SceneObjects, options: SceneOptions = {}): World {
  const world = createWorld({
    timings: options.timings ?? {},
    ...(options.start === undefined ? {} : { start: options.start }),
  });
  for (const pool of objects.pools) addPoolOf(world, objects, pool, options);
  for (const release of objects.packages) addRelease(world, release);
  for (const database of objects.databases)
    addDatabase(world, database.metadata.name, options.schema ?? schemaBefore(objects));
  for (const group of objects.groups) {
    world.groups.set(group.metadata.name, { lockedBy: '' });
    if (group.spec.snapshot !== undefined) world.snapshotClasses.add(group.spec.snapshot.volumeSnapshotClassName);
    for (const server of group.spec.servers) addServer(world, objects, options, group, server);
    for (const config of group.spec.configs ?? [])
      addDocuments(world, group, `${config.object.kind}/${config.object.name}`);
  }
  for (const set of objects.sets) {
    const group = objects.groups.find(({ metadata }) => set.spec.serverGroups.includes(metadata.name));
    if (group?.spec.database !== undefined) world.databaseOf.set(set.metadata.name, group.spec.database);
  }
  for (const set of objects.sets) world.poolsOf.set(set.metadata.name, poolsOf(objects, set));
  return world;
}

export function addRelease(world: World, release: Package): void {
  for (const image of Object.values(release.spec.images ?? {})) {
    const known = world.releases.get(image);
    world.releases.set(image, {
      ...known,
      version: release.spec.version,
      ...(release.spec.schema === undefined ? {} : { schema: release.spec.schema.version }),
      ...(release.spec.components === undefined ? {} : { components: release.spec.components }),
    });
  }
}

function poolsOf(objects: SceneObjects, set: UpgradeSet): string[] {
  const groups = objects.groups.filter((group) => set.spec.serverGroups.includes(group.metadata.name));
  return [
    ...new Set(
      groups
        .flatMap((group) => group.spec.servers)
        .flatMap((server) => server.pools ?? [])
        .map((pool) => pool.name),
    ),
  ];
}

function addPoolOf(world: World, objects: SceneObjects, pool: Pool, options: SceneOptions): void {
  const name = pool.metadata.name;
  const members = objects.groups
    .flatMap((group) => group.spec.servers)
    .flatMap((server) =>
      (server.pools ?? [])
        .filter((membership) => membership.name === name)
        .map(({ member }) => ({ member: member ?? server.name, workload: refOf(server) })),
    );
  addPool(world, {
    name,
    kind: pool.spec.service === undefined ? 'haproxy' : 'service',
    members,
    canHold: options.cannotHold?.includes(name) !== true,
    minServing: pool.spec.minServing,
    instances: pool.spec.haproxy?.endpoints.length ?? 1,
    ...(options.usersPerMember === undefined ? {} : { usersPerMember: options.usersPerMember }),
  });
}

function refOf(server: Server): WorkloadRef {
  return { kind: server.workload.kind, name: server.workload.name };
}

function addServer(
  world: World,
  objects: SceneObjects,
  options: SceneOptions,
  group: ServerGroup,
  server: Server,
): void {
  const ref = refOf(server);
  if (world.workloads.has(workloadKey(ref))) return;
  const known = options.workloads?.find((candidate) => workloadKey(candidate) === workloadKey(ref));
  const images =
    known === undefined ? inventImages(world, objects, options, group) : knownImages(world, objects, options, known);
  const claimPrefix =
    known === undefined ? (group.spec.snapshot === undefined ? undefined : 'data') : known.claimPrefix;
  addWorkload(world, {
    ...ref,
    images,
    replicas: known?.replicas ?? 1,
    group: group.metadata.name,
    database: group.spec.database,
    ...(claimPrefix === undefined ? {} : { claimPrefix }),
  });
}

/** Containers that a Package knows come first: the first one tells the version, and a sidecar has none to tell. */
function knownImages(
  world: World,
  objects: SceneObjects,
  options: SceneOptions,
  known: KnownWorkload,
): Record<string, string> {
  const named = new Set(
    objects.packages.flatMap(({ spec }) => Object.keys(spec.images ?? {})).map((key) => key.split('/').at(-1) ?? key),
  );
  const images = Object.entries(known.images).toSorted(([a], [b]) => Number(named.has(b)) - Number(named.has(a)));
  const [, first] = images[0] ?? [];
  const version = known.version ?? options.from;
  if (first !== undefined && version !== undefined && !world.releases.has(first))
    world.releases.set(first, { version });
  return Object.fromEntries(images);
}

/** Containers of the package that is to come, with the images of the one before it. */
function inventImages(
  world: World,
  objects: SceneObjects,
  options: SceneOptions,
  group: ServerGroup,
): Record<string, string> {
  const set = objects.sets.find((candidate) => candidate.spec.serverGroups.includes(group.metadata.name));
  const installed = set === undefined ? newestOf(objects.packages, group.spec.product) : undefined;
  if (installed !== undefined) return imagesByContainer(installed);
  const next =
    objects.packages.find((candidate) => candidate.metadata.name === set?.spec.package) ?? objects.packages[0];
  const before = options.from === undefined && next !== undefined ? newestBefore(objects.packages, next) : undefined;
  const containers = Object.keys(next?.spec.images ?? { app: '' }).map((key) => key.split('/').at(-1) ?? key);
  const version = options.from ?? before?.spec.version ?? lowerBound(next) ?? '0';
  const images: Record<string, string> = {};
  for (const container of containers) {
    const image = before?.spec.images?.[container] ?? `registry.example/${container}:${version}`;
    images[container] = image;
    if (!world.releases.has(image)) world.releases.set(image, { version });
  }
  return images;
}

/** What a group that nobody upgrades runs, where no manifest tells. */
function newestOf(packages: readonly Package[], product: string | undefined): Package | undefined {
  const known = packages.flatMap((release) => {
    const version = parseVersion(release.spec.version);
    return version === undefined || release.spec.product !== product || release.spec.images === undefined
      ? []
      : [{ release, version }];
  });
  return known.toSorted((a, b) => compareVersions(b.version, a.version))[0]?.release;
}

function imagesByContainer({ spec }: Package): Record<string, string> {
  return Object.fromEntries(
    Object.entries(spec.images ?? {}).map(([key, image]) => [key.split('/').at(-1) ?? key, image]),
  );
}

function schemaBefore({ packages }: SceneObjects): string {
  const known = packages.flatMap(({ spec }) => {
    const version = parseVersion(spec.version);
    return version === undefined || spec.schema === undefined ? [] : [{ version, schema: spec.schema.version }];
  });
  return known.toSorted((a, b) => compareVersions(a.version, b.version))[0]?.schema ?? '1';
}

/** The release that somebody runs before this one, as far as the packages tell. */
export function newestBefore(packages: readonly Package[], next: Package): Package | undefined {
  const nextVersion = parseVersion(next.spec.version);
  const older = packages.flatMap((release) => {
    const version = parseVersion(release.spec.version);
    if (version === undefined || nextVersion === undefined || release.spec.product !== next.spec.product) return [];
    return compareVersions(version, nextVersion) < 0 ? [{ release, version }] : [];
  });
  return older.toSorted((a, b) => compareVersions(b.version, a.version))[0]?.release;
}

/** The first version that `upgradesFrom` names: a guess good enough for a rehearsal. */
function lowerBound(release: Package | undefined): string | undefined {
  return /\d+(?:\.\d+)*/.exec(release?.spec.upgradesFrom ?? '')?.[0];
}

function addDocuments(world: World, group: ServerGroup, template: string): void {
  for (const server of group.spec.servers) {
    const name = template.replaceAll('${SERVER}', server.name).replaceAll('${GROUP}', group.metadata.name);
    if (!world.documents.has(name)) world.documents.set(name, new Map());
  }
}
