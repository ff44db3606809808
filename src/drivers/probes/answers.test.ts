import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { secrets } from '../../kube/resources.ts';
import { cluster, namespace } from '../../../test/conformance/scene.ts';
import { createSelfSigned } from '../../../test/fakes/self-signed.ts';
import { closeServers, expire, listen, runSuite, serve, serveTls, suiteOf, type Ran } from './fixture.test.ts';
import { judgeCertificate } from './tls-probe.ts';

const once = { interval: '1s', failure: 1, errors: 1 };

async function verdictOf(probe: object, options: Parameters<typeof runSuite>[1] = {}): Promise<string> {
  const { seen } = await runSuite(suiteOf({ attempts: once, probes: [{ name: 'p', ...probe }] }), options);
  return `${seen.state} ${seen.message}`;
}

describe('answers of HTTP servers (S-22)', () => {
  after(closeServers);
  const inJson = { json: [{ path: '$.version', equals: '2' }] };
  interface Case {
    readonly answer: RequestListener;
    readonly http?: object;
    readonly want: RegExp;
  }
  const cases: Readonly<Record<string, Case>> = {
    'a 500 is an answer, and a failure': {
      answer: (_in, out) => out.writeHead(500).end(),
      want: /^failed p: status 500, want 200 to 299 \(1 in a row\)$/,
    },
    'truncated JSON is a failure': {
      answer: (_in, out) => out.end('{"version":"2'),
      http: { expect: inJson },
      want: /^failed p: body is not JSON: "\{\\"version\\":\\"2"/,
    },
    'NaN is not JSON': {
      answer: (_in, out) => out.end('{"version":NaN}'),
      http: { expect: inJson },
      want: /^failed p: body is not JSON/,
    },
    'an empty list does not equal': {
      answer: (_in, out) => out.end('{"result":[]}'),
      http: { expect: { json: [{ path: '$.result[*].value', equals: '1' }] } },
      want: /^failed p: \$\.result\[\*\]\.value is nothing, want "1"/,
    },
    'an empty list is not "not empty"': {
      answer: (_in, out) => out.end('{"result":[]}'),
      http: { expect: { json: [{ path: '$.result', notEmpty: true }] } },
      want: /^failed p: \$\.result is "\[\]", want a value that is not empty/,
    },
    'numbers are compared as written': {
      answer: (_in, out) => out.end('{"version":2.0}'),
      http: { expect: inJson },
      want: /^failed p: \$\.version is "2\.0", want "2"/,
    },
    'a redirect is the answer where none is followed': {
      answer: (_in, out) => out.writeHead(302, { location: '/b' }).end(),
      want: /^failed p: status 302, want 200 to 299/,
    },
    'a redirect loop is a failure': {
      answer: ({ url }, out) => out.writeHead(302, { location: url === '/a' ? '/b' : '/a' }).end(),
      http: { followRedirects: 10 },
      want: /^failed p: redirect loop at "http:\/\/127\.0\.0\.1:\d+\/a"/,
    },
    'too many redirects are a failure': {
      answer: ({ url }, out) => out.writeHead(302, { location: `${url ?? ''}x` }).end(),
      http: { followRedirects: 2 },
      want: /^failed p: more than 2 redirects, the next one to /,
    },
    'redirects are followed': {
      answer: ({ url }, out) => (url === '/b' ? out.end() : out.writeHead(302, { location: '/b' }).end()),
      http: { followRedirects: 1 },
      want: /^passed $/,
    },
    'a time-out is no answer': {
      answer: () => undefined,
      http: { timeout: '1s' },
      want: /^unknown p: no answer within 1s \(no answer 1 times in a row\)/,
    },
    'a cut connection is no answer': {
      answer: (incoming) => incoming.socket.destroy(),
      want: /^unknown p: connection/,
    },
    'a body that breaks off is no answer': {
      answer: (incoming, out) =>
        out.writeHead(200, { 'content-length': '100' }).write('{"vers', () => incoming.socket.destroy()),
      http: { expect: inJson },
      want: /^unknown p: connection/,
    },
    'a missing header is named': {
      answer: (_in, out) => out.end(),
      http: { expect: { header: [{ name: 'Strict-Transport-Security', present: true }] } },
      want: /^failed p: header Strict-Transport-Security is missing/,
    },
    'a header is compared': {
      answer: (_in, out) => out.setHeader('x-a', 'one').end(),
      http: { expect: { header: [{ name: 'X-A', equals: 'two' }] } },
      want: /^failed p: header X-A is "one", want "two"/,
    },
    'an endless expression is stopped': {
      answer: (_in, out) => out.end(`${'a'.repeat(40)}!`),
      http: { expect: { body: { matches: '^(a+)+$' } } },
      want: /^failed p: body: \/\^\(a\+\)\+\$\/: takes longer than 100 ms/,
    },
    'a body without end is not read': {
      answer: (_in, out) => out.end('x'.repeat(2 * 1024 * 1024)),
      http: { expect: { body: { contains: 'y' } } },
      want: /^failed p: body is longer than 1 MiB/,
    },
    'a capture that finds nothing is a failure': {
      answer: (_in, out) => out.end('{}'),
      http: { capture: [{ name: 'SESSION', json: '$.session' }] },
      want: /^failed p: capture SESSION: \$\.session selects 0 values, want one/,
    },
    'a variable without a value ends the run with its name': {
      answer: (_in, out) => out.end(),
      http: { headers: [{ name: 'x', value: '${TOKEN}' }] },
      want: /^failed p: \$\{TOKEN\} has no value/,
    },
  };
  for (const [name, tc] of Object.entries(cases)) {
    it(name, async () => {
      const { base } = await serve(tc.answer);
      const stepMs = name.includes('time-out') ? 1_000 : 10_000;
      const idleTimers = name.includes('time-out') ? 2 : 1;
      assert.match(await verdictOf({ http: { url: `${base}/a`, ...tc.http } }, { stepMs, idleTimers }), tc.want);
    });
  }

  it('a refused connection is no answer', async () => {
    const server = createServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    assert.match(await verdictOf({ http: { url: `http://127.0.0.1:${port}` } }), /^unknown p: connection refused/);
    assert.match(await verdictOf({ tcp: { host: '127.0.0.1', port } }), /^unknown p: connection refused/);
  });

  it('a failing probe that only warns does not fail the suite, and its remedy is shown', async () => {
    const { base } = await serve((_in, out) => out.writeHead(503).end());
    const got = await verdictOf({ severity: 'Warn', remedy: 'ask the network team', http: { url: base } });
    assert.equal(got, 'passed warned: p: status 503, want 200 to 299 (1 in a row); ask the network team');
  });

  it('a failed probe ends the suite: later ones are not run', async () => {
    const { base } = await serve((_in, out) => out.writeHead(500).end());
    const { seen }: Ran = await runSuite(
      suiteOf({
        attempts: once,
        probes: [
          { name: 'a', http: { url: base } },
          { name: 'b', http: { url: base } },
        ],
      }),
    );
    assert.deepEqual(
      seen.results.map(({ state }) => state),
      ['failed', 'absent'],
    );
  });

  it('a Secret that disappears is no answer (S-42)', async () => {
    const { base } = await serve((_in, out) => out.end());
    const env = [{ name: 'KEY', secretKeyRef: { name: 'gone', key: 'k' } }];
    assert.match(await verdictOf({ http: { url: base, env } }), /^unknown p: Secret gone does not exist/);
    const scene = cluster();
    scene.client.seed(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'gone', namespace }, data: {} });
    assert.match(await verdictOf({ http: { url: base, env } }, { scene }), /^unknown p: Secret gone has no key "k"/);
  });

  it('no form of a secret stands in a message, not even half of one', async () => {
    const secret = `p"ss/${'x'.repeat(200)}`;
    const { base } = await serve((_in, out) => out.end(`${'.'.repeat(60)}${secret}`));
    const scene = cluster();
    scene.client.seed(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace },
      data: { k: Buffer.from(secret).toString('base64') },
    });
    const env = [{ name: 'KEY', secretKeyRef: { name: 's', key: 'k' } }];
    const got = await verdictOf({ http: { url: base, env, expect: { body: { contains: 'Z${KEY}' } } } }, { scene });
    assert.equal(got, `failed p: body is "${'.'.repeat(60)}***", want one with "Z***" (1 in a row)`);
  });
});

