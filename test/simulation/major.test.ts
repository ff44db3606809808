/** The rows of the vendor's table for a major release, and what the world sees of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findProblems } from '../../src/planner/validate.ts';
import { planInput } from '../../src/simulation/set-controller.ts';
import { isEnded } from '../../src/status/summarize-run.ts';
import { must } from '../../src/simulation/world.ts';
import { database, packageOf } from '../builders/objects.ts';
import { planOf, rowsOf } from './checks.ts';
import { majorSetting, type MajorDraft } from './major.ts';
import { decide, play, runNamed, whenStep, type Ended, type Setting } from './story.ts';

function problemsOf(told: Setting): string[] {
  return findProblems(planInput(told, must(told.objects.sets[0], 'set'))).map(
    ({ reason, object, field }) => `${reason} ${object} ${field}`,
  );
}

describe('the major procedure', () => {
  it('001-76 … 001-95: two groups are walked through in the fifteen rows, with the implicit starts made explicit', () => {
    assert.deepEqual(rowsOf(planOf(majorSetting())), [
      '0 Preflight group-1+group-2',
      '0b BackupDatabase',
      '0a Probe group-1+group-2',
      '1 Drain group-1',
      '2 Probe group-2',
      '2a Stop group-1',
      '2b Snapshot group-1',
      '3 Upgrade group-1',
      '4 Configure group-1',
      '6 Drain group-2',
      '6a Stop group-2',
      '5a BackupDatabase',
      '5 MigrateDatabase',
      '6b Start group-1',
      '6c Probe group-1',
      '6d Undrain group-1',
      '7 Probe group-1',
      '7a Snapshot group-2',
      '8 Upgrade group-2',
      '9 Configure group-2',
      '10 Start group-2',
      '10a Probe group-2',
      '10b Undrain group-2',
      '11 Drain group-1',
      '12 Probe group-2',
      '13 Undrain group-1',
      '14 Probe group-1+group-2',
      '15 AwaitDecision',
      '16 Cleanup group-1+group-2',
    ]);
  });

  it('001-76 001-81 001-86 001-95: the four markers stand where users lose and get back what they have', () => {
    const marked = planOf(majorSetting()).flatMap((step) =>
      step.marker === undefined ? [] : [`${step.number} ${step.marker}`],
    );
    assert.deepEqual(marked, [
      '1 AtRiskBegins',
      '6 DowntimeBegins',
      '7 LimitedServiceRestored',
      '15 FullServiceRestored',
    ]);
  });

  it('001-96: tests and the sign-off are joint, everything else is the engineer alone', () => {
    const joint = planOf(majorSetting()).filter((step) => step.actor === 'Joint');
    assert.deepEqual(
      joint.map((step) => step.number),
      ['2', '7', '12', '14', '15'],
    );
  });

  it('A-15: with three groups all others stop before the command, and no verified group leaves for the test of another', () => {
    const steps = planOf(majorSetting({ groups: 3 }));
    const migrate = steps.findIndex((step) => step.action === 'MigrateDatabase');
    const stops = steps.flatMap((step, index) => (step.action === 'Stop' ? [[step.group, index < migrate]] : []));
    assert.deepEqual(stops, [
      ['group-1', true],
      ['group-2', true],
      ['group-3', true],
    ]);
    assert.ok(!steps.some((step) => ['11', '12', '13'].includes(step.number)));
  });

  it('001-28 001-08: the downtime is announced with fifteen minutes, and measured from marker to marker', async () => {
    const ended = await play({ tell: () => majorSetting() });
    const { downtime, atRisk } = must(runNamed(ended, 'portal-1').status?.clocks, 'clocks');
    assert.deepEqual([downtime.planned, atRisk.planned], ['15m', '20m']);
    assert.ok(ended.world.traffic.refused > 0 && ended.world.traffic.failed === 0, 'refused in the downtime only');
    assert.match(downtime.actual ?? '', /^\d+s$|^\dm/);
  });
});

describe('what a major release needs', () => {
  const changed = (change: (told: Setting) => void): string[] => {
    const told = majorSetting();
    change(told);
    return problemsOf(told);
  };
  const cases: Readonly<Record<string, readonly [(told: Setting) => void, readonly string[]]>> = {
    'nothing is missing': [() => {}, []],
    '001-60: no Database is named': [
      ({ objects }) => {
        objects.databases = [];
        for (const group of objects.groups) delete group.spec.database;
      },
      ['DatabaseRequired servergroup/group-1 spec.database', 'DatabaseRequired servergroup/group-2 spec.database'],
    ],
    'groups name different ones': [
      ({ objects }) => {
        must(objects.groups[1], 'group').spec.database = 'other';
      },
      ['DatabaseDiffers servergroup/group-2 spec.database'],
    ],
    '001-60: it cannot be backed up': [
      ({ objects }) => {
        objects.databases = [database('portal-db', { backup: undefined, restore: undefined })];
      },
      ['DatabaseIncomplete database/portal-db spec.backup', 'DatabaseIncomplete database/portal-db spec.restore'],
    ],
    '001-61: people back it up, and may be asked to put it back': [
      ({ objects }) => {
        objects.databases = [database('portal-db', { backup: { takenBy: 'People' }, restore: undefined })];
      },
      [],
    ],
    '001-20: a first number that does not change is no major release': [
      ({ objects }) => {
        objects.packages[2] = packageOf('1.3.0', {
          upgradeType: 'Major',
          schema: { version: '42', change: 'Migrate' },
        });
        must(objects.sets[0], 'set').spec.package = 'portal-1.3.0';
      },
      ['UpgradeTypeMismatch package/portal-1.3.0 spec.upgradeType'],
    ],
    'a conversion is not available yet': [
      ({ objects }) => {
        objects.packages[2] = packageOf('2.0.0', {
          upgradeType: 'Major',
          schema: { version: '42', change: 'Convert' },
        });
      },
      ['ProcedureNotAvailable package/portal-2.0.0 spec.schema.change'],
    ],
  };
  for (const [name, [change, want]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(changed(change), want));
  }
});

const steps = planOf(majorSetting()).filter((step) => step.skip === undefined);

function assertWhole(ended: Ended): void {
  const last = ended.result.timeline.lines().slice(-25).join('\n');
  assert.deepEqual(ended.result.violations, [], last);
  assert.ok(
    ended.result.runs.every((run) => isEnded(run.status?.phase)),
    last,
  );
}

/** Nobody is asked: what users wrote on the new schema may be given up. */
function careless(draft: MajorDraft = {}): Setting {
  const told = majorSetting({ ...draft, onServed: 'DiscardWrites' });
  told.world.promises.mayLose = true;
  return told;
}

describe('S-07: a major run ended at each of its steps leaves one version on one schema', () => {
  for (const { id } of steps) {
    it(`S-07: aborted in ${id}`, async () => {
      const ended = await play({
        tell: () => ({
          ...careless(),
          events: [whenStep(id, 'Running', 'ana aborts', (simulation) => decide(simulation, { choice: 'Abort' }))],
        }),
      });
      assertWhole(ended);
      const schema = ended.world.databases.get('portal-db')?.schema;
      const done = ended.result.runs[0]?.status?.phase === 'Completed';
      assert.equal(schema, done ? '42' : '41');
    });

    it(`S-12: deleted in ${id}`, async () => {
      const ended = await play({
        tell: () => ({
          ...careless(),
          events: [
            whenStep(id, 'Running', 'the set is deleted', ({ objects, world }) => {
              for (const set of objects.sets)
                set.metadata.deletionTimestamp = new Date(world.clock.now()).toISOString();
            }),
          ],
        }),
      });
      assertWhole(ended);
    });
  }
});
