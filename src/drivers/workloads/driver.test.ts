import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  configMaps,
  controllerRevisions,
  deployments,
  horizontalPodAutoscalers,
  pods,
  secrets,
  statefulSets,
} from '../../kube/resources.ts';
import type { StatefulSet } from '../../kube/objects.ts';
import { PauseError, RetryError, TerminalError } from '../../shared/errors.ts';
import { silentLogger } from '../../shared/logger.ts';
import type { SettingChange } from '../../planner/effects.ts';
import type { WorkloadObservation } from '../../planner/observed.ts';
import {
  type Cluster,
  cluster,
  context,
  namespace,
  never,
  operation,
  seedDeployment,
  seedPod,
  seedStatefulSet,
  seedVolume,
} from '../../../test/conformance/scene.ts';
import type { WorkloadDriver } from '../contract.ts';
import { createWorkloadDriver } from './driver.ts';

const web1 = { kind: 'StatefulSet', name: 'web-1' } as const;
const web2 = { kind: 'Deployment', name: 'web-2' } as const;

function driverOf(scene: Cluster): WorkloadDriver {
  return createWorkloadDriver({ client: scene.client, logger: silentLogger });
}

function look(scene: Cluster, workload: typeof web1 | typeof web2 = web1): Promise<WorkloadObservation> {
  return driverOf(scene).observe(context(), workload, never);
}

function setOf(scene: Cluster): StatefulSet {
  const [set] = scene.client.all(statefulSets);
  assert.ok(set !== undefined);
  return set;
}

/** A tool applies its part of the template, as it would again and again. */
async function reconcileBy(scene: Cluster, manager: string): Promise<void> {
  const spec = { template: { metadata: { labels: { managed: 'yes' } } } };
  const object = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'web-1', namespace }, spec };
  await scene.client.apply(statefulSets, object, { fieldManager: manager });
}

