import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  cluster,
  context,
  namespace,
  never,
  operation,
  seedStatefulSet,
  type Cluster,
} from '../../../test/conformance/scene.ts';
import type { Job, Node } from '../../kube/objects.ts';
import { jobs, nodes, statefulSets } from '../../kube/resources.ts';
import type { RebootRequest } from '../../planner/effects.ts';
import { PauseError, RetryError } from '../../shared/errors.ts';
import { podTemplates } from '../jobs/one-shot-job.ts';
import { observeReboot, rebootJobName, requestReboot, resetWorkload } from './rebuild.ts';

const request: RebootRequest = {
  id: 'uid-run-1/reboot/1/reboot-0',
  group: 'group-1',
  server: 'web-1',
  workload: { kind: 'StatefulSet', name: 'web-1' },
  node: 'node-1',
  job: { podTemplate: 'tools', args: ['reboot', '${SERVER}'], timeout: '5m' },
  parameters: { FROM_VERSION: '1.2.0', TO_VERSION: '1.1.0' },
};

function scene(): Cluster {
  const made = cluster();
  made.client.seed(podTemplates, {
    apiVersion: 'v1',
    kind: 'PodTemplate',
    metadata: { name: 'tools', namespace },
    template: { spec: { containers: [{ name: 'tools', image: 'tools:1' }], tolerations: [{ operator: 'Exists' }] } },
  });
  return made;
}

function seedNode({ client }: Cluster, bootID: string, ready: boolean): void {
  const node: Node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1' },
    status: { nodeInfo: { bootID }, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
  client.seed(nodes, node);
}

async function madeJob(made: Cluster): Promise<Job> {
  await requestReboot(made.client, operation('reboot'), request, never);
  const [job, ...others] = made.client.all(jobs);
  assert.deepEqual(others, []);
  assert.ok(job !== undefined);
  return job;
}

describe('a workload that is uninstalled', () => {
  it('001-137: keeps nothing of what runs noted of its template, and asking again changes nothing', async () => {
    const made = cluster();
    const set = seedStatefulSet(made, 'web-1');
    const annotations = { 'belay.dev/former-image-owners': 'portal=helm', 'belay.dev/lock': 'uid-run-1', team: 'shop' };
    made.client.seed(statefulSets, { ...set, metadata: { ...set.metadata, annotations } });
    const effect = { kind: 'ResetWorkload', workload: request.workload } as const;
    await resetWorkload(made.client, operation('uninstall'), effect, never);
    const [now] = made.client.all(statefulSets);
    assert.deepEqual(now?.metadata.annotations, {
      'belay.dev/lock': 'uid-run-1',
      'belay.dev/operation': 'uid-run-1/uninstall/1',
      team: 'shop',
    });
    const writes = made.client.server.writes.length;
    await resetWorkload(made.client, operation('uninstall'), effect, never);
    assert.equal(made.client.server.writes.length, writes);
  });
});

describe('the Job of a reboot', () => {
  it('001-138: runs on the node of the server, past the scheduler, with the documented environment', async () => {
    const job = await madeJob(scene());
    const { nodeName, containers, restartPolicy } = job.spec.template.spec;
    assert.deepEqual([nodeName, restartPolicy, job.spec.backoffLimit], ['node-1', 'Never', 0]);
    assert.deepEqual(containers[0]?.args, ['reboot', 'web-1']);
    assert.deepEqual(Object.fromEntries((containers[0]?.env ?? []).map(({ name, value }) => [name, value])), {
      BELAY_FROM_VERSION: '1.2.0',
      BELAY_TO_VERSION: '1.1.0',
      BELAY_OPERATION: 'uid-run-1/reboot/1/reboot-0',
      BELAY_RUN: 'portal-1',
      BELAY_STEP: 'reboot',
      BELAY_GROUP: 'group-1',
      BELAY_SERVER: 'web-1',
      BELAY_WORKLOAD: 'StatefulSet/web-1',
      BELAY_NODE: 'node-1',
    });
  });

  it('is made once, and a Job of its name that was not made for it is not taken for it', async () => {
    const made = scene();
    const job = await madeJob(made);
    await madeJob(made);
    made.client.seed(jobs, { ...job, metadata: { ...job.metadata, annotations: {} } });
    await assert.rejects(requestReboot(made.client, operation('reboot'), request, never), PauseError);
    assert.equal((await observeReboot(made.client, context(), request, never)).state, 'absent');
  });

  it('waits for a PodTemplate that is not there, and says where it is named', async () => {
    await assert.rejects(requestReboot(cluster().client, operation('reboot'), request, never), (error) => {
      assert.ok(error instanceof RetryError);
      assert.match(error.message, /PodTemplate tools, named by spec\.rebuild\.reboot\.job of ServerGroup group-1/);
      return true;
    });
  });

  const ends: Readonly<Record<string, { status: NonNullable<Job['status']>; want: string }>> = {
    'runs while it has no condition': { status: { active: 1 }, want: 'running' },
    'has succeeded when it is complete': {
      status: { conditions: [{ type: 'Complete', status: 'True' }] },
      want: 'succeeded',
    },
    'has failed when it says so': {
      status: { conditions: [{ type: 'Failed', status: 'True', message: 'deadline' }] },
      want: 'failed',
    },
  };
  for (const [name, { status, want }] of Object.entries(ends))
    it(`001-138: ${name}`, async () => {
      const made = scene();
      const job = await madeJob(made);
      made.client.seed(jobs, { ...job, status });
      assert.equal((await observeReboot(made.client, context(), request, never)).state, want);
    });

  it('001-138: the node tells by another boot ID that it has booted, and when it is ready', async () => {
    const made = scene();
    const look = async (): Promise<readonly [string, boolean]> => {
      const { bootID, nodeReady } = await observeReboot(made.client, context(), request, never);
      return [bootID, nodeReady];
    };
    assert.deepEqual(await look(), ['', false], 'a node that is not there is not ready');
    seedNode(made, 'a', true);
    assert.deepEqual(await look(), ['a', true]);
    seedNode(made, 'b', false);
    assert.deepEqual(await look(), ['b', false]);
    assert.equal(made.client.all(jobs).length, 0, rebootJobName(request));
  });
});
