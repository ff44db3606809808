import type { ServerGroup } from '../../src/api/server-group.ts';
import { serverGroups } from '../../src/api/resources.ts';
import { createGroupDriver } from '../../src/drivers/groups/driver.ts';
import { createPoolDriver } from '../../src/drivers/pools/driver.ts';
import { createSnapshotDriver } from '../../src/drivers/snapshots/csi.ts';
import { createWorkloadDriver } from '../../src/drivers/workloads/driver.ts';
import type { PersistentVolume } from '../../src/kube/objects.ts';
import {
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  statefulSets,
  volumeSnapshots,
} from '../../src/kube/resources.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { serverGroup } from '../builders/objects.ts';
import type { Harness } from './harness.ts';
import {
  type Cluster,
  completeSnapshot,
  convergeEndpoints,
  namespace,
  seedStatefulSet,
  seedVolume,
  servicePool,
} from './scene.ts';

/** The real drivers on an API server in memory, with the controllers of a cluster played by `settle`. */
export function realHarness(): Promise<Harness> {
  const cluster = servicePool();
  seedVolume(cluster);
  seedStatefulSet(cluster, 'web-1', { claims: true });
  cluster.client.seed<ServerGroup>(serverGroups, serverGroup(1));
  convergeEndpoints(cluster);
  const parts = { ...cluster, logger: silentLogger };
  return Promise.resolve({
    drivers: {
      pools: createPoolDriver(parts),
      workloads: createWorkloadDriver(parts),
      groups: createGroupDriver(parts),
      snapshots: createSnapshotDriver(parts),
    },
    settle: () => settle(cluster),
    changes: () =>
      cluster.client.server.writes.length -
      cluster.client.server.writes.filter(({ user }) => user === controllers).length,
    takeOut: () => takeOut(cluster),
    abortable: true,
  });
}

const controllers = 'system:controllers';

async function settle(cluster: Cluster): Promise<void> {
  const client = cluster.client.using({ user: controllers });
  for (const set of client.all(statefulSets)) {
    const wanted = set.spec.replicas ?? 1;
    const owned = client
      .all(pods)
      .filter((pod) => pod.metadata.ownerReferences?.some((owner) => owner.uid === set.metadata.uid));
    if (wanted === 0) for (const pod of owned) await client.delete(pods, { namespace, name: pod.metadata.name });
    const { status, ...rest } = set;
    const generation = set.metadata.generation ?? 1;
    client.seed(statefulSets, { ...rest, status: { ...status, observedGeneration: generation, replicas: wanted } });
  }
  for (const snapshot of client.all(volumeSnapshots))
    if (snapshot.status === undefined) completeSnapshot(cluster, snapshot.metadata.name);
  bindVolumes(cluster);
  convergeEndpoints(cluster);
}

/** A volume pre-bound to a claim that names it gets the claim's UID; one whose claim is gone is released. */
function bindVolumes({ client }: Cluster): void {
  for (const volume of client.all(persistentVolumes)) {
    const claim = client
      .all(persistentVolumeClaims)
      .find((candidate) => candidate.spec.volumeName === volume.metadata.name);
    const bound: PersistentVolume['spec'] = {
      ...volume.spec,
      claimRef: { ...volume.spec.claimRef, ...(claim?.metadata.uid === undefined ? {} : { uid: claim.metadata.uid }) },
    };
    client.seed(persistentVolumes, {
      ...volume,
      spec: bound,
      status: { phase: claim === undefined ? 'Released' : 'Bound' },
    });
  }
}

function takeOut({ client }: Cluster): Promise<void> {
  for (const pod of client.all(pods).filter((candidate) => candidate.metadata.name === 'web-1-0')) {
    const { 'belay.dev/pool': _, ...labels } = pod.metadata.labels ?? {};
    client.seed(pods, { ...pod, metadata: { ...pod.metadata, labels } });
  }
  return Promise.resolve();
}
