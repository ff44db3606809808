import type { Database } from '../api/database.ts';
import type { Package } from '../api/package.ts';
import type { Pool } from '../api/pool.ts';
import type { ProbeSuite } from '../api/probe-suite.ts';
import type { ServerGroup } from '../api/server-group.ts';
import { services } from '../kube/resources.ts';
import type { KubeClient } from '../kube/types.ts';
import type { MemberRef, WorkloadRef } from '../planner/effects.ts';
import { setFromOutside } from '../planner/declared/probes.ts';
import { imagesFor } from '../planner/plan.ts';
import { findPoolAliases } from '../planner/pool-label.ts';
import type { Problem } from '../planner/validate.ts';
import type { Clock } from '../shared/clock.ts';
import { call, userClient } from './access.ts';
import type { PoolDriver, RunContext } from './contract.ts';
import { findDatabaseProblems } from './databases/preflight.ts';
import { type Workload, findWorkload } from './pods.ts';
import { type PoolScene, checkOneLabel, checkPool } from './pools/preflight.ts';
import { type SnapshotScene, checkSnapshots } from './snapshots/preflight.ts';
import { findHookProblems } from './checks/hook-preflight.ts';
import { findRebootProblems } from './workloads/reboot-preflight.ts';
import { reconcilersOf } from './workloads/managers.ts';
import { readStorage } from './storage-scene.ts';
import { findProbeProblems } from './probes/preflight.ts';
import { checkSharedClaims, checkWorkload, dryRunImages, workloadObject } from './workloads/preflight.ts';

export interface PreflightOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly pools: PoolDriver;
}

/** What a plan is made of. */
export interface PreflightObjects {
  readonly groups: readonly ServerGroup[];
  readonly pools: readonly Pool[];
  readonly suites: readonly ProbeSuite[];
  /** The one under all groups; undefined where none names one. */
  readonly database?: Database | undefined;
  readonly package: Package;
}

export interface PreflightInput extends PreflightObjects {
  readonly context: RunContext;
}

type FindProblems = (context: RunContext, objects: PreflightObjects, signal: AbortSignal) => Promise<Problem[]>;

/** The checks as the controller of UpgradeSets asks for them. */
export function createPreflightChecks(options: PreflightOptions): { readonly findProblems: FindProblems } {
  return {
    findProblems: (context, objects, signal) => findLiveProblems(options, { ...objects, context }, signal),
  };
}

interface Member {
  readonly ref: WorkloadRef;
  readonly workload: Workload;
  readonly group: ServerGroup;
  readonly role: string | undefined;
}

/** What the live cluster says against a plan, in the order in which a reader would mend it. Writes nothing; dry runs only. */
export async function findLiveProblems(
  options: PreflightOptions,
  input: PreflightInput,
  signal: AbortSignal,
): Promise<Problem[]> {
  return call('checking the cluster before the plan', signal, async () => {
    const as = userClient(options.client, input.context);
    const members = await readMembers(as, input, signal);
    const scenes = await Promise.all(input.pools.map((pool) => readPool(options, input, members, pool, signal)));
    const storage = await Promise.all(
      input.groups.map((group) => storageOf(options.client, input.context, group, members, signal)),
    );
    const owners = await Promise.all(members.map((member) => checkOwners(as, member, input.package, signal)));
    // Variables nobody sets at all are the planner's to find.
    const suites = input.suites.map((suite) =>
      findProbeProblems(
        {
          suite,
          known: setFromOutside(suite, input.groups),
          client: options.client,
          clock: options.clock,
          context: input.context,
        },
        signal,
      ),
    );
    const look = { client: options.client, context: input.context };
    const reboots = input.groups.map((group) => findRebootProblems(group, look, signal));
    const hooks = input.groups.map((group) => findHookProblems(group, look, signal));
    return [
      ...members.flatMap(({ ref, workload, group }) =>
        checkWorkload(ref, workload, { takeOwnership: group.spec.takeOwnership }),
      ),
      ...checkSharedClaims(members),
      ...owners.flat(),
      ...findPoolAliases(input.pools),
      ...scenes.flatMap(checkPool),
      ...checkOneLabel(scenes),
      ...(await Promise.all(suites)).flat(),
      ...(await databaseProblems(options.client, input, signal)),
      ...(await Promise.all(reboots)).flat(),
      ...(await Promise.all(hooks)).flat(),
      ...storage.flatMap((scene) => (scene === undefined ? [] : checkSnapshots(scene))),
    ];
  });
}

