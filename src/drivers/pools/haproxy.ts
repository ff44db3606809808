import { type PoolDriverOptions, type PoolKind, unreadable } from './driver.ts';

export function createHaproxyPools(_options: PoolDriverOptions): PoolKind {
  return {
    observe: async (_context, pool, members) => unreadable(pool.metadata.name, members, 'not implemented'),
    request: async () => {},
  };
}
