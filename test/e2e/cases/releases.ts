/** Good and bad releases: which gate catches which, and what users notice (nothing). */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { UpgradeRun } from '../../../src/api/upgrade-run.ts';
import type { Bed } from '../bed.ts';
import { assertClean, assertUnharmed, claimVolumes, podUids, portalImages, runningImages } from '../checks.ts';
import { decide } from '../decisions.ts';
import type { Example } from '../example.ts';
import { getRuns, waitForOutcome } from '../outcome.ts';
import { tellStory } from '../story.ts';
import type { Story } from '../story.ts';
import { registerJobProbes } from './job-probes.ts';

const old = portalImages('1.0.0');

/** A bad release that no user met: caught at `step`, undone, everything as it was. */
interface BadRelease {
  readonly title: string;
  readonly namespace: string;
  readonly release: string;
  /** Id of the step that failed. */
  readonly step: string;
  readonly message: RegExp;
  readonly edit?: (manifests: string) => string;
}

/** Where the deadline of the start is what catches it: long enough for a good release on a busy machine. */
const hurry = (text: string): string => text.replace('Start: 1m', 'Start: 30s');

const bad: readonly BadRelease[] = [
  {
    title: 'A-14, S-19, S-28 R: healthy but nobody can log in: caught in isolation, volumes restored, no user met it',
    namespace: 'login',
    release: 'portal:1.2.0',
    step: 'g1-isolated',
    message: /login/,
  },
  {
    title: 'S-06 R: never becomes ready: deadline, rollback',
    namespace: 'never-ready',
    release: 'portal:1.2.0-never-ready',
    step: 'g1-start',
    message: /./,
    edit: hurry,
  },
  {
    title: 'S-06 R: crashes on start: deadline, rollback',
    namespace: 'crash',
    release: 'portal:1.2.0-crash-on-start',
    step: 'g1-start',
    message: /./,
    edit: hurry,
  },
  {
    title: '001-74 R: shows the wrong version: caught in isolation, rollback',
    namespace: 'version',
    release: 'portal:1.2.0-wrong-version',
    step: 'g1-isolated',
    message: /version/,
  },
  {
    title: 'S-28 R: damages its own data: undone byte for byte',
    namespace: 'damage',
    release: 'portal:1.2.0-damage-data',
    step: 'g1-isolated',
    message: /data/,
  },
  {
    title:
      '001-116 R: broken on the second group only: caught before it joins, both groups go back, the first keeps what users wrote',
    namespace: 'second',
    release: 'portal:1.2.0-broken-login-on-2',
    step: 'g2-isolated',
    message: /login/,
    edit: (text) => text.replace('policy: Automatic', 'policy: Automatic, onServed: KeepData'),
  },
  {
    title: 'S-19 R: breaks in the last tests: both groups go back one after the other, writes are kept',
    namespace: 'final',
    release: 'portal:1.2.0-breaks-after-shed',
    step: 'final',
    message: /login/,
    // One of two members is bad: enough tries that one of them meets it.
    edit: (text) =>
      text
        .replace('policy: Automatic', 'policy: Automatic, onServed: KeepData')
        .replace('interval: 1s, success: 2, failure: 3', 'interval: 200ms, success: 8, failure: 1'),
  },
];

export function registerReleases(bed: () => Bed): void {
  for (const balancer of ['service', 'haproxy'] as const) {
    it(`S-01 R: a good release through ${balancer}: none of 10 000 requests fails, verified pods stay`, async () =>
      goodRelease(bed(), balancer));
  }
  for (const tc of bad) it(tc.title, async () => badRelease(bed(), tc));
  registerJobProbes(bed);
  it('S-25 R: the tests fail on the old version: nothing is touched', async () => failedBaseline(bed()));
  it('design 4.3: bad only after it served, data kept: the run asks, nothing acknowledged is lost', async () =>
    writesAtStake(bed(), 'Keep'));
  it('design 4.3: bad only after it served, data discarded: exactly the writes at stake are gone', async () =>
    writesAtStake(bed(), 'Discard'));
}

async function goodRelease(bed: Bed, balancer: 'service' | 'haproxy'): Promise<void> {
  const uids: Record<string, string>[] = [];
  const story = await tellStory({
    ...bed.options(`good-${balancer}`, balancer),
    release: 'portal:1.1.0',
    version: '1.1.0',
    rate: 220,
    atLeast: 10_000,
    afterwards: async (example, outcome) => {
      uids.push(await podUids(example));
      return outcome;
    },
    meanwhile: (example) => rememberVerified(example, uids),
  });
  assert.equal(story.outcome.phase, 'Completed');
  assertUnharmed(story.report);
  assert.deepEqual(await runningImages(story.example), portalImages('1.1.0'));
  const [verified, atTheEnd] = uids;
  assert.equal(atTheEnd?.['portal-1-0'], verified?.['portal-1-0'], 'the pod that was verified is the pod that serves');
  await assertClean(story.example);
  assert.ok(story.report.requests >= 10_000, `only ${story.report.requests} requests in ${story.report.seconds} s`);
  await story.example.remove();
}