describe('answers of TLS servers (S-22)', () => {
  const good = createSelfSigned();
  const old = expire(good);
  const scene = cluster();
  let port = 0;
  let oldPort = 0;
  before(async () => {
    port = await serveTls({ ...good, maxVersion: 'TLSv1.2' }, (_in, out) => out.end('ok'));
    oldPort = await serveTls(old, (_in, out) => out.end('ok'));
    const data = { good: Buffer.from(good.cert).toString('base64'), old: Buffer.from(old.cert).toString('base64') };
    scene.client.seed(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'ca', namespace }, data });
  });
  after(closeServers);
  const caFrom = (key: string): object => ({ caFrom: { name: 'ca', key } });
  const cases: Readonly<Record<string, readonly [() => object, RegExp]>> = {
    'an unknown authority is a failure': [
      () => ({ http: { url: `https://localhost:${port}` } }),
      /^failed p: certificate is not trusted: it is self-signed/,
    ],
    'a known authority is trusted': [
      () => ({ http: { url: `https://127.0.0.1:${port}`, tls: caFrom('good') } }),
      /^passed $/,
    ],
    'anything goes where nothing is verified': [
      () => ({ http: { url: `https://127.0.0.1:${port}`, tls: { insecureSkipVerify: true } } }),
      /^passed $/,
    ],
    'an expired certificate is a failure': [
      () => ({ http: { url: `https://127.0.0.1:${oldPort}`, tls: caFrom('old') } }),
      /^failed p: certificate has expired/,
    ],
    'a certificate for another name is a failure': [
      () => ({ http: { url: `https://127.0.0.1:${port}`, tls: { ...caFrom('good'), serverName: 'portal.example' } } }),
      /^failed p: certificate is for another name/,
    ],
    'an older TLS version than asked for is a failure': [
      () => ({ http: { url: `https://127.0.0.1:${port}`, tls: { ...caFrom('good'), minVersion: '1.3' } } }),
      /^failed p: TLS version is not accepted/,
    ],
    'tls passes': [
      () => ({ tls: { host: '127.0.0.1', port, serverName: 'localhost', ...caFrom('good') } }),
      /^passed $/,
    ],
    'tls refuses an expired certificate even unverified': [
      () => ({ tls: { host: '127.0.0.1', port: oldPort, insecureSkipVerify: true } }),
      /^failed p: certificate has expired on 2021-01-01/,
    ],
    'tls refuses another name': [
      () => ({ tls: { host: '127.0.0.1', port, serverName: 'portal.example', ...caFrom('good') } }),
      /^failed p: certificate is for another name/,
    ],
    'tls refuses an older version': [
      () => ({ tls: { host: '127.0.0.1', port, minVersion: '1.3', ...caFrom('good') } }),
      /^failed p: TLS version is not accepted/,
    ],
    'tcp passes': [() => ({ tcp: { host: '127.0.0.1', port } }), /^passed $/],
  };
  for (const [name, [probe, want]] of Object.entries(cases)) {
    it(name, async () => assert.match(await verdictOf(probe(), { scene }), want));
  }

  it('wants days before a certificate ends', () => {
    const certificate = { valid_from: 'Jan  1 00:00:00 2020 GMT', valid_to: 'Jan 11 00:00:00 2026 GMT' };
    const now = Date.UTC(2026, 0, 1);
    assert.equal(judgeCertificate(certificate, 10, now).answer, 'pass');
    assert.deepEqual(judgeCertificate(certificate, 14, now), {
      answer: 'fail',
      message: 'certificate expires on 2026-01-11, in 10 days, want at least 14',
    });
  });
});
