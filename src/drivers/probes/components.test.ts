import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { after, describe, it } from 'node:test';
import type { ProbeObservation } from '../../planner/observed.ts';
import type { Job, Pod } from '../../kube/objects.ts';
import { jobs, pods, secrets } from '../../kube/resources.ts';
import { cluster, namespace, seedPod, seedStatefulSet, type Cluster } from '../../../test/conformance/scene.ts';
import { Redactor } from '../jobs/redaction.ts';
import { mergeVersions, parseComponents } from './components.ts';
import { closeServers, listen, request, runSuite, serve, suiteOf } from './fixture.test.ts';

const once = { interval: '1s', failure: 1, errors: 1 };
const asks = [
  { name: 'jdk', json: '$.jdk' },
  { name: 'tomcat', header: 'x-tomcat' },
  { name: 'portal', matches: 'build ([0-9.]+)' },
];

const answer =
  (jdk: unknown): RequestListener =>
  (_, out) =>
    out.setHeader('x-tomcat', '10.1.33').end(JSON.stringify({ jdk, about: 'build 1.2.0' }));

async function ask(
  listener: RequestListener,
  components: Record<string, string> | undefined,
  probe: object = {},
): Promise<ProbeObservation> {
  const { base } = await serve(listener);
  const http = { url: `${base}/about`, components: asks };
  const suite = suiteOf({ attempts: once, probes: [{ name: 'about', http, ...probe }] });
  return (await runSuite(suite, { wanted: request({}, components === undefined ? {} : { components }) })).seen;
}

describe('components that a server tells (001-34)', () => {
  after(closeServers);

  it('are read from JSON, a header and the body, and are shown', async () => {
    const seen = await ask(answer('21.0.5'), { jdk: '21.0.5', tomcat: '10.1.33' });
    assert.deepEqual(
      [seen.state, seen.message, seen.components],
      ['passed', '', { jdk: '21.0.5', tomcat: '10.1.33', portal: '1.2.0' }],
    );
  });

  it('pass in any version where nobody says which', async () => {
    const seen = await ask(answer(21), undefined);
    assert.deepEqual([seen.state, seen.components?.['jdk']], ['passed', '21']);
  });

  it('fail in another version than the Package names, and what was seen is kept', async () => {
    const seen = await ask(answer('17.0.9'), { jdk: '21.0.5', tomcat: '10.1.33' });
    assert.deepEqual(
      [seen.state, seen.message, seen.components],
      [
        'failed',
        'about: component jdk is "17.0.9", want "21.0.5" as its Package says (1 in a row)',
        { jdk: '17.0.9', tomcat: '10.1.33', portal: '1.2.0' },
      ],
    );
  });

  it('only warn in a probe that only warns', async () => {
    const seen = await ask(answer('17.0.9'), { jdk: '21.0.5' }, { severity: 'Warn' });
    assert.deepEqual([seen.state, seen.components?.['jdk']], ['passed', '17.0.9']);
    assert.match(seen.message, /^warned: about: component jdk is "17.0.9", want "21.0.5"/);
  });

  const bad: Readonly<Record<string, readonly [jdk: unknown, why: RegExp]>> = {
    'that are not there': [undefined, /component jdk: \$\.jdk selects 0 values, want one/],
    'that are empty': ['', /component jdk: "" is no version: want 1 to 64 characters in one line/],
    'longer than any version': ['1'.repeat(65), /component jdk: "1{65}" is no version/],
    'of null': [null, /component jdk: "null" is no version/],
    'in an object': [{ version: '21' }, /component jdk: "\{.*version.*\}" is no version: want 1 to 64 characters/],
    'of several lines': ['21\n22', /component jdk: "21\\n22" is no version/],
  };
  for (const [title, [jdk, why]] of Object.entries(bad))
    it(`fail with versions ${title}`, async () => {
      const seen = await ask(answer(jdk), undefined);
      assert.equal(seen.state, 'failed');
      assert.match(seen.message, why);
    });

  it('do not hide that the server does not answer well', async () => {
    const seen = await ask((_, out) => out.writeHead(500).end(), { jdk: '21.0.5' });
    assert.deepEqual([seen.message, seen.components], ['about: status 500, want 200 to 299 (1 in a row)', undefined]);
  });

  it('never show the value of a Secret', async () => {
    const scene = cluster();
    const data = { key: Buffer.from('hunter2-hunter2').toString('base64') };
    scene.client.seed(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace }, data });
    const { base } = await serve(answer('hunter2-hunter2'));
    const env = [{ name: 'KEY', secretKeyRef: { name: 's', key: 'key' } }];
    const http = { url: `${base}/about`, env, components: asks };
    const suite = suiteOf({ attempts: once, probes: [{ name: 'about', http }] });
    const { seen } = await runSuite(suite, { scene, wanted: request({}, { components: { jdk: '21.0.5' } }) });
    assert.deepEqual(
      [seen.message, seen.components?.['jdk']],
      ['about: component jdk is "***", want "21.0.5" as its Package says (1 in a row)', '***'],
    );
  });
});

