import { pools } from '../../api/resources.ts';
import type { Pool } from '../../api/pool.ts';
import { PauseError, call } from '../access.ts';
import type { PoolDriver, RunContext } from '../contract.ts';
import { createHaproxyPools } from './haproxy.ts';
import { type PoolDriverOptions, type PoolKind, unreadable } from './kind.ts';
import { createServicePools } from './service.ts';

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
        if (kind === undefined)
          return unreadable(name, members, `Pool ${name} names no load balancer that this version drives`);
        return kind.observe(context, pool, members, signal);
      }),
    request: (operation, effect, signal) =>
      call(`${effect.kind} of ${effect.member.member} in pool ${effect.member.pool}`, signal, async () => {
        const pool = await find(operation, effect.member.pool, signal);
        const kind = pool === undefined ? undefined : kindOf(pool);
        if (pool === undefined || kind === undefined) {
          throw new PauseError(
            'PoolMissing',
            `Pool ${effect.member.pool} is gone or names no load balancer; put it back and resume`,
          );
        }
        options.logger.info('Changing a pool', {
          effect: effect.kind,
          pool: effect.member.pool,
          member: effect.member.member,
          operation: operation.operation,
        });
        await kind.request(operation, pool, effect, signal);
      }),
  };
}
