/** What the vendor promises about every upgrade (requirements 2.1, 2.5), seen in the simulated world. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { UpgradeRun } from '../../src/api/upgrade-run.ts';
import { parseDuration } from '../../src/shared/duration.ts';
import { parseInstant } from '../../src/shared/instant.ts';
import { planRun } from '../../src/simulation/set-controller.ts';
import { must } from '../../src/simulation/world.ts';
import { majorSetting } from './major.ts';
import { editSet, play, runNamed, setting, signsOff, type Ended, type SceneDraft, type Setting } from './story.ts';

const signedOff = (told: Setting): Promise<Ended> => play({ tell: () => ({ ...told, events: [signsOff] }) });

const applied = ({ world }: Ended): string[] =>
  world.calls.filter((call) => call.kind === 'ApplyImages' && call.changed).map((call) => call.target);

function entryOf(run: UpgradeRun, id: string): { started: number; finished: number } {
  const entry = must(
    run.status?.steps.find((candidate) => candidate.id === id),
    id,
  );
  return { started: parseInstant(entry.started ?? ''), finished: parseInstant(entry.finished ?? '') };
}

function secondsOf(duration: string | undefined): number {
  return parseDuration(duration ?? '') / 1000;
}

describe('every upgrade', () => {
  it('001-22: begins when a package is asked for, and not before', async () => {
    const told = setting({ set: { package: 'portal-1.1.0' } });
    const asks = {
      what: 'the platform team asks for 1.2.0',
      atMs: 600_000,
      act: (simulation: Parameters<typeof editSet>[0]) => {
        assert.equal(simulation.store.runs.length, 0, 'nothing was asked for yet');
        editSet(simulation, { package: 'portal-1.2.0' });
      },
    };
    const ended = await play({ tell: () => ({ ...told, events: [asks, signsOff] }) });
    assert.equal(runNamed(ended, 'portal-1').status?.phase, 'Completed');
  });

  it('001-10: changes the groups in the order of the set, not of their names', async () => {
    const ended = await signedOff(setting({ groups: 3, set: { serverGroups: ['group-3', 'group-1', 'group-2'] } }));
    assert.deepEqual(applied(ended), ['web-3', 'web-1', 'web-2']);
  });

  it('001-64: leaves every server alone that is not of the group whose turn it is', async () => {
    const ended = await signedOff(setting({ groups: 3 }));
    const touched = ended.world.calls
      .filter((call) => call.changed && ['ScaleWorkload', 'ApplyImages', 'DrainMember'].includes(call.kind))
      .map((call) => call.target.replace('web/', ''));
    const turns = touched.filter((target, index) => target !== touched[index - 1]);
    assert.deepEqual(turns, ['web-1', 'web-2', 'web-3']);
  });

  it('001-09: says before it begins whether users will notice', () => {
    const interruption = (told: Setting): string | undefined =>
      planRun(told, must(told.objects.sets[0], 'set')).facts['interruption'];
    assert.equal(interruption(setting()), 'None');
    assert.match(interruption(majorSetting()) ?? '', /^Unavailable while the schema is changed/);
  });

  it('001-17: has no downtime only with a balanced pool that checks health: both are asked for', () => {
    const balanced = (draft: SceneDraft, healthChecked: boolean): string | undefined => {
      const told = setting(draft);
      for (const { spec } of told.objects.pools) spec.healthChecked = healthChecked;
      return planRun(told, must(told.objects.sets[0], 'set')).facts['loadBalanced'];
    };
    assert.deepEqual([balanced({}, true), balanced({}, false), balanced({ groups: 1 }, true)], ['Yes', 'No', 'No']);
  });

  it('001-59: keeps its snapshots until the sign-off, whatever time passes, and not a minute longer', async () => {
    const waiting = await play({ tell: () => ({ ...setting(), limitMs: 48 * 3_600_000 }) });
    assert.deepEqual([...waiting.world.snapshots.keys()].toSorted(), [
      'portal-1-data-web-1-0',
      'portal-1-data-web-2-0',
    ]);
    const ended = await signedOff(setting());
    assert.deepEqual([...ended.world.snapshots.keys()], []);
  });

  it('A-11: is at risk from the first drain to the sign-off; ten minutes a server are its estimate', async () => {
    const ended = await signedOff(setting({ groups: 3 }));
    const run = runNamed(ended, 'portal-1');
    const { atRisk } = must(run.status?.clocks, 'clocks');
    const passed = entryOf(run, 'sign-off').finished - entryOf(run, 'g1-drain').started;
    assert.deepEqual([atRisk.planned, secondsOf(atRisk.actual)], ['30m', Math.trunc(passed / 1000)]);
  });

  it('001-66: offers after a failure to mend the cause or to go back', async () => {
    const told = setting({ set: { rollback: { policy: 'RequireApproval' } } });
    const ended = await play({ tell: () => ({ ...told, fail: ['probe:login@group-1'], limitMs: 3_600_000 }) });
    const choices = runNamed(ended, 'portal-1').status?.choices?.map(({ choice }) => choice) ?? [];
    assert.ok(choices.includes('Resume') && choices.includes('Rollback'), choices.join());
  });
});

describe('a major upgrade', () => {
  it('001-13 A-18: is down from the first group that stops for the schema until the first is proven on the new one', async () => {
    const run = runNamed(await play({ tell: () => majorSetting() }), 'portal-1');
    const { downtime } = must(run.status?.clocks, 'clocks');
    const marked = (marker: string): string =>
      must(
        run.spec.steps.find((step) => step.marker === marker),
        marker,
      ).id;
    const passed =
      entryOf(run, marked('LimitedServiceRestored')).finished - entryOf(run, marked('DowntimeBegins')).started;
    assert.equal(secondsOf(downtime.actual), Math.trunc(passed / 1000));
    assert.ok(entryOf(run, 'migrate').started >= entryOf(run, marked('DowntimeBegins')).started);
  });

  it('001-15 001-65: is at risk for longer than it is down, because the other groups follow one after the other', async () => {
    const run = runNamed(await play({ tell: () => majorSetting({ groups: 3, signOff: 'Required' }) }), 'portal-1');
    const { atRisk, downtime } = must(run.status?.clocks, 'clocks');
    assert.ok(secondsOf(atRisk.actual) > secondsOf(downtime.actual), `${atRisk.actual} and ${downtime.actual}`);
    const limited = must(
      run.spec.steps.find((step) => step.marker === 'LimitedServiceRestored'),
      'marker',
    );
    for (const id of ['g2-upgrade', 'g3-upgrade'])
      assert.ok(entryOf(run, id).started >= entryOf(run, limited.id).finished, `${id} is not in the downtime`);
  });
});
