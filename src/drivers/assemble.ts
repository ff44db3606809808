import type { KubeClient } from '../kube/types.ts';
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import type { Drivers } from './contract.ts';
import { createCheckDriver } from './checks/driver.ts';
import { createDatabaseDriver } from './databases/driver.ts';
import { createGroupDriver } from './groups/driver.ts';
import { createPoolDriver } from './pools/driver.ts';
import { createProbeDriver } from './probes/driver.ts';
import { createSnapshotDriver } from './snapshots/csi.ts';
import { createWorkloadDriver } from './workloads/driver.ts';

export interface DriverParts {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** For how long the API server has answered without a break. */
  readonly steadyForMs?: () => number;
}

export { createPreflightChecks } from './preflight.ts';

/** Every driver against the real world. */
export function createDrivers(parts: DriverParts): Drivers {
  return {
    pools: createPoolDriver(parts),
    workloads: createWorkloadDriver(parts),
    groups: createGroupDriver(parts),
    snapshots: createSnapshotDriver(parts),
    probes: createProbeDriver(parts),
    databases: createDatabaseDriver(parts),
    checks: createCheckDriver(parts),
  };
}
