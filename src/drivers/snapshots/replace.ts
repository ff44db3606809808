import { persistentVolumeClaims, persistentVolumes } from '../../kube/resources.ts';
import type { PersistentVolumeClaim } from '../../kube/objects.ts';
import type { KubeClient } from '../../kube/types.ts';
import { RetryError, userClient } from '../access.ts';
import type { EffectOf, Operation } from '../contract.ts';
import { restoredFromAnnotation } from '../marks.ts';
import { describeManifest, readManifest, type ClaimManifest } from './manifest.ts';
import { placeOfRestore } from './observe.ts';
import { claimLike, createClaim, deleteUnused, keepVolume } from './restore.ts';

/** What a claim that is made empty says it comes from: told apart from every snapshot, since none has an empty name. */
const nothing = '';

/** The volume outlives its claim from now on; nothing else changes. */
export async function keepClaimsVolume(
  client: KubeClient,
  operation: Operation,
  { claim }: EffectOf<'KeepVolume'>,
  signal: AbortSignal,
): Promise<void> {
  const at = { namespace: operation.namespace, name: claim };
  const now = await userClient(client, operation).find(persistentVolumeClaims, at, signal);
  const name = now?.spec.volumeName ?? '';
  if (now === undefined || name === '') return;
  const volume = await client.find(persistentVolumes, { name }, signal);
  await keepVolume(client, operation, describeManifest(now, volume), signal);
}

/** One step of the replacement per call, told from what has the claim's name now; safe to ask at any point and any time again. */
export async function replaceClaim(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'ReplaceClaim'>,
  signal: AbortSignal,
): Promise<void> {
  const as = userClient(client, operation);
  const before = readManifest(effect.manifest, effect.claim);
  const at = { namespace: operation.namespace, name: effect.claim };
  const now = await as.find(persistentVolumeClaims, at, signal);
  const place = placeOfRestore(now, before, nothing);
  if (place.state === 'restored') return;
  if (place.state === 'blocked') throw new RetryError('ClaimTaken', place.message, { afterMs: 5_000 });
  await keepVolume(client, operation, before, signal);
  if (now === undefined) await createClaim(as, operation, emptyClaim(operation, before), signal);
  else await deleteUnused(as, operation, now, signal);
}

function emptyClaim(operation: Operation, before: ClaimManifest): PersistentVolumeClaim {
  const claim = claimLike(operation, before, { [restoredFromAnnotation]: nothing });
  const { resources } = before.spec;
  return { ...claim, spec: { ...claim.spec, ...(resources === undefined ? {} : { resources }) } };
}
