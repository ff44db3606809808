/**
 * The rolling and the major procedure on a real cluster: API server, kubelet, containers, CSI snapshots, HAProxy, all under load.
 * One file, so that the cluster is started once; the stories are in `cases/`.
 */
import { after, before, describe } from 'node:test';
import { makeBed } from './bed.ts';
import type { Bed } from './bed.ts';
import { registerDisturbances, registerSnapshots } from './cases/disturbances.ts';
import { registerLeaders } from './cases/leaders.ts';
import { registerMajor } from './cases/major.ts';
import { registerNeighbours } from './cases/neighbours.ts';
import { registerOperator } from './cases/operator.ts';
import { registerPeople } from './cases/people.ts';
import { registerPreflight } from './cases/preflight.ts';
import { registerRebuild } from './cases/rebuild.ts';
import { registerReleases } from './cases/releases.ts';

describe('upgrades on a real cluster', { concurrency: 1 }, () => {
  let made: Bed | undefined;
  const bed = (): Bed => {
    if (made === undefined) throw new Error('the cluster did not start');
    return made;
  };

  before(async () => {
    made = await makeBed((line) => console.log(`e2e: ${line}`));
  });
  // E2E_KEEP=1 leaves the cluster for a look around; the next run takes it down.
  after(async () => {
    if (process.env['E2E_KEEP'] !== '1') await made?.cluster.down();
  });

  // Each in its own namespace, the longest first. That the leader changes meanwhile is nothing that a run may suffer from.
  describe('side by side', { concurrency: 4 }, () => {
    registerLeaders(bed);
    registerPeople(bed);
    registerMajor(bed);
    registerPreflight(bed);
    registerRebuild(bed);
    registerReleases(bed);
    registerNeighbours(bed);
    registerSnapshots(bed);
  });
  describe('alone', { concurrency: 1 }, () => {
    registerDisturbances(bed);
    registerOperator(bed);
  });
});
