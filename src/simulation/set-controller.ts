/** What happens to one UpgradeSet in one pass: which run it has, what its people want of it, and that run's pass. */
import type { Database } from '../api/database.ts';
import type { Package } from '../api/package.ts';
import type { ServerGroup } from '../api/server-group.ts';
import type { UpgradeRun, UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { parseVersion } from '../api/version.ts';
import type { Drivers } from '../drivers/contract.ts';
import type { DeploymentLog } from '../engine/deployment-log.ts';
import type { Pacer } from '../engine/pacer.ts';
import { asStored, type PassOutcome, type Progress } from '../engine/input.ts';
import { sha256 } from '../engine/hash.ts';
import { runPass } from '../engine/pass.ts';
import type { Stopwatch } from '../engine/stopwatch.ts';
import { decideFollowUp, followsAnnotation } from '../planner/follow-up.ts';
import { computeIntent, validDecisions } from '../planner/intent.ts';
import { workloadKey } from '../planner/observed.ts';
import { computeRun, type PlanInput } from '../planner/plan.ts';
import { type Installed, installedIn } from '../planner/prerequisites.ts';
import { findProblems } from '../planner/validate.ts';
import type { Logger } from '../shared/logger.ts';
import { isEnded } from '../status/summarize-run.ts';
import type { SceneObjects } from './scene.ts';
import type { SimProcess } from './process.ts';
import type { SimStore } from './store.ts';
import { must, releaseOf, type World } from './world.ts';

/** Nobody ends a pass of a simulation half-way; one signal for all, because each has its price. */
const never = new AbortController().signal;

export interface ControlInput {
  readonly world: World;
  readonly objects: SceneObjects;
  readonly store: SimStore;
  readonly process: SimProcess;
  readonly drivers: Drivers;
  readonly stopwatch: Stopwatch;
  readonly pacer: Pacer;
  readonly deploymentLog: DeploymentLog;
  /** What this process knows of each run beyond its journal. */
  readonly progress: Map<string, Progress>;
  readonly epoch: number;
  /** What a pass over one run says. */
  readonly loggerOf: (run: string) => Logger;
}

export type SetOutcome =
  /** Something was done; look again at once. */
  | { readonly kind: 'again' }
  | { readonly kind: 'wait'; readonly afterMs: number; readonly run: string }
  /** Nothing to do until somebody changes something. */
  | { readonly kind: 'settled'; readonly why: string };

export async function controlSet(input: ControlInput, set: UpgradeSet): Promise<SetOutcome> {
  input.process.assertAlive();
  const runs = input.store.runsOf(set.metadata.name);
  const active = runs.filter((run) => !isEnded(run.status?.phase));
  if (active.length > 0) return controlRuns(input, set, active);
  const next = decideFollowUp({ set, runs, decisions: input.store.decisions, now: input.world.clock.now() });
  const refusal =
    next?.kind === 'tooLate' ? next.message : whyNoRun(input, set, next === undefined ? newestOf(runs) : undefined);
  if (refusal !== '') return { kind: 'settled', why: refusal };
  const plan = planInput(input, set);
  const [problem] = findProblems(plan);
  if (problem !== undefined)
    return { kind: 'settled', why: `${problem.reason}: ${problem.object}, ${problem.field}: ${problem.message}` };
  const annotations = next?.kind === 'begin' ? { [followsAnnotation]: next.follows } : {};
  input.store.create(`${set.metadata.name}-${runs.length + 1}`, computeRun(plan, sha256), input.process, annotations);
  return { kind: 'again' };
}

/** A run that is being rolled back only waits for the run that does it; both are looked at. */
async function controlRuns(input: ControlInput, set: UpgradeSet, active: readonly UpgradeRun[]): Promise<SetOutcome> {
  let shortest: SetOutcome | undefined;
  for (const run of active) {
    const outcome = await passRun(input, set, run);
    if (outcome.kind !== 'wait') return { kind: 'again' };
    if (shortest?.kind !== 'wait' || outcome.afterMs < shortest.afterMs)
      shortest = { kind: 'wait', afterMs: outcome.afterMs, run: run.metadata.name };
  }
  return shortest ?? { kind: 'again' };
}

function newestOf(runs: readonly UpgradeRun[]): UpgradeRun | undefined {
  return runs.findLast((run) => run.spec.purpose === 'Upgrade');
}

/** @param latest the attempt that has had its turn; undefined: another one follows it, or it is the first */
function whyNoRun({ world, objects }: ControlInput, set: UpgradeSet, latest: UpgradeRun | undefined): string {
  if (set.metadata.deletionTimestamp !== undefined) return 'deleted';
  if (set.spec.paused) return 'paused';
  const release = objects.packages.find((candidate) => candidate.metadata.name === set.spec.package);
  if (release === undefined) return `Package ${set.spec.package} does not exist`;
  if (latest?.spec.package === set.spec.package && latest.status?.phase !== 'Superseded')
    return `${latest.metadata.name} ended as ${latest.status?.phase ?? ''}`;
  const versions = [...versionsOf(world, objects, set).values()];
  if (versions.every((version) => version === release.spec.version)) return `every server runs ${release.spec.version}`;
  return '';
}

/** What a cluster would say in the status of the objects. */
function installedOf(world: World, { groups, databases }: SceneObjects): Installed[] {
  const versions = versionsOfGroups(world, groups);
  return installedIn(
    groups.map((group) => {
      // An image that no Package holds is no version.
      const version = versions.get(group.metadata.name) ?? '';
      return { ...group, status: { version: parseVersion(version) === undefined ? '' : version } };
    }),
    databases.map((database) => ({
      ...database,
      status: { schemaVersion: world.databases.get(database.metadata.name)?.schema ?? '' },
    })),
  );
}

/** With what a cluster would say of it. */
function databaseOf(world: World, { databases }: SceneObjects, name: string | undefined): Database | undefined {
  const found = databases.find(({ metadata }) => metadata.name === name);
  const schemaVersion = name === undefined ? undefined : world.databases.get(name)?.schema;
  return found === undefined || schemaVersion === undefined ? found : { ...found, status: { schemaVersion } };
}

/** Version each group of the set runs, in the set's order; empty where its servers differ. */
function versionsOf(world: World, objects: SceneObjects, set: UpgradeSet): Map<string, string> {
  const groups = set.spec.serverGroups.flatMap((name) =>
    objects.groups.filter((group) => group.metadata.name === name),
  );
  return versionsOfGroups(world, groups);
}

function versionsOfGroups(world: World, groups: readonly ServerGroup[]): Map<string, string> {
  return new Map(
    groups.map(({ metadata, spec }) => {
      const templates = spec.servers.flatMap(
        (server) => world.workloads.get(workloadKey(server.workload))?.template ?? [],
      );
      const versions = new Set(templates.map((template) => releaseOf(world, template).version));
      return [metadata.name, versions.size === 1 ? ([...versions][0] ?? '') : ''];
    }),
  );
}

/** Do all servers of the group run an image of this package? */
function runsOn(world: World, { spec }: ServerGroup, { spec: { images = {} } }: Package): boolean {
  return spec.servers.every(({ workload }) => {
    const [image = ''] = Object.values(world.workloads.get(workloadKey(workload))?.template.images ?? {});
    return Object.values(images).includes(image);
  });
}

export function planRun(input: Pick<ControlInput, 'world' | 'objects'>, set: UpgradeSet): UpgradeRunSpec {
  return computeRun(planInput(input, set), sha256);
}

export function planInput({ world, objects }: Pick<ControlInput, 'world' | 'objects'>, set: UpgradeSet): PlanInput {
  const groups = set.spec.serverGroups.map((name) =>
    must(
      objects.groups.find((group) => group.metadata.name === name),
      `ServerGroup ${name}`,
    ),
  );
  const servers = groups.flatMap((group) => group.spec.servers);
  const names = new Set(servers.flatMap((server) => server.pools ?? []).map((pool) => pool.name));
  const pools = [...world.pools.values()].filter((pool) => names.has(pool.name));
  const suites = new Set([...groups.map((group) => group.spec.probes), ...(set.spec.preflight?.checks ?? [])]);
  const wanted = must(
    objects.packages.find((candidate) => candidate.metadata.name === set.spec.package),
    `Package ${set.spec.package}`,
  );
  const versions = versionsOf(world, objects, set);
  // The last group that is not there yet tells what to go back to; others may be ahead after a run was superseded.
  const from = [...versions.values()].findLast((version) => version !== wanted.spec.version) ?? wanted.spec.version;
  return {
    set,
    package: wanted,
    groups,
    pools: objects.pools.filter((pool) => names.has(pool.metadata.name)),
    database: databaseOf(world, objects, groups[0]?.spec.database),
    suites: objects.suites.filter((suite) => suites.has(suite.metadata.name)),
    workloads: new Map(
      [...world.workloads].map(([key, { template, replicas }]) => [key, { images: template.images, replicas }]),
    ),
    from,
    fromPackage:
      objects.packages.find(({ spec }) => spec.version === from && spec.product === wanted.spec.product)?.metadata
        .name ?? '',
    versions,
    installedPackages: new Map(
      groups.flatMap((group) => {
        const runs = objects.packages.find((candidate) => runsOn(world, group, candidate));
        return runs === undefined ? [] : [[group.metadata.name, runs]];
      }),
    ),
    cannotHold: pools.filter((pool) => !pool.canHold).map((pool) => pool.name),
    members: new Map(pools.map((pool) => [pool.name, pool.members.length])),
    catalogue: objects.packages,
    installed: installedOf(world, objects),
    neighbours: objects.groups.filter(({ metadata }) => !set.spec.serverGroups.includes(metadata.name)),
    now: world.clock.now(),
  };
}

async function passRun(input: ControlInput, set: UpgradeSet, run: UpgradeRun): Promise<PassOutcome> {
  const now = input.world.clock.now();
  const decisions = validDecisions(input.store.decisions, run, now);
  const known = input.progress.get(run.metadata.name);
  const isFresh = known?.stored.metadata.resourceVersion === run.metadata.resourceVersion;
  const outcome = await runPass({
    ...(known !== undefined && isFresh ? known : asStored(run)),
    drivers: input.drivers,
    store: input.store.for(input.process),
    stopwatch: input.stopwatch,
    pacer: input.pacer,
    deploymentLog: input.deploymentLog,
    now: () => input.world.clock.now(),
    decisions,
    intent: computeIntent({ set, run, decisions, now }),
    epoch: input.epoch,
    mayAct: () => !input.process.isDead,
    logger: input.loggerOf(run.metadata.name),
    signal: never,
  });
  if (outcome.kind === 'again') input.progress.set(run.metadata.name, outcome);
  else input.progress.delete(run.metadata.name);
  return outcome;
}
