import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pool } from '../api/pool.ts';
import type { ServerGroup } from '../api/server-group.ts';
import {
  persistentVolumeClaims,
  podDisruptionBudgets,
  services,
  statefulSets,
  volumeSnapshotClasses,
} from '../kube/resources.ts';
import type { StatefulSet, VolumeSnapshotClass } from '../kube/objects.ts';
import { silentLogger } from '../shared/logger.ts';
import { packageOf, pool, serverGroup } from '../../test/builders/objects.ts';
import {
  type Cluster,
  cluster,
  context,
  namespace,
  never,
  seedPool,
  seedService,
  seedStatefulSet,
  seedVolume,
  template,
} from '../../test/conformance/scene.ts';
import { createPoolDriver } from './pools/driver.ts';
import { createPreflightChecks } from './preflight.ts';

interface Scene {
  readonly made: Cluster;
  readonly groups: ServerGroup[];
  readonly pools: Pool[];
}

/** One group with a volume, in a Service pool, with nothing in the way. */
function fine(): Scene {
  const made = cluster();
  seedVolume(made);
  seedStatefulSet(made, 'web-1', { claims: true });
  seedService(made);
  const web = seedPool(made);
  const snapshots: VolumeSnapshotClass = {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshotClass',
    metadata: { name: 'csi' },
    driver: 'csi.example',
    deletionPolicy: 'Delete',
  };
  made.client.seed(volumeSnapshotClasses, snapshots);
  return { made, groups: [serverGroup(1)], pools: [web] };
}

async function reasonsOf({ made, groups, pools }: Scene): Promise<string[]> {
  const checks = createPreflightChecks({
    clock: made.clock,
    client: made.client,
    pools: createPoolDriver({ ...made, logger: silentLogger }),
  });
  const problems = await checks.findProblems(
    context(),
    { groups, pools, suites: [], package: packageOf('1.2.0') },
    never,
  );
  for (const problem of problems) assert.match(problem.message, /\w\)?: [a-z]|, or /, 'names the next move');
  return problems.map(({ reason, object }) => `${reason} ${object}`);
}

function change(made: Cluster, spec: Partial<StatefulSet['spec']>): void {
  const [set] = made.client.all(statefulSets);
  assert.ok(set !== undefined);
  made.client.seed(statefulSets, { ...set, spec: { ...set.spec, ...spec } });
}

const cases: Readonly<
  Record<string, { readonly spoil: (scene: Scene) => Scene | void | Promise<void>; readonly want: readonly string[] }>
> = {
  'nothing is in the way': { spoil: () => {}, want: [] },
  'scaling to zero would delete the data': {
    spoil: ({ made }) => change(made, { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete' } }),
    want: ['ScalingDeletesData statefulset/web-1'],
  },
  'pods wait for somebody to delete them': {
    spoil: ({ made }) => change(made, { updateStrategy: { type: 'OnDelete' } }),
    want: ['UpdateStrategyUnsupported statefulset/web-1'],
  },
  'some pods keep the template before': {
    spoil: ({ made }) => change(made, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } }),
    want: ['UpdateStrategyUnsupported statefulset/web-1'],
  },
  'the Service does not select by the pool label': {
    spoil: ({ made }) => void seedService(made, { app: 'web' }),
    want: ['PoolLabelMissing service/web'],
  },
  'the Service does not exist': {
    spoil: ({ made }) => made.client.delete(services, { namespace, name: 'web' }),
    want: ['ReferenceNotFound pool/web'],
  },
  'the workload finds its pods by the pool label': {
    spoil: ({ made }) => change(made, { selector: { matchLabels: { app: 'web-1', 'belay.dev/pool': 'web' } } }),
    want: ['PoolLabelInSelector statefulset/web-1'],
  },
  'the template lacks the pool label': {
    spoil: ({ made }) => change(made, { template: { ...template('web-1'), metadata: { labels: { app: 'web-1' } } } }),
    want: ['PoolLabelMissing statefulset/web-1'],
  },
  'two Pools are one': {
    spoil: (scene) => ({ ...scene, pools: [...scene.pools, pool('also', { service: { name: 'web' } })] }),
    want: ['PoolAliased pool/web'],
  },
  'a budget allows no disruption: the run says so, where somebody may waive it': {
    spoil: ({ made }) =>
      void made.client.seed(podDisruptionBudgets, {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { namespace, name: 'web', generation: 1 },
        spec: { minAvailable: 1, selector: { matchLabels: { app: 'web-1' } } },
        status: { disruptionsAllowed: 0, observedGeneration: 1 },
      }),
    want: [],
  },
  'there is no snapshot class (S-32)': {
    spoil: (scene) => ({ ...scene, groups: [serverGroup(1, { snapshot: { volumeSnapshotClassName: 'gone' } })] }),
    want: ['SnapshotClassMissing servergroup/group-1'],
  },
  'the snapshot class is for other storage': {
    spoil: ({ made }) => {
      const [found] = made.client.all(volumeSnapshotClasses);
      if (found !== undefined) made.client.seed(volumeSnapshotClasses, { ...found, driver: 'other.example' });
    },
    want: ['SnapshotDriverMismatch persistentvolumeclaim/data-web-1-0'],
  },
  'two workloads use one claim': {
    spoil: (scene) => {
      const { made } = scene;
      const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data-web-1-0' } }];
      const shared = (name: string): StatefulSet['spec']['template'] => ({
        ...template(name),
        spec: { ...template(name).spec, volumes },
      });
      seedStatefulSet(made, 'web-1', { spec: { template: shared('web-1') } });
      seedStatefulSet(made, 'web-2', { spec: { template: shared('web-2') } });
      return { ...scene, groups: [serverGroup(1), serverGroup(2)] };
    },
    want: ['ClaimShared statefulset/web-1'],
  },
  'a claim that a pod needs is missing': {
    spoil: ({ made }) => {
      const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'not-there' } }];
      change(made, { template: { ...template('web-1'), spec: { ...template('web-1').spec, volumes } } });
    },
    want: ['ClaimMissing persistentvolumeclaim/not-there'],
  },
};

describe('preflight against the cluster', () => {
  for (const [name, { spoil, want }] of Object.entries(cases)) {
    it(name, async () => {
      const scene = fine();
      const spoilt = (await spoil(scene)) ?? scene;
      assert.deepEqual(await reasonsOf(spoilt), want);
    });
  }

  it('names the reconciler that owns the images, by a dry run that changes nothing', async () => {
    const scene = fine();
    const spec = { template: { spec: { containers: [{ name: 'portal', image: 'portal:1.1' }] } } };
    const applied = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'web-1', namespace }, spec };
    await scene.made.client.apply(statefulSets, applied, { fieldManager: 'argocd-controller', force: true });
    const writes = scene.made.client.server.writes.length;
    assert.deepEqual(await reasonsOf(scene), ['ManagedByOther statefulset/web-1']);
    assert.equal(scene.made.client.server.writes.length, writes);
    const own = { ...scene, groups: [serverGroup(1, { takeOwnership: true })] };
    assert.deepEqual(await reasonsOf(own), []);
  });

  it('says nothing of claims where the group wants no snapshot', async () => {
    const scene = fine();
    await scene.made.client.delete(persistentVolumeClaims, { namespace, name: 'data-web-1-0' });
    const { snapshot: _, ...spec } = serverGroup(1).spec;
    assert.deepEqual(await reasonsOf({ ...scene, groups: [{ ...serverGroup(1), spec }] }), []);
  });
});
