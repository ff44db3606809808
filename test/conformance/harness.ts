import type { Drivers } from '../../src/drivers/contract.ts';

/**
 * One world with drivers on it, as the suites want it: StatefulSet web-1 with one pod and claim data-web-1-0, group
 * group-1, Pool web with member web-1 that serves, snapshot class csi. Nothing is locked, nothing is held.
 */
export interface Harness {
  readonly drivers: Pick<Drivers, 'pools' | 'workloads' | 'groups' | 'snapshots'>;
  /** Lets the world catch up with what was asked: endpoints, controllers, storage. */
  settle(): Promise<void>;
  /** How many times the world was changed through the drivers; a request that changes nothing does not count. */
  changes(): number;
  /** A person takes web-1 out of its pool. */
  takeOut(): Promise<void>;
  /** Whether an aborted signal is honoured: drivers in memory have nothing to abort. */
  readonly abortable: boolean;
  close?(): Promise<void>;
}

export interface HarnessOptions {
  readonly name: string;
  make(): Promise<Harness>;
}
