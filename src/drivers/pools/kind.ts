import type { Pool } from '../../api/pool.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { MemberRef } from '../../planner/effects.ts';
import type { PoolObservation } from '../../planner/observed.ts';
import type { Clock } from '../../shared/clock.ts';
import { parseDuration } from '../../shared/duration.ts';
import type { Logger } from '../../shared/logger.ts';
import type { EffectOf, Operation, RunContext } from '../contract.ts';

/** One process of the load balancer, for `Pool.status.instances`. */
export interface InstanceLook {
  readonly address: string;
  readonly reachable: boolean;
  /** Empty when not known. */
  readonly version: string;
  /** Why it is not reachable; empty when it is. */
  readonly message: string;
}

/** What a kind of load balancer with processes of its own adds to a look. */
export interface InspectedPool extends PoolObservation {
  readonly instances: readonly InstanceLook[];
}

/** The processes behind a look; none where the load balancer is the cluster itself. */
export function instancesOf(seen: PoolObservation): readonly InstanceLook[] {
  return isInspected(seen) ? seen.instances : [];
}

function isInspected(seen: PoolObservation): seen is InspectedPool {
  return 'instances' in seen;
}

export interface PoolDriverOptions {
  /** For how long the API server has answered without a break. Default: always. */
  readonly steadyForMs?: () => number;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type PoolEffect = EffectOf<'HoldMember' | 'DrainMember' | 'ServeMember'>;

/** What one kind of load balancer can do; the Pool object has been read already. */
export interface PoolKind {
  observe(
    context: RunContext,
    pool: Pool,
    members: readonly MemberRef[],
    signal: AbortSignal,
  ): Promise<PoolObservation>;
  request(operation: Operation, pool: Pool, effect: PoolEffect, signal: AbortSignal): Promise<void>;
}

/** Nothing can be said: every member is unknown, and why. */
export function unreadable(
  pool: string,
  members: readonly MemberRef[],
  why: string,
  spec?: Pool['spec'],
): PoolObservation {
  return {
    pool,
    canHold: true,
    reachable: { known: false, why },
    members: members.map(({ member }) => ({
      member,
      state: 'Unknown',
      connections: { known: false, why },
      foreign: '',
      detail: why,
      held: false,
    })),
    minServing: spec?.minServing ?? 1,
    settleMs: parseDuration(spec?.drain.settle ?? '10s'),
    countsConnections: false,
  };
}

/** Journal: did this run take the member out? */
export function isOurs(context: RunContext, { pool, member }: Pick<MemberRef, 'pool' | 'member'>): boolean {
  return context.handles[`drained/${pool}/${member}`] === 'ours';
}
