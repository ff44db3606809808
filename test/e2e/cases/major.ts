/** A release with another schema: one downtime, one migration, and the database back when it does not go well. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseDuration } from '../../../src/shared/duration.ts';
import { databases } from '../../../src/api/resources.ts';
import type { UpgradeRun } from '../../../src/api/upgrade-run.ts';
import type { Bed } from '../bed.ts';
import { assertClean, portalImages, runningImages } from '../checks.ts';
import {
  declaredDowntime,
  exitStatus,
  jobsFor,
  openBackups,
  schemaFacts,
  startTwin,
  untilMigrating,
} from '../database.ts';
import { decide } from '../decisions.ts';
import { waitForOutcome } from '../outcome.ts';
import type { Outcome } from '../outcome.ts';
import { tellStory, untilStep } from '../story.ts';
import type { Story, StoryOptions } from '../story.ts';

const old = portalImages('1.1.0');
const upgraded = portalImages('2.0.0');
const good = { release: 'portal:2.0.0', version: '2.0.0' } as const;
const badLogin = { release: 'portal:2.1.0', version: '2.1.0' } as const;
export const lastStatement = "UPDATE schema_version SET version = '42';";
/** A member that serves is one that nodes may forward to: each does so a second or two later. */
const forwardingMs = 3_000;
const migrated = { schema: '42', begun: 1, done: 1 };

export function registerMajor(bed: () => Bed): void {
  it('001-76 … 001-96, S-01 R: under constant writes: one migration, the measured downtime is within the declared one', async () =>
    goodMajor(bed()));
  it('001-130, S-29 R: nobody can log in after the migration, behind HAProxy: the database goes back, then the old servers', async () =>
    failedTest(bed()));
  it('S-29 R: the migration fails: old schema, old servers, every write is there', async () => failedMigration(bed()));
  it('S-30 R: the database cannot be restored: the run holds, and goes back once that is mended', async () =>
    failedRestore(bed()));
  it('001-82 R: the pod of the migration is started twice: both succeed, one migration', async () =>
    startedTwice(bed()));
  it('001-82 R: the pod of the migration is deleted in the middle: the database undoes it, and it is not tried again', async () =>
    deletedInMigration(bed()));
  it('S-29 R: bad only after users wrote to the new schema: the run asks, and gives up exactly those writes', async () =>
    pointOfNoReturn(bed()));
}

async function goodMajor(bed: Bed): Promise<void> {
  const story = await tellMajor(bed, 'major-good', { ...good, rate: 120, signOff: 'Required', afterwards: signOff });
  const [run] = story.outcome.runs;
  assert.equal(story.outcome.phase, 'Completed');
  assert.equal(run?.status?.service?.schema, '42');
  assert.match(messageOf(run, 'backup-last'), /is verified$/);
  assert.deepEqual(await schemaFacts(story.example), migrated);
  assert.equal((await jobsFor(story.example, 'migrate')).length, 1);
  assertDowntime(story);
  const { client, namespace } = story.example;
  const database = await client.get(databases, { namespace, name: 'portal-db' });
  assert.equal(database.status?.schemaVersion, '42');
  assert.equal(messageOf(run, 'backup-last'), `${database.status.lastBackup?.handle} is verified`);
  await finish(story, upgraded);
}

async function failedTest(bed: Bed): Promise<void> {
  const story = await tellMajor(bed, 'major-login', { ...badLogin, balancer: 'haproxy' });
  const [upgrade] = story.outcome.runs;
  assert.equal(story.outcome.phase, 'RolledBack');
  assert.equal(upgrade?.status?.failure?.step, 'g1-isolated');
  assert.match(upgrade.status.failure.message, /login/);
  await assertWentBack(story);
}

async function failedMigration(bed: Bed): Promise<void> {
  const story = await tellMajor(bed, 'major-raises', {
    ...good,
    migration: "DO 'BEGIN RAISE EXCEPTION ''there is something in the way''; END';",
  });
  const [upgrade] = story.outcome.runs;
  assert.equal(story.outcome.phase, 'RolledBack');
  assert.equal(upgrade?.status?.failure?.step, 'migrate');
  assert.equal(upgrade.status.failure.reason, 'MigrationFailed');
  await assertWentBack(story);
}

