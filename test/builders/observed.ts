/** What a pass has seen of the world: nothing, for tests that say themselves what there is. */
import type { Observed } from '../../src/planner/observed.ts';

export function nothingObserved(now = 0): Observed {
  return {
    now,
    groups: new Map(),
    workloads: new Map(),
    pools: new Map(),
    snapshots: new Map(),
    restores: new Map(),
    probes: new Map(),
    databaseJobs: new Map(),
    checks: new Map(),
    saved: new Set(),
    settings: new Map(),
  };
}