async function databaseProblems(
  client: KubeClient,
  { context, database, package: package_ }: PreflightInput,
  signal: AbortSignal,
): Promise<Problem[]> {
  if (database === undefined) return [];
  return findDatabaseProblems({ database, client, context, package: package_ }, signal);
}

async function readMembers(
  client: KubeClient,
  { context, groups }: PreflightInput,
  signal: AbortSignal,
): Promise<Member[]> {
  const reads = groups.flatMap((group) =>
    group.spec.servers.map(async ({ workload: ref, role }): Promise<Member[]> => {
      const workload = await findWorkload(client, context.namespace, ref, signal);
      return workload === undefined ? [] : [{ ref: { kind: ref.kind, name: ref.name }, workload, group, role }];
    }),
  );
  return (await Promise.all(reads)).flat();
}

/** Asked of the server itself: its own answer also covers what the record of fields does not tell. */
async function checkOwners(
  client: KubeClient,
  { ref, workload, group, role }: Member,
  package_: Package,
  signal: AbortSignal,
): Promise<Problem[]> {
  if (group.spec.takeOwnership || reconcilersOf(workload).length > 0) return [];
  const names = workload.spec.template.spec.containers.map((container) => container.name);
  const images = imagesFor(package_.spec.images ?? {}, role, names);
  if (Object.keys(images).length === 0) return [];
  const { reconcilers } = await dryRunImages(client, { ref, workload, images }, signal);
  if (reconcilers.length === 0) return [];
  const message = `its images belong to ${reconcilers.join(', ')}: let it ignore them, suspend it, or set takeOwnership: true in the ServerGroup`;
  return [{ reason: 'ManagedByOther', object: workloadObject(ref), field: 'spec.template.spec.containers', message }];
}

async function readPool(
  options: PreflightOptions,
  input: PreflightInput,
  members: readonly Member[],
  pool: Pool,
  signal: AbortSignal,
): Promise<PoolScene> {
  const { context, groups } = input;
  const refs = groups
    .flatMap((group) => group.spec.servers)
    .flatMap((server) =>
      (server.pools ?? [])
        .filter(({ name }) => name === pool.metadata.name)
        .map(({ member }): MemberRef => ({
          pool: pool.metadata.name,
          member: member ?? server.name,
          workload: { kind: server.workload.kind, name: server.workload.name },
        })),
    );
  const workloadOf = (ref: WorkloadRef): Workload | undefined =>
    members.find((member) => member.ref.kind === ref.kind && member.ref.name === ref.name)?.workload;
  const service = pool.spec.service?.name;
  const [seen, found] = await Promise.all([
    options.pools.observe(context, pool.metadata.name, refs, signal),
    service === undefined
      ? undefined
      : userClient(options.client, context).find(services, { namespace: context.namespace, name: service }, signal),
  ]);
  return {
    pool,
    service: found,
    members: refs.map((member) => ({ member, workload: workloadOf(member.workload) })),
    seen,
  };
}

async function storageOf(
  client: KubeClient,
  context: RunContext,
  { metadata, spec }: ServerGroup,
  members: readonly Member[],
  signal: AbortSignal,
): Promise<SnapshotScene | undefined> {
  if (spec.snapshot === undefined) return undefined;
  const workloads = members.filter(({ group }) => group.metadata.name === metadata.name).map(({ ref }) => ref);
  const className = spec.snapshot.volumeSnapshotClassName;
  return readStorage(client, context, { object: `servergroup/${metadata.name}`, className, workloads }, signal);
}
