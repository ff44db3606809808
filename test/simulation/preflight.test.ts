/** Nothing is touched before every check that holds is met, attested or waived (001-45, 001-69, A-13, S-36). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PreflightCheck, UpgradeRun } from '../../src/api/upgrade-run.ts';
import type { StoryEvent } from '../../src/simulation/simulation.ts';
import type { DriverFault } from '../../src/simulation/faults.ts';
import type { World } from '../../src/simulation/world.ts';
import { majorSetting } from './major.ts';
import { decide, editSet, play, setting, signsOff, type Ended, type Setting, type Told } from './story.ts';

const minute = 60_000;
const looking: readonly string[] = [
  'RunCheck',
  'EndCheck',
  'RunProbes',
  'RunDatabaseJob',
  'UnlockGroups',
  'UnlockWorkloads',
];

function first({ result }: Pick<Ended, 'result'>): UpgradeRun {
  const [run] = result.runs;
  assert.ok(run !== undefined);
  return run;
}

function checkOf(run: UpgradeRun | undefined, name: string): PreflightCheck | undefined {
  return run?.status?.preflight?.find(({ check }) => check === name);
}

const touched = (world: World): string[] =>
  world.calls.filter(({ kind }) => !looking.includes(kind)).map(({ kind, target }) => `${kind} ${target}`);

function assertUntouched({ world, result }: Ended): void {
  assert.deepEqual(touched(world), []);
  assert.deepEqual(result.violations, []);
}

function waives(atMs: number, check: string): StoryEvent {
  return {
    what: `ana waives ${check}`,
    atMs,
    act: (simulation) => decide(simulation, { choice: 'Waive', check, reason: 'seen by eye', decidedBy: 'ana' }),
  };
}

/** Told for half an hour at the most. */
const tell = (told: Setting, more: Partial<Told> = {}): Promise<Ended> =>
  play({ tell: () => ({ ...told, limitMs: 30 * minute, ...more }) });

const failing = { state: 'failed', message: 'budgets allow no disruption: web', remedy: 'loosen them' } as const;

