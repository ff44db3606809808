/** No way back is left: a server is made anew, because somebody says so by name, and only that one. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { jobs, persistentVolumes } from '../../../src/kube/resources.ts';
import type { UpgradeRun } from '../../../src/api/upgrade-run.ts';
import type { Bed } from '../bed.ts';
import { assertClean, claimVolumes, podUids, portalImages, runningImages } from '../checks.ts';
import { decide } from '../decisions.ts';
import { waitForOutcome } from '../outcome.ts';
import type { Outcome } from '../outcome.ts';
import type { Example } from '../example.ts';
import { tellStory, untilStep } from '../story.ts';
import type { Story } from '../story.ts';

const podTemplate = {
  apiVersion: 'v1',
  kind: 'PodTemplate',
  metadata: { name: 'reboot' },
  template: {
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'reboot',
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

/** Says where it runs, and for whom; a real one would restart the machine. */
const program = 'console.log(process.env.BELAY_SERVER + " on " + process.env.BELAY_NODE)';

/** The volumes are made anew, and a Job runs on the node in between. */
function withRebuild(manifests: string): string {
  const rebuild = {
    volumes: 'Replace',
    reboot: { job: { podTemplate: 'reboot', command: ['node', '-e', program], timeout: '2m' } },
  };
  const edited = manifests.replaceAll(
    '  drain: {timeout: 1m, onTimeout: Hold}\n',
    (line) => `${line}  rebuild: ${JSON.stringify(rebuild)}\n`,
  );
  assert.notEqual(edited, manifests, 'the groups of the example have changed');
  return `${JSON.stringify(podTemplate)}\n---\n${edited}`;
}

export function registerRebuild(bed: () => Bed): void {
  it('001-134 … 001-141 R: the snapshot is gone and the old release fails on the damaged data: one server is rebuilt while the other serves', async () =>
    rebuilds(bed()));
}

async function rebuilds(bed: Bed): Promise<void> {
  const before: { pods?: Record<string, string>; volumes?: Record<string, string> } = {};
  const story = await tellStory({
    ...bed.options('rebuild', 'service'),
    release: 'portal:1.2.0-damage-data',
    edit: withRebuild,
    prepare: async (example) => {
      before.pods = await podUids(example);
      before.volumes = await claimVolumes(example);
    },
    meanwhile: async (example) => {
      await untilStep(example, 'g1-snapshot', ['Succeeded']);
      await example.kubectl(['delete', 'volumesnapshots', '--all']);
    },
    afterwards: rebuildPortal1,
  });
  assert.equal(story.outcome.phase, 'RolledBack', 'the old release serves everywhere');
  assert.deepEqual(
    story.outcome.runs.map(({ spec, status }) => `${spec.purpose} ${status?.phase ?? ''}`),
    ['Upgrade Failed', 'Rollback Failed', 'Rollback Failed', 'Rebuild Rebuilt'],
  );
  await assertMadeAnew(story, before.volumes?.['data-portal-1-0'] ?? '');
  assert.equal((await podUids(story.example))['portal-2-0'], before.pods?.['portal-2-0'], 'the other was not touched');
  const { failed, firstFailures, members } = story.report;
  assert.deepEqual({ failed, firstFailures }, { failed: 0, firstFailures: [] }, 'the other served all the time');
  assert.deepEqual(
    members.filter((member) => member.lost > 0).map((member) => member.member),
    ['portal-1'],
    'what is lost was said: the volume of portal-1',
  );
  assert.deepEqual(await runningImages(story.example), portalImages('1.0.0'));
  await assertClean(story.example);
  await story.example.remove();
}

async function rebuildPortal1(example: Example, outcome: Outcome): Promise<Outcome> {
  const asked = outcome.runs.at(-1);
  assert.equal(outcome.phase, 'AwaitingDecision');
  assert.ok(asked);
  const offered = asked.status?.choices?.filter(({ choice }) => choice === 'Rebuild') ?? [];
  assert.deepEqual(
    offered.map(({ group, server }) => `${group}/${server}`),
    ['group-1/portal-1'],
  );
  assert.match(offered[0]?.loss ?? '', /^volumes of portal-1 are replaced; the old ones are kept/);
  await decide(example, asked, { choice: 'Rebuild', group: 'group-1', server: 'portal-1' });
  const isEnded = ({ status }: UpgradeRun): boolean => status?.finished !== undefined;
  return waitForOutcome(example, {
    earlier: [],
    until: (set, runs) =>
      runs.every(isEnded) && ['RolledBack', 'Failed', 'CompletedWithFailures'].includes(set.status?.phase ?? ''),
  });
}

/** An empty volume under the old name, the damaged one kept and listed, and the Job of the reboot on the server's node. */
async function assertMadeAnew({ example, outcome }: Story, damaged: string): Promise<void> {
  const volumes = await claimVolumes(example);
  assert.notEqual(volumes['data-portal-1-0'], damaged);
  const kept = await example.client.get(persistentVolumes, { name: damaged });
  assert.equal(kept.spec.persistentVolumeReclaimPolicy, 'Retain');
  const rebuild = outcome.runs.at(-1);
  const retained = rebuild?.status?.retained?.filter(({ kind }) => kind === 'PersistentVolume') ?? [];
  assert.deepEqual(
    retained.map(({ name }) => name),
    [damaged],
  );
  const { items } = await example.client.list(jobs, { namespace: example.namespace });
  const [job, ...others] = items.filter(({ metadata }) => metadata.name.startsWith('belay-reboot-'));
  assert.deepEqual(others, []);
  assert.ok(job?.status?.conditions?.some(({ type, status }) => type === 'Complete' && status === 'True'));
}
