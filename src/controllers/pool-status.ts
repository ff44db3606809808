/** The status of a Pool: who is in it, and who took out whoever is not. */
import { mergeConditions } from '../api/conditions.ts';
import { decodePool, decodeServerGroup } from '../api/decode.ts';
import type { Pool, PoolMember, PoolStatus } from '../api/pool.ts';
import { runFormat, type UpgradeRun } from '../api/upgrade-run.ts';
import { pools } from '../api/resources.ts';
import type { Drivers, RunContext } from '../drivers/contract.ts';
import { instancesOf, type InstanceLook } from '../drivers/pools/kind.ts';
import type { ReconcileResult } from '../kube/controller.ts';
import { patchStatus } from '../kube/status.ts';
import type { ObjectName } from '../kube/types.ts';
import type { MemberRef } from '../planner/effects.ts';
import { mergeHandles, recordOf } from '../planner/journal.ts';
import { membersOf } from '../planner/members.ts';
import type { MemberObservation, PoolObservation } from '../planner/observed.ts';
import { heldMembers } from '../planner/scope.ts';
import { drainedKey } from '../planner/steps/keys.ts';
import { formatInstant } from '../shared/instant.ts';
import { isEnded } from '../status/summarize-run.ts';
import { readyConditions } from './conditions.ts';
import type { Caches, ControllerContext } from './context.ts';
import { membersIn } from './facts.ts';
import { observerOf } from './observer.ts';

/** Pools have no watch: their status is looked at again this often while somebody names them. */
const poolMs = 30_000;
const maxMembers = 1024;
const maxMessage = 512;

/** What of the controllers' context a look at a pool needs. */
interface PoolContext extends Pick<ControllerContext, 'client' | 'now'> {
  readonly caches: Pick<Caches, 'pools' | 'serverGroups' | 'upgradeRuns' | 'upgradeSets'>;
  readonly drivers: Pick<Drivers, 'pools'>;
}

export async function reconcilePool(
  context: PoolContext,
  name: ObjectName,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const cached = context.caches.pools.get(name);
  if (cached === undefined) return { kind: 'settled' };
  const pool = decodePool(cached);
  const { namespace = '' } = pool.metadata;
  const members = membersIn(context.caches.serverGroups.list(namespace).map(decodeServerGroup), name.name);
  const looks = await lookAt(context, pool, members, signal);
  await patchStatus(context.client, pools, pool, statusOf(context, pool, looks), { signal });
  return members.length === 0 ? { kind: 'settled' } : { kind: 'requeue', afterMs: poolMs };
}

/** Members that one run has out, as that run sees them; under '' those that no run has out. */
interface Look {
  readonly owner: string;
  readonly seen: PoolObservation;
}

/** What a run did looks foreign to everybody else, so each member is looked at through the eyes of the run that has it. */
async function lookAt(
  context: PoolContext,
  pool: Pool,
  members: readonly MemberRef[],
  signal: AbortSignal,
): Promise<Look[]> {
  const { namespace = '', name } = pool.metadata;
  const owners = findOwners(context, namespace, name);
  const nobody: RunContext = { namespace, run: '', runUID: '', upgradeSet: '', user: undefined, handles: {} };
  const free = members.filter(({ member }) => !owners.has(member));
  const parts = [
    { owner: '', as: nobody, members: free },
    ...[...new Set(owners.values())].map((run) => ({
      owner: run.metadata.name,
      as: observerOf(run),
      members: members.filter(({ member }) => owners.get(member) === run),
    })),
  ].filter((part) => part.members.length > 0 || (part.owner === '' && members.length === 0));
  return Promise.all(
    parts.map(async (part) => ({
      owner: part.owner,
      seen: await context.drivers.pools.observe(part.as, name, part.members, signal),
    })),
  );
}