/** Notes the pods' UIDs at the moment group 1 has passed its isolated tests. */
async function rememberVerified(example: Example, into: Record<string, string>[]): Promise<void> {
  await waitForOutcome(example, {
    earlier: [],
    until: (_set, runs) => stateOf(runs.at(0), 'g1-isolated') === 'Succeeded',
  });
  into.unshift(await podUids(example));
}

async function badRelease(bed: Bed, tc: BadRelease): Promise<void> {
  let volumesBefore: Record<string, string> = {};
  const story = await tellStory({
    ...bed.options(tc.namespace, 'service'),
    ...(tc.edit === undefined ? {} : { edit: tc.edit }),
    release: tc.release,
    prepare: async (example) => {
      volumesBefore = await claimVolumes(example);
    },
  });
  const [upgrade, rollback] = story.outcome.runs;
  assert.equal(story.outcome.phase, 'RolledBack');
  assert.equal(upgrade?.status?.failure?.step, tc.step);
  assert.match(upgrade.status.failure.message, tc.message);
  assert.equal(rollback?.spec.purpose, 'Rollback');
  assertUnharmed(story.report);
  if (tc.step.startsWith('g1'))
    assert.deepEqual(Object.keys(story.report.versions), ['1.0.0'], 'the bad release served users');
  assert.deepEqual(await runningImages(story.example), old);
  const after = await claimVolumes(story.example);
  assert.deepEqual(Object.keys(after), Object.keys(volumesBefore), 'names of the claims');
  await assertClean(story.example);
  await story.example.remove();
}

async function failedBaseline(bed: Bed): Promise<void> {
  let before: Record<string, string> = {};
  const story = await tellStory({
    ...bed.options('baseline', 'service'),
    release: 'portal:1.1.0',
    version: '1.1.0',
    prepare: async (example) => {
      before = await podUids(example);
      // The servers read the password when they start; only the probe sees the new one.
      await example.kubectl([
        'patch',
        'secret',
        'probe-user',
        '--type=merge',
        '-p',
        '{"stringData":{"password":"another"}}',
      ]);
    },
  });
  assert.equal(story.outcome.phase, 'Failed');
  assert.equal(story.outcome.runs[0]?.status?.failure?.step, 'baseline');
  assert.deepEqual(await podUids(story.example), before);
  assertUnharmed(story.report);
  await assertClean(story.example);
  await story.example.remove();
}

/** The new release serves, users write, then it breaks: a person says what becomes of those writes. */
async function writesAtStake(bed: Bed, data: 'Keep' | 'Discard'): Promise<void> {
  let asked: UpgradeRun | undefined;
  const story: Story = await tellStory({
    ...bed.options(`stake-${data.toLowerCase()}`, 'service'),
    release: 'portal:1.2.0-breaks-after-writes',
    afterwards: async (example, outcome) => {
      asked = outcome.runs[0];
      assert.equal(outcome.phase, 'AwaitingDecision');
      await delay(2_000);
      assert.ok(asked);
      await decide(example, asked, { choice: 'Rollback', method: 'Snapshots', data });
      const earlier = (await getRuns(example)).filter((run) => run.spec.purpose === 'Rollback');
      return waitForOutcome(example, {
        earlier,
        until: (set) => ['RolledBack', 'Failed'].includes(set.status?.phase ?? ''),
      });
    },
  });
  assert.match(asked?.status?.service?.atStake ?? '', /^writes to group-1 since \d{4}-/);
  assert.equal(story.outcome.phase, 'RolledBack');
  assert.deepEqual(await runningImages(story.example), old);
  const { failed, firstFailures, acknowledgedWritesLost, members } = story.report;
  assert.deepEqual({ failed, firstFailures }, { failed: 0, firstFailures: [] });
  if (data === 'Keep') assert.equal(acknowledgedWritesLost, 0);
  else {
    assert.ok(acknowledgedWritesLost > 0, 'what users wrote to group 1 since the snapshot is gone, as was decided');
    assert.deepEqual(
      members.filter((member) => member.lost > 0).map((member) => member.member),
      ['portal-1'],
    );
  }
  await assertClean(story.example);
  await story.example.remove();
}

function stateOf(run: UpgradeRun | undefined, step: string): string {
  return run?.status?.steps.find((entry) => entry.id === step)?.state ?? '';
}
