import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job, Pod } from '../../kube/objects.ts';
import { jobs, pods, secrets } from '../../kube/resources.ts';
import { silentLogger } from '../../shared/logger.ts';
import { cluster, namespace, never, operation, type Cluster } from '../../../test/conformance/scene.ts';
import { createProbeDriver } from './driver.ts';
import { request, runSuite, suiteOf } from './fixture.test.ts';
import { podTemplates } from './job-object.ts';

const image = `registry.example/probe@sha256:${'a'.repeat(64)}`;
const attempts = { interval: '10s', failure: 2, errors: 2 };

type JobStatus = NonNullable<Job['status']>;
type PodStatus = NonNullable<Pod['status']>;

interface World {
  readonly job?: JobStatus;
  readonly pod?: PodStatus;
  readonly log?: string;
}

/** What a cluster does with each Job that appears, once. */
function play(scene: Cluster, world: (index: number) => World): () => void {
  const seen = new Map<string, number>();
  return () => {
    for (const job of scene.client.all(jobs)) {
      const { name } = job.metadata;
      if (seen.has(name)) continue;
      const { job: status, pod, log } = world(seen.size);
      seen.set(name, seen.size);
      const podName = `${name}-x`;
      const labels = { 'batch.kubernetes.io/job-name': name };
      if (pod !== undefined)
        scene.client.seed(pods, {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: podName, namespace, labels },
          spec: job.spec.template.spec,
          status: pod,
        });
      if (log !== undefined) scene.client.server.logs.set(`${namespace}/${podName}`, log);
      if (status !== undefined) scene.client.seed(jobs, { ...job, status });
    }
  };
}

const failed: JobStatus = { conditions: [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }] };
const complete: JobStatus = { conditions: [{ type: 'Complete', status: 'True' }] };
const exited = (exitCode: number): PodStatus => ({
  phase: 'Failed',
  containerStatuses: [{ name: 'probe', ready: false, restartCount: 0, state: { terminated: { exitCode } } }],
});

async function verdictOf(world: (index: number) => World, job: object = { image }, scene = cluster()): Promise<string> {
  const suite = suiteOf({ attempts, probes: [{ name: 'p', job }] });
  const { seen } = await runSuite(suite, {
    wanted: request({ BASE: 'http://a' }),
    scene,
    stepMs: 1_000,
    idleTimers: 2,
    meanwhile: play(scene, world),
  });
  return `${seen.state} ${seen.message.replaceAll(/belay-probe-[0-9a-f]{20}/g, 'JOB')}`;
}

