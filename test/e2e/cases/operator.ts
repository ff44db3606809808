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
  describe('the operator', { concurrency: 1 }, () => {
    it('S-14 R: upgraded in mid-run: the run that the release before began ends right, and no pod is restarted for it', async () =>
      upgradedInMidRun(bed()));
    it('S-14 R: taken back in mid-run: the release before ends what this one began, and no pod is restarted for it', async () =>
      takenBackInMidRun(bed()));
  });
}

async function upgradedInMidRun(bed: Bed): Promise<void> {
  const own = await ownRelease();
  await install(bed, await previousRelease());
  try {
    const story = await tellStory({ ...draining(bed, 'newer', own), release: 'portal:1.1.0', version: '1.1.0' });
    assert.equal(story.outcome.phase, 'Completed');
    await assertAfter(story, portalImages('1.1.0'));
  } finally {
    await install(bed, own);
  }
}

async function takenBackInMidRun(bed: Bed): Promise<void> {
  try {
    const story = await tellStory({ ...draining(bed, 'older', await previousRelease()), release: 'portal:1.2.0' });
    assert.equal(story.outcome.phase, 'RolledBack');
    await assertAfter(story, portalImages('1.0.0'));
  } finally {
    await install(bed, await ownRelease());
  }
}

async function install({ cluster, client }: Bed, release: Installable): Promise<void> {
  await useController(cluster, client, release);
  await waitForAdmission((args, options) => cluster.kubectl(args, options));
}

/** The other release takes over while a guest keeps group 1 from draining: nothing may restart meanwhile. */
function draining(bed: Bed, name: string, next: Installable): Omit<StoryOptions, 'release'> {
  return {
    ...bed.options(name, 'service'),
    // Only the guest decides how long it takes.
    edit: (text: string) => text.replaceAll('drain: {timeout: 1m', 'drain: {timeout: 10m'),
    prepare: holdConnection,
    timeoutMs: 400_000,
    meanwhile: async (example: Example) => {
      await untilStep(example, 'g1-drain', ['Running']);
      const before = await podUids(example);
      await useController(bed.cluster, bed.client, next);
      assert.deepEqual(await podUids(example), before, 'pods when the operator changes');
      await letGo(example);
    },
  };
}
