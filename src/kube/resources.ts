/** Where the API server serves each built-in kind that Belay touches. */
import type * as k from './objects.ts';
import type { KubeObject, Resource } from './types.ts';

function namespaced<T extends KubeObject>(group: string, version: string, plural: string, kind: string): Resource<T> {
  return { group, version, plural, kind, namespaced: true };
}

function clusterScoped<T extends KubeObject>(
  group: string,
  version: string,
  plural: string,
  kind: string,
): Resource<T> {
  return { group, version, plural, kind, namespaced: false };
}

export const pods = namespaced<k.Pod>('', 'v1', 'pods', 'Pod');
export const services = namespaced<k.Service>('', 'v1', 'services', 'Service');
export const configMaps = namespaced<k.ConfigMap>('', 'v1', 'configmaps', 'ConfigMap');
export const secrets = namespaced<k.Secret>('', 'v1', 'secrets', 'Secret');
export const serviceAccounts = namespaced<k.ServiceAccount>('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const persistentVolumeClaims = namespaced<k.PersistentVolumeClaim>(
  '',
  'v1',
  'persistentvolumeclaims',
  'PersistentVolumeClaim',
);
export const persistentVolumes = clusterScoped<k.PersistentVolume>('', 'v1', 'persistentvolumes', 'PersistentVolume');
export const nodes = clusterScoped<k.Node>('', 'v1', 'nodes', 'Node');
export const namespaces = clusterScoped<k.Namespace>('', 'v1', 'namespaces', 'Namespace');

export const deployments = namespaced<k.Deployment>('apps', 'v1', 'deployments', 'Deployment');
export const statefulSets = namespaced<k.StatefulSet>('apps', 'v1', 'statefulsets', 'StatefulSet');
export const replicaSets = namespaced<k.ReplicaSet>('apps', 'v1', 'replicasets', 'ReplicaSet');
export const daemonSets = namespaced<k.DaemonSet>('apps', 'v1', 'daemonsets', 'DaemonSet');
export const controllerRevisions = namespaced<k.ControllerRevision>(
  'apps',
  'v1',
  'controllerrevisions',
  'ControllerRevision',
);
export const jobs = namespaced<k.Job>('batch', 'v1', 'jobs', 'Job');
export const leases = namespaced<k.Lease>('coordination.k8s.io', 'v1', 'leases', 'Lease');
export const endpointSlices = namespaced<k.EndpointSlice>('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice');
/** The newer of the two Event APIs; both show the same objects. */
export const events = namespaced<k.Event>('events.k8s.io', 'v1', 'events', 'Event');
export const podDisruptionBudgets = namespaced<k.PodDisruptionBudget>(
  'policy',
  'v1',
  'poddisruptionbudgets',
  'PodDisruptionBudget',
);
export const horizontalPodAutoscalers = namespaced<k.HorizontalPodAutoscaler>(
  'autoscaling',
  'v2',
  'horizontalpodautoscalers',
  'HorizontalPodAutoscaler',
);
export const storageClasses = clusterScoped<k.StorageClass>('storage.k8s.io', 'v1', 'storageclasses', 'StorageClass');
export const csiDrivers = clusterScoped<k.CSIDriver>('storage.k8s.io', 'v1', 'csidrivers', 'CSIDriver');

export const volumeSnapshots = namespaced<k.VolumeSnapshot>(
  'snapshot.storage.k8s.io',
  'v1',
  'volumesnapshots',
  'VolumeSnapshot',
);
export const volumeSnapshotClasses = clusterScoped<k.VolumeSnapshotClass>(
  'snapshot.storage.k8s.io',
  'v1',
  'volumesnapshotclasses',
  'VolumeSnapshotClass',
);
export const volumeSnapshotContents = clusterScoped<k.VolumeSnapshotContent>(
  'snapshot.storage.k8s.io',
  'v1',
  'volumesnapshotcontents',
  'VolumeSnapshotContent',
);

export const customResourceDefinitions = clusterScoped<k.CustomResourceDefinition>(
  'apiextensions.k8s.io',
  'v1',
  'customresourcedefinitions',
  'CustomResourceDefinition',
);
/** POST only: `client.post(subjectAccessReviewPath, review)`. */
export const subjectAccessReviewPath = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
export const selfSubjectAccessReviewPath = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** "v1" or "group/version", as in an object's `apiVersion`. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}