describe('job probes (S-24, 001-70, 001-73)', () => {
  const waiting = (reason: string): PodStatus => ({
    phase: 'Pending',
    containerStatuses: [
      { name: 'probe', ready: false, restartCount: 0, state: { waiting: { reason, message: 'no such image' } } },
    ],
  });
  const late: JobStatus = { conditions: [{ type: 'Failed', status: 'True', reason: 'DeadlineExceeded' }] };
  const cases: Readonly<Record<string, readonly [(index: number) => World, string]>> = {
    'passes when the Job completes': [() => ({ job: complete }), 'passed '],
    'passes at the second attempt': [
      (index) => (index === 0 ? { job: failed, pod: exited(1) } : { job: complete }),
      'passed ',
    ],
    'fails with exit status and log': [
      () => ({ job: failed, pod: exited(3), log: 'trying\nlogin refused\n' }),
      'failed p: Job JOB: exit status 3, want 0; log: trying\nlogin refused (2 in a row)',
    ],
    'cannot tell past the deadline of the Job': [
      () => ({ job: late }),
      'unknown p: Job JOB: Job did not end within 5m (no answer 2 times in a row)',
    ],
    'cannot tell when the image cannot be pulled': [
      () => ({ pod: waiting('ImagePullBackOff') }),
      'unknown p: Job JOB: container cannot start: ImagePullBackOff: no such image (no answer 2 times in a row)',
    ],
    'cannot tell when the pod was evicted': [
      () => ({ job: failed, pod: { ...exited(137), reason: 'Evicted', message: 'node is low on memory' } }),
      'unknown p: Job JOB: pod JOB-x was evicted: node is low on memory (no answer 2 times in a row)',
    ],
  };
  for (const [name, [world, want]] of Object.entries(cases)) {
    it(name, async () => assert.equal(await verdictOf(world), want));
  }

  it('removes a Job that could never start', async () => {
    const scene = cluster();
    await verdictOf(() => ({ pod: waiting('ImagePullBackOff') }), { image }, scene);
    assert.deepEqual(scene.client.all(jobs), []);
  });

  it('gives variables by name and Secrets by reference, and shows neither in the log', async () => {
    const scene = cluster();
    scene.client.seed(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace },
      data: { k: Buffer.from('hunter22').toString('base64') },
    });
    const env = [
      { name: 'PASSWORD', secretKeyRef: { name: 's', key: 'k' } },
      { name: 'URL', value: '${BASE}/x' },
    ];
    const got = await verdictOf(
      () => ({ job: failed, pod: exited(1), log: 'password hunter22 refused' }),
      { image, args: ['--url=${URL}'], env },
      scene,
    );
    assert.equal(got, 'failed p: Job JOB: exit status 1, want 0; log: password *** refused (2 in a row)');
    const [job] = scene.client.all(jobs);
    assert.ok(job !== undefined);
    assert.equal(JSON.stringify(job).includes('hunter22'), false);
    assert.deepEqual(job.spec.template.spec.containers, [
      {
        name: 'probe',
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        image,
        args: ['--url=http://a/x'],
        env: [
          { name: 'BELAY_BASE', value: 'http://a' },
          { name: 'BELAY_RUN', value: 'portal-1' },
          { name: 'BELAY_OPERATION', value: 'uid-run-1/g1-drain/1' },
          { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
          { name: 'URL', value: 'http://a/x' },
        ],
      },
    ]);
    assert.deepEqual(
      {
        labels: job.metadata.labels,
        annotations: job.metadata.annotations,
        owners: job.metadata.ownerReferences,
        ttl: job.spec.ttlSecondsAfterFinished,
      },
      {
        labels: { 'belay.dev/run': 'portal-1', 'belay.dev/upgrade-set': 'portal' },
        annotations: { 'belay.dev/operation': 'uid-run-1/g1-drain/1' },
        owners: undefined,
        ttl: 3_600,
      },
    );
  });

  it('takes up the Job of the same try after a restart', async () => {
    const scene = cluster();
    await verdictOf(() => ({ job: complete }), { image }, scene);
    await verdictOf(() => ({}), { image }, scene);
    assert.equal(scene.client.all(jobs).length, 1);
  });

  for (const [name, end, left] of [
    ['deletes its Job when nobody waits for the answer any more', 'end', 0],
    ['leaves its Job to the next process when this one stops', 'close', 1],
  ] as const) {
    it(name, async () => {
      const scene = cluster();
      const driver = createProbeDriver({ ...scene, logger: silentLogger });
      const suite = suiteOf({ attempts, probes: [{ name: 'p', job: { image } }] });
      await driver.request(operation(), { kind: 'RunProbes', request: request() }, suite, never);
      await scene.clock.advance(2_000);
      assert.equal(scene.client.all(jobs).length, 1);
      if (end === 'end') driver.end(() => true);
      await driver.close();
      assert.equal(scene.client.all(jobs).length, left);
    });
  }

  it('runs a PodTemplate, and cannot tell without it', async () => {
    const scene = cluster();
    assert.match(
      await verdictOf(() => ({}), { podTemplate: 'probe' }, scene),
      /^unknown p: PodTemplate probe does not exist/,
    );
    const template = {
      metadata: { labels: { app: 'probe' } },
      spec: { containers: [{ name: 'main', image }], serviceAccountName: 'prober' },
    };
    scene.client.seed(podTemplates, {
      apiVersion: 'v1',
      kind: 'PodTemplate',
      metadata: { name: 'probe', namespace },
      template,
    });
    assert.equal(await verdictOf(() => ({ job: complete }), { podTemplate: 'probe' }, scene), 'passed ');
    assert.equal(scene.client.all(jobs)[0]?.spec.template.spec.serviceAccountName, 'prober');
  });
});
