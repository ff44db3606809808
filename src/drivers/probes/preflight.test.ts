import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../../kube/kube-error.ts';
import { secrets } from '../../kube/resources.ts';
import { cluster, context, namespace, never } from '../../../test/conformance/scene.ts';
import { suiteOf } from './fixture.test.ts';
import { findProbeProblems } from './preflight.ts';

async function problemsOf(spec: object, known: readonly string[] = [], scene = cluster()): Promise<string[]> {
  const suite = {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'ProbeSuite',
    metadata: { name: 'web' },
    spec: suiteOf(spec),
  } as const;
  const problems = await findProbeProblems({ suite, known, ...scene, context: context() }, never);
  return problems.map(({ reason, object, field, message }) => `${reason} ${object} ${field}: ${message}`);
}

describe('preflight of probes', () => {
  it('has nothing to say about a suite that can be run', async () => {
    const scene = cluster();
    scene.client.seed(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace },
      data: { k: 'eA==' },
    });
    const login = {
      url: '${BASE}/login',
      env: [{ name: 'PASSWORD', secretKeyRef: { name: 's', key: 'k' } }],
      body: '${PASSWORD}',
      expect: { json: [{ path: '$.a[0]', matches: '^2[.]0' }] },
      capture: [{ name: 'SESSION', json: '$.session' }],
    };
    assert.deepEqual(
      await problemsOf(
        {
          probes: [
            { name: 'login', http: login },
            { name: 'home', http: { url: '${BASE}/${SESSION}' } },
          ],
        },
        ['BASE'],
        scene,
      ),
      [],
    );
  });

  it('001-34: names paths and expressions of components that cannot be read', async () => {
    const components = [
      { name: 'jdk', json: '$.a[' },
      { name: 'tomcat', matches: 'a(?=b)' },
      { name: 'perl', header: 'server' },
    ];
    const got = await problemsOf({ probes: [{ name: 'a', http: { url: 'http://a', components } }] });
    assert.deepEqual(
      got.map((text) => text.replace(/: ".*/, '')),
      ['components[jdk].json', 'components[tomcat].matches'].map(
        (field) => `InvalidObject probesuite/web spec.probes[a].http.${field}`,
      ),
    );
  });

  it('names paths and expressions that cannot be read', async () => {
    const expect = { json: [{ path: '$.a[', exists: true }], body: { matches: 'a(?=b)' } };
    const got = await problemsOf({ probes: [{ name: 'a', http: { url: 'http://a', expect } }] });
    assert.equal(got.length, 2);
    assert.match(
      got[0] ?? '',
      /^InvalidObject probesuite\/web spec\.probes\[a\]\.http\.expect\.json: "\$\.a\[" cannot be used: /,
    );
    assert.match(
      got[1] ?? '',
      /^InvalidObject probesuite\/web spec\.probes\[a\]\.http\.expect\.body\.matches: "a\(\?=b\)" cannot be used: .*RE2 has no look-around/,
    );
  });

  it('names Secrets, keys and PodTemplates that are missing', async () => {
    const scene = cluster();
    scene.client.seed(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace }, data: {} });
    const env = [{ name: 'P', secretKeyRef: { name: 's', key: 'k' } }];
    const got = await problemsOf(
      {
        probes: [
          { name: 'a', http: { url: 'http://a', env, tls: { caFrom: { name: 'ca', key: 'c' } } } },
          { name: 'b', job: { podTemplate: 't' } },
        ],
      },
      [],
      scene,
    );
    assert.deepEqual(got, [
      'ReferenceNotFound probesuite/web spec.probes[a].http.env[P]: Secret s has no key "k": add it, or correct the key',
      'ReferenceNotFound probesuite/web spec.probes[a].http.tls.caFrom: Secret ca does not exist: create it, or correct the name',
      'ReferenceNotFound probesuite/web spec.probes[b].job.podTemplate: PodTemplate t does not exist: create it, or correct the name',
    ]);
  });

  it('names a Secret that the user of the run may not read', async () => {
    const scene = cluster();
    scene.client.server.interceptors.push(() => {
      throw new KubeError({ status: 403, reason: 'Forbidden', message: 'secrets "s" is forbidden' });
    });
    const env = [{ name: 'P', secretKeyRef: { name: 's', key: 'k' } }];
    assert.deepEqual(await problemsOf({ probes: [{ name: 'a', http: { url: 'http://a', env } }] }, [], scene), [
      'Forbidden probesuite/web spec.probes[a].http.env[P]: secrets "s" is forbidden; grant the permission',
    ]);
  });

  it('names a variable that is used before it is captured, and one that nobody sets', async () => {
    const capture = [{ name: 'SESSION', json: '$.s' }];
    const got = await problemsOf({
      probes: [
        { name: 'home', http: { url: 'http://a/${SESSION}/${X}' } },
        { name: 'login', http: { url: 'http://a', capture } },
      ],
    });
    assert.deepEqual(got, [
      'VariableNotSet probesuite/web spec.probes[home]: ${SESSION} has no value yet: probe "login" captures it, and comes no earlier',
      'VariableNotSet probesuite/web spec.probes[home]: nobody sets ${X}: add it to spec.parameters with a default, or to probeParameters of the ServerGroup',
    ]);
  });
});
