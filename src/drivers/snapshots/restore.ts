import type { PersistentVolume, PersistentVolumeClaim, VolumeSnapshot } from '../../kube/objects.ts';
import { isAlreadyExists, isNotFound } from '../../kube/kube-error.ts';
import {
  persistentVolumeClaims,
  persistentVolumes,
  volumeSnapshotContents,
  volumeSnapshots,
} from '../../kube/resources.ts';
import type { JsonPatchOperation, KubeClient } from '../../kube/types.ts';
import { PauseError, RetryError, userClient } from '../access.ts';
import type { EffectOf, Operation } from '../contract.ts';
import { operationAnnotation, operationMark, pointer, restoredFromAnnotation, runLabel } from '../marks.ts';
import { type ClaimManifest, readManifest } from './manifest.ts';
import {
  isReattached,
  isReplacement,
  placeOfRestore,
  replacesAnnotation,
  unverifiedBecause,
  usersOf,
} from './observe.ts';
import { bytesOf, largerQuantity } from './quantity.ts';

/** On a kept volume: its reclaim policy before, put back when it is no longer kept. */
export const reclaimPolicyAnnotation = 'belay.dev/reclaim-policy';
/** On a kept volume and on snapshots: the claim it is the way back of. */
export const claimAnnotation = 'belay.dev/claim';

/** One step of the restore per call, told from what has the claim's name now; safe to ask at any point and any time again. */
export async function restoreClaim(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'RestoreClaim'>,
  signal: AbortSignal,
): Promise<void> {
  const as = userClient(client, operation);
  const before = readManifest(effect.manifest, effect.claim);
  const now = await as.find(persistentVolumeClaims, { namespace: operation.namespace, name: effect.claim }, signal);
  const place = placeOfRestore(now, before, effect.snapshot);
  if (place.state === 'restored') return;
  if (place.state === 'blocked') throw new RetryError('ClaimTaken', place.message, { afterMs: 5_000 });
  // Looked at again at every step: nothing is deleted for a snapshot that is no way back.
  const snapshot = await needVerified(client, operation, effect, signal);
  await keepVolume(client, operation, before, signal);
  if (now === undefined) await createClaim(as, operation, fromSnapshot(operation, before, snapshot), signal);
  else await deleteUnused(as, operation, now, signal);
}

async function needVerified(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'RestoreClaim'>,
  signal: AbortSignal,
): Promise<VolumeSnapshot> {
  const snapshot = await userClient(client, operation).find(
    volumeSnapshots,
    { namespace: operation.namespace, name: effect.snapshot },
    signal,
  );
  if (snapshot === undefined)
    throw new PauseError('SnapshotUnusable', `VolumeSnapshot ${effect.snapshot} is gone; choose another way back`);
  const bound = snapshot.status?.boundVolumeSnapshotContentName;
  const content = bound === undefined ? undefined : await client.find(volumeSnapshotContents, { name: bound }, signal);
  const problem = unverifiedBecause(snapshot, content, effect.claim);
  if (problem !== '')
    throw new PauseError('SnapshotUnusable', `VolumeSnapshot ${effect.snapshot} cannot be restored: ${problem}`);
  return snapshot;
}

/** The volume survives its claim, and says whose it was. The server's answer is read, not assumed. */
export async function keepVolume(
  client: KubeClient,
  operation: Operation,
  before: ClaimManifest,
  signal: AbortSignal,
): Promise<void> {
  if (before.volume === '') return;
  const volume = await client.find(persistentVolumes, { name: before.volume }, signal);
  if (volume === undefined)
    throw new PauseError(
      'VolumeMissing',
      `PersistentVolume ${before.volume} of claim ${before.claim} is gone; decide by hand whether the restore may go on`,
    );
  if (!isVolumeOf(operation, volume, before)) {
    throw new PauseError(
      'VolumeTaken',
      `PersistentVolume ${before.volume} belongs to another claim than the journal says; nothing was deleted`,
    );
  }
  if (
    volume.spec.persistentVolumeReclaimPolicy === 'Retain' &&
    volume.metadata.annotations?.[reclaimPolicyAnnotation] !== undefined
  )
    return;
  const kept = await patchVolume(client, operation, volume, before, signal);
  if (kept.spec.persistentVolumeReclaimPolicy !== 'Retain') {
    throw new PauseError(
      'VolumeNotKept',
      `PersistentVolume ${before.volume} did not take reclaim policy Retain; nothing was deleted`,
    );
  }
}