describe('workload driver: observe', () => {
  it('sees a rolled-out StatefulSet with its pods and claims', async () => {
    const scene = cluster();
    seedVolume(scene);
    seedStatefulSet(scene, 'web-1', { claims: true });
    const { templateHash, ...seen } = await look(scene);
    assert.match(templateHash, /^[0-9a-f]{64}$/);
    assert.deepEqual(seen, {
      kind: 'StatefulSet',
      name: 'web-1',
      exists: true,
      current: true,
      replicas: 1,
      pods: [
        {
          name: 'web-1-0',
          uid: 'uid-web-1-0',
          ready: true,
          terminating: false,
          images: { portal: 'portal:1' },
          trouble: '',
          address: '10.0.0.1',
        },
      ],
      images: { portal: 'portal:1' },
      rolledOut: true,
      lockedBy: '',
      autoscaled: false,
      claims: [{ claim: 'data-web-1-0', uid: 'uid-data-web-1-0', volume: 'pv-data-web-1-0', restoredFrom: '' }],
      reconcilers: [],
      operation: '',
      lastWriter: 'memory-client',
    });
  });

  it('does not take a stranger for its pod, though the labels match', async () => {
    const scene = cluster();
    seedStatefulSet(scene);
    seedPod(scene, { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'web-1', uid: 'uid-job' } }, 'stranger');
    assert.deepEqual(
      (await look(scene)).pods.map((pod) => pod.name),
      ['web-1-0'],
    );
  });

  it('finds pods of a Deployment through its ReplicaSets', async () => {
    const scene = cluster();
    seedDeployment(scene, 'web-2', 2);
    const seen = await look(scene, web2);
    assert.deepEqual([seen.pods.map((pod) => pod.name), seen.rolledOut], [['web-2-5d4f-0', 'web-2-5d4f-1'], true]);
  });

  it('is not rolled out while a pod runs the template before, or leaves', async () => {
    const scene = cluster();
    const set = seedStatefulSet(scene);
    scene.client.seed(statefulSets, { ...set, status: { ...set.status, updateRevision: 'web-1-b' } });
    assert.equal((await look(scene)).rolledOut, false);
  });

  it('keeps counting the claims in use before the stop', async () => {
    const scene = cluster();
    seedStatefulSet(scene, 'web-1', { claims: true, replicas: 1 });
    for (const ordinal of [0, 1, 2]) seedVolume(scene, `data-web-1-${ordinal}`);
    await driverOf(scene).request(operation('g1-stop'), { kind: 'ScaleWorkload', workload: web1, replicas: 0 }, never);
    assert.deepEqual(
      (await look(scene)).claims.map((claim) => claim.claim),
      ['data-web-1-0'],
    );
  });

  it('names reconcilers, owners and the last writer of the template', async () => {
    const scene = cluster();
    seedStatefulSet(scene);
    const set = setOf(scene);
    scene.client.seed(statefulSets, {
      ...set,
      metadata: {
        ...set.metadata,
        ownerReferences: [{ apiVersion: 'x/v1', kind: 'Portal', name: 'shop', uid: 'u', controller: true }],
      },
    });
    await reconcileBy(scene, 'argocd-controller');
    await scene.clock.advance(2_000);
    const patch = { spec: { template: { metadata: { annotations: { restarted: 'now' } } } } };
    await scene.client.using({ fieldManager: 'kubectl' }).mergePatch(statefulSets, { namespace, name: 'web-1' }, patch);
    const seen = await look(scene);
    assert.deepEqual([seen.reconcilers, seen.lastWriter], [['Portal/shop', 'argocd-controller'], 'kubectl']);
  });

  it('reads the trouble of a pod from the cluster', async () => {
    const scene = cluster();
    seedStatefulSet(scene);
    const [pod] = scene.client.all(pods);
    assert.ok(pod !== undefined);
    const containerStatuses = [
      {
        name: 'portal',
        ready: false,
        restartCount: 3,
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m' } },
      },
    ];
    scene.client.seed(pods, { ...pod, status: { ...pod.status, conditions: [], containerStatuses } });
    assert.equal((await look(scene)).pods[0]?.trouble, 'CrashLoopBackOff: back-off 5m');
  });

  it('takes the word of a StatefulSet for its pods, those on their way out among them', async () => {
    const scene = cluster();
    const set = seedStatefulSet(scene, 'web-1', { replicas: 2 });
    const rolledOutAt = async (replicas: number, counts: StatefulSet['status']): Promise<boolean | undefined> => {
      const status = { observedGeneration: 1, ...counts };
      scene.client.seed(statefulSets, { ...set, spec: { ...set.spec, replicas }, status });
      return (await driverOf(scene).observeObject(context(), web1, never)).rolledOut;
    };
    const all = { replicas: 2, readyReplicas: 2, updatedReplicas: 2 };
    const cases: Readonly<Record<string, [replicas: number, counts: StatefulSet['status'], want: boolean]>> = {
      'every pod is ready and new': [2, all, true],
      'one is not ready': [2, { ...all, readyReplicas: 1 }, false],
      'one is of the template before, or on its way out': [2, { ...all, updatedReplicas: 1 }, false],
      'one too many is there': [2, { ...all, replicas: 3 }, false],
      'its controller has not looked yet': [2, { ...all, observedGeneration: 0 }, false],
      'it is to have none, and one is on its way out': [0, { replicas: 1 }, false],
      'it is to have none, and has none': [0, { replicas: 0 }, true],
    };
    for (const [name, [replicas, counts, want]] of Object.entries(cases))
      assert.equal(await rolledOutAt(replicas, counts), want, name);
  });

  it('asks for no list where the object is enough, and does not take the word of a Deployment', async () => {
    const scene = cluster();
    seedDeployment(scene);
    const verbs: string[] = [];
    scene.client.server.interceptors.push(({ verb }) => void verbs.push(verb));
    const seen = await driverOf(scene).observeObject(context(), web2, never);
    assert.equal(seen.rolledOut, undefined, 'it does not count those on their way out');
    assert.deepEqual(verbs, ['get']);
  });

  it('says that a missing workload does not exist', async () => {
    assert.equal((await look(cluster())).exists, false);
  });
});