async function failedRestore(bed: Bed): Promise<void> {
  const story = await tellMajor(bed, 'major-restore', {
    ...badLogin,
    meanwhile: async (example) => {
      const shell = await openBackups(example);
      await untilStep(example, 'migrate', ['Succeeded']);
      await shell('mkdir /backups/away && mv /backups/portal-* /backups/away/');
    },
    afterwards: async (example, outcome) => {
      const [, back] = outcome.runs;
      assert.equal(outcome.phase, 'AwaitingDecision');
      assert.ok(back);
      assert.equal(back.status?.failure?.reason, 'RestoreFailed');
      assert.match(back.status.failure.message, /there is no backup/);
      assert.deepEqual(
        back.status.choices?.map(({ choice }) => choice),
        ['Resume', 'Rebuild', 'Rebuild', 'Abort'],
      );
      assert.deepEqual(await runningImages(example), {}, 'nobody is started on a schema that is not his');
      const shell = await openBackups(example);
      await shell('mv /backups/away/portal-* /backups/');
      await decide(example, back, { choice: 'Resume' });
      return untilPhase(example, ['RolledBack', 'Failed']);
    },
  });
  assert.equal(story.outcome.phase, 'RolledBack');
  await assertWentBack(story);
}

async function startedTwice(bed: Bed): Promise<void> {
  const statuses: number[] = [];
  const story = await tellMajor(bed, 'major-twice', {
    ...good,
    migration: `SELECT pg_sleep(8); ${lastStatement}`,
    meanwhile: async (example) => {
      const twin = await startTwin(example, await untilMigrating(example));
      statuses.push(await exitStatus(example, twin));
    },
  });
  assert.deepEqual(statuses, [0]);
  assert.equal(story.outcome.phase, 'Completed');
  await assertMigratedOnce(story);
}

async function deletedInMigration(bed: Bed): Promise<void> {
  const story = await tellMajor(bed, 'major-deleted', {
    ...good,
    migration: `SELECT pg_sleep(60); ${lastStatement}`,
    meanwhile: async (example) => {
      const job = await untilMigrating(example);
      await example.kubectl(['delete', 'pods', '-l', `batch.kubernetes.io/job-name=${job.metadata.name}`]);
    },
  });
  const failure = story.outcome.runs[0]?.status?.failure;
  assert.equal(story.outcome.phase, 'RolledBack');
  assert.deepEqual({ step: failure?.step, reason: failure?.reason }, { step: 'migrate', reason: 'MigrationFailed' });
  assert.equal((await jobsFor(story.example, 'migrate')).length, 1);
  await assertWentBack(story);
}

async function pointOfNoReturn(bed: Bed): Promise<void> {
  const story = await tellMajor(bed, 'major-stake', {
    release: 'portal:2.0.0-breaks-after-writes',
    version: '2.0.0',
    afterwards: async (example, outcome) => {
      const [asked] = outcome.runs;
      assert.equal(outcome.phase, 'AwaitingDecision');
      assert.ok(asked);
      assert.match(asked.status?.service?.atStake ?? '', /^writes to the database since \d{4}-/);
      const wanted = asked.status?.choices?.find(({ choice }) => choice === 'Rollback');
      assert.match(wanted?.loss ?? '', /^writes to the database since \d{4}-/);
      assert.deepEqual(await schemaFacts(example), migrated, 'nothing is taken back without a word');
      await decide(example, asked, { choice: 'Rollback', method: 'DatabaseAndSnapshots', data: 'Discard' });
      return untilPhase(example, ['RolledBack', 'Failed']);
    },
  });
  assert.equal(story.outcome.phase, 'RolledBack');
  assert.deepEqual(await schemaFacts(story.example), { schema: '41', begun: 0, done: 0 });
  const { acknowledgedWritesLost, acknowledged, dataIdentical, versions } = story.report;
  assert.ok(acknowledgedWritesLost > 0, 'what users wrote to the new schema is gone, as was decided');
  assert.ok(acknowledgedWritesLost <= (versions['2.0.0'] ?? 0), 'what was written before the downtime is there');
  assert.ok(acknowledgedWritesLost < acknowledged);
  assert.ok(dataIdentical);
  await finish(story, old);
}

interface MajorOptions extends Partial<StoryOptions> {
  readonly release: string;
  readonly version: string;
  /** In place of the last statement of the migration. */
  readonly migration?: string;
  readonly signOff?: 'Required';
}