/** Bound to the claim the journal knows, or kept for it by a run and bound to a later claim of that name since. */
function isVolumeOf({ namespace }: Operation, { metadata, spec }: PersistentVolume, before: ClaimManifest): boolean {
  const { claimRef } = spec;
  if (claimRef === undefined || claimRef.uid === before.uid) return true;
  if (claimRef.namespace !== namespace || claimRef.name !== before.claim) return false;
  return claimRef.uid === undefined || metadata.annotations?.[claimAnnotation] === `${namespace}/${before.claim}`;
}

function patchVolume(
  client: KubeClient,
  operation: Operation,
  volume: PersistentVolume,
  before: ClaimManifest,
  signal: AbortSignal,
): Promise<PersistentVolume> {
  const { metadata } = volume;
  const policy = metadata.annotations?.[reclaimPolicyAnnotation] ?? before.reclaimPolicy;
  const mark = (group: 'labels' | 'annotations', name: string, value: string): JsonPatchOperation => ({
    op: 'add',
    path: `/metadata/${group}${pointer(name)}`,
    value,
  });
  return client.jsonPatch(
    persistentVolumes,
    { name: metadata.name },
    [
      { op: 'test', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
      { op: 'add', path: '/spec/persistentVolumeReclaimPolicy', value: 'Retain' },
      ...(metadata.labels === undefined ? [{ op: 'add' as const, path: '/metadata/labels', value: {} }] : []),
      ...(metadata.annotations === undefined ? [{ op: 'add' as const, path: '/metadata/annotations', value: {} }] : []),
      mark('labels', runLabel, operation.run),
      mark('annotations', reclaimPolicyAnnotation, policy),
      mark('annotations', claimAnnotation, `${operation.namespace}/${before.claim}`),
      mark('annotations', operationAnnotation, operation.operation),
    ],
    { signal },
  );
}

export async function deleteUnused(
  as: KubeClient,
  operation: Operation,
  claim: PersistentVolumeClaim,
  signal: AbortSignal,
): Promise<void> {
  if (claim.metadata.deletionTimestamp !== undefined) return;
  const users = await usersOf(as, operation.namespace, claim.metadata.name, signal);
  if (users !== '')
    throw new RetryError('ClaimInUse', `claim ${claim.metadata.name} is still used by pods: ${users}`, {
      afterMs: 2_000,
    });
  try {
    const at = { namespace: operation.namespace, name: claim.metadata.name };
    await as.delete(persistentVolumeClaims, at, { signal, uid: claim.metadata.uid ?? '' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** A name taken meanwhile is not an error here: the next look tells whose claim it is. */
export async function createClaim(
  as: KubeClient,
  operation: Operation,
  claim: PersistentVolumeClaim,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  try {
    await as.create(persistentVolumeClaims, claim, { signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

export function claimLike(
  operation: Operation,
  before: ClaimManifest,
  marks: Record<string, string>,
): PersistentVolumeClaim {
  const { accessModes, storageClassName, volumeMode, volumeAttributesClassName } = before.spec;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: before.claim,
      namespace: operation.namespace,
      labels: { ...before.labels },
      annotations: { ...before.annotations, ...operationMark(operation), [replacesAnnotation]: before.uid, ...marks },
    },
    spec: {
      ...(accessModes === undefined ? {} : { accessModes }),
      ...(storageClassName === undefined ? {} : { storageClassName }),
      ...(volumeMode === undefined ? {} : { volumeMode }),
      ...(volumeAttributesClassName === undefined ? {} : { volumeAttributesClassName }),
    },
  };
}

function fromSnapshot(operation: Operation, before: ClaimManifest, snapshot: VolumeSnapshot): PersistentVolumeClaim {
  const claim = claimLike(operation, before, { [restoredFromAnnotation]: snapshot.metadata.name });
  const old = before.spec.resources?.requests?.['storage'];
  // The claim may have been expanded since the snapshot, or the storage may round up: the larger of both fits.
  const storage = largerQuantity(old, snapshot.status?.restoreSize) ?? '1Gi';
  const limit = bytesOf(before.spec.resources?.limits?.['storage'] ?? '');
  const fits = limit !== undefined && limit >= (bytesOf(storage) ?? 0n);
  return {
    ...claim,
    spec: {
      ...claim.spec,
      resources: {
        requests: { storage },
        ...(fits && before.spec.resources?.limits !== undefined ? { limits: before.spec.resources.limits } : {}),
      },
      dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: snapshot.metadata.name },
    },
  };
}

/** The volume from before the restore, under the claim's name again. One step per call, as the restore. */
export async function reattachVolume(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'ReattachVolume'>,
  signal: AbortSignal,
): Promise<void> {
  const as = userClient(client, operation);
  const before = readManifest(effect.manifest, effect.claim);
  if (before.volume === '')
    throw new PauseError('VolumeMissing', `claim ${effect.claim} had no volume before; there is nothing to put back`);
  const now = await as.find(persistentVolumeClaims, { namespace: operation.namespace, name: effect.claim }, signal);
  const isBack = now !== undefined && (now.metadata.uid === before.uid || isReattached(now, before));
  if (isBack && now.metadata.deletionTimestamp === undefined) return;
  if (now !== undefined && !isBack) {
    const from = now.metadata.annotations?.[restoredFromAnnotation];
    if (from === undefined || !isReplacement(now, before, from)) {
      throw new PauseError(
        'ClaimTaken',
        `claim ${effect.claim} was made by somebody else; delete it if it is empty, then the old volume is put back`,
      );
    }
    return deleteUnused(as, operation, now, signal);
  }
  if (now !== undefined) return;
  await freeVolume(client, operation, before, signal);
  const claim = claimLike(operation, before, {});
  const size = before.spec.resources;
  await createClaim(
    as,
    operation,
    {
      ...claim,
      spec: { ...claim.spec, ...(size === undefined ? {} : { resources: size }), volumeName: before.volume },
    },
    signal,
  );
}

/** A released volume remembers the UID of its last claim and binds to no other until that is taken off. */
async function freeVolume(
  client: KubeClient,
  operation: Operation,
  before: ClaimManifest,
  signal: AbortSignal,
): Promise<void> {
  const volume = await client.find(persistentVolumes, { name: before.volume }, signal);
  if (volume === undefined)
    throw new PauseError(
      'VolumeMissing',
      `PersistentVolume ${before.volume} of claim ${before.claim} is gone; restore the claim from its snapshot`,
    );
  const { claimRef } = volume.spec;
  if (claimRef?.uid === undefined && claimRef?.name === before.claim) return;
  if (!isVolumeOf(operation, volume, before)) {
    throw new PauseError(
      'VolumeTaken',
      `PersistentVolume ${before.volume} is claimed by ${claimRef?.namespace ?? ''}/${claimRef?.name ?? ''}; it was not touched`,
    );
  }
  await client.jsonPatch(
    persistentVolumes,
    { name: before.volume },
    [
      { op: 'test', path: '/metadata/resourceVersion', value: volume.metadata.resourceVersion },
      {
        op: 'add',
        path: '/spec/claimRef',
        value: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: operation.namespace, name: before.claim },
      },
    ],
    { signal },
  );
}
