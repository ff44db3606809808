import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exited, seedJobPod } from '../../../test/conformance/database-harness.ts';
import {
  cluster,
  context,
  namespace,
  never,
  operation,
  seedStatefulSet,
  type Cluster,
} from '../../../test/conformance/scene.ts';
import type { Job, Pod, PodSpec } from '../../kube/objects.ts';
import { jobs, pods } from '../../kube/resources.ts';
import type { CheckRequest } from '../../planner/effects.ts';
import type { CheckObservation } from '../../planner/observed.ts';
import { RetryError } from '../../shared/errors.ts';
import { silentLogger } from '../../shared/logger.ts';
import type { CheckDriver } from '../contract.ts';
import { podTemplates } from '../jobs/one-shot-job.ts';
import { createCheckDriver } from './driver.ts';

const request: CheckRequest = {
  kind: 'Hook',
  id: 'uid-run-1/g1-hook-copy/1/web-1',
  group: 'group-1',
  hook: 'copy',
  server: 'web-1',
  workload: { kind: 'StatefulSet', name: 'web-1' },
  job: { podTemplate: 'tools', args: ['copy', '/data', '/copies/${SERVER}'], timeout: '10m' },
  parameters: { APP: 'a', ROLE: 'web', AT: 'BeforeRun', FROM_VERSION: '1.1.0', TO_VERSION: '1.2.0' },
};

interface Play {
  readonly scene: Cluster;
  readonly driver: CheckDriver;
}

/** @param spec of the PodTemplate; undefined: there is none */
function play(spec: Partial<PodSpec> | undefined = {}): Play {
  const scene = cluster();
  seedStatefulSet(scene, 'web-1');
  for (const pod of scene.client.all<Pod>(pods))
    scene.client.seed<Pod>(pods, { ...pod, spec: { ...pod.spec, nodeName: 'node-1' } });
  const containers = [{ name: 'tools', image: 'tools:1' }];
  scene.client.seed(podTemplates, {
    apiVersion: 'v1',
    kind: 'PodTemplate',
    metadata: { name: 'tools', namespace },
    template: { spec: { containers, ...spec } },
  });
  return { scene, driver: createCheckDriver({ ...scene, logger: silentLogger }) };
}

async function ask({ driver }: Play, what: CheckRequest = request): Promise<void> {
  await driver.request(operation('g1-hook-copy'), { kind: 'RunCheck', request: what }, never);
}

async function look({ driver }: Play, what: CheckRequest = request): Promise<CheckObservation> {
  return driver.observe(context(), what, never);
}

async function madeJob(played: Play): Promise<Job> {
  await ask(played);
  const [job, ...others] = played.scene.client.all<Job>(jobs);
  assert.deepEqual(others, []);
  assert.ok(job !== undefined);
  return job;
}

describe('the Job of a hook', () => {
  it('001-62: is told which server it is for, mounts what is that server’s, and runs beside it', async () => {
    const job = await madeJob(
      play({
        volumes: [
          { name: 'data', persistentVolumeClaim: { claimName: 'data-${SERVER}-0', readOnly: true } },
          { name: 'host', hostPath: { path: '/srv/${APP}' } },
        ],
      }),
    );
    const { containers, volumes, affinity, tolerations, restartPolicy } = job.spec.template.spec;
    assert.deepEqual([restartPolicy, job.spec.backoffLimit, job.spec.activeDeadlineSeconds], ['Never', 0, 600]);
    assert.deepEqual(containers[0]?.args, ['copy', '/data', '/copies/web-1']);
    assert.deepEqual(volumes, [
      { name: 'data', persistentVolumeClaim: { claimName: 'data-web-1-0', readOnly: true } },
      { name: 'host', hostPath: { path: '/srv/a' } },
    ]);
    assert.match(JSON.stringify(affinity), /"metadata\.name","operator":"In","values":\["node-1"\]/);
    assert.deepEqual(tolerations, [{ operator: 'Exists' }]);
    assert.deepEqual(Object.fromEntries((containers[0]?.env ?? []).map(({ name, value }) => [name, value])), {
      BELAY_APP: 'a',
      BELAY_ROLE: 'web',
      BELAY_AT: 'BeforeRun',
      BELAY_FROM_VERSION: '1.1.0',
      BELAY_TO_VERSION: '1.2.0',
      BELAY_OPERATION: 'uid-run-1/g1-hook-copy/1/web-1',
      BELAY_RUN: 'portal-1',
      BELAY_STEP: 'g1-hook-copy',
      BELAY_GROUP: 'group-1',
      BELAY_HOOK: 'copy',
      BELAY_SERVER: 'web-1',
      BELAY_WORKLOAD: 'StatefulSet/web-1',
      BELAY_NODE: 'node-1',
    });
  });

  it('001-54: runs where its template says, when it says so', async () => {
    const { affinity, nodeSelector, tolerations } = (await madeJob(play({ nodeSelector: { tools: 'yes' } }))).spec
      .template.spec;
    assert.deepEqual([affinity, nodeSelector, tolerations], [undefined, { tools: 'yes' }, undefined]);
  });

  it('001-54: is made once, whoever asks again, and a Job of its name that is somebody else’s is not taken for it', async () => {
    const played = play();
    assert.equal((await look(played)).state, 'absent');
    const job = await madeJob(played);
    await madeJob(played);
    played.scene.client.seed<Job>(jobs, { ...job, metadata: { ...job.metadata, annotations: {} } });
    await ask(played);
    const seen = await look(played);
    assert.equal(seen.state, 'unknown');
    assert.match(seen.message, /exists and was not made for uid-run-1\/g1-hook-copy\/1\/web-1; delete or rename it/);
  });

  it('001-54: waits for a PodTemplate that is not there, and says where it is named', async () => {
    const what: CheckRequest = { ...request, job: { podTemplate: 'tool', timeout: '5m' } };
    await assert.rejects(ask(play(), what), (error) => {
      assert.ok(error instanceof RetryError);
      assert.match(error.message, /PodTemplate tool, named by spec\.hooks\[copy\]\.job of ServerGroup group-1/);
      return true;
    });
  });

  it('001-54: what its texts cannot be filled with is its answer, and does not end the run', async () => {
    const what: CheckRequest = { ...request, job: { podTemplate: 'tools', args: ['${BACKUP}'], timeout: '5m' } };
    const played = play();
    await ask(played, what);
    const { state, message } = await look(played, what);
    assert.equal(state, 'unknown');
    assert.match(message, /uses \$\{BACKUP\}, which has no value here/);
  });

  const ends: Readonly<Record<string, { status: NonNullable<Job['status']>; want: string }>> = {
    'runs while it has no condition': { status: { active: 1 }, want: 'running ' },
    'has passed when it is complete': {
      status: { conditions: [{ type: 'Complete', status: 'True' }] },
      want: 'passed Job belay-hook-',
    },
    'has failed with the exit status of its container': {
      status: { conditions: [{ type: 'Failed', status: 'True', message: 'backoff limit' }] },
      want: 'failed exit status 3',
    },
  };
  for (const [name, { status, want }] of Object.entries(ends))
    it(`001-54: ${name}`, async () => {
      const played = play();
      const job = await madeJob(played);
      const ended = played.scene.client.seed<Job>(jobs, { ...job, status });
      if (want.startsWith('failed')) seedJobPod(played.scene, ended, exited(3, undefined, 'tools'));
      const seen = await look(played);
      assert.equal(`${seen.state} ${seen.message}`.slice(0, want.length), want);
    });
});
