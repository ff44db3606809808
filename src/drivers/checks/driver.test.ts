import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../../kube/kube-error.ts';
import type { Job, Node, PodDisruptionBudget } from '../../kube/objects.ts';
import {
  jobs,
  nodes,
  persistentVolumeClaims,
  podDisruptionBudgets,
  pods,
  storageClasses,
  volumeSnapshotClasses,
  volumeSnapshots,
} from '../../kube/resources.ts';
import type { CheckRequest } from '../../planner/effects.ts';
import { RetryError } from '../../shared/errors.ts';
import { silentLogger } from '../../shared/logger.ts';
import { seedJobPod, setCondition, type PodStatus } from '../../../test/conformance/database-harness.ts';
import {
  cluster,
  completeSnapshot,
  context,
  namespace,
  never,
  operation,
  seedStatefulSet,
  seedVolume,
  type Cluster,
} from '../../../test/conformance/scene.ts';
import type { CheckDriver } from '../contract.ts';
import { podTemplates } from '../jobs/one-shot-job.ts';
import { createCheckDriver } from './driver.ts';

const web1 = { kind: 'StatefulSet', name: 'web-1' } as const;
const image = `registry.example/portal@sha256:${'a'.repeat(64)}`;
const ask = { id: 'uid-run-1/preflight/1/x', workload: web1 } as const;
const pull: CheckRequest = { ...ask, kind: 'Pull', image };
const access: CheckRequest = { ...ask, kind: 'Access', image: '' };
const drill: CheckRequest = { id: ask.id, kind: 'Drill', className: 'csi', workloads: [web1], image: '' };
const budgets: CheckRequest = { id: ask.id, kind: 'Budgets', workloads: [web1] };

interface Play {
  readonly scene: Cluster;
  readonly driver: CheckDriver;
}

function play(): Play {
  const scene = cluster();
  seedStatefulSet(scene, 'web-1', { claims: true });
  seedVolume(scene);
  const classMeta = {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshotClass',
    metadata: { name: 'csi' },
  };
  scene.client.seed(volumeSnapshotClasses, { ...classMeta, driver: 'csi.example', deletionPolicy: 'Delete' });
  return { scene, driver: createCheckDriver({ ...scene, logger: silentLogger }) };
}

async function tell({ driver }: Play, request: CheckRequest): Promise<string> {
  const { state, message, remedy } = await driver.observe(context(), request, never);
  return `${state}: ${message}${remedy === '' ? '' : ` -> ${remedy}`}`.replaceAll(/belay-check-\w+/g, 'NAME');
}

async function run({ driver }: Play, request: CheckRequest): Promise<void> {
  await driver.request(operation('preflight'), { kind: 'RunCheck', request }, never);
}

function place({ scene }: Play, node: string): void {
  for (const pod of scene.client.all(pods)) scene.client.seed(pods, { ...pod, spec: { ...pod.spec, nodeName: node } });
}

function jobOf({ scene }: Play): Job {
  const [job] = scene.client.all(jobs);
  assert.ok(job !== undefined, 'there is no Job');
  return job;
}

type State = NonNullable<NonNullable<PodStatus['containerStatuses']>[number]['state']>;

function seedEnd({ scene }: Play, state: State, end?: 'Complete' | 'Failed'): void {
  const job = jobOf({ scene, driver: {} as never });
  seedJobPod(scene, job, {
    phase: 'Pending',
    containerStatuses: [{ name: 'check', ready: false, restartCount: 0, state }],
  });
  if (end !== undefined) setCondition(scene, job, end);
}

