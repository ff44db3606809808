/** A suite whose login test is a program of the user's: a Job, in isolation against the pod, then through the pool. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { jobs } from '../../../src/kube/resources.ts';
import type { Bed } from '../bed.ts';
import { assertAfter, portalImages } from '../checks.ts';
import type { Example } from '../example.ts';
import { tellStory } from '../story.ts';

/** Logs in where the group is, or through the pool when no address is given. */
const program = `
const { BELAY_ADDRESS, BELAY_BASE, PASSWORD } = process.env;
const at = BELAY_ADDRESS === undefined ? BELAY_BASE : 'http://' + BELAY_ADDRESS + ':8080';
const body = JSON.stringify({ user: 'probe', password: PASSWORD });
fetch(at + '/login', { method: 'POST', body }).then(({ status }) => {
  console.log('login at ' + at + ' with ' + PASSWORD + ' answered ' + status);
  process.exit(status === 200 ? 0 : 3);
});
`;

const probe = {
  name: 'login',
  job: {
    podTemplate: 'login-test',
    command: ['node', '-e', program],
    env: [{ name: 'PASSWORD', secretKeyRef: { name: 'probe-user', key: 'password' } }],
    timeout: '1m',
  },
  // A try is a pod: one that says yes is enough, and two that say no.
  attempts: { success: 1, failure: 2 },
};

const podTemplate = {
  apiVersion: 'v1',
  kind: 'PodTemplate',
  metadata: { name: 'login-test' },
  template: {
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'test',
          image: `registry.example/portal:1.0.0@sha256:${'1000'.repeat(16)}`,
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  },
};

/** Puts the Job in the place of the suite's own login test. */
function withJob(manifests: string): string {
  const edited = manifests.replace(
    / {2}- name: login\n[\s\S]*?(?= {2}- name: version\n)/,
    () => `  - ${JSON.stringify(probe)}\n`,
  );
  assert.notEqual(edited, manifests, 'the suite of the example has changed');
  return `${JSON.stringify(podTemplate)}\n---\n${edited}`;
}

export function registerJobProbes(bed: () => Bed): void {
  it('001-71 R: a Job that logs in passes: tested on the old release, in isolation and through the pool', async () =>
    passes(bed()));
  it('001-71 R: a Job that cannot log in fails in isolation: no user met the release, its log is in the verdict', async () =>
    fails(bed()));
}

async function passes(bed: Bed): Promise<void> {
  const story = await tellStory({
    ...bed.options('job-good', 'service'),
    release: 'portal:1.1.0',
    version: '1.1.0',
    edit: withJob,
  });
  assert.equal(story.outcome.phase, 'Completed');
  const ended = await jobsOf(story.example);
  const tests = story.outcome.runs[0]?.spec.steps.filter(({ action }) => action === 'Probe') ?? [];
  assert.equal(ended.length, tests.length, 'one Job for every test of the plan');
  assert.deepEqual([...new Set(ended)], ['Complete']);
  await assertAfter(story, portalImages('1.1.0'));
}

async function fails(bed: Bed): Promise<void> {
  const story = await tellStory({ ...bed.options('job-bad', 'service'), release: 'portal:1.2.0', edit: withJob });
  const failure = story.outcome.runs[0]?.status?.failure;
  assert.equal(story.outcome.phase, 'RolledBack');
  assert.equal(failure?.step, 'g1-isolated');
  assert.match(failure.message, /login.*exit status 3, want 0.*login at http:\/\/[\d.]+:8080 with \S+ answered 5\d\d/s);
  assert.doesNotMatch(
    JSON.stringify(story.outcome.runs),
    /a-password-of-your-own/,
    'the log showed it, the verdict must not',
  );
  assert.deepEqual(Object.keys(story.report.versions), ['1.0.0'], 'the bad release served users');
  assert.ok((await jobsOf(story.example)).includes('Failed'));
  await assertAfter(story, portalImages('1.0.0'));
}

/** How each Job of the namespace ended. */
async function jobsOf({ client, namespace }: Example): Promise<string[]> {
  const { items } = await client.list(jobs, { namespace });
  return items.map(({ status }) => {
    const ended = status?.conditions?.filter((condition) => condition.status === 'True').map(({ type }) => type) ?? [];
    return ended.find((type) => type === 'Complete' || type === 'Failed') ?? 'runs';
  });
}
