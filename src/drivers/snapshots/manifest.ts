import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  ReclaimPolicy,
} from '../../kube/objects.ts';
import { TerminalError } from '../../shared/errors.ts';

/** What the journal keeps of a claim before it is replaced. */
export interface ClaimManifest {
  readonly claim: string;
  readonly uid: string;
  /** Bound PersistentVolume; empty while unbound. */
  readonly volume: string;
  readonly reclaimPolicy: ReclaimPolicy;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PersistentVolumeClaimSpec;
}

/** Written by the control plane while it binds: a copy of them would claim a binding that is not there. */
const bindingAnnotations: readonly string[] = [
  'pv.kubernetes.io/bind-completed',
  'pv.kubernetes.io/bound-by-controller',
  'volume.beta.kubernetes.io/storage-provisioner',
  'volume.kubernetes.io/storage-provisioner',
  'volume.kubernetes.io/selected-node',
  'volume.kubernetes.io/storage-resizer',
  'kubectl.kubernetes.io/last-applied-configuration',
];

export function describeManifest(claim: PersistentVolumeClaim, volume: PersistentVolume | undefined): ClaimManifest {
  const annotations = Object.entries(claim.metadata.annotations ?? {}).filter(
    ([name]) => !bindingAnnotations.includes(name) && !name.startsWith('belay.dev/'),
  );
  return {
    claim: claim.metadata.name,
    uid: claim.metadata.uid ?? '',
    volume: claim.spec.volumeName ?? '',
    reclaimPolicy: volume?.spec.persistentVolumeReclaimPolicy ?? 'Delete',
    labels: claim.metadata.labels ?? {},
    annotations: Object.fromEntries(annotations),
    spec: claim.spec,
  };
}

/** @throws TerminalError the journal holds something else */
export function readManifest(text: string, claim: string): ClaimManifest {
  try {
    const value: unknown = JSON.parse(text);
    if (
      typeof value === 'object' &&
      value !== null &&
      'uid' in value &&
      'spec' in value &&
      'claim' in value &&
      value.claim === claim
    )
      return value as ClaimManifest;
  } catch (error) {
    throw new TerminalError(
      'ManifestUnreadable',
      `the journal holds no manifest of claim ${claim}; restore it by hand`,
      { cause: error },
    );
  }
  throw new TerminalError('ManifestUnreadable', `the journal holds no manifest of claim ${claim}; restore it by hand`);
}