describe('looks of the preflight', () => {
  it('S-20 001-45: a budget that allows no disruption is named with what to do', async () => {
    const made = play();
    assert.match(await tell(made, budgets), /^passed: there are no budgets/);
    const budget: PodDisruptionBudget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { namespace, name: 'web', generation: 1 },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'web-1' } } },
      status: { disruptionsAllowed: 0, observedGeneration: 1 },
    };
    made.scene.client.seed(podDisruptionBudgets, budget);
    assert.match(await tell(made, budgets), /^failed: budgets allow no disruption: web -> mend the pods they count/);
    made.scene.client.seed(podDisruptionBudgets, {
      ...budget,
      status: { disruptionsAllowed: 1, observedGeneration: 1 },
    });
    assert.match(await tell(made, budgets), /^passed: /);
  });

  it('S-20: a budget of others, one that allows a disruption, and one that was not counted yet hold nothing', async () => {
    const made = play();
    const budget = (name: string, app: string, allowed: number, observedGeneration: number): void =>
      void made.scene.client.seed(podDisruptionBudgets, {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { namespace, name, generation: 2 },
        spec: { maxUnavailable: 1, selector: { matchExpressions: [{ key: 'app', operator: 'In', values: [app] }] } },
        status: { disruptionsAllowed: allowed, observedGeneration },
      });
    budget('others', 'mail', 0, 2);
    budget('generous', 'web-1', 1, 2);
    budget('fresh', 'web-1', 0, 1);
    assert.match(await tell(made, budgets), /^passed: no budget is exhausted/);
  });

  it('001-52: volumes without a class are counted; a workload without volumes needs none', async () => {
    const made = play();
    const request: CheckRequest = { id: ask.id, kind: 'Volumes', workloads: [web1] };
    assert.match(await tell(made, request), /^failed: 1 claims have no snapshot class: data-web-1-0/);
    seedStatefulSet(made.scene, 'web-9');
    assert.equal(await tell(made, { ...request, workloads: [{ kind: 'StatefulSet', name: 'web-9' }] }), 'passed: ');
  });

  it('a class that is gone, or that is of another driver, cannot snapshot', async () => {
    const made = play();
    const request: CheckRequest = { id: ask.id, kind: 'Snapshots', className: 'csi', workloads: [web1] };
    assert.match(await tell(made, request), /^passed: csi: 1 claims, 1\.0 GiB/);
    assert.match(
      await tell(made, { ...request, className: 'other' }),
      /^failed: other: VolumeSnapshotClass other does not exist/,
    );
  });

  it('a quota tells whether there is room; without one nobody knows', async () => {
    const made = play();
    const request: CheckRequest = { id: ask.id, kind: 'Space', className: 'csi', workloads: [web1] };
    assert.match(await tell(made, request), /^unknown: csi: 1 snapshots of up to 1\.0 GiB; no quota tells/);
    const quotas = { group: '', version: 'v1', plural: 'resourcequotas', kind: 'ResourceQuota', namespaced: true };
    const counted = 'count/volumesnapshots.snapshot.storage.k8s.io';
    const quota = (used: string) => ({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { namespace, name: 'few' },
      status: { hard: { [counted]: '3' }, used: { [counted]: used } },
    });
    made.scene.client.seed(quotas, quota('1'));
    assert.match(await tell(made, request), /^passed: .*ResourceQuota few leaves 2/);
    made.scene.client.seed(quotas, quota('3'));
    assert.match(await tell(made, request), /^failed: ResourceQuota few leaves 0 snapshots, 1 are needed/);
  });

  it('001-48: a PodTemplate that chooses its machine is the test machine', async () => {
    const made = play();
    const request: CheckRequest = { id: ask.id, kind: 'Machine', podTemplates: ['tester'] };
    assert.match(await tell(made, request), /^failed: no PodTemplate of a probe chooses a machine: tester/);
    const template = { spec: { containers: [{ name: 'x' }], nodeSelector: { role: 'tester' } } };
    const meta = { apiVersion: 'v1', kind: 'PodTemplate', metadata: { namespace, name: 'tester' } };
    made.scene.client.seed(podTemplates, { ...meta, template });
    assert.equal(await tell(made, request), 'passed: PodTemplate tester chooses its machine');
  });

  it('001-49 001-51: an image counts as staged once every node of the workload lists its digest', async () => {
    const made = play();
    const request: CheckRequest = { ...ask, kind: 'Staged', images: [image] };
    assert.match(await tell(made, request), /^unknown: StatefulSet web-1 has no pods, so its nodes are not known/);
    place(made, 'node-1');
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } };
    made.scene.client.seed<Node>(nodes, node);
    assert.match(
      await tell(made, request),
      /^unknown: node node-1 does not list registry\.example\/portal@sha256:a{12}/,
    );
    const images = [{ names: [`mirror.example/portal@sha256:${'a'.repeat(64)}`] }];
    made.scene.client.seed(nodes, { ...node, status: { images } } as Node);
    assert.equal(await tell(made, request), 'passed: 1 images are on node-1');
  });
});

