import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { persistentVolumeClaims, persistentVolumes, pods, volumeSnapshots } from '../../kube/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../kube/objects.ts';
import { PauseError, RetryError } from '../../shared/errors.ts';
import { silentLogger } from '../../shared/logger.ts';
import type { RestoreObservation } from '../../planner/observed.ts';
import {
  type Cluster,
  cluster,
  completeSnapshot,
  context,
  namespace,
  never,
  operation,
  seedPod,
  seedStatefulSet,
  seedVolume,
} from '../../../test/conformance/scene.ts';
import type { SnapshotDriver } from '../contract.ts';
import { createSnapshotDriver } from './csi.ts';

const claim = 'data-web-1-0';
const snapshot = 'portal-1-data-web-1-0';
const create = { kind: 'CreateSnapshot', snapshot, claim, className: 'csi' } as const;

interface Restore {
  readonly scene: Cluster;
  readonly driver: SnapshotDriver;
  readonly effect: {
    readonly kind: 'RestoreClaim';
    readonly claim: string;
    readonly snapshot: string;
    readonly manifest: string;
  };
  look(): Promise<RestoreObservation>;
}

function driverOf(scene: Cluster): SnapshotDriver {
  return createSnapshotDriver({ client: scene.client, logger: silentLogger });
}

async function restorable(restoreSize = '1Gi'): Promise<Restore> {
  const scene = cluster();
  seedVolume(scene);
  const driver = driverOf(scene);
  await driver.request(operation('g1-snapshot'), create, never);
  completeSnapshot(scene, snapshot, restoreSize);
  const manifest = await driver.describeClaim(context(), claim, never);
  const effect = { kind: 'RestoreClaim', claim, snapshot, manifest } as const;
  return { scene, driver, effect, look: () => driver.observeRestore(context(), effect, never) };
}

function claimOf(scene: Cluster): PersistentVolumeClaim | undefined {
  return scene.client.all(persistentVolumeClaims).find((candidate) => candidate.metadata.name === claim);
}

function volumeOf(scene: Cluster): PersistentVolume {
  const [volume] = scene.client.all(persistentVolumes);
  assert.ok(volume !== undefined);
  return volume;
}

/** Asks until restored, as the engine does, and counts the asks. */
async function restoreAll({ driver, effect, look }: Restore): Promise<number> {
  let asks = 0;
  while ((await look()).state !== 'restored' && asks < 10) {
    await driver.request(operation('g1-restore'), effect, never);
    asks += 1;
  }
  return asks;
}

describe('csi snapshots', () => {
  it('is verified only when the bound content has a handle, a size and the right source', async () => {
    const scene = cluster();
    seedVolume(scene);
    const driver = driverOf(scene);
    const look = (): ReturnType<SnapshotDriver['observe']> => driver.observe(context(), { snapshot, claim }, never);
    assert.equal((await look()).exists, false);
    await driver.request(operation(), create, never);
    assert.deepEqual(await look(), {
      snapshot,
      exists: true,
      ready: false,
      verified: false,
      createdAt: undefined,
      error: '',
    });
    completeSnapshot(scene, snapshot);
    assert.deepEqual(await look(), {
      snapshot,
      exists: true,
      ready: true,
      verified: true,
      createdAt: scene.clock.now(),
      error: '',
    });
    assert.equal((await driver.observe(context(), { snapshot, claim: 'other' }, never)).verified, false);
  });

  it('survives its run: labels, and no owner reference', async () => {
    const { scene } = await restorable();
    const [made] = scene.client.all(volumeSnapshots);
    assert.deepEqual(
      [made?.metadata.ownerReferences, made?.metadata.labels?.['belay.dev/run']],
      [undefined, 'portal-1'],
    );
  });

  it('refuses a name that is taken by a snapshot of another claim', async () => {
    const { driver } = await restorable();
    await assert.rejects(driver.request(operation(), { ...create, claim: 'other' }, never), PauseError);
  });
});

