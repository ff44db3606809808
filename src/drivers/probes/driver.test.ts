import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { secrets } from '../../kube/resources.ts';
import { silentLogger } from '../../shared/logger.ts';
import { cluster, context, namespace, never, operation } from '../../../test/conformance/scene.ts';
import { createProbeDriver } from './driver.ts';
import { closeServers, nextChange, request, runSuite, serve, suiteOf } from './fixture.test.ts';

describe('probe driver', () => {
  after(closeServers);

  it('knows nothing of a run that was not asked for, and answers at once when it is', async () => {
    const scene = cluster();
    const { base } = await serve(() => undefined);
    const driver = createProbeDriver({ ...scene, logger: silentLogger });
    assert.equal(driver.observe(context(), 'x').state, 'absent');
    const suite = suiteOf({ probes: [{ name: 'login', http: { url: base } }] });
    await driver.request(operation(), { kind: 'RunProbes', request: request() }, suite, never);
    assert.equal(driver.observe(context(), 'run/probe/1/0').state, 'running');
    await driver.close();
    assert.deepEqual(
      [driver.observe(context(), 'run/probe/1/0').state, driver.observe(context(), 'run/probe/1/0').message],
      ['unknown', 'stopped before a verdict'],
    );
  });

  it('001-45: asks every probe where all answers are wanted, and fails by the first that failed', async () => {
    const { base } = await serve((incoming, response) => {
      response.statusCode = incoming.url === '/good' ? 200 : 500;
      response.end();
    });
    const one = (name: string) => ({ name, http: { url: `${base}/${name}` } });
    const suite = suiteOf({ attempts: { failure: 1 }, probes: [one('bad'), one('good'), one('worse')] });
    const { seen } = await runSuite(suite, { wanted: request({}, { whole: true }) });
    assert.deepEqual([seen.state, ...seen.results.map(({ state }) => state)], ['failed', 'failed', 'passed', 'failed']);
    assert.match(seen.message, /^bad: /);
    const partly = await runSuite(suite, { wanted: request({}) });
    assert.deepEqual(
      partly.seen.results.map(({ state }) => state),
      ['failed', 'absent', 'absent'],
    );
  });

  it('001-71 001-72: passes when each probe passes, with captures and cookies for the later ones', async () => {
    const asked: string[] = [];
    const { base } = await serve((incoming, response) => {
      asked.push(`${incoming.method} ${incoming.url} ${incoming.headers.cookie ?? ''}`);
      if (incoming.url === '/login')
        response.setHeader('set-cookie', 'sid=abc; Path=/; HttpOnly').end('{"session":"s-1","n":1.0}');
      else response.end('ok');
    });
    const { seen } = await runSuite(
      suiteOf({
        parameters: [{ name: 'BASE' }],
        probes: [
          {
            name: 'login',
            http: {
              url: '${BASE}/login',
              method: 'POST',
              body: 'x',
              expect: { json: [{ path: '$.n', equals: '1.0' }] },
              capture: [{ name: 'SESSION', json: '$.session' }],
            },
          },
          { name: 'home', http: { url: '${BASE}/home/${SESSION}', expect: { body: { contains: 'ok' } } } },
        ],
      }),
      { wanted: request({ BASE: base }) },
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

  it('stops runs nobody waits for: the request under way ends, and no listener hears of it', async () => {
    const scene = cluster();
    const asked = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const { base } = await serve((incoming) => {
      incoming.socket.on('close', () => gone.resolve());
      asked.resolve();
    });
    const driver = createProbeDriver({ ...scene, logger: silentLogger });
    const suite = suiteOf({ probes: [{ name: 'a', http: { url: base } }] });
    const effect = { kind: 'RunProbes', request: request() } as const;
    const heard: string[] = [];
    driver.onChange((id) => heard.push(id));
    await driver.request(operation(), effect, suite, never);
    await asked.promise;
    driver.end((id) => id.startsWith('another/'));
    assert.equal(driver.observe(context(), 'run/probe/1/0').state, 'running');
    driver.end((id) => id.startsWith('run/'));
    assert.equal(driver.observe(context(), 'run/probe/1/0').state, 'absent');
    await gone.promise;
    await driver.close();
    assert.deepEqual(heard, []);
    await assert.rejects(driver.request(operation(), effect, suite, never), /closed/);
  });

  it('fails after three failures in a row, and never shows a secret (S-21, S-42)', async () => {
    const { base } = await serve((incoming, response) => {
      response.statusCode = 500;
      response.end(`no ${String(incoming.headers['x-key'])}`);
    });
    const scene = cluster();
    const seed = (value: string): void => {
      scene.client.seed(secrets, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'probe-user', namespace },
        data: { key: Buffer.from(value).toString('base64') },
      });
    };
    seed('hunter22');
    const readers = new Set<string>();
    scene.client.server.interceptors.push((call) => void (call.resource === 'secrets' && readers.add(call.user)));
    const http = {
      url: base,
      env: [{ name: 'KEY', secretKeyRef: { name: 'probe-user', key: 'key' } }],
      headers: [{ name: 'x-key', value: '${KEY}' }],
    };
    const { seen } = await runSuite(suiteOf({ probes: [{ name: 'login', http }] }), { scene });
    assert.deepEqual([seen.state, seen.message], ['failed', 'login: status 500, want 200 to 299 (3 in a row)']);
    const other = suiteOf({
      probes: [{ name: 'login', http: { ...http, expect: { status: [500], body: { contains: '${KEY}!' } } } }],
    });
    const shown = await runSuite(other, { scene, user: 'system:serviceaccount:shop:deployer' });
    assert.deepEqual(
      [shown.seen.state, shown.seen.message],
      ['failed', 'login: body is "no ***", want one with "***!" (3 in a row)'],
    );
    assert.deepEqual([...readers], ['admin', 'system:serviceaccount:shop:deployer']);
  });
});