describe('workload driver: locks and scale', () => {
  it('locks once, refuses another run and takes over from the one it is told', async () => {
    const scene = cluster();
    seedStatefulSet(scene);
    const driver = driverOf(scene);
    await driver.request(operation(), { kind: 'LockWorkloads', workloads: [web1] }, never);
    assert.equal((await look(scene)).lockedBy, 'uid-run-1');
    const other = { ...operation(), run: 'other', runUID: 'uid-run-2', operation: 'uid-run-2/g1/1' };
    await assert.rejects(driver.request(other, { kind: 'LockWorkloads', workloads: [web1] }, never), RetryError);
    await driver.request(other, { kind: 'UnlockWorkloads', workloads: [web1] }, never);
    assert.equal((await look(scene)).lockedBy, 'uid-run-1', 'only the holder unlocks');
    await driver.request(other, { kind: 'LockWorkloads', workloads: [web1], takeFrom: 'uid-run-1' }, never);
    assert.equal((await look(scene)).lockedBy, 'uid-run-2');
    await driver.request(other, { kind: 'UnlockWorkloads', workloads: [web1] }, never);
    assert.equal((await look(scene)).lockedBy, '');
  });

  it('locks one after the other, up to the one that another run holds, and takes up again where it was stopped', async () => {
    const scene = cluster();
    const names = ['web-a', 'web-b', 'web-c'];
    for (const name of names) seedStatefulSet(scene, name);
    const workloads = names.map((name) => ({ kind: 'StatefulSet', name }) as const);
    const driver = driverOf(scene);
    const other = { ...operation(), run: 'other', runUID: 'uid-run-2', operation: 'uid-run-2/g1/1' };
    await driver.request(other, { kind: 'LockWorkloads', workloads: workloads.slice(1, 2) }, never);
    await assert.rejects(driver.request(operation(), { kind: 'LockWorkloads', workloads }, never), RetryError);
    const holders = (): (string | undefined)[] =>
      scene.client.all(statefulSets).map(({ metadata }) => metadata.annotations?.['belay.dev/lock']);
    assert.deepEqual(holders(), ['uid-run-1', 'uid-run-2', undefined], 'nothing after the refusal');
    await driver.request(other, { kind: 'UnlockWorkloads', workloads }, never);
    await driver.request(operation(), { kind: 'LockWorkloads', workloads }, never);
    assert.deepEqual(holders(), ['uid-run-1', 'uid-run-1', 'uid-run-1']);
  });

  it('looks again where somebody wrote something else in between, and locks it then', async () => {
    const scene = cluster();
    seedStatefulSet(scene);
    scene.client.server.interceptors.push((call) => {
      if (call.verb !== 'mergePatch') return;
      scene.client.server.interceptors.length = 0;
      const set = setOf(scene);
      scene.client.seed(statefulSets, { ...set, metadata: { ...set.metadata, labels: { team: 'shop' } } });
    });
    await driverOf(scene).request(operation(), { kind: 'LockWorkloads', workloads: [web1] }, never);
    const { labels, annotations } = setOf(scene).metadata;
    assert.deepEqual([labels, annotations?.['belay.dev/lock']], [{ team: 'shop' }, 'uid-run-1']);
  });

  it('lets the later of two locks fail when both saw the workload free', async () => {
    const scene = cluster();
    seedStatefulSet(scene);
    scene.client.server.interceptors.push((call) => {
      if (call.verb !== 'mergePatch') return;
      scene.client.server.interceptors.length = 0;
      const set = setOf(scene);
      scene.client.seed(statefulSets, {
        ...set,
        metadata: { ...set.metadata, annotations: { 'belay.dev/lock': 'uid-run-2' } },
      });
    });
    await assert.rejects(
      driverOf(scene).request(operation(), { kind: 'LockWorkloads', workloads: [web1] }, never),
      RetryError,
    );
  });

  it('scales under its own field manager and stamps the operation', async () => {
    const scene = cluster();
    seedStatefulSet(scene, 'web-1', { replicas: 2 });
    await driverOf(scene).request(operation('g1-stop'), { kind: 'ScaleWorkload', workload: web1, replicas: 0 }, never);
    const set = setOf(scene);
    assert.deepEqual(
      [
        set.spec.replicas,
        set.metadata.annotations?.['belay.dev/replicas-before'],
        set.metadata.annotations?.['belay.dev/operation'],
      ],
      [0, '2', 'uid-run-1/g1-stop/1'],
    );
    assert.ok(set.metadata.managedFields?.some((entry) => entry.manager === 'belay-replicas'));
  });

  it('leaves the count of a running autoscaler alone, and wakes it from zero', async () => {
    const scene = cluster();
    seedDeployment(scene, 'web-2', 3);
    scene.client.seed(horizontalPodAutoscalers, {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web-2', namespace },
      spec: { scaleTargetRef: { kind: 'Deployment', name: 'web-2' }, maxReplicas: 5 },
    });
    const driver = driverOf(scene);
    await driver.request(operation(), { kind: 'ScaleWorkload', workload: web2, replicas: 2 }, never);
    assert.equal(scene.client.all(deployments)[0]?.spec.replicas, 3);
    await driver.request(operation(), { kind: 'ScaleWorkload', workload: web2, replicas: 0 }, never);
    await driver.request(operation(), { kind: 'ScaleWorkload', workload: web2, replicas: 2 }, never);
    assert.equal(scene.client.all(deployments)[0]?.spec.replicas, 2);
  });

  it('deletes only pods of the workload that still have the UID', async () => {
    const scene = cluster();
    seedStatefulSet(scene, 'web-1', { replicas: 2 });
    await driverOf(scene).request(
      operation(),
      { kind: 'DeletePods', workload: web1, uids: ['uid-web-1-1', 'uid-gone'] },
      never,
    );
    assert.deepEqual(
      scene.client.all(pods).map((pod) => pod.metadata.name),
      ['web-1-0'],
    );
  });
});

