/** Requirements before the start: what holds a run, what a rehearsal proves, and who may override it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ServerGroup } from '../../../src/api/server-group.ts';
import type { PreflightCheck, UpgradeRun } from '../../../src/api/upgrade-run.ts';
import { waitFor } from '../../cluster/poll.ts';
import type { Bed } from '../bed.ts';
import { assertClean, podUids, portalImages, runningImages } from '../checks.ts';
import { decide } from '../decisions.ts';
import type { Example } from '../example.ts';
import { getRuns } from '../outcome.ts';
import { tellStory } from '../story.ts';

export function registerPreflight(bed: () => Bed): void {
  it('001-41, 001-45, 001-53, A-13 R: a restore drill passes, a missing contact holds the run until it is waived by name', async () =>
    heldUntilWaived(bed()));
}

const preflight = '  preflight: {require: [Contacts, RestoreDrill]}\n';

async function heldUntilWaived(bed: Bed): Promise<void> {
  const story = await tellStory({
    ...bed.major('preflight', 'service'),
    release: 'portal:2.0.0',
    version: '2.0.0',
    edit: (text) => text.replace('  signOff: Required\n', `  signOff: NotRequired\n${preflight}`),
    meanwhile: waive,
  });
  assert.equal(story.outcome.phase, 'Completed');
  const contacts = checkOf(story.outcome.runs[0], 'Contacts');
  assert.match(contacts?.waivedBy ?? '', /decided by the test/);
  assert.deepEqual(await runningImages(story.example), portalImages('2.0.0'));
  assert.equal(story.report.acknowledgedWritesLost, 0);
  await assertClean(story.example);
  await story.example.remove();
}

async function waive(example: Example): Promise<void> {
  const before = await podUids(example);
  const run = await waitFor({
    what: 'the restore drill to pass',
    timeoutMs: 600_000,
    intervalMs: 250,
    check: async () => {
      const [newest] = await getRuns(example);
      return checkOf(newest, 'RestoreDrill')?.verdict === 'Pass' ? newest : undefined;
    },
  });
  assert.equal(checkOf(run, 'Contacts')?.verdict, 'Fail');
  assert.equal(checkOf(run, 'Contacts')?.waivable, true);
  assert.deepEqual(
    run.status?.steps.filter(({ state }) => state === 'Succeeded'),
    [],
    'nothing was begun',
  );
  const { items } = await example.getJson<{ items: ServerGroup[] }>(['servergroups.belay.dev']);
  assert.ok(
    items.every(({ status }) => status?.lock === undefined),
    'nothing is locked',
  );
  assert.deepEqual(await podUids(example), before, 'nothing is touched');
  await decide(example, run, { choice: 'Waive', check: 'Contacts' });
}

function checkOf(run: UpgradeRun | undefined, name: string): PreflightCheck | undefined {
  return run?.status?.preflight?.find(({ check }) => check === name);
}
