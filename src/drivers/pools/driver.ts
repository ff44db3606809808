import { pools } from '../../api/resources.ts';
import type { Pool } from '../../api/pool.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import { PauseError, call } from '../access.ts';
import type { EffectOf, Operation, PoolDriver, RunContext } from '../contract.ts';
import type { MemberRef } from '../../planner/effects.ts';
import type { PoolObservation } from '../../planner/observed.ts';
import { parseDuration } from '../../shared/duration.ts';
import { createHaproxyPools } from './haproxy.ts';
import { createServicePools } from './service.ts';

export interface PoolDriverOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type PoolEffect = EffectOf<'HoldMember' | 'DrainMember' | 'ServeMember'>;

/** What one kind of load balancer can do; the Pool object has been read already. */
export interface PoolKind {
  observe(context: RunContext, pool: Pool, members: readonly MemberRef[], signal: AbortSignal): Promise<PoolObservation>;
  request(operation: Operation, pool: Pool, effect: PoolEffect, signal: AbortSignal): Promise<void>;
}

/** Drives each Pool by the member that its spec has set. */
export function createPoolDriver(options: PoolDriverOptions): PoolDriver {
  const service = createServicePools(options);
  const haproxy = createHaproxyPools(options);
  const kindOf = (pool: Pool): PoolKind | undefined => {
    if (pool.spec.service !== undefined) return service;
    return pool.spec.haproxy === undefined ? undefined : haproxy;
  };
  const find = (context: RunContext, name: string, signal: AbortSignal): Promise<Pool | undefined> =>
    options.client.find<Pool>(pools, { namespace: context.namespace, name }, signal);
  return {
    observe: (context, name, members, signal) =>
      call(`looking at pool ${name}`, signal, async () => {
        const pool = await find(context, name, signal);
        const kind = pool === undefined ? undefined : kindOf(pool);
        if (pool === undefined) return unreadable(name, members, `Pool ${name} does not exist`);
        if (kind === undefined) return unreadable(name, members, `Pool ${name} names no load balancer that this version drives`);
        return kind.observe(context, pool, members, signal);
      }),
    request: (operation, effect, signal) =>
      call(`${effect.kind} of ${effect.member.member} in pool ${effect.member.pool}`, signal, async () => {
        const pool = await find(operation, effect.member.pool, signal);
        const kind = pool === undefined ? undefined : kindOf(pool);
        if (pool === undefined || kind === undefined) {
          throw new PauseError('PoolMissing', `Pool ${effect.member.pool} is gone or names no load balancer; put it back and resume`);
        }
        options.logger.info('Changing a pool', { effect: effect.kind, pool: effect.member.pool, member: effect.member.member, operation: operation.operation });
        await kind.request(operation, pool, effect, signal);
      }),
  };
}

/** Nothing can be said: every member is unknown, and why. */
export function unreadable(pool: string, members: readonly MemberRef[], why: string, spec?: Pool['spec']): PoolObservation {
  return {
    pool,
    canHold: true,
    reachable: { known: false, why },
    members: members.map(({ member }) => ({ member, state: 'Unknown', connections: { known: false, why }, foreign: '', detail: why, held: false })),
    minServing: spec?.minServing ?? 1,
    settleMs: parseDuration(spec?.drain.settle ?? '10s'),
    countsConnections: false,
  };
}

/** Journal: did this run take the member out? */
export function isOurs(context: RunContext, { pool, member }: Pick<MemberRef, 'pool' | 'member'>): boolean {
  return context.handles[`drained/${pool}/${member}`] === 'ours';
}
