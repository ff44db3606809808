/** Belay itself is upgraded, and taken back, while it upgrades others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Bed } from '../bed.ts';
import { ownRelease, useController, waitForAdmission } from '../belay.ts';
import type { Installable } from '../belay.ts';
import { assertAfter, podUids, portalImages } from '../checks.ts';
import type { Example } from '../example.ts';
import { holdConnection, letGo } from '../guest.ts';
import { previousRelease } from '../released.ts';
import { tellStory, untilStep } from '../story.ts';
import type { StoryOptions } from '../story.ts';

export function registerOperator(bed: () => Bed): void {
  // In this order the second begins with what the first has left: an installation saved, and this release in the end.
  describe('the operator', { concurrency: 1 }, () => {
    it('S-14 R: taken back in mid-run: the release before ends what this one began, and no pod is restarted for it', async () =>
      takenBackInMidRun(bed()));
    it('S-14 R: upgraded in mid-run: the run that the release before began ends right, and no pod is restarted for it', async () =>
      upgradedInMidRun(bed()));
  });
}

async function takenBackInMidRun(bed: Bed): Promise<void> {
  const story = await tellStory({ ...draining(bed, 'older', await previousRelease()), release: 'portal:1.2.0' });
  assert.equal(story.outcome.phase, 'RolledBack');
  await assertAfter(story, portalImages('1.0.0'));
}

async function upgradedInMidRun(bed: Bed): Promise<void> {
  await useController(bed.cluster, bed.client, await previousRelease());
  await waitForAdmission((args, options) => bed.cluster.kubectl(args, options));
  const story = await tellStory({
    ...draining(bed, 'newer', await ownRelease()),
    release: 'portal:1.1.0',
    version: '1.1.0',
  });
  assert.equal(story.outcome.phase, 'Completed');
  await assertAfter(story, portalImages('1.1.0'));
}

/** The other release takes over while a guest keeps group 1 from draining: nothing may restart meanwhile. */
function draining(bed: Bed, name: string, next: Installable): Omit<StoryOptions, 'release'> {
  return {
    ...bed.options(name, 'service'),
    // Only the guest decides how long it takes.
    edit: (text: string) => text.replaceAll('drain: {timeout: 1m', 'drain: {timeout: 10m'),
    prepare: holdConnection,
    meanwhile: async (example: Example) => {
      await untilStep(example, 'g1-drain', ['Running']);
      const before = await podUids(example);
      await useController(bed.cluster, bed.client, next);
      assert.deepEqual(await podUids(example), before, 'pods when the operator changes');
      await letGo(example);
    },
  };
}
