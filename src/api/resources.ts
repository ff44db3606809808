import type { Database } from './database.ts';
import type { Decision } from './decision.ts';
import { apiGroup, apiVersion } from './kind.ts';
import type { Package } from './package.ts';
import type { Pool } from './pool.ts';
import type { ProbeSuite } from './probe-suite.ts';
import type { ServerGroup } from './server-group.ts';
import type { UpgradeRun } from './upgrade-run.ts';
import type { UpgradeSet } from './upgrade-set.ts';

/** Where the API server serves one of our kinds; structurally the runtime's `Resource`. */
export interface ApiResource<T> {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Carries `T` only; never set. */
  readonly objectType?: T;
}

function resource<T>(kind: string, plural: string): ApiResource<T> {
  return { group: apiGroup, version: apiVersion, plural, kind, namespaced: true };
}

export const packages = resource<Package>('Package', 'packages');
export const pools = resource<Pool>('Pool', 'pools');
export const probeSuites = resource<ProbeSuite>('ProbeSuite', 'probesuites');
export const databases = resource<Database>('Database', 'databases');
export const serverGroups = resource<ServerGroup>('ServerGroup', 'servergroups');
export const upgradeSets = resource<UpgradeSet>('UpgradeSet', 'upgradesets');
export const upgradeRuns = resource<UpgradeRun>('UpgradeRun', 'upgraderuns');
export const decisions = resource<Decision>('Decision', 'decisions');