/** Which run has which member of the pool out: by its journal while it goes on, by what it handed over afterwards. */
function findOwners(context: PoolContext, namespace: string, pool: string): Map<string, UpgradeRun> {
  const runs = context.caches.upgradeRuns.list(namespace).filter((run) => run.spec.format === runFormat);
  const owners = new Map<string, UpgradeRun>();
  for (const run of runs.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)))
    for (const member of membersOut(context, run)) if (member.pool === pool) owners.set(member.member, run);
  return owners;
}

function membersOut(context: PoolContext, run: UpgradeRun): MemberRef[] {
  const { status, spec } = run;
  // The run of the way back has taken over what this one has out.
  if (status === undefined || status.phase === 'RollingBack') return [];
  const members = spec.groups.flatMap(membersOf);
  if (isEnded(status.phase)) {
    const place = { namespace: run.metadata.namespace ?? '', name: spec.upgradeSet };
    if (context.caches.upgradeSets.get(place)?.status?.run !== run.metadata.name) return [];
    const left = new Set(status.handedOver?.map(({ object }) => object));
    return members.filter(({ pool, member }) => left.has(`pool/${pool}/${member}`));
  }
  const handles = mergeHandles(spec, status.steps);
  const begun = spec.groups.filter((group) => recordOf(spec, status.steps, group.name).out).flatMap(membersOf);
  return [...begun, ...heldMembers(spec, status.steps)].filter((member) => handles[drainedKey(member)] === 'ours');
}

function statusOf(context: PoolContext, pool: Pool, looks: readonly Look[]): PoolStatus {
  const now = formatInstant(context.now());
  const [trouble] = looks.flatMap(({ seen }) => (seen.reachable.known ? [] : [seen.reachable.why]));
  const members = looks
    .flatMap(({ owner, seen }) => seen.members.map((member) => toMember(member, owner)))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  // Each look asks all processes: the first tells as much as the others.
  const [first] = looks;
  const instances = first === undefined ? [] : instancesOf(first.seen);
  return {
    observedGeneration: pool.metadata.generation ?? 1,
    conditions: mergeConditions(
      pool.status?.conditions,
      readyConditions(
        trouble === undefined,
        trouble === undefined ? 'UpToDate' : 'PoolUnobservable',
        trouble ?? 'the load balancer answers',
        pool.metadata.generation,
      ),
      now,
    ),
    driver: pool.spec.service === undefined ? 'haproxy' : 'service',
    serving: members.filter((member) => member.state === 'Serving').length,
    total: members.length,
    ...(instances.length === 0 ? {} : { instances: instances.map((look) => toInstance(pool, look, now)) }),
    members: members.slice(0, maxMembers),
  };
}

/** The time is that of the last change: one of the last look would be a write with every look. */
function toInstance(pool: Pool, look: InstanceLook, now: string): NonNullable<PoolStatus['instances']>[number] {
  const instance = {
    address: look.address,
    reachable: look.reachable,
    ...(look.version === '' ? {} : { version: look.version.slice(0, 64) }),
    ...(look.message === '' ? {} : { message: look.message.slice(0, maxMessage) }),
  };
  const before = pool.status?.instances?.find(({ address }) => address === look.address);
  const isSame =
    before?.reachable === instance.reachable &&
    before.version === instance.version &&
    before.message === instance.message;
  return { ...instance, since: isSame ? (before.since ?? now) : now };
}

function toMember(seen: MemberObservation, owner: string): PoolMember {
  const isOut = seen.state === 'Drained' || seen.state === 'Draining';
  const message = seen.foreign === '' ? seen.detail : seen.foreign;
  const drainedBy = owner !== '' ? `run/${owner}` : seen.foreign === '' ? undefined : 'Person';
  return {
    name: seen.member,
    state: seen.state,
    ...(isOut && seen.connections.known ? { connections: seen.connections.value } : {}),
    ...(isOut && drainedBy !== undefined ? { drainedBy } : {}),
    ...(message === '' ? {} : { message: message.slice(0, maxMessage) }),
  };
}
