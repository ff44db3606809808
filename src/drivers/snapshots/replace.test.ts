import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Cluster,
  cluster,
  context,
  namespace,
  never,
  operation,
  seedPod,
  seedStatefulSet,
  seedVolume,
} from '../../../test/conformance/scene.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../kube/objects.ts';
import { persistentVolumeClaims, persistentVolumes } from '../../kube/resources.ts';
import type { RestoreObservation } from '../../planner/observed.ts';
import { RetryError } from '../../shared/errors.ts';
import { silentLogger } from '../../shared/logger.ts';
import type { EffectOf, SnapshotDriver } from '../contract.ts';
import { createSnapshotDriver } from './csi.ts';

const claim = 'data-web-1-0';

interface Scene {
  readonly scene: Cluster;
  readonly driver: SnapshotDriver;
  readonly effect: EffectOf<'ReplaceClaim'>;
  look(): Promise<RestoreObservation>;
}

async function replaceable(): Promise<Scene> {
  const scene = cluster();
  seedVolume(scene);
  const driver = createSnapshotDriver({ client: scene.client, logger: silentLogger });
  const manifest = await driver.describeClaim(context(), claim, never);
  const place = { claim, snapshot: '', manifest };
  return {
    scene,
    driver,
    effect: { kind: 'ReplaceClaim', claim, manifest },
    look: () => driver.observeRestore(context(), place, never),
  };
}

async function replaceAll({ driver, effect, look }: Scene): Promise<void> {
  for (let asks = 0; asks < 10 && (await look()).state !== 'restored'; asks += 1)
    await driver.request(operation('uninstall'), effect, never);
}

function claimOf({ scene }: Scene): PersistentVolumeClaim | undefined {
  return scene.client.all(persistentVolumeClaims).find(({ metadata }) => metadata.name === claim);
}

function volumeOf({ scene }: Scene): PersistentVolume {
  const [volume] = scene.client.all(persistentVolumes);
  assert.ok(volume !== undefined);
  return volume;
}

describe('a claim that is made anew', () => {
  it('001-137: comes without data under its name, with its size and labels, and the old volume is kept', async () => {
    const made = await replaceable();
    const before = claimOf(made);
    await replaceAll(made);
    const now = claimOf(made);
    assert.deepEqual(
      [now?.spec.dataSource, now?.spec.volumeName, now?.spec.resources, now?.metadata.labels],
      [undefined, undefined, before?.spec.resources, before?.metadata.labels],
    );
    assert.notEqual(now?.metadata.uid, before?.metadata.uid);
    const { metadata, spec } = volumeOf(made);
    assert.deepEqual(
      [spec.persistentVolumeReclaimPolicy, metadata.annotations?.['belay.dev/reclaim-policy']],
      ['Retain', 'Delete'],
    );
  });

  it('keeps the volume before anything else, and remembers the policy it had', async () => {
    const made = await replaceable();
    const before = claimOf(made)?.metadata.uid;
    for (let asks = 0; asks < 2; asks += 1)
      await made.driver.request(operation('uninstall'), { kind: 'KeepVolume', claim }, never);
    const { metadata, spec } = volumeOf(made);
    assert.deepEqual(
      [
        spec.persistentVolumeReclaimPolicy,
        metadata.annotations?.['belay.dev/reclaim-policy'],
        claimOf(made)?.metadata.uid,
      ],
      ['Retain', 'Delete', before],
    );
  });

  it('ends the same after a crash at every single write (S-31)', async () => {
    for (let crash = 1; crash <= 3; crash += 1) {
      const made = await replaceable();
      let writes = 0;
      made.scene.client.server.interceptors.push((call) => {
        if (call.isWrite && (writes += 1) === crash) throw new Error('killed');
      });
      await made.driver.request(operation('uninstall'), made.effect, never).catch(() => {});
      await made.driver.request(operation('uninstall'), made.effect, never).catch(() => {});
      await replaceAll(made);
      assert.equal((await made.look()).state, 'restored', `killed at write ${crash}`);
      assert.equal(volumeOf(made).spec.persistentVolumeReclaimPolicy, 'Retain');
    }
  });

  it('is not taken away while a pod uses it', async () => {
    const made = await replaceable();
    const set = seedStatefulSet(made.scene, 'web-1', { replicas: 0 });
    seedPod(made.scene, set, 'web-1-0', { claim });
    const before = claimOf(made)?.metadata.uid;
    await assert.rejects(made.driver.request(operation('uninstall'), made.effect, never), RetryError);
    assert.equal(claimOf(made)?.metadata.uid, before);
  });

  it('does not take a claim that somebody else made for its own', async () => {
    const made = await replaceable();
    await made.driver.request(operation('uninstall'), made.effect, never);
    const stranger = { name: claim, namespace, uid: 'uid-stranger' };
    made.scene.client.seed(persistentVolumeClaims, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: stranger,
      spec: {},
    });
    assert.equal((await made.look()).state, 'blocked');
    await assert.rejects(made.driver.request(operation('uninstall'), made.effect, never), RetryError);
    assert.equal(claimOf(made)?.metadata.uid, 'uid-stranger');
  });
});
