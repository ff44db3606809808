/** Objects every test cluster has; names are part of the harness's interface. */
export const driverName = 'csi.belay.dev';

const storageClass = (name: string, volumeBindingMode: string) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name },
  provisioner: driverName,
  reclaimPolicy: 'Delete',
  volumeBindingMode,
});

/** Driver, `belay-immediate` and `belay-wait`; needs no custom kinds. */
export const storageObjects = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIDriver',
      metadata: { name: driverName },
      // Owned by the pod's group like a real disk would be.
      spec: {
        attachRequired: false,
        podInfoOnMount: false,
        fsGroupPolicy: 'File',
        volumeLifecycleModes: ['Persistent'],
      },
    },
    storageClass('belay-immediate', 'Immediate'),
    storageClass('belay-wait', 'WaitForFirstConsumer'),
  ],
};

const snapshotClass = (name: string, parameters: Readonly<Record<string, string>>) => ({
  apiVersion: 'snapshot.storage.k8s.io/v1',
  kind: 'VolumeSnapshotClass',
  metadata: { name },
  driver: driverName,
  deletionPolicy: 'Delete',
  parameters,
});

/** `belay-snapshots`, and `belay-never-ready`, which breaks nobody else; needs the kinds of the snapshot controller. */
export const snapshotObjects = {
  apiVersion: 'v1',
  kind: 'List',
  items: [snapshotClass('belay-snapshots', {}), snapshotClass('belay-never-ready', { snapshotNeverReady: 'true' })],
};
