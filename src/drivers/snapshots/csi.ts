import type { VolumeSnapshot } from '../../kube/objects.ts';
import { isAlreadyExists, isNotFound } from '../../kube/kube-error.ts';
import {
  controllerRevisions,
  persistentVolumeClaims,
  persistentVolumes,
  volumeSnapshots,
} from '../../kube/resources.ts';
import type { KubeClient, Resource } from '../../kube/types.ts';
import { assertNever } from '../../shared/assert.ts';
import type { Logger } from '../../shared/logger.ts';
import { PauseError, call, userClient } from '../access.ts';
import type { EffectOf, Operation, SnapshotDriver } from '../contract.ts';
import { operationMark, ownLabels, pointer, runLabel } from '../marks.ts';
import { describeManifest } from './manifest.ts';
import { observeRestore, observeSnapshot } from './observe.ts';
import { keepClaimsVolume, replaceClaim } from './replace.ts';
import { claimAnnotation, reattachVolume, reclaimPolicyAnnotation, restoreClaim } from './restore.ts';

export interface SnapshotDriverOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
}

/**
 * CSI snapshots, and a restore that keeps the claim's name and loses no volume: design 4.3. Cluster-scoped objects
 * are read and patched with the operator's own identity, everything in the namespace as the run's user.
 */
export function createSnapshotDriver({ client, logger }: SnapshotDriverOptions): SnapshotDriver {
  return {
    observe: (context, snapshot, signal) =>
      call(`looking at VolumeSnapshot ${snapshot.snapshot}`, signal, () =>
        observeSnapshot(client, context, snapshot, signal),
      ),
    observeRestore: (context, restore, signal) =>
      call(`looking at claim ${restore.claim}`, signal, () => observeRestore(client, context, restore, signal)),
    describeClaim: (context, claim, signal) =>
      call(`reading claim ${claim}`, signal, async () => {
        const found = await userClient(client, context).get(
          persistentVolumeClaims,
          { namespace: context.namespace, name: claim },
          signal,
        );
        const name = found.spec.volumeName ?? '';
        const volume = name === '' ? undefined : await client.find(persistentVolumes, { name }, signal);
        return JSON.stringify(describeManifest(found, volume));
      }),
    request: (operation, effect, signal) =>
      call(`${effect.kind} of ${'claim' in effect ? effect.claim : effect.object.name}`, signal, () => {
        logger.info('Requesting a change of storage', { effect: effect.kind, operation: operation.operation });
        return perform(client, operation, effect, signal);
      }),
  };
}

function perform(
  client: KubeClient,
  operation: Operation,
  effect: Parameters<SnapshotDriver['request']>[1],
  signal: AbortSignal,
): Promise<void> {
  switch (effect.kind) {
    case 'CreateSnapshot':
      return createSnapshot(client, operation, effect, signal);
    case 'RestoreClaim':
      return restoreClaim(client, operation, effect, signal);
    case 'ReattachVolume':
      return reattachVolume(client, operation, effect, signal);
    case 'KeepVolume':
      return keepClaimsVolume(client, operation, effect, signal);
    case 'ReplaceClaim':
      return replaceClaim(client, operation, effect, signal);
    case 'ReleaseRetained':
      return releaseRetained(client, operation, effect, signal);
    default:
      return assertNever(effect);
  }
}

async function createSnapshot(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'CreateSnapshot'>,
  signal: AbortSignal,
): Promise<void> {
  const as = userClient(client, operation);
  const at = { namespace: operation.namespace, name: effect.snapshot };
  const existing = await as.find(volumeSnapshots, at, signal);
  if (existing !== undefined) {
    if (existing.spec.source.persistentVolumeClaimName === effect.claim) return;
    throw new PauseError(
      'NameTaken',
      `VolumeSnapshot ${effect.snapshot} exists and is not of claim ${effect.claim}; delete or rename it`,
    );
  }
  const snapshot: VolumeSnapshot = {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    // No owner reference: deleting a run must not delete the way back.
    metadata: {
      ...at,
      labels: ownLabels(operation),
      annotations: { ...operationMark(operation), [claimAnnotation]: effect.claim },
    },
    spec: { volumeSnapshotClassName: effect.className, source: { persistentVolumeClaimName: effect.claim } },
  };
  try {
    await as.create(volumeSnapshots, snapshot, { signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

/** Only what carries a run's label goes; a volume gets the reclaim policy back that it had, and its fate with it. */
async function releaseRetained(
  client: KubeClient,
  operation: Operation,
  { object }: EffectOf<'ReleaseRetained'>,
  signal: AbortSignal,
): Promise<void> {
  if (object.kind === 'PersistentVolume') return releaseVolume(client, object.name, signal);
  if (object.kind !== 'VolumeSnapshot' && object.kind !== 'ControllerRevision') {
    throw new PauseError('Unsupported', `${object.kind} ${object.name} is nothing that a run keeps; delete it by hand`);
  }
  const as = userClient(client, operation);
  const resource: Resource = object.kind === 'VolumeSnapshot' ? volumeSnapshots : controllerRevisions;
  const at = { namespace: operation.namespace, name: object.name };
  const found = await as.find(resource, at, signal);
  if (found?.metadata.labels?.[runLabel] === undefined || found.metadata.deletionTimestamp !== undefined) return;
  try {
    await as.delete(resource, at, { signal, uid: found.metadata.uid ?? '' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function releaseVolume(client: KubeClient, name: string, signal: AbortSignal): Promise<void> {
  const volume = await client.find(persistentVolumes, { name }, signal);
  const policy = volume?.metadata.annotations?.[reclaimPolicyAnnotation];
  if (volume === undefined || policy === undefined) return;
  await client.jsonPatch(
    persistentVolumes,
    { name },
    [
      { op: 'test', path: '/metadata/resourceVersion', value: volume.metadata.resourceVersion },
      { op: 'add', path: '/spec/persistentVolumeReclaimPolicy', value: policy },
      { op: 'remove', path: `/metadata/annotations${pointer(reclaimPolicyAnnotation)}` },
      ...(volume.metadata.labels?.[runLabel] === undefined
        ? []
        : [{ op: 'remove' as const, path: `/metadata/labels${pointer(runLabel)}` }]),
    ],
    { signal },
  );
}