describe('workload driver: templates', () => {
  it('saves, changes and puts back the whole template', async () => {
    const scene = cluster();
    seedStatefulSet(scene);
    const driver = driverOf(scene);
    const before = await look(scene);
    await driver.request(operation(), { kind: 'SaveRevision', workload: web1, revision: 'portal-1-web-1' }, never);
    const [revision] = scene.client.all(controllerRevisions);
    assert.deepEqual(revision?.metadata.ownerReferences, [
      { apiVersion: 'belay.dev/v1alpha1', kind: 'UpgradeRun', name: 'portal-1', uid: 'uid-run-1', controller: false },
    ]);
    assert.equal(revision?.metadata.labels?.['app'], undefined, 'outside the selector of the workload');
    await driver.request(
      operation(),
      { kind: 'ApplyImages', workload: web1, images: { portal: 'portal:2' }, takeOwnership: false },
      never,
    );
    assert.deepEqual((await look(scene)).images, { portal: 'portal:2' });
    await driver.request(operation(), { kind: 'SaveRevision', workload: web1, revision: 'portal-1-web-1' }, never);
    await driver.request(operation(), { kind: 'RestoreTemplate', workload: web1, revision: 'portal-1-web-1' }, never);
    assert.equal((await look(scene)).templateHash, before.templateHash, 'saving twice keeps what was before');
  });

  it('names again what its manager owns, so that no image is lost', async () => {
    const scene = cluster();
    const two = {
      containers: [
        { name: 'portal', image: 'portal:1' },
        { name: 'proxy', image: 'proxy:1' },
      ],
    };
    seedStatefulSet(scene, 'web-1', { spec: { template: { metadata: { labels: { app: 'web-1' } }, spec: two } } });
    const driver = driverOf(scene);
    await driver.request(
      operation(),
      { kind: 'ApplyImages', workload: web1, images: { portal: 'portal:2', proxy: 'proxy:2' }, takeOwnership: false },
      never,
    );
    await driver.request(
      operation(),
      { kind: 'ApplyImages', workload: web1, images: { portal: 'portal:3' }, takeOwnership: false },
      never,
    );
    assert.deepEqual((await look(scene)).images, { portal: 'portal:3', proxy: 'proxy:2' });
  });

  it('writes down whom it took an image from', async () => {
    const scene = cluster();
    const { client } = scene;
    const kubectl = client.using({ fieldManager: 'helm' });
    const metadata = { name: 'web-1', namespace };
    const spec = {
      selector: { matchLabels: { app: 'web-1' } },
      template: {
        metadata: { labels: { app: 'web-1' } },
        spec: { containers: [{ name: 'portal', image: 'portal:1' }] },
      },
    };
    const object = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec };
    await kubectl.apply(statefulSets, object, { fieldManager: 'helm' });
    await driverOf(scene).request(
      operation(),
      { kind: 'ApplyImages', workload: web1, images: { portal: 'portal:2' }, takeOwnership: false },
      never,
    );
    assert.equal(setOf(scene).metadata.annotations?.['belay.dev/former-image-owners'], 'portal=helm');
  });

  it('refuses to fight a reconciler, unless it may take ownership', async () => {
    const scene = cluster();
    seedStatefulSet(scene);
    await reconcileBy(scene, 'kustomize-controller');
    const effect = { kind: 'ApplyImages', workload: web1, images: { portal: 'portal:2' } } as const;
    await assert.rejects(driverOf(scene).request(operation(), { ...effect, takeOwnership: false }, never), PauseError);
    await driverOf(scene).request(operation(), { ...effect, takeOwnership: true }, never);
    assert.deepEqual((await look(scene)).images, { portal: 'portal:2' });
  });

  it('refuses an image for a container that is not there', async () => {
    const scene = cluster();
    seedStatefulSet(scene);
    await assert.rejects(
      driverOf(scene).request(
        operation(),
        { kind: 'ApplyImages', workload: web1, images: { other: 'x' }, takeOwnership: false },
        never,
      ),
      TerminalError,
    );
  });

  it('stalls when the saved template is gone', async () => {
    const scene = cluster();
    seedStatefulSet(scene);
    await assert.rejects(
      driverOf(scene).request(operation(), { kind: 'RestoreTemplate', workload: web1, revision: 'gone' }, never),
      PauseError,
    );
  });
});

