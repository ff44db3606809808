import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { probeSuite } from '../../../test/builders/objects.ts';
import type { Step, UpgradeRunSpec } from '../../api/upgrade-run.ts';
import { probeCommands } from './probes.ts';
import { upgradeRun } from '../fixture.test.ts';

type SuiteSpec = NonNullable<Parameters<typeof probeSuite>[1]>;

function stepOf(spec: UpgradeRunSpec, id: string): Step {
  const step = spec.steps.find((candidate) => candidate.id === id);
  assert.ok(step !== undefined, `no step ${id}`);
  return step;
}

/** The commands of one step of the fixture's plan, with this suite. */
function told(
  id: string,
  suite: SuiteSpec,
  parameters: Readonly<Record<string, string>> = {},
  components?: Step['components'],
): string[] {
  const { spec } = upgradeRun('portal-1', []);
  const groups = spec.groups.map((group) => ({ ...group, probeParameters: { ...parameters } }));
  const suites = spec.suites.map((one) => ({ ...one, spec: probeSuite('web-functions', suite).spec }));
  const place = {
    namespace: 'shop',
    run: 'portal-1',
    uid: 'uid-portal-1',
    spec: { ...spec, groups, suites },
    handles: {},
  };
  const step = stepOf(spec, id);
  const lines = probeCommands(place, components === undefined ? step : { ...step, components });
  const parsed = spawnSync('bash', ['-n'], { input: lines.join('\n'), encoding: 'utf8' });
  assert.deepEqual([parsed.status, parsed.stderr], [0, ''], 'a shell must be able to read it');
  return lines;
}

const login: SuiteSpec['probes'] = [
  {
    name: 'login',
    http: {
      url: '${BASE}/login',
      method: 'POST',
      body: '{"user":"probe","password":"${PASSWORD}"}',
      env: [{ name: 'PASSWORD', secretKeyRef: { name: 'probe-user', key: 'pass.word' } }],
      expect: { status: [200, 201], json: [{ path: '$.session', notEmpty: true }] },
      capture: [{ name: 'SESSION', json: '$.session' }],
    },
  },
  {
    name: 'version',
    http: {
      url: '${BASE}/about',
      headers: [{ name: 'Authorization', value: 'Bearer ${SESSION}' }],
      expect: { json: [{ path: '$.version', equals: '${EXPECTED_VERSION}' }] },
    },
  },
];

const base = [
  { name: 'BASE', default: 'https://${HOST}' },
  { name: 'HOST', default: 'portal.example' },
];

describe('the tests of a step, by hand', () => {
  it('are told with every value that is known, and with what passes', () => {
    assert.deepEqual(told('final', { parameters: base, probes: login }), [
      '# the tests of web-functions, through the load balancer, version 1.2.0 expected:',
      'jar="$(mktemp)"',
      `export PASSWORD="$(kubectl -n shop get secret probe-user -o jsonpath='{.data.pass\\.word}' | base64 -d)"`,
      `curl -sS -i -X POST -b "$jar" -c "$jar" 'https://portal.example/login' --data-binary '{"user":"probe","password":"'"\${PASSWORD}"'"}'  # login: want 200 or 201, $.session not empty`,
      'export SESSION=  # set it from that answer: $.session',
      `curl -sS -i -X GET -b "$jar" -c "$jar" 'https://portal.example/about' -H 'Authorization: Bearer '"\${SESSION}"  # version: want 200 to 299, $.version = 1.2.0`,
    ]);
  });

  it('take the values of the group before the defaults, and go to the pods before the group joins', () => {
    const lines = told('g1-isolated', { parameters: base, probes: login }, { HOST: 'inside' });
    assert.match(lines[0] ?? '', /at the pods of StatefulSet web-1 themselves, version 1\.2\.0 expected:$/);
    assert.match(lines[1] ?? '', /^pod="\$\(kubectl -n shop get pods -l "\$\(selector statefulset\/web-1\)" -o /);
    assert.ok(lines.some((line) => line.includes(`--connect-to "::$pod:" -b "$jar" -c "$jar" 'https://inside/login'`)));
  });

  it('say what nobody gives a value, a parameter of its own too', () => {
    const lines = told('final', { parameters: [{ name: 'BASE' }, { name: 'A', default: '${A}' }], probes: login });
    assert.deepEqual(
      lines.filter((line) => line.includes('set this first')),
      ['export BASE=  # set this first: nobody gives it a value'],
    );
    assert.ok(lines.some((line) => line.includes(`"\${BASE}"'/login'`)));
  });

  const kinds: Readonly<Record<string, readonly [probe: NonNullable<SuiteSpec['probes']>[number], want: string]>> = {
    'a connection': [
      { name: 'port', tcp: { host: 'db-${GROUP}', port: 5432 }, severity: 'Warn' },
      'nc -zv \'db-\'"${GROUP}" 5432  # port: want a connection (a warning only)',
    ],
    'a handshake': [
      { name: 'edge', tls: { host: 'portal.example', notAfterDays: 14 } },
      "openssl s_client -connect 'portal.example:443' -servername 'portal.example' </dev/null  # edge: want TLS 1.2 or newer, a certificate to be trusted, valid for 14 days",
    ],
    'a Job': [
      { name: 'smoke', job: { podTemplate: 'tools', args: ['smoke', '${TO_VERSION}'] } },
      '# smoke: a Job of PodTemplate tools with smoke 1.2.0; want exit code 0',
    ],
    'an object of the cluster': [
      { name: 'books', resource: { kind: 'ConfigMap', name: 'books', expression: "object.data.open ==\n''" } },
      "kubectl -n shop get configmap 'books' -o json  # books: want object.data.open == / ''",
    ],
    'a request with everything': [
      {
        name: 'head',
        http: {
          url: 'https://portal.example',
          method: 'HEAD',
          followRedirects: 2,
          tls: { insecureSkipVerify: true },
          expect: { header: [{ name: 'X-Up', present: true }], body: { contains: 'v${TO_VERSION}' } },
        },
      },
      "curl -sS -i -I -L --max-redirs 2 -k 'https://portal.example'  # head: want 200 to 299, header X-Up there, body contains v1.2.0",
    ],
  };
  for (const [title, [probe, want]] of Object.entries(kinds)) {
    it(`are commands also for ${title}`, () => {
      assert.ok(told('final', { probes: [probe] }).includes(want), told('final', { probes: [probe] }).join('\n'));
    });
  }

  it('001-34: name the components that must be told, with the versions of the release under test', () => {
    const probes: SuiteSpec['probes'] = [
      {
        name: 'about',
        http: {
          url: 'https://portal.example/about',
          components: [
            { name: 'jdk', json: '$.jdk' },
            { name: 'tomcat', header: 'server' },
            { name: 'perl', matches: 'perl ([0-9.]+)' },
          ],
        },
      },
    ];
    const lines = told('g1-isolated', { probes }, {}, { jdk: '21.0.5', tomcat: '10.1.33' });
    assert.match(
      lines.join('\n'),
      /want 200 to 299, component jdk \(\$\.jdk\) = 21\.0\.5, component tomcat \(header server\) = 10\.1\.33, component perl \(what perl \(\[0-9\.\]\+\) finds\) there$/m,
    );
  });
});
