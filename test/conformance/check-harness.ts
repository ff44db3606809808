import { createCheckDriver } from '../../src/drivers/checks/driver.ts';
import {
  jobs,
  persistentVolumeClaims,
  pods,
  storageClasses,
  volumeSnapshotClasses,
  volumeSnapshots,
} from '../../src/kube/resources.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { createSimDrivers } from '../../src/simulation/drivers.ts';
import { crashPlan, SimProcess } from '../../src/simulation/process.ts';
import { setting } from '../simulation/story.ts';
import type { CheckHarness } from './check-suite.ts';
import { exited, seedJobPod, setCondition } from './database-harness.ts';
import { cluster, completeSnapshot, seedStatefulSet, seedVolume } from './scene.ts';

/** The real driver on an API server in memory. */
export function realChecks(): CheckHarness {
  const scene = cluster();
  const { client } = scene;
  seedStatefulSet(scene, 'web-1', { claims: true });
  seedVolume(scene);
  for (const pod of client.all(pods)) client.seed(pods, { ...pod, spec: { ...pod.spec, nodeName: 'node-1' } });
  const meta = (kind: string, group: string) => ({ apiVersion: `${group}/v1`, kind, metadata: { name: 'csi' } });
  client.seed(volumeSnapshotClasses, {
    ...meta('VolumeSnapshotClass', 'snapshot.storage.k8s.io'),
    driver: 'csi.example',
    deletionPolicy: 'Delete',
  });
  client.seed(storageClasses, { ...meta('StorageClass', 'storage.k8s.io'), provisioner: 'csi.example' });
  const ours = (): number =>
    [...client.all(jobs), ...client.all(volumeSnapshots), ...client.all(persistentVolumeClaims)].filter(
      ({ metadata }) => metadata.annotations?.['belay.dev/check'] !== undefined,
    ).length;
  return {
    driver: createCheckDriver({ ...scene, logger: silentLogger }),
    changes: () => client.server.writes.length,
    temporary: ours,
    settle() {
      for (const { metadata, status } of client.all(volumeSnapshots))
        if (status === undefined) completeSnapshot(scene, metadata.name);
      for (const job of client.all(jobs)) {
        if (job.status !== undefined) continue;
        seedJobPod(scene, job, exited(0, '3 files', 'check'));
        setCondition(scene, job, 'Complete');
      }
      return Promise.resolve();
    },
  };
}

/** The simulator's. */
export function simulatedChecks(): CheckHarness {
  const { world } = setting();
  const { checks } = createSimDrivers({ world, process: new SimProcess(crashPlan()) });
  return {
    driver: checks,
    changes: () => world.calls.filter(({ changed }) => changed).length,
    temporary: () => world.asides.size,
    settle() {
      world.clock.advanceTo(world.clock.now() + 60_000);
      return Promise.resolve();
    },
  };
}
