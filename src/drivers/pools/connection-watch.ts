import type { PoolObservation } from '../../planner/observed.ts';
import type { PoolDriver } from '../contract.ts';

/** Runs whose last look is kept; those of runs that are over make room. */
const keptRuns = 256;

export interface ConnectionWatch {
  /** The same driver; what its looks count is remembered. */
  readonly pools: PoolDriver;
  /** What the run's last look at the pool counted for the member; undefined: never looked, or not known. */
  readonly connectionsOf: (
    runUID: string,
    member: { readonly pool: string; readonly member: string },
  ) => number | undefined;
}

/** For the metrics, which are read between the looks and must not look themselves. */
export function watchConnections(inner: PoolDriver): ConnectionWatch {
  const seen = new Map<string, Map<string, PoolObservation>>();
  const remember = (run: string, observation: PoolObservation): void => {
    const pools = seen.get(run) ?? new Map<string, PoolObservation>();
    pools.set(observation.pool, observation);
    seen.delete(run);
    seen.set(run, pools);
    const [oldest] = seen.keys();
    if (seen.size > keptRuns && oldest !== undefined) seen.delete(oldest);
  };
  return {
    pools: {
      async observe(context, pool, members, signal) {
        const observation = await inner.observe(context, pool, members, signal);
        if (context.runUID !== '') remember(context.runUID, observation);
        return observation;
      },
      request: (operation, effect, signal) => inner.request(operation, effect, signal),
    },
    connectionsOf(runUID, { pool, member }) {
      const members = seen.get(runUID)?.get(pool)?.members ?? [];
      const count = members.find((candidate) => candidate.member === member)?.connections;
      return count?.known === true ? count.value : undefined;
    },
  };
}