describe('restore of a claim', () => {
  it('keeps the name, the labels and the old volume (S-28)', async () => {
    const restore = await restorable();
    assert.equal((await restore.look()).state, 'absent');
    assert.equal(await restoreAll(restore), 2);
    const now = claimOf(restore.scene);
    assert.deepEqual(now?.metadata.labels, { app: 'web-1' });
    assert.equal(now?.metadata.annotations?.['pv.kubernetes.io/bind-completed'], undefined);
    assert.equal(now?.metadata.annotations?.['team'], 'shop');
    assert.deepEqual(now?.spec.dataSource, {
      apiGroup: 'snapshot.storage.k8s.io',
      kind: 'VolumeSnapshot',
      name: snapshot,
    });
    assert.equal(now?.spec.volumeName, undefined, 'binds when it is used, not before');
    const kept = volumeOf(restore.scene);
    assert.deepEqual(
      [kept.spec.persistentVolumeReclaimPolicy, kept.metadata.annotations?.['belay.dev/reclaim-policy']],
      ['Retain', 'Delete'],
    );
    const writes = restore.scene.client.server.writes.length;
    await restore.driver.request(operation('g1-restore'), restore.effect, never);
    assert.equal(restore.scene.client.server.writes.length, writes, 'asked again it does nothing');
  });

  it('ends the same after a crash at every single write (S-31)', async () => {
    for (let crash = 1; crash <= 4; crash += 1) {
      const restore = await restorable();
      let writes = 0;
      restore.scene.client.server.interceptors.push((call) => {
        if (call.isWrite && (writes += 1) === crash) throw new Error('killed');
      });
      await restore.driver.request(operation('g1-restore'), restore.effect, never).catch(() => {});
      await restore.driver.request(operation('g1-restore'), restore.effect, never).catch(() => {});
      await restoreAll(restore);
      assert.equal((await restore.look()).state, 'restored', `killed at write ${crash}`);
      assert.equal(volumeOf(restore.scene).spec.persistentVolumeReclaimPolicy, 'Retain');
    }
  });

  it('asks for the larger of the old request and the size to restore (S-32)', async () => {
    const grown = await restorable('2Gi');
    await restoreAll(grown);
    assert.equal(claimOf(grown.scene)?.spec.resources?.requests?.['storage'], '2Gi');
    const shrunk = await restorable('512Mi');
    await restoreAll(shrunk);
    assert.equal(claimOf(shrunk.scene)?.spec.resources?.requests?.['storage'], '1Gi');
  });

  it('deletes nothing when the volume cannot be kept', async () => {
    const restore = await restorable();
    restore.scene.client.server.interceptors.push((call) => {
      if (call.resource === 'persistentvolumes' && call.isWrite) throw new Error('forbidden');
    });
    await assert.rejects(restore.driver.request(operation(), restore.effect, never));
    assert.equal(claimOf(restore.scene)?.metadata.uid, `uid-${claim}`);
  });

  it('deletes nothing for a snapshot that is gone or not verified (S-27)', async () => {
    const restore = await restorable();
    await restore.scene.client.delete(volumeSnapshots, { namespace, name: snapshot });
    await assert.rejects(restore.driver.request(operation(), restore.effect, never), PauseError);
    assert.equal(claimOf(restore.scene)?.metadata.uid, `uid-${claim}`);
    assert.equal(volumeOf(restore.scene).spec.persistentVolumeReclaimPolicy, 'Delete');
  });

  it('waits while a pod uses the claim', async () => {
    const restore = await restorable();
    const set = seedStatefulSet(restore.scene, 'web-1', { replicas: 0 });
    seedPod(restore.scene, set, 'web-1-0', { claim });
    await assert.rejects(restore.driver.request(operation(), restore.effect, never), RetryError);
    await restore.scene.client.delete(pods, { namespace, name: 'web-1-0' });
    assert.equal(await restoreAll(restore), 2);
  });

  it('is blocked by a claim of that name that is not ours, empty or not', async () => {
    const restore = await restorable();
    await restore.driver.request(operation(), restore.effect, never);
    const stranger = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: claim, namespace, uid: 'uid-empty' },
      spec: {},
    };
    restore.scene.client.seed(persistentVolumeClaims, stranger);
    assert.equal((await restore.look()).state, 'blocked');
    await assert.rejects(restore.driver.request(operation(), restore.effect, never), RetryError);
    assert.equal(claimOf(restore.scene)?.metadata.uid, 'uid-empty');
  });
});

describe('putting the old volume back', () => {
  it('replaces the restored claim by one bound to the volume before (S-30)', async () => {
    const restore = await restorable();
    await restoreAll(restore);
    const effect = { kind: 'ReattachVolume', claim, manifest: restore.effect.manifest } as const;
    for (let ask = 0; ask < 3; ask += 1) await restore.driver.request(operation('g1-reattach'), effect, never);
    assert.equal(claimOf(restore.scene)?.spec.volumeName, `pv-${claim}`);
    assert.deepEqual(volumeOf(restore.scene).spec.claimRef, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      namespace,
      name: claim,
    });
    const writes = restore.scene.client.server.writes.length;
    await restore.driver.request(operation('g1-reattach'), effect, never);
    assert.equal(restore.scene.client.server.writes.length, writes);
  });

  it('does nothing when the old claim was never deleted', async () => {
    const restore = await restorable();
    await restore.driver.request(
      operation(),
      { kind: 'ReattachVolume', claim, manifest: restore.effect.manifest },
      never,
    );
    assert.equal(claimOf(restore.scene)?.metadata.uid, `uid-${claim}`);
  });
});

describe('letting go of the way back', () => {
  it('gives a kept volume its reclaim policy back, and deletes snapshots of runs only', async () => {
    const restore = await restorable();
    await restoreAll(restore);
    await restore.driver.request(
      operation('cleanup'),
      { kind: 'ReleaseRetained', object: { kind: 'PersistentVolume', name: `pv-${claim}` } },
      never,
    );
    assert.equal(volumeOf(restore.scene).spec.persistentVolumeReclaimPolicy, 'Delete');
    const mine = {
      apiVersion: 'snapshot.storage.k8s.io/v1',
      kind: 'VolumeSnapshot',
      metadata: { name: 'mine', namespace },
      spec: { source: { persistentVolumeClaimName: claim } },
    };
    restore.scene.client.seed(volumeSnapshots, mine);
    for (const name of [snapshot, 'mine', 'gone'])
      await restore.driver.request(
        operation('cleanup'),
        { kind: 'ReleaseRetained', object: { kind: 'VolumeSnapshot', name } },
        never,
      );
    assert.deepEqual(
      restore.scene.client.all(volumeSnapshots).map((kept) => kept.metadata.name),
      ['mine'],
    );
  });
});