/** `web-1` with two pods at loopback addresses, each with its own JDK. */
async function twoPods(first: string, second: string): Promise<{ scene: Cluster; port: number }> {
  const scene = cluster();
  const set = seedStatefulSet(scene, 'web-1', { replicas: 0 });
  seedPod(scene, set, 'web-1-0', { address: '127.0.0.2' });
  seedPod(scene, set, 'web-1-1', { address: '127.0.0.3' });
  const port = await listen(createServer(answer(first)), '127.0.0.2');
  await new Promise<void>((resolve) => {
    const other = createServer(answer(second)).listen(port, '127.0.0.3', resolve);
    after(() => other.close());
  });
  return { scene, port };
}

describe('components in isolation (001-34, A-14)', () => {
  after(closeServers);

  async function isolated(jdks: readonly [string, string], components?: Record<string, string>) {
    const { scene, port } = await twoPods(...jdks);
    const http = { url: `http://admin-1:${port}/about`, components: asks };
    const workloads = [{ kind: 'StatefulSet', name: 'web-1' }] as const;
    const more = { scope: 'Isolated', workloads, ...(components === undefined ? {} : { components }) } as const;
    const wanted = request({ SERVER: 'admin-1' }, more);
    const suite = suiteOf({ attempts: once, probes: [{ name: 'about', http }] });
    return (await runSuite(suite, { scene, wanted })).seen;
  }

  it('fail with the name of the server and of the pod that was not upgraded', async () => {
    const seen = await isolated(['21.0.5', '17.0.9'], { jdk: '21.0.5' });
    assert.deepEqual(
      [seen.state, seen.message],
      [
        'failed',
        'about: component jdk of admin-1 is "17.0.9", want "21.0.5" as its Package says (pod web-1-1) (1 in a row)',
      ],
    );
  });

  it('show all versions where pods of one server differ and nobody says which is right', async () => {
    const seen = await isolated(['21.0.5', '17.0.9']);
    assert.deepEqual([seen.state, seen.components?.['jdk']], ['passed', '21.0.5, 17.0.9']);
  });
});

describe('components that a Job tells (001-34)', () => {
  async function tell(message: string | undefined, components: Record<string, string> = {}) {
    const scene = cluster();
    const image = `registry.example/probe@sha256:${'a'.repeat(64)}`;
    const suite = suiteOf({ attempts: once, probes: [{ name: 'p', job: { image } }] });
    const complete: Job['status'] = { conditions: [{ type: 'Complete', status: 'True' }] };
    const terminated = { exitCode: 0, ...(message === undefined ? {} : { message }) };
    const status: Pod['status'] = {
      phase: 'Succeeded',
      containerStatuses: [{ name: 'probe', ready: false, restartCount: 0, state: { terminated } }],
    };
    const meanwhile = (): void => {
      for (const job of scene.client.all(jobs)) {
        const { name } = job.metadata;
        if (job.status !== undefined) continue;
        const metadata = { name: `${name}-x`, namespace, labels: { 'batch.kubernetes.io/job-name': name } };
        scene.client.seed(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec: job.spec.template.spec, status });
        scene.client.seed(jobs, { ...job, status: complete });
      }
    };
    const wanted = request({}, { components });
    const { seen } = await runSuite(suite, { scene, wanted, stepMs: 1_000, idleTimers: 2, meanwhile });
    const shown = seen.message.replaceAll(/belay-probe-[0-9a-f]{20}/g, 'JOB');
    return `${seen.state} ${shown} ${JSON.stringify(seen.components ?? {})}`;
  }

  const cases: Readonly<Record<string, readonly [message: string | undefined, want: string]>> = {
    'in its termination message': [
      '{"components": {"jdk": "21.0.5", "tomcat": 10.10}}',
      'passed  {"jdk":"21.0.5","tomcat":"10.10"}',
    ],
    'of which one is of another version': [
      '{"components": {"jdk": "17.0.9"}}',
      'failed p: component jdk is "17.0.9", want "21.0.5" as its Package says (1 in a row) {"jdk":"17.0.9"}',
    ],
    'but none, with no message': [undefined, 'passed  {}'],
    'but none, with words of its own': ['all good', 'passed  {}'],
    'but none, with JSON of its own': ['{"jdk": "17"}', 'passed  {}'],
    'as a list': [
      '{"components": ["jdk"]}',
      'failed p: Job JOB: components in the termination message: want an object such as {"jdk": "21.0.5"} (1 in a row) {}',
    ],
    'under a name that is none': [
      '{"components": {"the JDK": "21"}}',
      'failed p: Job JOB: components in the termination message: "the JDK" is no name of a component, such as "jdk" (1 in a row) {}',
    ],
    'as a truth value': [
      '{"components": {"jdk": true}}',
      'failed p: Job JOB: components in the termination message: jdk: want a text (1 in a row) {}',
    ],
  };
  for (const [title, [message, want]] of Object.entries(cases))
    it(title, async () => assert.equal(await tell(message, { jdk: '21.0.5' }), want));

  it('are no more than a server may have', () => {
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`part-${index}`, '1']));
    const told = parseComponents(JSON.stringify({ components: many }), new Redactor());
    assert.deepEqual(told, { problem: 'components in the termination message: 33 of them, want at most 32' });
    assert.equal(Object.keys(mergeVersions([many, { jdk: '21' }])).length, 32);
  });
});
