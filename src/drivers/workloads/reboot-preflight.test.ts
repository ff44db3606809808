import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serverGroup } from '../../../test/builders/objects.ts';
import { cluster, context, namespace, never } from '../../../test/conformance/scene.ts';
import { secrets } from '../../kube/resources.ts';
import { podTemplates } from '../jobs/one-shot-job.ts';
import { findRebootProblems } from './reboot-preflight.ts';

const image = `registry.example/reboot@sha256:${'9b1d'.repeat(16)}`;

interface Case {
  /** Undefined: there is none. */
  readonly containers?: readonly string[];
  readonly job?: object;
  readonly want: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  'nothing is in the way': { containers: [image], want: [] },
  'there is no PodTemplate to reboot with': {
    want: [
      'ReferenceNotFound servergroup/group-1 spec.rebuild.reboot.job.podTemplate: PodTemplate reboot does not exist: create it, or correct the name',
    ],
  },
  'the PodTemplate has no container': {
    containers: [],
    want: [
      'PodTemplateEmpty podtemplate/reboot template.spec.containers: there is no container to run the Job: give the PodTemplate one',
    ],
  },
  'the PodTemplate names its image by tag': {
    containers: ['registry.example/reboot:1'],
    want: [
      'ImageNotByDigest podtemplate/reboot template.spec.containers[reboot-0].image: "registry.example/reboot:1" may be another program when the way back is taken: append @sha256: and its digest',
    ],
  },
  'a text names what a reboot is not told': {
    containers: [image],
    job: { args: ['${NODE}', '${BACKUP}'] },
    want: [
      'VariableNotSet servergroup/group-1 spec.rebuild.reboot.job.args: ${BACKUP} has no value here: take one of OPERATION, RUN, STEP, GROUP, SERVER, WORKLOAD, NODE, FROM_VERSION, TO_VERSION, or write $${BACKUP} for the text itself',
    ],
  },
  'a Secret lacks the key': {
    containers: [image],
    job: { env: [{ name: 'BMC_PASSWORD', secretKeyRef: { name: 'bmc', key: 'password' } }] },
    want: [
      'ReferenceNotFound servergroup/group-1 spec.rebuild.reboot.job.env[BMC_PASSWORD]: Secret bmc has no key "password": add it, or correct the key',
    ],
  },
};

describe('preflight of a reboot', () => {
  for (const [name, { containers, job, want }] of Object.entries(cases)) {
    it(name, async () => {
      const { client } = cluster();
      client.seed(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'bmc' }, data: {} });
      if (containers !== undefined) {
        const spec = { containers: containers.map((one, index) => ({ name: `reboot-${index}`, image: one })) };
        const metadata = { namespace, name: 'reboot' };
        client.seed(podTemplates, { apiVersion: 'v1', kind: 'PodTemplate', metadata, template: { spec } });
      }
      client.server.interceptors.push(({ isWrite }) => assert.ok(!isWrite, 'reads only'));
      const group = serverGroup(1, { rebuild: { reboot: { job: { podTemplate: 'reboot', ...job } } } });
      const problems = await findRebootProblems(group, { client, context: context() }, never);
      assert.deepEqual(
        problems.map(({ reason, object, field, message }) => `${reason} ${object} ${field}: ${message}`),
        want,
      );
    });
  }

  it('asks nothing where no Job reboots', async () => {
    const { client } = cluster();
    client.server.interceptors.push(() => assert.fail('nothing is asked'));
    assert.deepEqual(await findRebootProblems(serverGroup(1), { client, context: context() }, never), []);
  });
});
