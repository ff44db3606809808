import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../../kube/kube-error.ts';
import { configMaps } from '../../kube/resources.ts';
import { probeSuiteSpec, type ResourceProbe } from '../../api/probe-suite.ts';
import { cluster, context, namespace, never } from '../../../test/conformance/scene.ts';
import { runSuite, suiteOf } from './fixture.test.ts';
import { findProbeProblems } from './preflight.ts';
import { resourceOf } from './resource-probe.ts';

const complete = 'object.data.published == object.data.present';

function suite(name = 'repository', text = complete) {
  return suiteOf({
    attempts: { interval: '10ms', failure: 1, errors: 1 },
    probes: [{ name: 'complete', remedy: 'put it back', resource: { kind: 'ConfigMap', name, expression: text } }],
  });
}

function scene(data: Record<string, string>) {
  const made = cluster();
  const metadata = { namespace, name: 'repository' };
  made.client.seed(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
  return made;
}

async function tell(made: ReturnType<typeof cluster>, spec = suite()): Promise<string> {
  const { seen } = await runSuite(spec, { scene: made });
  return `${seen.state}: ${seen.message}`;
}

describe('resource probe', () => {
  it('001-55 001-57: passes where the expression holds for the object, and fails with it where it does not', async () => {
    assert.equal(await tell(scene({ published: 'office', present: 'office' })), 'passed: ');
    assert.match(
      await tell(scene({ published: 'office', present: '' })),
      /^failed: complete: ConfigMap repository: object\.data\.published == object\.data\.present does not hold.*; put it back/,
    );
  });

  it('has no answer for an object that is not there, and for a field that is not there', async () => {
    assert.match(await tell(scene({}), suite('other')), /^unknown: complete: ConfigMap other does not exist/);
    assert.match(await tell(scene({})), /^unknown: complete: ConfigMap repository: the expression has no answer/);
  });

  it('has no answer where the account may not read, and names the right', async () => {
    const made = scene({});
    const client = {
      ...made.client,
      as: () => client,
      find: () =>
        Promise.reject(new KubeError({ status: 403, reason: 'Forbidden', message: 'configmaps is forbidden' })),
    } as typeof made.client;
    assert.match(
      await tell({ ...made, client }),
      /^unknown: complete: configmaps is forbidden; grant get on configmaps to the account of the UpgradeSet/,
    );
  });

  it('is refused before the run where the expression cannot be read', async () => {
    const made = scene({});
    const spec = suite('repository', 'object.data ==');
    const object = { apiVersion: 'belay.dev/v1alpha1', kind: 'ProbeSuite', metadata: { name: 'web' }, spec } as const;
    const [problem] = await findProbeProblems({ suite: object, known: [], ...made, context: context() }, never);
    assert.deepEqual([problem?.reason, problem?.field], ['InvalidObject', 'spec.probes[complete].resource.expression']);
    assert.match(problem?.message ?? '', /^"object\.data ==" cannot be used: /);
  });

  it('finds the name of a kind in the API by convention, or by the word of the user', () => {
    const plural = (more: object): string => {
      const probe = { name: 'x', resource: { kind: 'ConfigMap', name: 'x', expression: 'true', ...more } };
      const read = probeSuiteSpec.parse({ probes: [probe] }).probes[0]?.resource as ResourceProbe;
      const { group, version, plural: named, namespaced } = resourceOf(read);
      return `${group}/${version} ${named} ${namespaced ? 'in a namespace' : 'in none'}`;
    };
    assert.equal(plural({}), '/v1 configmaps in a namespace');
    assert.equal(
      plural({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' }),
      'networking.k8s.io/v1 ingresses in a namespace',
    );
    assert.equal(
      plural({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' }),
      'networking.k8s.io/v1 networkpolicies in a namespace',
    );
    assert.equal(plural({ kind: 'Endpoints' }), '/v1 endpoints in a namespace');
    assert.equal(plural({ kind: 'Node', scope: 'Cluster', plural: 'nodes' }), '/v1 nodes in none');
  });
});