export async function tellMajor(
  bed: Bed,
  name: string,
  { migration = lastStatement, signOff, balancer = 'service', ...rest }: MajorOptions,
): Promise<Story> {
  const story = await tellStory({
    ...bed.major(name, balancer),
    edit: (text) => {
      assert.ok(text.includes(lastStatement), 'the migration of the example has changed');
      const edited = text.replace(lastStatement, () => migration);
      return signOff === undefined ? edited.replace('signOff: Required', 'signOff: NotRequired') : edited;
    },
    ...rest,
  });
  const ended = await untilEnded(story);
  const { downtime } = story.report;
  const clocks = ended.outcome.runs.map(({ status }) => status?.clocks?.downtime.actual ?? 'none').join(' and ');
  console.log(`e2e: ${name}: ${story.outcome.phase}, users met ${downtime?.seconds} s of downtime, declared ${clocks}`);
  return ended;
}

/** The set rests a moment before the last status of its runs is written. */
async function untilEnded(story: Story): Promise<Story> {
  const isEnded = ({ status }: UpgradeRun): boolean => status?.finished !== undefined;
  const outcome = await waitForOutcome(story.example, {
    earlier: [],
    until: (set, runs) => set.status?.phase === 'AwaitingDecision' || runs.every(isEnded),
  });
  return { ...story, outcome };
}

async function signOff(example: Story['example'], outcome: Outcome): Promise<Outcome> {
  const [run] = outcome.runs;
  assert.equal(outcome.phase, 'AwaitingDecision');
  assert.ok(run);
  assert.equal(run.status?.step, 'sign-off');
  await decide(example, run, { choice: 'SignOff' });
  return untilPhase(example, ['Completed', 'Failed']);
}

function untilPhase(example: Story['example'], phases: readonly string[]): Promise<Outcome> {
  const until = (set: Outcome['set']): boolean => phases.includes(set.status?.phase ?? '');
  return waitForOutcome(example, { earlier: [], until });
}

/** Old schema, old servers; nobody met the new release, and all they were told is stored is there. */
async function assertWentBack(story: Story): Promise<void> {
  const rollback = story.outcome.runs.at(-1);
  assert.equal(rollback?.spec.purpose, 'Rollback');
  assert.equal(rollback.status?.service?.schema, '41');
  assert.deepEqual(await schemaFacts(story.example), { schema: '41', begun: 0, done: 0 });
  assert.deepEqual(Object.keys(story.report.versions), ['1.1.0'], 'the new release served users');
  assertDowntime(story);
  await finish(story, old);
}

export async function assertMigratedOnce(story: Story): Promise<void> {
  const entry = story.outcome.runs[0]?.status?.steps.find(({ id }) => id === 'migrate');
  assert.deepEqual({ state: entry?.state, attempt: entry?.attempt }, { state: 'Succeeded', attempt: 1 });
  assert.deepEqual(await schemaFacts(story.example), migrated);
  assert.equal((await jobsFor(story.example, 'migrate')).length, 1);
  assertDowntime(story);
  await finish(story, upgraded);
}

/** Users were turned away while the journal says so, and never else; the clocks say no less than users met. */
function assertDowntime(story: Story): void {
  const { report, outcome } = story;
  const { failed, firstFailures, acknowledgedWritesLost, dataIdentical, members, downtime } = report;
  assert.deepEqual(
    { acknowledgedWritesLost, dataIdentical },
    { acknowledgedWritesLost: 0, dataIdentical: true },
    JSON.stringify(members),
  );
  assert.ok(downtime !== undefined && downtime.seconds > 0 && failed > 0, 'there was no downtime');
  const { from, to } = declaredDowntime(outcome.runs);
  for (const outage of downtime.outages) {
    const isDeclared = Date.parse(outage.from) >= from && Date.parse(outage.to ?? '') <= to + forwardingMs;
    assert.ok(
      isDeclared,
      `${JSON.stringify(outage)}, declared ${new Date(from).toISOString()} to ${new Date(to).toISOString()}; ${firstFailures[0]}`,
    );
  }
  // The upgrade's clock goes on until its way back has ended.
  const clock = clockOf(outcome.runs[0]);
  assert.ok(downtime.seconds <= clock + 1, `measured ${downtime.seconds} s, on the clock ${clock} s`);
}

/** Seconds of downtime that the run has counted. */
function clockOf(run: UpgradeRun | undefined): number {
  return parseDuration(run?.status?.clocks?.downtime.actual ?? '0s') / 1_000;
}

function messageOf(run: UpgradeRun | undefined, step: string): string {
  return run?.status?.steps.find(({ id }) => id === step)?.message ?? '';
}

async function finish(story: Story, images: Record<string, string>): Promise<void> {
  assert.deepEqual(await runningImages(story.example), images);
  await assertClean(story.example);
  await story.example.remove();
}
