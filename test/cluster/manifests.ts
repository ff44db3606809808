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

export const snapshotClass = {
  apiVersion: 'snapshot.storage.k8s.io/v1',
  kind: 'VolumeSnapshotClass',
  metadata: { name: 'belay-snapshots' },
  driver: driverName,
  deletionPolicy: 'Delete',
};
