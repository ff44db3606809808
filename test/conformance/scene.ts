/** A small cluster in memory: workloads with pods, a Service with endpoints, volumes and snapshots. */
import { pools } from '../../src/api/resources.ts';
import type { Pool } from '../../src/api/pool.ts';
import type { Operation, RunContext } from '../../src/drivers/contract.ts';
import type {
  Deployment,
  EndpointSlice,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodTemplate,
  ReplicaSet,
  Service,
  StatefulSet,
  VolumeSnapshot,
  VolumeSnapshotContent,
} from '../../src/kube/objects.ts';
import * as k from '../../src/kube/resources.ts';
import type { KubeObject, Resource } from '../../src/kube/types.ts';
import { type MemoryClient, createMemoryClient } from '../fakes/memory-client.ts';
import { type ManualClock, createManualClock } from '../fakes/manual-clock.ts';
import { pool } from '../builders/objects.ts';

export const namespace = 'shop';
export const never: AbortSignal = new AbortController().signal;

export interface Cluster {
  readonly clock: ManualClock;
  readonly client: MemoryClient;
}

export function cluster(): Cluster {
  const clock = createManualClock();
  return { clock, client: createMemoryClient({ clock }) };
}

export function context(handles: Readonly<Record<string, string>> = {}): RunContext {
  return { namespace, run: 'portal-1', runUID: 'uid-run-1', upgradeSet: 'portal', user: undefined, handles };
}

export function operation(step = 'g1-drain', handles: Readonly<Record<string, string>> = {}): Operation {
  return { ...context(handles), operation: `uid-run-1/${step}/1` };
}

const poolLabels = { 'belay.dev/pool': 'web' };

export function template(name: string, image = 'portal:1'): PodTemplate {
  return {
    metadata: { labels: { app: name, ...poolLabels } },
    spec: { containers: [{ name: 'portal', image, ports: [{ containerPort: 8080 }] }] },
  };
}

interface WorkloadOptions {
  readonly replicas?: number;
  readonly claims?: boolean;
  readonly spec?: Partial<StatefulSet['spec']>;
}

/** A rolled-out StatefulSet with its pods, all in the pool. */
export function seedStatefulSet(
  { client }: Cluster,
  name = 'web-1',
  { replicas = 1, claims = false, spec = {} }: WorkloadOptions = {},
): StatefulSet {
  const set: StatefulSet = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace, uid: `uid-${name}`, generation: 1 },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: template(name),
      ...(claims
        ? {
            volumeClaimTemplates: [
              { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' }, spec: {} },
            ],
          }
        : {}),
      ...spec,
    },
    status: {
      observedGeneration: 1,
      replicas,
      readyReplicas: replicas,
      updatedReplicas: replicas,
      updateRevision: `${name}-a`,
      currentRevision: `${name}-a`,
    },
  };
  const seeded = seed(client, k.statefulSets, set);
  for (let ordinal = 0; ordinal < replicas; ordinal += 1) seedPod({ client }, seeded, `${name}-${ordinal}`);
  return seeded;
}

