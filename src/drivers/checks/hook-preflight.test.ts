import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serverGroup } from '../../../test/builders/objects.ts';
import { cluster, context, namespace, never } from '../../../test/conformance/scene.ts';
import { secrets } from '../../kube/resources.ts';
import { podTemplates } from '../jobs/one-shot-job.ts';
import { findHookProblems } from './hook-preflight.ts';

const image = `registry.example/tools@sha256:${'9b1d'.repeat(16)}`;

interface Case {
  readonly image?: string;
  readonly job?: object;
  readonly want: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  'nothing is in the way': { image, job: { args: ['${SERVER}', '${APP}', '${AT}'] }, want: [] },
  'there is no PodTemplate': {
    want: [
      'ReferenceNotFound servergroup/group-1 spec.hooks[copy].job.podTemplate: PodTemplate tools does not exist: create it, or correct the name',
    ],
  },
  'a text names what only some servers have': {
    image,
    job: { args: ['${DISK}'] },
    want: [
      'VariableNotSet servergroup/group-1 spec.hooks[copy].job.args: ${DISK} has no value here: take one of OPERATION, RUN, STEP, GROUP, HOOK, AT, SERVER, ROLE, WORKLOAD, NODE, FROM_VERSION, TO_VERSION, APP, or write $${DISK} for the text itself',
    ],
  },
  'a Secret lacks the key': {
    image,
    job: { env: [{ name: 'TOKEN', secretKeyRef: { name: 'copies', key: 'token' } }] },
    want: [
      'ReferenceNotFound servergroup/group-1 spec.hooks[copy].job.env[TOKEN]: Secret copies has no key "token": add it, or correct the key',
    ],
  },
};

describe('preflight of hooks (001-54, 001-62)', () => {
  for (const [name, { image: of, job, want }] of Object.entries(cases)) {
    it(name, async () => {
      const { client } = cluster();
      client.seed(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'copies' }, data: {} });
      if (of !== undefined)
        client.seed(podTemplates, {
          apiVersion: 'v1',
          kind: 'PodTemplate',
          metadata: { namespace, name: 'tools' },
          template: { spec: { containers: [{ name: 'tools', image: of }] } },
        });
      client.server.interceptors.push(({ isWrite }) => assert.ok(!isWrite, 'reads only'));
      const group = serverGroup(1, {
        servers: [
          { name: 'a', vars: { APP: 'x', DISK: '1' }, workload: { kind: 'Deployment', name: 'a' } },
          { name: 'b', vars: { APP: 'y' }, workload: { kind: 'Deployment', name: 'b' } },
        ],
        hooks: [{ name: 'copy', at: 'BeforeRun', job: { podTemplate: 'tools', ...job } }],
      });
      const problems = await findHookProblems(group, { client, context: context() }, never);
      assert.deepEqual(
        problems.map(({ reason, object, field, message }) => `${reason} ${object} ${field}: ${message}`),
        want,
      );
    });
  }

  it('asks nothing where there are none', async () => {
    const { client } = cluster();
    client.server.interceptors.push(() => assert.fail('nothing is asked'));
    assert.deepEqual(await findHookProblems(serverGroup(1), { client, context: context() }, never), []);
  });
});
