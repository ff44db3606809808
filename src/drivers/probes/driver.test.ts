import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { after, describe, it } from 'node:test';
import { probeSuiteSpec, type ProbeSuiteSpec } from '../../api/probe-suite.ts';
import { secrets } from '../../kube/resources.ts';
import type { ProbeRequest } from '../../planner/effects.ts';
import type { ProbeObservation } from '../../planner/observed.ts';
import { silentLogger } from '../../shared/logger.ts';
import { cluster, context, namespace, never, operation, type Cluster } from '../../../test/conformance/scene.ts';
import { createProbeDriver, type ClosableProbeDriver } from './driver.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const servers: Server[] = [];

async function serve(handler: Handler): Promise<{ base: string; port: number }> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { base: `http://127.0.0.1:${address.port}`, port: address.port };
}

function suiteOf(spec: object): ProbeSuiteSpec {
  return probeSuiteSpec.parse(spec);
}

function request(parameters: Record<string, string> = {}, more: Partial<ProbeRequest> = {}): ProbeRequest {
  return { id: 'run/probe/1/0', suite: 'web', scope: 'Pool', parameters, workloads: [], ...more };
}

interface Ran {
  readonly seen: ProbeObservation;
  readonly changes: readonly string[];
  readonly scene: Cluster;
}

/** Resolves with the next change; time stands still between. */
function nextChange(driver: ClosableProbeDriver): () => Promise<void> {
  let changed = Promise.withResolvers<void>();
  driver.onChange(() => changed.resolve());
  return async () => {
    await changed.promise;
    changed = Promise.withResolvers<void>();
  };
}

/** Runs to the end. Between tries one timer is pending; while a connection is open there are two, and time stands still. */
async function runSuite(suite: ProbeSuiteSpec, wanted = request(), scene = cluster(), user?: string): Promise<Ran> {
  const driver = createProbeDriver({ ...scene, logger: silentLogger });
  const changes: string[] = [];
  driver.onChange(() => changes.push(driver.observe(context(), wanted.id).message));
  await driver.request({ ...operation(), user }, { kind: 'RunProbes', request: wanted }, suite, never);
  for (let quiet = 0; driver.observe(context(), wanted.id).state === 'running'; ) {
    await scene.clock.settle();
    quiet = scene.clock.pendingTimers() === 1 ? quiet + 1 : 0;
    if (quiet === 5) await scene.clock.advance(10_000);
    if (quiet === 5) quiet = 0;
  }
  await driver.close();
  return { seen: driver.observe(context(), wanted.id), changes, scene };
}

describe('probe driver', () => {
  after(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  it('knows nothing of a run that was not asked for, and answers at once when it is', async () => {
    const scene = cluster();
    const { base } = await serve(() => undefined);
    const driver = createProbeDriver({ ...scene, logger: silentLogger });
    assert.equal(driver.observe(context(), 'x').state, 'absent');
    const suite = suiteOf({ probes: [{ name: 'login', http: { url: base } }] });
    await driver.request(operation(), { kind: 'RunProbes', request: request() }, suite, never);
    assert.equal(driver.observe(context(), 'run/probe/1/0').state, 'running');
    await driver.close();
    assert.deepEqual([driver.observe(context(), 'run/probe/1/0').state, driver.observe(context(), 'run/probe/1/0').message], ['unknown', 'stopped before a verdict']);
  });

  it('passes when each probe passes, with captures and cookies for the later ones', async () => {
    const asked: string[] = [];
    const { base } = await serve((incoming, response) => {
      asked.push(`${incoming.method} ${incoming.url} ${incoming.headers.cookie ?? ''}`);
      if (incoming.url === '/login') response.setHeader('set-cookie', 'sid=abc; Path=/; HttpOnly').end('{"session":"s-1","n":1.0}');
      else response.end('ok');
    });
    const { seen } = await runSuite(
      suiteOf({
        parameters: [{ name: 'BASE' }],
        probes: [
          { name: 'login', http: { url: '${BASE}/login', method: 'POST', body: 'x', expect: { json: [{ path: '$.n', equals: '1.0' }] }, capture: [{ name: 'SESSION', json: '$.session' }] } },
          { name: 'home', http: { url: '${BASE}/home/${SESSION}', expect: { body: { contains: 'ok' } } } },
        ],
      }),
      request({ BASE: base }),
    );
    assert.deepEqual(seen, {
      id: 'run/probe/1/0',
      state: 'passed',
      message: '',
      results: [
        { probe: 'login', state: 'passed', message: '' },
        { probe: 'home', state: 'passed', message: '' },
      ],
    });
    assert.deepEqual(asked, ['POST /login ', 'GET /home/s-1 sid=abc']);
  });

  it('runs once for an id, however often it is asked for', async () => {
    let asked = 0;
    const { base } = await serve((_incoming, response) => {
      asked += 1;
      response.end();
    });
    const scene = cluster();
    const driver = createProbeDriver({ ...scene, logger: silentLogger });
    const next = nextChange(driver);
    const suite = suiteOf({ probes: [{ name: 'a', http: { url: base } }] });
    for (let turn = 0; turn < 3; turn += 1) {
      await driver.request(operation(), { kind: 'RunProbes', request: request() }, suite, never);
      if (turn === 0) while (driver.observe(context(), 'run/probe/1/0').state === 'running') await next();
    }
    await driver.close();
    assert.equal(asked, 1);
  });

  it('fails after three failures in a row, and never shows a secret (S-21, S-42)', async () => {
    const { base } = await serve((incoming, response) => {
      response.statusCode = 500;
      response.end(`no ${incoming.headers['x-key'] ?? ''}`);
    });
    const scene = cluster();
    const seed = (value: string): void => {
      scene.client.seed(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'probe-user', namespace }, data: { key: Buffer.from(value).toString('base64') } });
    };
    seed('hunter22');
    const readers = new Set<string>();
    scene.client.server.interceptors.push((call) => void (call.resource === 'secrets' && readers.add(call.user)));
    const http = { url: base, env: [{ name: 'KEY', secretKeyRef: { name: 'probe-user', key: 'key' } }], headers: [{ name: 'x-key', value: '${KEY}' }] };
    const { seen } = await runSuite(suiteOf({ probes: [{ name: 'login', http }] }), request(), scene);
    assert.deepEqual([seen.state, seen.message], ['failed', 'login: status 500, want 200 to 299 (3 in a row)']);
    const other = suiteOf({ probes: [{ name: 'login', http: { ...http, expect: { status: [500], body: { contains: '${KEY}!' } } } }] });
    const shown = await runSuite(other, request(), scene, 'system:serviceaccount:shop:deployer');
    assert.deepEqual([shown.seen.state, shown.seen.message], ['failed', 'login: body is "no ***", want one with "***!" (3 in a row)']);
    assert.deepEqual([...readers], ['admin', 'system:serviceaccount:shop:deployer']);
  });
});
