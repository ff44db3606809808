import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exited, password, seedCredentials, seedJobPod } from '../../test/conformance/database-harness.ts';
import { cluster, context, namespace, never, seedStatefulSet, type Cluster } from '../../test/conformance/scene.ts';
import type { Job, Pod, StatefulSet } from '../kube/objects.ts';
import { jobs, pods, statefulSets } from '../kube/resources.ts';
import { readStepEvidence } from './step-evidence.ts';

const operation = 'uid-run-1/g1-reboot/1';
const web1 = { kind: 'StatefulSet', name: 'web-1' } as const;

function seedJob({ client }: Cluster, name: string, at: string): Job {
  const env = [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'portal-db', key: 'PGPASSWORD' } } }];
  const template = { spec: { containers: [{ name: 'work', image: 'tools:1', command: ['reboot', '--now'], env }] } };
  return client.seed<Job>(jobs, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      labels: { 'belay.dev/run': 'portal-1' },
      annotations: { 'belay.dev/operation': at },
    },
    spec: { template },
  });
}

describe('what a step left in the namespace (001-120)', () => {
  it('is every Job of this attempt that no driver speaks of, without values of Secrets', async () => {
    const scene = cluster();
    seedCredentials(scene);
    const job = seedJob(scene, 'belay-reboot-1', operation);
    seedJob(scene, 'belay-reboot-0', 'uid-run-1/g1-reboot/0');
    seedJob(scene, 'belay-db-1', operation);
    seedJobPod(scene, job, exited(4, undefined, 'work'));
    scene.client.server.logs.set(`${namespace}/belay-reboot-1-x`, `token ${password}\nno such host\n`);
    const seen = await readStepEvidence(scene.client, context(), { operation, workloads: [] }, never);
    assert.deepEqual(seen, [
      {
        title: 'Job belay-reboot-1',
        facts: [
          ['image', 'tools:1'],
          ['command', '["reboot","--now"]'],
          ['pod', 'belay-reboot-1-x'],
          ['exit code', '4'],
        ],
        output: 'token ***\nno such host\n',
      },
    ]);
  });

  it('is why a server does not run: exit code, restarts, node, and the end of what it wrote', async () => {
    const scene = cluster();
    seedCredentials(scene);
    seedStatefulSet(scene, 'web-1');
    const { client } = scene;
    const [set] = client.all<StatefulSet>(statefulSets);
    const [pod] = client.all<Pod>(pods);
    assert.ok(set !== undefined && pod !== undefined);
    const envFrom = [{ secretRef: { name: 'portal-db' } }];
    const containers = set.spec.template.spec.containers.map((container) => ({ ...container, envFrom }));
    client.seed<StatefulSet>(statefulSets, {
      ...set,
      spec: { ...set.spec, template: { ...set.spec.template, spec: { containers } } },
    });
    client.seed<Pod>(pods, {
      ...pod,
      spec: { ...pod.spec, nodeName: 'node-2' },
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'False' }],
        containerStatuses: [
          {
            name: 'portal',
            ready: false,
            restartCount: 3,
            state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s' } },
            lastState: { terminated: { exitCode: 1, reason: 'Error' } },
          },
        ],
      },
    });
    client.server.logs.set(
      `${namespace}/${pod.metadata.name}`,
      `connecting with ${password}\nschema 42 is not known\n`,
    );
    const seen = await readStepEvidence(client, context(), { operation, workloads: [web1] }, never);
    assert.deepEqual(seen, [
      {
        title: `pod ${pod.metadata.name} is not ready`,
        facts: [
          ['server', 'StatefulSet/web-1'],
          ['node', 'node-2'],
          ['container', 'portal, 3 restarts'],
          ['waiting', 'CrashLoopBackOff: back-off 40s'],
          ['exit code', '1 (Error)'],
        ],
        output: 'connecting with ***\nschema 42 is not known\n',
      },
    ]);
  });

  it('is nothing of a server that runs', async () => {
    const scene = cluster();
    seedStatefulSet(scene, 'web-1');
    assert.deepEqual(await readStepEvidence(scene.client, context(), { operation, workloads: [web1] }, never), []);
  });
});
