/**
 * The rolling procedure on a real cluster: API server, kubelet, containers, CSI snapshots, HAProxy, all under load.
 * One file, so that the cluster is started once; the stories are in `cases/`.
 */
import { after, before } from 'node:test';
import { makeBed } from './bed.ts';
import type { Bed } from './bed.ts';
import { registerDisturbances } from './cases/disturbances.ts';
import { registerNeighbours } from './cases/neighbours.ts';
import { registerReleases } from './cases/releases.ts';

let making: Promise<Bed> | undefined;
const bed = (): Promise<Bed> => {
  if (making === undefined) throw new Error('the cluster is not there yet');
  return making;
};

before(async () => {
  making = makeBed((line) => console.log(`e2e: ${line}`));
  await making;
});
after(async () => {
  if (process.env['E2E_KEEP'] !== '1') await (await making)?.cluster.down();
});

registerReleases(bed);
registerNeighbours(bed);
registerDisturbances(bed);
