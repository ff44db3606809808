/** Load balancers of the simulated cluster: what they were told, whom they send users to, and who is still connected. */
import { PauseError } from '../shared/errors.ts';
import type { WorkloadRef } from '../planner/effects.ts';
import { workloadKey } from '../planner/observed.ts';
import {
  changed,
  later,
  must,
  type Admin,
  type SimInstance,
  type SimMember,
  type SimPod,
  type SimPool,
  type SimWorkload,
  type World,
} from './world.ts';

export interface PoolOptions {
  readonly name: string;
  readonly kind: 'haproxy' | 'service';
  readonly members: readonly { readonly member: string; readonly workload: WorkloadRef }[];
  readonly canHold?: boolean;
  readonly minServing?: number;
  readonly instances?: number;
  readonly usersPerMember?: number;
  readonly settleMs?: number;
}

/** Add pools before the workloads that are their members. */
export function addPool(world: World, options: PoolOptions): SimPool {
  const count = options.kind === 'haproxy' ? (options.instances ?? 1) : 1;
  const pool: SimPool = {
    name: options.name,
    kind: options.kind,
    canHold: options.canHold ?? true,
    minServing: options.minServing ?? 1,
    countsConnections: options.kind === 'haproxy',
    settleMs: options.settleMs ?? (options.kind === 'haproxy' ? 0 : 10_000),
    members: options.members.map(({ member, workload }) => ({ member, workload: workloadKey(workload) })),
    instances: Array.from({ length: count }, (_, index) => ({
      name: options.kind === 'haproxy' ? `${options.name}-lb-${index}` : 'endpoints',
      up: true,
      admin: new Map(),
      rotation: new Set(),
    })),
    held: new Set(),
    usersPerMember: options.usersPerMember ?? 20,
    sticky: new Set(),
    leftAt: new Map(),
    ignoresChanges: 0,
  };
  world.pools.set(pool.name, pool);
  return pool;
}

const ready: Admin = { state: 'ready', by: '' };

export function adminOf(instance: SimInstance, member: string): Admin {
  return instance.admin.get(member) ?? ready;
}

export function memberOf(pool: SimPool, member: string): SimMember {
  return must(
    pool.members.find((candidate) => candidate.member === member),
    `member ${member} in pool ${pool.name}`,
  );
}

export function podsOf(world: World, member: SimMember): SimPod[] {
  return world.workloads.get(member.workload)?.pods ?? [];
}

/** Is the member sent users by every process that runs? */
export function isServing(world: World, pool: SimPool, member: SimMember): boolean {
  const up = pool.instances.filter((instance) => instance.up);
  const pods = podsOf(world, member);
  return up.length > 0 && up.every((instance) => pods.some((pod) => instance.rotation.has(pod.uid)));
}

function shouldServe(pool: SimPool, instance: SimInstance, member: SimMember, pod: SimPod): boolean {
  if (!pod.ready || pod.terminating) return false;
  return pool.kind === 'service' ? pod.labels.has(pool.name) : adminOf(instance, member.member).state === 'ready';
}

/** Lets every process take note of the pod's present state, after a while. */
export function syncPod(world: World, workload: SimWorkload, pod: SimPod, lagMs: number): void {
  for (const pool of world.pools.values()) {
    for (const member of pool.members.filter((candidate) => candidate.workload === workloadKey(workload))) {
      if (lagMs === 0) settle(world, pool, member, pod);
      else later(world, lagMs, () => settle(world, pool, member, pod));
    }
  }
}

function settle(world: World, pool: SimPool, member: SimMember, pod: SimPod): void {
  const wasServing = isServing(world, pool, member);
  const alive = podsOf(world, member).includes(pod);
  for (const instance of pool.instances) {
    if (alive && shouldServe(pool, instance, member, pod)) instance.rotation.add(pod.uid);
    else instance.rotation.delete(pod.uid);
  }
  noteServing(world, pool, member, wasServing);
}

function noteServing(world: World, pool: SimPool, member: SimMember, wasServing: boolean): void {
  const serves = isServing(world, pool, member);
  if (serves) pool.leftAt.delete(member.member);
  else if (wasServing && !pool.instances.some((instance) => adminOf(instance, member.member).state === 'maint')) {
    pool.leftAt.set(member.member, world.clock.now());
    later(world, world.timings.drainMs, () => {});
  }
}

/** Users still connected to the member. */
export function connectionsOf(world: World, pool: SimPool, member: SimMember): number {
  if (isServing(world, pool, member)) return pool.usersPerMember;
  const leftAt = pool.leftAt.get(member.member);
  if (leftAt === undefined) return 0;
  if (pool.sticky.has(member.member)) return pool.usersPerMember;
  const left = 1 - (world.clock.now() - leftAt) / world.timings.drainMs;
  return Math.max(0, Math.ceil(pool.usersPerMember * left));
}