/** A Deployment with one ReplicaSet and its pods. */
export function seedDeployment({ client }: Cluster, name = 'web-2', replicas = 1): Deployment {
  const deployment: Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, uid: `uid-${name}`, generation: 1 },
    spec: { replicas, selector: { matchLabels: { app: name } }, template: template(name) },
    status: {
      observedGeneration: 1,
      replicas,
      readyReplicas: replicas,
      updatedReplicas: replicas,
      availableReplicas: replicas,
    },
  };
  const seeded = seed(client, k.deployments, deployment);
  const set: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-5d4f`,
      namespace,
      uid: `uid-${name}-5d4f`,
      labels: { app: name, 'pod-template-hash': '5d4f' },
      ownerReferences: [ownedBy(seeded)],
    },
    spec: { replicas, selector: { matchLabels: { app: name } } },
  };
  const seededSet = seed(client, k.replicaSets, set);
  for (let index = 0; index < replicas; index += 1)
    seedPod({ client }, seededSet, `${name}-5d4f-${index}`, { labels: { app: name, ...poolLabels } });
  return seeded;
}

function ownedBy(owner: KubeObject): { apiVersion: string; kind: string; name: string; uid: string; controller: true } {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    controller: true,
  };
}

interface PodOptions {
  readonly labels?: Record<string, string>;
  readonly ready?: boolean;
  readonly address?: string;
  readonly claim?: string;
}

export function seedPod(
  { client }: Pick<Cluster, 'client'>,
  owner: KubeObject,
  name: string,
  options: PodOptions = {},
): Pod {
  const labels = options.labels ?? { app: owner.metadata.name, ...poolLabels };
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      labels: {
        ...labels,
        ...(owner.kind === 'StatefulSet' ? { 'controller-revision-hash': `${owner.metadata.name}-a` } : {}),
      },
      ownerReferences: [ownedBy(owner)],
    },
    spec: {
      containers: [{ name: 'portal', image: 'portal:1', ports: [{ containerPort: 8080 }] }],
      ...(options.claim === undefined
        ? {}
        : { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: options.claim } }] }),
    },
    status: {
      phase: 'Running',
      podIP: options.address ?? '10.0.0.1',
      conditions: [{ type: 'Ready', status: options.ready === false ? 'False' : 'True' }],
    },
  };
  return seed(client, k.pods, pod);
}

export function seedService({ client }: Cluster, selector: Record<string, string> = poolLabels): Service {
  return seed(client, k.services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace },
    spec: { selector, ports: [{ port: 80, targetPort: 8080 }] },
  });
}

/** What the endpoints controller would do: ready pods with the label are in. */
export function convergeEndpoints({ client }: Cluster): void {
  const inside = client
    .all(k.pods)
    .filter((pod) => pod.metadata.labels?.['belay.dev/pool'] === 'web' && pod.metadata.deletionTimestamp === undefined);
  const slice: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-abc', namespace, labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: inside.map((pod) => ({
      addresses: [pod.status?.podIP ?? ''],
      conditions: { ready: (pod.status?.conditions ?? []).some((condition) => condition.status === 'True') },
      targetRef: { kind: 'Pod', name: pod.metadata.name, uid: pod.metadata.uid ?? '' },
    })),
  };
  seed(client, k.endpointSlices, slice);
}

/** The chart's admission policy: pods of held workloads come without the pool label. */
export function installHoldPolicy({ client }: Cluster): void {
  client.seed(policyResource, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicy',
    metadata: { name: 'belay-held-pods' },
    spec: {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConstraints: { objectSelector: { matchExpressions: [{ key: 'belay.dev/pool', operator: 'Exists' }] } },
    },
  } as KubeObject);
  client.server.admission.push((resource, object) => {
    if (resource.kind !== 'Pod') return undefined;
    const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true);
    const hash = object.metadata.labels?.['pod-template-hash'] ?? '';
    const key =
      owner?.kind === 'ReplicaSet'
        ? `Deployment.${owner.name.slice(0, -hash.length - 1)}`
        : `StatefulSet.${owner?.name ?? ''}`;
    const held = client
      .all(k.configMaps)
      .some((map) => map.metadata.labels?.['belay.dev/held'] === 'true' && map.data?.[key] !== undefined);
    if (!held) return undefined;
    const { 'belay.dev/pool': _, ...labels } = object.metadata.labels ?? {};
    return { ...object, metadata: { ...object.metadata, labels } };
  });
}

export const policyResource: Resource = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingadmissionpolicies',
  kind: 'MutatingAdmissionPolicy',
  namespaced: false,
};

export function seedPool({ client }: Cluster, spec: Parameters<typeof pool>[1] = {}): Pool {
  return client.seed<Pool>(pools, pool('web', { service: { name: 'web' }, ...spec }));
}

/** The scene of most pool tests: two members behind one Service, the policy installed. */
export function servicePool(
  options: { policy?: boolean; spec?: Parameters<typeof pool>[1]; replicas?: number } = {},
): Cluster {
  const scene = cluster();
  seedPool(scene, options.spec);
  seedService(scene);
  seedStatefulSet(scene, 'web-1', { replicas: options.replicas ?? 1 });
  seedDeployment(scene, 'web-2');
  if (options.policy !== false) installHoldPolicy(scene);
  convergeEndpoints(scene);
  return scene;
}

export function seedVolume(
  { client }: Pick<Cluster, 'client'>,
  claim = 'data-web-1-0',
): { claim: PersistentVolumeClaim; volume: PersistentVolume } {
  const bound: PersistentVolumeClaim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: claim,
      namespace,
      uid: `uid-${claim}`,
      labels: { app: 'web-1' },
      annotations: { 'pv.kubernetes.io/bind-completed': 'yes', team: 'shop' },
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'csi',
      resources: { requests: { storage: '1Gi' } },
      volumeName: `pv-${claim}`,
    },
    status: { phase: 'Bound' },
  };
  const volume: PersistentVolume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `pv-${claim}`, uid: `uid-pv-${claim}` },
    spec: {
      persistentVolumeReclaimPolicy: 'Delete',
      storageClassName: 'csi',
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        namespace,
        name: claim,
        uid: `uid-${claim}`,
        resourceVersion: '9',
      },
      csi: { driver: 'csi.example', volumeHandle: `vol-${claim}` },
    },
    status: { phase: 'Bound' },
  };
  return { claim: seed(client, k.persistentVolumeClaims, bound), volume: seed(client, k.persistentVolumes, volume) };
}

/** A snapshot that the storage has taken. */
export function completeSnapshot({ client, clock }: Cluster, name: string, restoreSize = '1Gi'): void {
  const snapshot = client.all(k.volumeSnapshots).find((candidate) => candidate.metadata.name === name);
  if (snapshot === undefined) throw new Error(`no snapshot ${name}`);
  const content: VolumeSnapshotContent = {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshotContent',
    metadata: { name: `content-${name}` },
    spec: {
      driver: 'csi.example',
      deletionPolicy: 'Delete',
      source: { volumeHandle: 'vol' },
      volumeSnapshotRef: { name, namespace, uid: snapshot.metadata.uid ?? '' },
    },
    status: { snapshotHandle: `handle-${name}`, readyToUse: true, restoreSize: 1 << 30 },
  };
  seed(client, k.volumeSnapshotContents, content);
  const status: NonNullable<VolumeSnapshot['status']> = {
    boundVolumeSnapshotContentName: `content-${name}`,
    readyToUse: true,
    restoreSize,
    creationTime: new Date(clock.now()).toISOString(),
  };
  seed(client, k.volumeSnapshots, { ...snapshot, status });
}

/** As `client.seed`, with the type kept. */
export function seed<T extends KubeObject>(client: MemoryClient, resource: Resource<T>, object: T): T {
  return client.seed(resource, object);
}
