import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Job } from '../../kube/objects.ts';
import { jobs, pods, secrets } from '../../kube/resources.ts';
import { cluster, namespace, type Cluster } from '../../../test/conformance/scene.ts';
import { closeServers, request, runSuite, serve, suiteOf } from './fixture.test.ts';

after(closeServers);

const attempts = { interval: '10s', success: 1, failure: 1, errors: 1 };
const image = `registry.example/probe@sha256:${'a'.repeat(64)}`;

function seedSecret({ client }: Cluster): void {
  const data = { password: Buffer.from('hunter2-and-more').toString('base64') };
  client.seed(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'user', namespace }, data });
}

const env = [{ name: 'PASSWORD', secretKeyRef: { name: 'user', key: 'password' } }];

/** Every Job that appears ends at once. */
function end({ client }: Cluster, exitCode: number, log: string): () => void {
  return () => {
    for (const job of client.all<Job>(jobs).filter(({ status }) => status?.conditions === undefined)) {
      const name = `${job.metadata.name}-x`;
      const labels = { 'batch.kubernetes.io/job-name': job.metadata.name };
      const terminated = { exitCode };
      client.seed(pods, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace, labels },
        spec: { ...job.spec.template.spec, nodeName: 'node-1' },
        status: { containerStatuses: [{ name: 'probe', ready: false, restartCount: 0, state: { terminated } }] },
      });
      client.server.logs.set(`${namespace}/${name}`, log);
      const type = exitCode === 0 ? 'Complete' : 'Failed';
      client.seed(jobs, { ...job, status: { conditions: [{ type, status: 'True' }] } });
    }
  };
}

describe('what tests leave for the deployment log (001-119, 001-120)', () => {
  for (const [exitCode, verdict] of [
    [0, 'passed'],
    [3, 'failed'],
  ] as const) {
    it(`of a Job that ${verdict}: command, pod, node, exit code and output, without values of Secrets`, async () => {
      const scene = cluster();
      seedSecret(scene);
      const suite = suiteOf({ attempts, probes: [{ name: 'launch', job: { image, args: ['launch'], env } }] });
      const { logs } = await runSuite(suite, {
        wanted: request(),
        scene,
        stepMs: 1_000,
        idleTimers: 2,
        meanwhile: end(scene, exitCode, 'using hunter2-and-more\nstarted 3 of 3\n'),
      });
      const [log] = logs;
      const facts = new Map(log?.facts);
      assert.deepEqual(
        [
          log?.title,
          facts.get('verdict'),
          facts.get('command'),
          facts.get('node'),
          facts.get('exit code'),
          log?.output,
        ],
        ['probe launch', verdict, '["launch"]', 'node-1', String(exitCode), 'using ***\nstarted 3 of 3\n'],
      );
    });
  }

  it('of an HTTP test that failed: what was asked, the status, and the body, without values of Secrets', async () => {
    const { base } = await serve((_, response) => {
      response.writeHead(302, { location: '/error?ticket=abc', 'content-type': 'text/plain' });
      response.end('cannot reach the database as hunter2-and-more');
    });
    const scene = cluster();
    seedSecret(scene);
    const http = { url: '${BASE}/login?p=${PASSWORD}', env, expect: { status: [200] } };
    const { logs } = await runSuite(suiteOf({ parameters: [], attempts, probes: [{ name: 'login', http }] }), {
      wanted: request({ BASE: base }),
      scene,
    });
    const [log] = logs;
    assert.deepEqual([log?.title, log?.output], ['probe login', 'cannot reach the database as ***']);
    assert.deepEqual(log?.facts.slice(2), [
      ['asked', `GET ${base}/login?p=***`],
      ['status', '302'],
      ['header content-type', 'text/plain'],
      ['header location', '/error?…'],
    ]);
  });

  it('of an HTTP test that passed: nothing', async () => {
    const { base } = await serve((_, response) => response.end('ok'));
    const suite = suiteOf({ attempts, probes: [{ name: 'login', http: { url: base, expect: { status: [200] } } }] });
    assert.deepEqual((await runSuite(suite)).logs, []);
  });
});