describe('workload driver: settings', () => {
  const config = { object: { kind: 'ConfigMap', name: 'conf' }, key: 'server.conf', format: 'Ini' } as const;
  const secret = { object: { kind: 'Secret', name: 'creds' }, key: 'token', format: 'Text' } as const;
  const changes: readonly SettingChange[] = [
    { ...config, mode: 'set', path: 'general/cache', value: 'on' },
    { ...config, mode: 'add', path: 'general/port', value: '1' },
    { ...secret, mode: 'set', path: '', value: 'new' },
  ];

  function scene(): Cluster {
    const made = cluster();
    made.client.seed(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'conf', namespace },
      data: { 'server.conf': '; mine\n[general]\nport = 80\n', other: 'x' },
    });
    made.client.seed(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'creds', namespace },
      data: { token: Buffer.from('old').toString('base64') },
    });
    return made;
  }

  it('saves the values before, changes, sees them as wanted, and puts back exactly what was there', async () => {
    const made = scene();
    const driver = driverOf(made);
    await driver.request(
      operation(),
      { kind: 'SaveSettings', name: 'portal-1-settings', settings: [config, secret] },
      never,
    );
    await driver.request(operation(), { kind: 'ApplySettings', changes }, never);
    assert.equal(made.client.all(configMaps)[0]?.data?.['server.conf'], '; mine\n[general]\nport = 80\ncache = on\n');
    assert.deepEqual(
      [...(await driver.observeSettings(context(), changes, never)).values()],
      ['as-wanted', 'as-wanted', 'as-wanted'],
    );
    const kept = made.client.all(secrets).find((candidate) => candidate.metadata.name === 'portal-1-settings');
    assert.equal(kept?.immutable, true);
    await driver.request(operation(), { kind: 'RestoreSettings', name: 'portal-1-settings' }, never);
    assert.equal(made.client.all(configMaps)[0]?.data?.['server.conf'], '; mine\n[general]\nport = 80\n');
    const creds = made.client.all(secrets).find((candidate) => candidate.metadata.name === 'creds');
    assert.equal(Buffer.from(creds?.data?.['token'] ?? '', 'base64').toString(), 'old');
  });

  it('does not write what is already so', async () => {
    const made = scene();
    const driver = driverOf(made);
    await driver.request(operation(), { kind: 'ApplySettings', changes }, never);
    const writes = made.client.server.writes.length;
    await driver.request(operation(), { kind: 'ApplySettings', changes }, never);
    assert.equal(made.client.server.writes.length, writes);
  });

  it('says which objects are missing', async () => {
    const seen = await driverOf(cluster()).observeSettings(context(), changes, never);
    assert.deepEqual([...seen.values()], ['missing', 'missing', 'missing']);
    assert.deepEqual(
      await driverOf(scene()).observeSaved(
        context(),
        [
          { kind: 'Settings', name: 'none' },
          { kind: 'Settings', name: 'creds' },
        ],
        never,
      ),
      new Set(['creds']),
    );
  });
});
