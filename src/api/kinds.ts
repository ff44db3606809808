import { databaseKind } from './database.ts';
import { decisionKind } from './decision.ts';
import type { KindDefinition } from './kind.ts';
import { packageKind } from './package.ts';
import { poolKind } from './pool.ts';
import { probeSuiteKind } from './probe-suite.ts';
import { serverGroupKind } from './server-group.ts';
import { upgradeRunKind } from './upgrade-run.ts';
import { upgradeSetKind } from './upgrade-set.ts';

/** Every kind there is, in the order of the reference. */
export const kinds: readonly KindDefinition[] = [
  packageKind,
  poolKind,
  probeSuiteKind,
  databaseKind,
  serverGroupKind,
  upgradeSetKind,
  upgradeRunKind,
  decisionKind,
];
