import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { after, describe, it } from 'node:test';
import { pods, secrets } from '../../kube/resources.ts';
import { createSelfSigned } from '../../../test/fakes/self-signed.ts';
import {
  cluster,
  namespace,
  seedDeployment,
  seedPod,
  seedStatefulSet,
  type Cluster,
} from '../../../test/conformance/scene.ts';
import { closeServers, listen, request, runSuite, serveTls, suiteOf } from './fixture.test.ts';
import { portFor } from './session.ts';

const once = { interval: '1s', failure: 1, errors: 1 };
const workloads = [{ kind: 'StatefulSet', name: 'web-1' }] as const;

/** web-1 with two pods at loopback addresses. */
function twoPods(): Cluster {
  const scene = cluster();
  const set = seedStatefulSet(scene, 'web-1', { replicas: 0 });
  seedPod(scene, set, 'web-1-0', { address: '127.0.0.2' });
  seedPod(scene, set, 'web-1-1', { address: '127.0.0.3' });
  return scene;
}

/** One handler at the same port of both addresses. */
async function servePods(handler: RequestListener): Promise<number> {
  const port = await listen(createServer(handler), '127.0.0.2');
  await new Promise<void>((resolve) => {
    const second = createServer(handler).listen(port, '127.0.0.3', resolve);
    after(() => second.close());
  });
  return port;
}

async function verdictOf(scene: Cluster, probe: object, parameters: Record<string, string> = {}): Promise<string> {
  const wanted = request(parameters, { scope: 'Isolated', workloads });
  const { seen } = await runSuite(suiteOf({ attempts: once, probes: [{ name: 'p', ...probe }] }), { wanted, scene });
  return `${seen.state} ${seen.message}`;
}

describe('probes in isolation (A-14)', () => {
  after(closeServers);

  it('connect to every pod, with the host of the URL in the request', async () => {
    const asked: string[] = [];
    const port = await servePods(({ headers, socket, url }, out) => {
      asked.push(`${socket.localAddress ?? ''} ${headers.host ?? ''} ${url ?? ''}`);
      out.end();
    });
    const got = await verdictOf(
      twoPods(),
      { http: { url: '${BASE}/x' } },
      { BASE: 'http://${SERVER}:${PORT}', SERVER: 'admin-1', PORT: String(port) },
    );
    assert.equal(got, 'passed ');
    assert.deepEqual(asked, [`127.0.0.2 admin-1:${port} /x`, `127.0.0.3 admin-1:${port} /x`]);
  });

  it('fail when one pod fails, and name it', async () => {
    const port = await servePods(({ socket }, out) =>
      out.writeHead(socket.localAddress === '127.0.0.3' ? 500 : 200).end(),
    );
    const got = await verdictOf(twoPods(), { http: { url: `http://web-1:${port}` } });
    assert.equal(got, 'failed p: status 500, want 200 to 299 (pod web-1-1) (1 in a row)');
  });

  it('keep a session for each pod', async () => {
    const asked: string[] = [];
    const port = await servePods(({ headers, socket, url }, out) => {
      asked.push(`${socket.localAddress ?? ''} ${url ?? ''} ${headers.cookie ?? ''}`);
      if (url === '/in') out.setHeader('set-cookie', `at=${socket.localAddress ?? ''}`);
      out.end(JSON.stringify({ session: socket.localAddress }));
    });
    const base = `http://web-1:${port}`;
    const suite = suiteOf({
      attempts: once,
      probes: [
        { name: 'in', http: { url: `${base}/in`, capture: [{ name: 'S', json: '$.session' }] } },
        { name: 'home', http: { url: `${base}/\${S}` } },
      ],
    });
    const { seen } = await runSuite(suite, { wanted: request({}, { scope: 'Isolated', workloads }), scene: twoPods() });
    assert.equal(seen.state, 'passed', seen.message);
    assert.deepEqual(asked.slice(2), ['127.0.0.2 /127.0.0.2 at=127.0.0.2', '127.0.0.3 /127.0.0.3 at=127.0.0.3']);
  });

  it('do not follow a redirect away from the pod', async () => {
    const port = await servePods((_in, out) => out.writeHead(302, { location: 'http://portal.example/' }).end());
    const got = await verdictOf(twoPods(), { http: { url: `http://web-1:${port}`, followRedirects: 3 } });
    assert.match(
      got,
      /^failed p: redirected to "http:\/\/portal\.example", away from the pod under test \(pod web-1-0\)/,
    );
  });

  it('compare the certificate with the name, not with the address of the pod', async () => {
    const pair = createSelfSigned();
    const scene = cluster();
    seedPod(scene, seedStatefulSet(scene, 'web-1', { replicas: 0 }), 'web-1-0', { address: '127.0.0.1' });
    scene.client.seed(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'ca', namespace },
      data: { c: Buffer.from(pair.cert).toString('base64') },
    });
    const port = await serveTls(pair, (_in, out) => out.end());
    const caFrom = { name: 'ca', key: 'c' };
    assert.equal(await verdictOf(scene, { http: { url: `https://localhost:${port}`, tls: { caFrom } } }), 'passed ');
    assert.equal(await verdictOf(scene, { tls: { host: 'localhost', port, caFrom } }), 'passed ');
    assert.match(
      await verdictOf(scene, { tls: { host: 'portal.example', port, caFrom } }),
      /^failed p: certificate is for another name/,
    );
  });

  it('have no answer without pods, or with one that is not ready: unknown is not yes', async () => {
    const none = cluster();
    assert.match(
      await verdictOf(none, { tcp: { host: 'x', port: 1 } }),
      /^unknown p: StatefulSet\/web-1 does not exist/,
    );
    const set = seedStatefulSet(none, 'web-1', { replicas: 0 });
    assert.match(await verdictOf(none, { tcp: { host: 'x', port: 1 } }), /^unknown p: StatefulSet\/web-1 has no pods/);
    seedPod(none, set, 'web-1-0', { ready: false });
    assert.match(await verdictOf(none, { tcp: { host: 'x', port: 1 } }), /^unknown p: pod web-1-0 is not ready/);
  });

  it('find the pods of a Deployment', async () => {
    const scene = cluster();
    seedDeployment(scene, 'web-2', 1);
    const [pod] = scene.client.all(pods);
    assert.ok(pod !== undefined);
    scene.client.seed(pods, { ...pod, status: { ...pod.status, podIP: '127.0.0.2' } });
    const port = await servePods((_in, out) => out.end());
    const wanted = request({}, { scope: 'Isolated', workloads: [{ kind: 'Deployment', name: 'web-2' }] });
    const { seen } = await runSuite(suiteOf({ attempts: once, probes: [{ name: 'p', tcp: { host: 'x', port } }] }), {
      wanted,
      scene,
    });
    assert.equal(seen.state, 'passed', seen.message);
  });

  it('take the port of the URL when it is written, else one that the pod declares', () => {
    const ports = [
      { name: 'metrics', port: 9000 },
      { name: 'https', port: 8443 },
    ];
    const at = (url: string, own = ports): number => portFor(new URL(url), { address: '10.0.0.1', ports: own });
    assert.deepEqual(
      [
        at('http://a:8080'),
        at('https://a'),
        at('http://a'),
        at('http://a', [{ name: '', port: 8080 }]),
        at('http://a', []),
      ],
      [8080, 8443, 80, 8080, 80],
    );
  });
});
