import type { Database } from '../api/database.ts';
import type { Decision } from '../api/decision.ts';
import type { Package } from '../api/package.ts';
import type { Pool } from '../api/pool.ts';
import type { ProbeSuite } from '../api/probe-suite.ts';
import type { ServerGroup } from '../api/server-group.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import type { Drivers, RunContext } from '../drivers/contract.ts';
import type { PreflightObjects } from '../drivers/preflight.ts';
import type { CacheReader } from '../kube/cache.ts';
import type { KubeClient } from '../kube/types.ts';
import type { Problem } from '../planner/validate.ts';
import type { Clock, EpochMs } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';

export interface Caches {
  readonly packages: CacheReader<Package>;
  readonly pools: CacheReader<Pool>;
  readonly probeSuites: CacheReader<ProbeSuite>;
  readonly databases: CacheReader<Database>;
  readonly serverGroups: CacheReader<ServerGroup>;
  readonly upgradeSets: CacheReader<UpgradeSet>;
  readonly upgradeRuns: CacheReader<UpgradeRun>;
  readonly decisions: CacheReader<Decision>;
}

/** Says something about an object where `kubectl describe` shows it; never blocks and never fails. */
export interface Announcer {
  announce(
    object: { apiVersion: string; kind: string; metadata: { name: string; namespace?: string; uid?: string } },
    type: 'Normal' | 'Warning',
    reason: string,
    action: string,
    note: string,
  ): void;
}

/** What the drivers know stands in the way, beyond what the objects tell. */
export interface PreflightChecks {
  findProblems(context: RunContext, objects: PreflightObjects, signal: AbortSignal): Promise<Problem[]>;
}

/** What every controller works with. */
export interface ControllerContext {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly drivers: Drivers;
  readonly preflight: PreflightChecks;
  readonly clock: Clock;
  /** The API server's time. */
  readonly now: () => EpochMs;
  readonly leader: { readonly mayAct: () => boolean; readonly epoch: () => number };
  readonly announcer: Announcer;
  readonly logger: Logger;
  readonly counters: { effectMade(kind: string): void; runEnded(phase: string, reason: string): void };
  /** Refuse sets without `serviceAccountName`. */
  readonly requireServiceAccount: boolean;
}
