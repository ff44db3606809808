import type { PersistentVolumeClaim, Pod, VolumeSnapshot, VolumeSnapshotContent } from '../../kube/objects.ts';
import { persistentVolumeClaims, pods, volumeSnapshotContents, volumeSnapshots } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { RestoreObservation, SnapshotObservation } from '../../planner/observed.ts';
import { userClient } from '../access.ts';
import type { RunContext } from '../contract.ts';
import { briefList, restoredFromAnnotation } from '../marks.ts';
import { type ClaimManifest, readManifest } from './manifest.ts';
import { bytesOf } from './quantity.ts';

/** On a claim we made: UID of the claim it replaces, so that another restore's claim is not taken for this one's. */
export const replacesAnnotation = 'belay.dev/replaces';

export async function observeSnapshot(
  client: KubeClient,
  context: RunContext,
  { snapshot, claim }: { readonly snapshot: string; readonly claim: string },
  signal: AbortSignal,
): Promise<SnapshotObservation> {
  const found = await userClient(client, context).find(
    volumeSnapshots,
    { namespace: context.namespace, name: snapshot },
    signal,
  );
  if (found === undefined)
    return { snapshot, exists: false, ready: false, verified: false, createdAt: undefined, error: '' };
  const bound = found.status?.boundVolumeSnapshotContentName;
  const content = bound === undefined ? undefined : await client.find(volumeSnapshotContents, { name: bound }, signal);
  const ready = found.status?.readyToUse === true && found.metadata.deletionTimestamp === undefined;
  const createdAt = Date.parse(found.status?.creationTime ?? '');
  return {
    snapshot,
    exists: true,
    ready,
    verified: ready && unverifiedBecause(found, content, claim) === '',
    createdAt: Number.isNaN(createdAt) ? undefined : createdAt,
    error: ready
      ? unverifiedBecause(found, content, claim)
      : (found.status?.error?.message ?? content?.status?.error?.message ?? ''),
  };
}

/** Why the snapshot is no way back; empty when it is one. A snapshot is only as good as the content it is bound to. */
export function unverifiedBecause(
  snapshot: VolumeSnapshot,
  content: VolumeSnapshotContent | undefined,
  claim: string,
): string {
  const source = snapshot.spec.source.persistentVolumeClaimName;
  if (snapshot.metadata.deletionTimestamp !== undefined) return 'it is being deleted';
  if (source !== claim) return `it is of claim ${source ?? 'unknown'}, not of ${claim}`;
  if (snapshot.status?.readyToUse !== true) return 'it is not ready to use';
  if (content === undefined) return 'it is bound to no content';
  if (content.metadata.deletionTimestamp !== undefined) return 'its content is being deleted';
  if (content.spec.volumeSnapshotRef.uid !== snapshot.metadata.uid) return 'its content belongs to another snapshot';
  if ((content.status?.snapshotHandle ?? '') === '') return 'its content has no handle in the storage';
  const size = bytesOf(snapshot.status.restoreSize ?? '') ?? BigInt(content.status?.restoreSize ?? 0);
  return size > 0n ? '' : 'its size is not known';
}

export async function observeRestore(
  client: KubeClient,
  context: RunContext,
  restore: { readonly claim: string; readonly snapshot: string; readonly manifest: string },
  signal: AbortSignal,
): Promise<RestoreObservation> {
  const { claim, snapshot } = restore;
  const before = readManifest(restore.manifest, claim);
  const now = await userClient(client, context).find(
    persistentVolumeClaims,
    { namespace: context.namespace, name: claim },
    signal,
  );
  return { claim, ...placeOfRestore(now, before, snapshot) };
}

/** Where a restore stands, told from the claim that has the name now. Pure. */
export function placeOfRestore(
  now: PersistentVolumeClaim | undefined,
  before: ClaimManifest,
  snapshot: string,
): Pick<RestoreObservation, 'state' | 'message'> {
  if (now === undefined)
    return { state: 'working', message: `claim ${before.claim} is gone, to be made from ${snapshot}` };
  const leaving = now.metadata.deletionTimestamp !== undefined;
  if (now.metadata.uid === before.uid || isReattached(now, before)) {
    if (leaving) return { state: 'working', message: `waiting until the old claim ${before.claim} is gone` };
    return { state: 'absent', message: `claim ${before.claim} is the one from before` };
  }
  if (isReplacement(now, before, snapshot)) {
    if (leaving)
      return { state: 'blocked', message: `the restored claim ${before.claim} is being deleted by somebody` };
    return { state: 'restored', message: `claim ${before.claim} comes from ${snapshot}` };
  }
  return {
    state: 'blocked',
    message: `claim ${before.claim} was made by somebody else, perhaps by a scale-up; delete it if it is empty, then the restore goes on`,
  };
}

/** The volume from before, put back under the claim's name: as if it had never left. */
export function isReattached(claim: PersistentVolumeClaim, before: ClaimManifest): boolean {
  return (
    before.volume !== '' &&
    claim.spec.volumeName === before.volume &&
    claim.metadata.annotations?.[replacesAnnotation] === before.uid
  );
}

/** Did we make this claim in place of the one before, from this snapshot? */
export function isReplacement(claim: PersistentVolumeClaim, before: ClaimManifest, snapshot: string): boolean {
  const annotations = claim.metadata.annotations ?? {};
  return annotations[replacesAnnotation] === before.uid && annotations[restoredFromAnnotation] === snapshot;
}

/** Names of pods that use the claim and have not ended; "one, two and 3 more". */
export async function usersOf(
  client: KubeClient,
  namespace: string,
  claim: string,
  signal: AbortSignal,
): Promise<string> {
  const { items } = await client.list(pods, { namespace }, signal);
  const using = items.filter(
    (pod) => uses(pod, claim) && pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed',
  );
  return briefList(using.map((pod) => pod.metadata.name));
}

function uses(pod: Pod, claim: string): boolean {
  return (pod.spec.volumes ?? []).some((volume) => volume.persistentVolumeClaim?.claimName === claim);
}