describe('a pull', () => {
  it('001-51: is asked by one Job, however often, that runs nothing of the new release', async () => {
    const made = play();
    assert.equal(await tell(made, pull), 'absent: ');
    await run(made, pull);
    await run(made, pull);
    assert.equal(made.scene.client.all(jobs).length, 1);
    const [container] = jobOf(made).spec.template.spec.containers;
    assert.deepEqual([container?.image, container?.command], [image, ['true']]);
    assert.match(await tell(made, pull), /^running: /);
  });

  it('001-51: passes as soon as the image is there, whatever it makes of the command', async () => {
    const made = play();
    await run(made, pull);
    seedEnd(made, { waiting: { reason: 'RunContainerError', message: 'no such file' } });
    assert.match(await tell(made, pull), /^passed: registry\.example\/portal@sha256:a+ was pulled on/);
  });

  it('001-51: fails with the words of the cluster where the registry does not answer', async () => {
    const made = play();
    await run(made, pull);
    seedEnd(made, { waiting: { reason: 'ImagePullBackOff', message: 'i/o timeout' } });
    assert.match(
      await tell(made, pull),
      /^failed: .* cannot be pulled on a node: i\/o timeout -> load it onto the nodes/,
    );
  });
});

describe('remote access', () => {
  it('001-46: is a Job on the node of the server, with the image it runs, that answers', async () => {
    const made = play();
    place(made, 'node-1');
    await run(made, access);
    const { spec } = jobOf(made).spec.template;
    assert.match(JSON.stringify(spec.affinity), /"metadata\.name","operator":"In","values":\["node-1"\]/);
    assert.equal(spec.containers[0]?.image, 'portal:1');
    seedEnd(made, { terminated: { exitCode: 0 } }, 'Complete');
    assert.match(await tell(made, access), /^passed: StatefulSet web-1: .* answers/);
  });

  it('001-47: is not known where the server has no pod: somebody may attest it', async () => {
    const made = play();
    assert.match(await tell(made, access), /^unknown: StatefulSet web-1 has no pod on a node/);
    await run(made, access);
    assert.deepEqual(made.scene.client.all(jobs), []);
  });

  it('is not known where the image holds no command to run, and fails where nothing ran', async () => {
    const made = play();
    place(made, 'node-1');
    await run(made, access);
    seedEnd(made, { terminated: { exitCode: 128, reason: 'StartError' } }, 'Failed');
    assert.match(await tell(made, access), /^unknown: .* -> name an image with a shell in spec\.preflight\.image/);
    const late = play();
    place(late, 'node-1');
    await run(late, access);
    setCondition(late.scene, jobOf(late), 'Failed', 'DeadlineExceeded');
    assert.match(await tell(late, access), /^failed: .* did not run: no answer within 2m/);
  });
});

