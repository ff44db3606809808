/** What is left to a person when a run has ended: everything, what another run goes on with, or nothing. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import type { UpgradeRun } from '../../src/api/upgrade-run.ts';
import { computeAuditReport } from '../../src/status/audit-report.ts';
import { computeByHand } from '../../src/status/by-hand/by-hand.ts';
import { majorSetting } from './major.ts';
import { readOnlyStories } from './stories/read-only.ts';
import { play, runNamed, setting, whenAsked, whenStep, type Told } from './story.ts';

async function runAfter(told: Told, name: string): Promise<UpgradeRun> {
  return runNamed(await play({ tell: () => told }), name);
}

/** The new release does not work, and the database cannot be put back: a person takes over. */
function takenOver(): Told {
  return {
    ...majorSetting(),
    fail: ['probe:login@group-1', 'database:restore'],
    events: [whenAsked('ana takes over', { choice: 'Abort' })],
  };
}

function indexOf(lines: readonly string[], wanted: RegExp): number {
  const found = lines.findIndex((line) => wanted.test(line));
  assert.notEqual(found, -1, `${String(wanted)} is missing in\n${lines.join('\n')}`);
  return found;
}

describe('a way back that has failed, by hand', () => {
  it('goes from the database to the pool, and lets nobody in before the tests', async () => {
    const run = await runAfter(takenOver(), 'portal-1-back');
    assert.equal(run.status?.phase, 'Failed');
    const lines = computeByHand(run);
    const order = [
      /^## \(a\) Finish the way back to 1\.1\.0$/,
      /get podtemplate pg-tools .*"BELAY_BACKUP","value":"backup-\d+"/,
      /patch statefulset\/web-1 --type=json .*get controllerrevision portal-1-\S+ /,
      /^kubectl -n shop scale statefulset\/web-1 --replicas=1$/,
      /^# the tests of web-functions, at the pods of StatefulSet web-1 themselves, version 1\.1\.0 expected:$/,
      /^haproxy web 'set server web\/web-1 state ready'$/,
      /^## In the end, when everybody serves and has passed the tests/,
    ].map((wanted) => indexOf(lines, wanted));
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    const before = lines.slice(0, order[0]);
    assert.ok(!before.some((line) => line.includes('state ready')), 'a stopped server is not let in');
    indexOf(before, /^# web-1 of pool web .*: only after its start and its tests, in \(a\) step 5b /);
    assert.deepEqual(spawnSync('bash', ['-n'], { input: lines.join('\n'), encoding: 'utf8' }).stderr, '');
  });

  it('deletes no run, and says which steps need what the upgrade has saved', async () => {
    const lines = computeByHand(await runAfter(takenOver(), 'portal-1-back'));
    assert.ok(!lines.some((line) => line.includes('delete upgraderun')));
    indexOf(lines, /^# until then nothing of this goes: UpgradeRun portal-1 holds what it saved$/);
    indexOf(lines, /step 2 .* needs backup backup-\d+ of Database portal-db$/);
    indexOf(lines, /step 4 .* needs ControllerRevision portal-1-statefulset-web-1$/);
    indexOf(lines, /^# VolumeSnapshot portal-1-data-web-1-0, kept until \S+Z: then the operator deletes it$/);
    indexOf(lines, /^# UpgradeSet portal still asks for Package portal-2\.0\.0: /);
  });

  it('is told from the run that follows: the upgrade only names it, and must stay', async () => {
    const run = await runAfter(takenOver(), 'portal-1');
    assert.deepEqual([run.status?.phase, run.status?.followedBy], ['Failed', 'portal-1-back']);
    const lines = computeByHand(run);
    indexOf(lines, /^# {3}belay by-hand portal-1-back -n shop$/);
    indexOf(lines, /^# until that is done UpgradeRun portal-1 must stay/);
    assert.ok(lines.every((line) => line.startsWith('#')));
  });
});

describe('a run whose journal was lost', () => {
  it('has no way by hand: what is its own is named, and nothing is deleted', async () => {
    const run = await runAfter(takenOver(), 'portal-1');
    assert.ok(run.status !== undefined);
    const [first, ...rest] = run.status.steps;
    assert.ok(first !== undefined);
    const steps = [{ ...first, state: 'Failed' as const, reason: 'JournalLost' }, ...rest];
    const handedOver = [{ object: 'pool/web/web-1', reason: 'JournalLost', message: 'compare web-1 by hand' }];
    const lines = computeByHand({ ...run, status: { ...run.status, steps, handedOver } });
    indexOf(lines, /^# the journal was lost/);
    indexOf(lines, /^# pool\/web\/web-1: compare web-1 by hand$/);
    indexOf(lines, /^kubectl -n shop get controllerrevisions,.* -l belay\.dev\/run=portal-1$/);
    assert.ok(!lines.some((line) => /kubectl.* (delete|scale|patch) /.test(line)));
  });
});

describe('a run that has ended well', () => {
  it('001-118: has nothing left by hand, and tells what users have as of the end of its rollback', async () => {
    const { result } = await play({ tell: () => ({ ...majorSetting(), fail: ['probe:login@group-1'] }) });
    const [run, back] = result.runs;
    assert.ok(run !== undefined && back !== undefined);
    assert.deepEqual(
      [run.status?.phase, run.status?.service],
      ['RolledBack', { serving: ['group-1', 'group-2'], schema: '41', atStake: 'none' }],
    );
    assert.deepEqual(run.status?.service, back.status?.service);
    assert.deepEqual(computeAuditReport(run).service, run.status?.service);
    assert.deepEqual(
      computeByHand(run).map((line) => line.replace(/ until \S+Z$/, ' until T')),
      [
        '# Upgrade portal-1: 1.1.0 to 2.0.0, RolledBack',
        '# it has ended well: taken back by portal-1-back, version 1.1.0 serves',
        `# ${run.status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? ''}`,
        '# nothing is left to do by hand',
        '# kept: VolumeSnapshot portal-1-data-web-1-0 until T',
      ],
    );
  });

  const others: Readonly<Record<string, readonly [told: () => Told, phase: string, want: RegExp]>> = {
    'where everything is done': [
      () => setting({ set: { signOff: 'NotRequired' } }),
      'Completed',
      /^# it has ended well$/,
    ],
    'where nothing was changed': [
      () => ({ ...majorSetting(), fail: ['database:verify'] }),
      'Failed',
      /^# it has ended, and nothing is changed that was not put back$/,
    ],
  };
  for (const [title, [told, phase, want]] of Object.entries(others)) {
    it(`says so ${title}`, async () => {
      const run = await runAfter(told(), 'portal-1');
      assert.equal(run.status?.phase, phase);
      const lines = computeByHand(run);
      indexOf(lines, want);
      indexOf(lines, /^# nothing is left to do by hand$/);
      assert.ok(lines.every((line) => line.startsWith('#')));
    });
  }
});

describe('a database that is read-only by the run', () => {
  /** As it is while the migration runs. */
  async function guarded(): Promise<UpgradeRun> {
    const story = readOnlyStories.find(({ name }) => name === 'read-only-good');
    assert.ok(story !== undefined);
    const seen: UpgradeRun[] = [];
    const looks = whenStep('migrate', 'Running', 'somebody looks', ({ store }) => seen.push(store.get('portal-1')));
    await play(story, { events: [looks] });
    const [run] = seen;
    assert.ok(run !== undefined);
    return run;
  }

  it('is written to again by a step, which is named', async () => {
    const lines = computeByHand(await guarded());
    indexOf(
      lines,
      /^# the database is read-only by this run, until \(a\) step 5\.2 .*, or \(b\) step 2a Let the database be written to again$/,
    );
  });

  it('is told with its commands where no step does it any more', async () => {
    const run = await guarded();
    assert.ok(run.status !== undefined);
    // The end of the run tried to, and could not.
    const steps = run.status.steps.map((entry) => ({
      ...entry,
      state: entry.state === 'Running' ? ('Succeeded' as const) : entry.state,
      handles: { ...entry.handles, 'guard/read-only': 'left' },
    }));
    const spec = { ...run.spec, steps: run.spec.steps.filter(({ action }) => action !== 'ClearGuard') };
    const handedOver = [{ object: 'database/portal-db', reason: 'ReadOnly', message: 'it still refuses writes' }];
    const lines = computeByHand({ ...run, spec, status: { ...run.status, phase: 'Failed', steps, handedOver } });
    indexOf(lines, /^# handed over: database\/portal-db: it still refuses writes$/);
    const at = indexOf(lines, /^# the database is read-only by this run; before anybody is started/);
    const clears = indexOf(lines, /"args":\["clear-read-only"\]/);
    assert.ok(at < clears && clears < indexOf(lines, /^## \(a\)/));
  });
});
