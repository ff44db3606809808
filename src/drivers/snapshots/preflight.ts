import type { PersistentVolume, PersistentVolumeClaim, StorageClass, VolumeSnapshotClass } from '../../kube/objects.ts';
import type { Problem } from '../../planner/validate.ts';

export interface SnapshotScene {
  /** Such as "servergroup/group-1". */
  readonly object: string;
  readonly className: string;
  /** Undefined: there is none, or the cluster has no snapshot API. */
  readonly snapshotClass: VolumeSnapshotClass | undefined;
  readonly claims: readonly {
    readonly name: string;
    readonly claim: PersistentVolumeClaim | undefined;
    readonly volume: PersistentVolume | undefined;
    readonly storageClass: StorageClass | undefined;
  }[];
}

/** What keeps the volumes of a group from being snapshotted. Pure. */
export function checkSnapshots({ object, className, snapshotClass, claims }: SnapshotScene): Problem[] {
  const problem = (reason: string, where: string, field: string, message: string): Problem => ({
    reason,
    object: where,
    field,
    message,
  });
  if (claims.length === 0) return [];
  if (snapshotClass === undefined) {
    const message = `VolumeSnapshotClass ${className} does not exist: install the snapshot API and create it, or correct the name`;
    return [problem('SnapshotClassMissing', object, 'spec.snapshot.volumeSnapshotClassName', message)];
  }
  return claims.flatMap(({ name, claim, volume, storageClass }) => {
    const where = `persistentvolumeclaim/${name}`;
    if (claim === undefined)
      return [
        problem(
          'ClaimMissing',
          where,
          'metadata.name',
          'a pod needs it and it does not exist: create it, or take it out of the pod template',
        ),
      ];
    if (claim.metadata.deletionTimestamp !== undefined)
      return [
        problem('ClaimMissing', where, 'metadata.deletionTimestamp', 'it is being deleted: wait, or create it again'),
      ];
    const driver = volume?.spec.csi?.driver ?? storageClass?.provisioner;
    if (volume !== undefined && volume.spec.csi === undefined) {
      return [
        problem(
          'VolumeCannotSnapshot',
          where,
          'spec.volumeName',
          `volume ${volume.metadata.name} is not from a CSI driver, so nobody can snapshot it: move the data, or leave snapshot out of the group`,
        ),
      ];
    }
    if (driver === undefined || driver === snapshotClass.driver) return [];
    const message = `its volumes come from ${driver}, VolumeSnapshotClass ${className} snapshots those of ${snapshotClass.driver}: name a class of ${driver}`;
    return [problem('SnapshotDriverMismatch', where, 'spec.storageClassName', message)];
  });
}