describe('a restore drill', () => {
  const made = (): Play => {
    const one = play();
    const meta = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'csi' } };
    one.scene.client.seed(storageClasses, { ...meta, provisioner: 'csi.example', reclaimPolicy: 'Delete' });
    return one;
  };
  const aside = ({ scene }: Play) =>
    scene.client.all(persistentVolumeClaims).filter(({ metadata }) => metadata.name !== 'data-web-1-0');

  async function toTheEnd(one: Play): Promise<void> {
    await run(one, drill);
    const [snapshot] = one.scene.client.all(volumeSnapshots);
    assert.equal(snapshot?.spec.source.persistentVolumeClaimName, 'data-web-1-0');
    completeSnapshot(one.scene, snapshot.metadata.name);
    assert.match(await tell(one, drill), /^working: the snapshot of data-web-1-0 is ready/);
    await run(one, drill);
  }

  it('001-53: snapshots the smallest claim, makes another from it, and reads that without writing', async () => {
    const one = made();
    seedVolume(one.scene, 'data-web-1-1');
    const [small] = one.scene.client.all(persistentVolumeClaims);
    assert.ok(small !== undefined);
    const large = { ...small, metadata: { ...small.metadata, name: 'data-web-1-1' } };
    one.scene.client.seed(persistentVolumeClaims, {
      ...large,
      spec: { ...large.spec, resources: { requests: { storage: '9Gi' } } },
    });
    await run(one, drill);
    assert.deepEqual(
      one.scene.client.all(volumeSnapshots).map(({ spec }) => spec.source.persistentVolumeClaimName),
      ['data-web-1-0'],
    );
  });

  it('001-53: passes with what was read, and leaves nothing behind', async () => {
    const one = made();
    await toTheEnd(one);
    const [claim] = aside(one);
    assert.deepEqual(claim?.spec.dataSource?.kind, 'VolumeSnapshot');
    assert.equal(jobOf(one).spec.template.spec.containers[0]?.volumeMounts?.[0]?.readOnly, true);
    seedEnd(one, { terminated: { exitCode: 0, message: '3 files, 12 KiB, checksum 99' } }, 'Complete');
    assert.match(await tell(one, drill), /^passed: claim data-web-1-0 was restored aside and read .*: 3 files, 12 KiB/);
    await one.driver.request(operation('preflight'), { kind: 'EndCheck', request: drill }, never);
    assert.deepEqual([one.scene.client.all(volumeSnapshots), aside(one), one.scene.client.all(jobs)], [[], [], []]);
    assert.equal(one.scene.client.all(persistentVolumeClaims).length, 1, 'the claim that is used is not touched');
  });

  it('001-53: what the drill made half way is deleted as well, and nothing of others', async () => {
    const one = made();
    await toTheEnd(one);
    const stranger = { apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshot' };
    one.scene.client.seed(volumeSnapshots, {
      ...stranger,
      metadata: { namespace, name: 'mine' },
      spec: { source: {} },
    });
    await one.driver.request(operation('preflight'), { kind: 'EndCheck', request: drill }, never);
    await one.driver.request(operation('preflight'), { kind: 'EndCheck', request: drill }, never);
    assert.deepEqual(
      one.scene.client.all(volumeSnapshots).map(({ metadata }) => metadata.name),
      ['mine'],
    );
  });

  it('001-53: says what the Job said where the volume cannot be read', async () => {
    const one = made();
    await toTheEnd(one);
    const message = 'cat: ./pg_wal/1: Input/output error\n';
    seedEnd(one, { terminated: { exitCode: 1, message } }, 'Failed');
    assert.match(
      await tell(one, drill),
      /^failed: claim data-web-1-0 could not be read from its snapshot: exit 1: cat: .*Input/,
    );
  });

  it('begins nothing that could not be cleared away', async () => {
    const one = made();
    const [found] = one.scene.client.all(volumeSnapshotClasses);
    assert.ok(found !== undefined);
    one.scene.client.seed(volumeSnapshotClasses, { ...found, deletionPolicy: 'Retain' });
    assert.match(await tell(one, drill), /^unknown: VolumeSnapshotClass csi keeps what is deleted/);
  });

  it('gives up on a snapshot that is not ready after ten minutes', async () => {
    const one = made();
    await run(one, drill);
    assert.match(await tell(one, drill), /^running: claim data-web-1-0 is snapshotted/);
    await one.scene.clock.advance(11 * 60_000);
    assert.match(await tell(one, drill), /^failed: the snapshot of claim data-web-1-0 is not ready after 10m/);
  });
});

describe('a request that is refused', () => {
  it('is an answer to the check, and not the end of the run', async () => {
    const made = play();
    made.scene.client.server.admission.push(() => {
      throw new KubeError({ status: 403, reason: 'Forbidden', message: 'jobs is forbidden' });
    });
    await run(made, pull);
    assert.match(await tell(made, pull), /^unknown: jobs is forbidden -> mend that, and it is tried again/);
  });

  it('is asked again where the server was only away', async () => {
    const made = play();
    made.scene.client.server.admission.push(() => {
      throw new KubeError({ status: 503, reason: 'ServiceUnavailable', message: 'away' });
    });
    await assert.rejects(run(made, pull), RetryError);
    assert.equal(await tell(made, pull), 'absent: ');
  });
});

describe('what a release asks of declared facts', () => {
  const facts = JSON.stringify({
    pools: [
      { name: 'web', facts: { minTLS: '1.2', vendor: 'F5' } },
      { name: 'admin', facts: {} },
    ],
  });
  const asked = (expression: string): CheckRequest => ({ id: ask.id, kind: 'Expression', expression, facts });

  it('001-39 001-40: is met, not met, or not known where nobody declared it', async () => {
    const made = play();
    assert.match(await tell(made, asked('pools.exists(p, p.facts.vendor == "F5")')), /^passed: /);
    assert.match(
      await tell(made, asked('pools[0].facts.minTLS >= "1.3"')),
      /^failed: pools\[0\]\.facts\.minTLS >= "1\.3" does not hold/,
    );
    assert.match(
      await tell(made, asked('pools.all(p, p.facts.minTLS >= "1.2")')),
      /^unknown: .* has no answer: .*minTLS -> declare what it asks for in spec\.facts of the Pool/,
    );
    assert.match(
      await tell(made, asked('pools.all(')),
      /^unknown: .* cannot be read: .* -> correct spec\.checks of the Package/,
    );
  });
});