/** The pod is gone: whoever was still connected to it is cut off. */
export function cutUsers(world: World, workload: SimWorkload, pod: SimPod): void {
  for (const pool of world.pools.values()) {
    for (const member of pool.members.filter((candidate) => candidate.workload === workloadKey(workload))) {
      const alone = workload.pods.length === 1;
      if (alone) {
        world.traffic.cut += connectionsOf(world, pool, member);
        pool.leftAt.delete(member.member);
      }
      for (const instance of pool.instances) instance.rotation.delete(pod.uid);
    }
  }
}

/** What stands in the way of treating the member's state as the set's own doing; empty when nothing. */
export function foreignTo(pool: SimPool, member: string, upgradeSet: string): string {
  const strange = pool.instances.find((instance) => {
    const admin = adminOf(instance, member);
    return admin.state !== 'ready' && admin.by !== upgradeSet;
  });
  return strange === undefined
    ? ''
    : `${adminOf(strange, member).state} set by ${adminOf(strange, member).by} on ${strange.name}`;
}

interface Wish {
  readonly pool: SimPool;
  readonly member: SimMember;
  readonly state: Admin['state'];
  readonly by: string;
}

/** Tells every process that can be reached. A state that somebody else set is never overwritten. */
export function setMember(world: World, { pool, member, state, by }: Wish): boolean {
  const foreign = by === '' ? '' : foreignTo(pool, member.member, by);
  if (foreign !== '') {
    world.violations.push(`member ${member.member} of ${pool.name} was asked to be ${state} against "${foreign}"`);
    throw new PauseError('MemberForeign', `member ${member.member} of pool ${pool.name} is ${foreign}`);
  }
  if (pool.ignoresChanges > 0) {
    pool.ignoresChanges -= 1;
    return false;
  }
  const wasServing = isServing(world, pool, member);
  let different = false;
  for (const instance of pool.instances.filter((candidate) => candidate.up)) {
    different ||= adminOf(instance, member.member).state !== state;
    instance.admin.set(member.member, { state, by: state === 'ready' ? '' : by });
  }
  if (pool.kind === 'service') return relabel(world, pool, member, state === 'ready') || different;
  for (const pod of podsOf(world, member)) {
    for (const instance of pool.instances.filter((candidate) => candidate.up)) {
      if (shouldServe(pool, instance, member, pod)) instance.rotation.add(pod.uid);
      else instance.rotation.delete(pod.uid);
    }
  }
  noteServing(world, pool, member, wasServing);
  if (state === 'maint') pool.leftAt.delete(member.member);
  return different;
}

function relabel(world: World, pool: SimPool, member: SimMember, wear: boolean): boolean {
  let different = false;
  if (wear) different = pool.held.delete(member.workload);
  const workload = world.workloads.get(member.workload);
  for (const pod of podsOf(world, member)) {
    if (pod.labels.has(pool.name) === wear) continue;
    if (wear) pod.labels.add(pool.name);
    else pod.labels.delete(pool.name);
    different = true;
    if (workload !== undefined) syncPod(world, workload, pod, world.timings.lagMs);
  }
  return different;
}

/**
 * A person sets the state of a member, by hand, on every process. Taking out what is out already leaves no trace: a
 * label that is not there cannot be taken off again, and a drain is not told from another.
 */
export function personSets(world: World, poolName: string, memberName: string, state: Admin['state']): void {
  const pool = must(world.pools.get(poolName), `pool ${poolName}`);
  const member = memberOf(pool, memberName);
  const wasServing = isServing(world, pool, member);
  for (const instance of pool.instances) {
    const was = adminOf(instance, memberName).state;
    const isSame = pool.kind === 'service' ? (was === 'ready') === (state === 'ready') : was === state;
    if (!isSame) instance.admin.set(memberName, { state, by: state === 'ready' ? '' : 'somebody else' });
  }
  if (pool.kind === 'service') relabel(world, pool, member, state === 'ready');
  else {
    for (const pod of podsOf(world, member)) {
      for (const instance of pool.instances) {
        if (shouldServe(pool, instance, member, pod)) instance.rotation.add(pod.uid);
        else instance.rotation.delete(pod.uid);
      }
    }
    noteServing(world, pool, member, wasServing);
  }
  changed(world);
}

/** A process of the load balancer dies, or comes back with everything it was told forgotten. */
export function setInstance(world: World, poolName: string, index: number, up: boolean): void {
  const pool = must(world.pools.get(poolName), `pool ${poolName}`);
  const instance = must(pool.instances[index], `process ${index} of pool ${poolName}`);
  instance.up = up;
  if (up) {
    instance.admin.clear();
    instance.rotation.clear();
    for (const member of pool.members) {
      for (const pod of podsOf(world, member))
        if (shouldServe(pool, instance, member, pod)) instance.rotation.add(pod.uid);
    }
  }
  changed(world);
}
