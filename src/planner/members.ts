import type { RunGroup, UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { MemberRef, WorkloadRef } from './effects.ts';
import type { MemberObservation, Observed, PoolObservation, WorkloadObject, WorkloadObservation } from './observed.ts';
import { workloadKey } from './observed.ts';

export function workloadsOf(group: RunGroup): WorkloadRef[] {
  return group.servers.map((server) => ({ kind: server.workload.kind, name: server.workload.name }));
}

export function membersOf(group: RunGroup): MemberRef[] {
  return group.servers.flatMap((server) =>
    server.pools.map((pool) => ({
      pool: pool.name,
      member: pool.member,
      workload: { kind: server.workload.kind, name: server.workload.name },
    })),
  );
}

/** Every member the run knows of one pool, so that a driver can tell them from others. */
export function membersOfPool(spec: UpgradeRunSpec, pool: string): MemberRef[] {
  return spec.groups.flatMap(membersOf).filter((member) => member.pool === pool);
}

export interface SeenMember {
  readonly ref: MemberRef;
  readonly pool: PoolObservation;
  readonly seen: MemberObservation;
}

/** The members beside what was seen of them; `missing` names what could not be seen, with why. */
export function seeMembers(
  observed: Observed,
  members: readonly MemberRef[],
): { seen: SeenMember[]; missing: string[] } {
  const seen: SeenMember[] = [];
  const missing: string[] = [];
  for (const ref of members) {
    const pool = observed.pools.get(ref.pool);
    const member = pool?.members.find((candidate) => candidate.member === ref.member);
    if (pool === undefined) missing.push(`pool ${ref.pool}: not looked at`);
    else if (!pool.reachable.known) missing.push(`pool ${ref.pool}: ${pool.reachable.why}`);
    else if (member === undefined) missing.push(`pool ${ref.pool} has no member ${ref.member}`);
    else if (member.state === 'Unknown') missing.push(`${ref.member} in pool ${ref.pool}: ${member.detail}`);
    else seen.push({ ref, pool, seen: member });
  }
  return { seen, missing };
}

/** Kept out of its pool by the hold on new pods; a load balancer that drains its members needs none. */
export function isHeldBack(spec: UpgradeRunSpec, member: SeenMember): boolean {
  return member.seen.held && spec.pools.find((pool) => pool.name === member.ref.pool)?.driver === 'service';
}

/** What the workload's own object tells, however far the look went; undefined where it is gone. */
export function seeObject({ workloads, objects }: Observed, workload: WorkloadRef): WorkloadObject | undefined {
  const key = workloadKey(workload);
  const seen = workloads.get(key) ?? objects?.get(key);
  return seen?.exists === true ? seen : undefined;
}

/** The workload with its pods; undefined where it is gone, or nobody has looked that far. */
export function seeWorkload(observed: Observed, workload: WorkloadRef): WorkloadObservation | undefined {
  const seen = observed.workloads.get(workloadKey(workload));
  return seen?.exists === true ? seen : undefined;
}

/** A pool shows a dying pod for a while; a workload of another run was not looked at and counts by its pool alone. */
function hasLivePod(observed: Observed, member: MemberRef): boolean {
  const seen = observed.workloads.get(workloadKey(member.workload));
  return seen === undefined || (seen.current && seen.pods.some((pod) => pod.ready && !pod.terminating));
}

/**
 * May these members leave their pools now? Every pool must keep `minServing` members that serve at this
 * instant and are not among them.
 * @returns what is missing in words; empty when they may
 */
export function capacityProblem(spec: UpgradeRunSpec, observed: Observed, leaving: readonly MemberRef[]): string {
  for (const name of new Set(leaving.map((member) => member.pool))) {
    const pool = observed.pools.get(name);
    if (pool === undefined || !pool.reachable.known)
      return `pool ${name} cannot be read, so nothing is taken out of it`;
    const gone = new Set(leaving.filter((member) => member.pool === name).map((member) => member.member));
    const broken = new Set(
      membersOfPool(spec, name)
        .filter((member) => !hasLivePod(observed, member))
        .map((member) => member.member),
    );
    const serving = pool.members.filter(
      (member) => member.state === 'Serving' && !gone.has(member.member) && !broken.has(member.member),
    ).length;
    if (serving < pool.minServing) {
      return `pool ${name} would have ${serving} serving members without ${[...gone].toSorted().join(', ')}, and needs ${pool.minServing}`;
    }
  }
  return '';
}