describe('preflight', () => {
  it('001-45: a check that cannot be asked for holds the run without an end, and names why', async () => {
    const refused = { kind: 'RunCheck', target: '', mode: 'refused', times: Number.POSITIVE_INFINITY } as const;
    const fault: DriverFault = { ...refused };
    const seen: unknown[] = [];
    const ended = await play({
      tell: () => ({
        ...setting({ set: { signOff: 'NotRequired', preflight: { require: ['RemoteAccess'] } } }),
        driverFaults: [fault],
        events: [
          {
            what: 'the checks can be asked for again',
            atMs: 60 * minute,
            act({ store, world }) {
              const { phase, blockers = [] } = store.runs[0]?.status ?? {};
              seen.push(
                phase,
                blockers.map(({ type, object }) => `${type} ${object}`),
                touched(world),
              );
              fault.times = 0;
            },
          },
        ],
      }),
    });
    assert.deepEqual(seen, ['Preflight', ['Error step/preflight'], []]);
    assert.deepEqual([first(ended).status?.phase, ended.result.violations], ['Completed', []]);
  });

  const people = () => setting({ set: { preflight: { require: ['Contacts'] } } });

  it('S-36 001-41 001-43 001-45: a missing contact holds the run, which names the remedy and touches nothing', async () => {
    const ended = await tell(people());
    const run = first(ended);
    assert.equal(run.status?.phase, 'Preflight');
    assert.equal(checkOf(run, 'Contacts')?.verdict, 'Fail');
    assert.match(run.status?.blockers?.[0]?.message ?? '', /add contacts with role Lead, .* spec\.contacts/);
    assert.deepEqual(
      run.status?.blockers?.map(({ type, object }) => [type, object]),
      [['Preflight', 'check/Contacts']],
    );
    assert.deepEqual(
      run.status?.choices?.map(({ choice, check }) => [choice, check]),
      [['Waive', 'Contacts']],
    );
    const ready = run.status?.conditions?.find(({ type }) => type === 'Ready');
    assert.deepEqual([ready?.status, ready?.reason], ['False', 'PreflightFailed']);
    assertUntouched(ended);
  });

  it('001-45 A-13: a waiver that names the check lets the run go on, and says who and why', async () => {
    const before: string[][] = [];
    const waiver = waives(20 * minute, 'Contacts');
    const ended = await tell(people(), {
      limitMs: 60 * minute,
      events: [
        {
          ...waiver,
          act(simulation) {
            before.push(touched(simulation.world));
            waiver.act(simulation);
          },
        },
        signsOff,
      ],
    });
    const run = first(ended);
    assert.deepEqual(before, [[]]);
    assert.equal(run.status?.phase, 'Completed');
    assert.equal(checkOf(run, 'Contacts')?.waivedBy, 'ana: seen by eye');
    assert.equal(run.status?.steps[0]?.handles?.['waived/Contacts'], 'ana: seen by eye');
    assert.deepEqual(ended.result.violations, []);
  });

  it('A-13: a waiver of another check lets nothing go on', async () => {
    const ended = await tell(people(), { events: [waives(minute, 'Capacity')] });
    assert.equal(first(ended).status?.phase, 'Preflight');
    assertUntouched(ended);
  });

  it('001-60 A-13: no waiver lets a Major start without a backup of its database', async () => {
    const told = majorSetting();
    const [wanted] = told.objects.packages.filter(({ spec }) => spec.upgradeType === 'Major');
    assert.ok(wanted?.spec.schema !== undefined);
    wanted.spec.schema.change = 'None';
    told.objects.databases = told.objects.databases.map((one) => {
      const { backup: _backup, restore: _restore, ...spec } = one.spec;
      return { ...one, spec };
    });
    const ended = await tell(told, { events: [waives(minute, 'Backups')] });
    const run = first(ended);
    assert.equal(run.status?.phase, 'Preflight');
    assert.deepEqual([checkOf(run, 'Backups')?.verdict, checkOf(run, 'Backups')?.waivable], ['Fail', false]);
    assert.match(run.status?.blockers?.[0]?.message ?? '', /a Major never starts without one; .*it cannot be waived/);
    assert.deepEqual(run.status?.choices, undefined);
    assertUntouched(ended);
  });

  it('S-20 001-45: a budget that allows nothing holds the run, which goes on by itself within half a minute after it is mended', async () => {
    const told = setting({ set: { signOff: 'NotRequired' } });
    told.world.faults.checks.set('Budgets', failing);
    const mended = { what: 'the budget is loosened', atMs: 5 * minute, act: () => told.world.faults.checks.clear() };
    const ended = await tell(told, { events: [mended] });
    const run = first(ended);
    assert.equal(run.status?.phase, 'Completed');
    assert.equal(checkOf(run, 'PodDisruptionBudgets')?.verdict, 'Pass');
    const locked = ended.world.calls.find(({ kind }) => kind === 'LockGroups')?.at ?? 0;
    const afterMs = locked - Date.parse(run.status?.started ?? '') - 5 * minute;
    assert.ok(afterMs >= -1_000 && afterMs <= 30_000, `${afterMs} ms after it was mended`);
    assert.deepEqual(ended.result.violations, []);
  });

  it('no answer is no pass: what cannot be told holds the run like what is wrong', async () => {
    const told = setting();
    told.world.faults.checks.set('Budgets', { ...failing, state: 'unknown', message: 'budgets is forbidden' });
    const ended = await tell(told);
    assert.equal(checkOf(first(ended), 'PodDisruptionBudgets')?.verdict, 'Unknown');
    assertUntouched(ended);
  });

  it('what is only reported holds nothing', async () => {
    const told = setting({ set: { signOff: 'NotRequired' } });
    told.world.faults.checks.set('Space', { ...failing, message: 'no quota tells' });
    const ended = await tell(told);
    assert.equal(first(ended).status?.phase, 'Completed');
    assert.deepEqual(
      [checkOf(first(ended), 'SnapshotSpace')?.verdict, checkOf(first(ended), 'SnapshotSpace')?.severity],
      ['Fail', 'Warn'],
    );
  });

  it('001-69: the list is complete before the baseline, and starts with what holds', async () => {
    const ended = await tell(setting({ set: { signOff: 'NotRequired' } }));
    const { preflight = [] } = first(ended).status ?? {};
    assert.deepEqual(
      preflight.map(({ check, verdict, severity }) => `${check} ${verdict} ${severity}`),
      [
        'Snapshots Pass Hold',
        'Capacity Pass Hold',
        'PodDisruptionBudgets Pass Hold',
        'Staging Pass Warn',
        'Backups Pass Warn',
        'SnapshotSpace Pass Warn',
        'Topology Pass Warn',
      ],
    );
    assert.deepEqual(ended.result.violations, []);
  });

  it('001-45: with dryRun the checks are made and shown, and nothing else; without it the same run starts', async () => {
    const shown: unknown[] = [];
    const ended = await tell(setting({ set: { dryRun: true, signOff: 'NotRequired' } }), {
      events: [
        {
          what: 'dryRun is over',
          atMs: 10 * minute,
          act(simulation) {
            const run = simulation.store.runs[0];
            shown.push(run?.status?.phase, checkOf(run, 'Capacity')?.verdict, touched(simulation.world));
            editSet(simulation, { dryRun: false });
          },
        },
      ],
    });
    assert.deepEqual(shown, ['Preflight', 'Pass', []]);
    assert.deepEqual(
      ended.result.runs.map(({ metadata, status }) => [metadata.name, status?.phase]),
      [['portal-1', 'Completed']],
    );
  });

  it('001-51: an image that neither is there nor can be pulled holds the run; once the registry answers it goes on', async () => {
    const told = setting({ set: { preflight: { require: ['Staging'] }, signOff: 'NotRequired' } });
    const { checks } = told.world.faults;
    checks.set('Staged', { state: 'unknown', message: 'node-1 does not list it', remedy: '' });
    checks.set('Pull', { state: 'failed', message: 'it cannot be pulled', remedy: 'mend the registry' });
    const held: unknown[] = [];
    const ended = await tell(told, {
      events: [
        {
          what: 'the registry answers',
          atMs: 10 * minute,
          act(simulation) {
            held.push(checkOf(simulation.store.runs[0], 'Staging')?.verdict, touched(simulation.world));
            checks.delete('Pull');
          },
        },
      ],
    });
    assert.deepEqual(held, ['Fail', []]);
    assert.equal(first(ended).status?.phase, 'Completed');
  });

  it('001-46: while a check is asked anew, its last answer and the time since when it holds stand', async () => {
    const told = setting({ set: { preflight: { require: ['RemoteAccess'] } } });
    told.world.faults.checks.set('Access', { state: 'failed', message: 'the node is silent', remedy: 'mend it' });
    const seen = new Set<string>();
    const watch = (atMs: number): StoryEvent => ({
      what: 'somebody looks',
      atMs,
      act({ store }) {
        const [blocker] = store.runs[0]?.status?.blockers ?? [];
        seen.add(`${checkOf(store.runs[0], 'RemoteAccess')?.verdict ?? ''} ${blocker?.since ?? ''}`);
      },
    });
    const events = Array.from({ length: 60 }, (_, index) => watch(minute + index * 5_000));
    await tell(told, { events, limitMs: 10 * minute });
    assert.equal(seen.size, 1, [...seen].join('; '));
    assert.match([...seen][0] ?? '', /^Fail 2026/);
  });

  it('001-53: a drill that fails holds the run, and what it made is deleted', async () => {
    const told = setting({ set: { preflight: { require: ['RestoreDrill'] } } });
    told.world.faults.checks.set('Drill', { state: 'failed', message: 'exit 1', remedy: 'mend the storage' });
    const ended = await tell(told);
    assert.deepEqual(
      [first(ended).status?.phase, checkOf(first(ended), 'RestoreDrill')?.verdict],
      ['Preflight', 'Fail'],
    );
    assert.equal(ended.world.asides.size, 0);
    const drills = ended.world.calls.filter(({ kind, changed }) => kind === 'RunCheck' && changed).length;
    assert.ok(drills >= 2 && drills <= 4, `${drills} drills in half an hour`);
    assertUntouched(ended);
  });
});
