import type { Pool } from '../../api/pool.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { MemberRef } from '../../planner/effects.ts';
import type { PoolObservation } from '../../planner/observed.ts';
import type { Clock } from '../../shared/clock.ts';
import { parseDuration } from '../../shared/duration.ts';
import type { Logger } from '../../shared/logger.ts';
import type { EffectOf, Operation, RunContext } from '../contract.ts';

export interface PoolDriverOptions {
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
