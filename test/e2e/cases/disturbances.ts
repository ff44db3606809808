/** What breaks under the operator: the storage of one namespace; and of everybody, the API server and the node. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bed } from '../bed.ts';
import { assertAfter, portalImages } from '../checks.ts';
import { waitForControllers } from '../controllers.ts';
import { tellStory, untilStep } from '../story.ts';

const old = portalImages('1.0.0');
const upgraded = portalImages('1.1.0');
const good = { release: 'portal:1.1.0', version: '1.1.0' } as const;

export function registerSnapshots(bed: () => Bed): void {
  it('S-26 R: the snapshot never becomes ready: the group is not changed and serves again', async () =>
    noSnapshot(bed()));
  it('S-27 R: the snapshot is deleted under us: found before it is chosen as the way back', async () =>
    lostSnapshot(bed()));
}

/** Everybody feels them: for a time without other stories. */
export function registerDisturbances(bed: () => Bed): void {
  it('S-38 R: the API server is away for a minute in mid-step', async () => apiServerAway(bed()));
  it('S-02 R: every container of the node is killed in mid-run', async () => nodeReset(bed()));
}

async function noSnapshot(bed: Bed): Promise<void> {
  const story = await tellStory({
    ...bed.options('no-snapshot', 'service'),
    ...good,
    snapshotClass: 'belay-never-ready',
    edit: (text) => text.replace('Snapshot: 2m', 'Snapshot: 15s'),
  });
  assert.ok(['Failed', 'RolledBack'].includes(story.outcome.phase), story.outcome.phase);
  assert.equal(story.outcome.runs[0]?.status?.failure?.step, 'g1-snapshot');
  await assertAfter(story, old);
}

async function lostSnapshot(bed: Bed): Promise<void> {
  const story = await tellStory({
    ...bed.options('lost-snapshot', 'service'),
    release: 'portal:1.2.0-never-ready',
    edit: (text) => text.replace('Start: 1m', 'Start: 30s'),
    meanwhile: async (example) => {
      await untilStep(example, 'g1-start');
      await example.kubectl(['delete', 'volumesnapshots', '--all', '--wait=false']);
    },
  });
  // The release had not touched the data: the previous template alone brings the old service back.
  assert.equal(story.outcome.phase, 'RolledBack');
  await assertAfter(story, old);
}

async function apiServerAway(bed: Bed): Promise<void> {
  const story = await tellStory({
    ...bed.options('api-good', 'service'),
    ...good,
    mayBeAway: true,
    // The cluster's own controllers look again up to a minute after an outage: no deadline of ours.
    edit: (text) => text.replace('Start: 1m, Stop: 1m', 'Start: 5m, Stop: 5m'),
    meanwhile: async (example) => {
      await untilStep(example, 'g1-stop');
      await bed.cluster.stopApiServer();
      try {
        await delay(60_000);
      } finally {
        await bed.cluster.startApiServer();
      }
    },
  });
  assert.equal(story.outcome.phase, 'Completed');
  await assertAfter(story, upgraded);
  await waitForControllers(bed.cluster.kubectl, bed.client);
}

/** Users cannot be spared here: all servers die at once. The run must still end right, with all data. */
async function nodeReset(bed: Bed): Promise<void> {
  const story = await tellStory({
    ...bed.options('reset', 'haproxy'),
    ...good,
    isQuiet: true,
    meanwhile: async (example) => {
      await untilStep(example, 'g1-stop');
      await bed.cluster.stopNodeContainers();
    },
  });
  assert.equal(story.outcome.phase, 'Completed');
  await assertAfter(story, upgraded);
  await waitForControllers(bed.cluster.kubectl, bed.client);
}
