import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { setAt, upgradeRun } from './fixture.test.ts';
import { sampleSets } from './samples.ts';

const at = (time: string): string => `2026-12-05T${time}Z`;
const now = Date.parse(at('20:10:00'));
const draining = [{ id: 'g1-drain', started: at('20:00:00') }] as const;

function sample(
  runs: readonly UpgradeRun[],
  set = setAt('portal-1'),
  connectionsOf: (member: string) => number | undefined = () => 7,
) {
  const [first] = sampleSets({ sets: [set], runs, now, connectionsOf: (_run, { member }) => connectionsOf(member) });
  assert.ok(first);
  return first;
}

describe('samples of sets', () => {
  it('are at zero before the first run', () => {
    assert.deepEqual(sample([], setAt('')), {
      namespace: 'shop',
      name: 'portal',
      phase: 'Running',
      stepsDone: 0,
      stepsTotal: 0,
      blocked: false,
      atRisk: { plannedSeconds: 0, actualSeconds: 0 },
      downtime: { plannedSeconds: 0, actualSeconds: 0 },
      etaSeconds: undefined,
      decisionSinceSeconds: undefined,
      groups: [],
    });
  });

  it('let the time at risk run between two writes of the status, and count per group', () => {
    const progress = { done: 3, total: 20, percent: 10, eta: at('20:30:00') };
    const seen = sample([upgradeRun('portal-1', draining)], setAt('portal-1', { progress }));
    assert.deepEqual(
      [seen.atRisk, seen.downtime],
      [
        { plannedSeconds: 1_200, actualSeconds: 600 },
        { plannedSeconds: 0, actualSeconds: 0 },
      ],
    );
    assert.deepEqual([seen.stepsDone, seen.stepsTotal, seen.etaSeconds], [3, 20, Date.parse(at('20:30:00')) / 1000]);
    assert.deepEqual(
      seen.groups.map(({ group, stepsDone, drainConnections }) => [group, stepsDone, drainConnections]),
      [
        ['group-1', 0, 7],
        ['group-2', 0, undefined],
      ],
    );
  });

  it('show no drain count that is not known, and none when the drain is over', () => {
    const unknown = sample([upgradeRun('portal-1', draining)], undefined, () => undefined);
    assert.equal(unknown.groups[0]?.drainConnections, undefined);
    const over = sample([upgradeRun('portal-1', [{ ...draining[0], state: 'Succeeded', finished: at('20:01:00') }])]);
    assert.deepEqual([over.groups[0]?.stepsDone, over.groups[0]?.drainConnections], [1, undefined]);
  });

  it('count the way back as time at risk of the upgrade', () => {
    const upgrade = upgradeRun('portal-1', draining, { phase: 'RollingBack' });
    const back = upgradeRun('portal-1-back', [{ id: 'g1-stop', started: at('20:09:00') }]);
    const rollback: UpgradeRun = { ...back, spec: { ...back.spec, purpose: 'Rollback', previous: 'portal-1' } };
    assert.deepEqual(sample([upgrade, rollback], setAt('portal-1-back')).atRisk, {
      plannedSeconds: 1_200,
      actualSeconds: 600,
    });
  });

  it('keep the clocks of a run that is over as they were written', () => {
    const clocks = { atRisk: { planned: '20m', actual: '4m' }, downtime: { planned: '0s' } };
    const seen = sample([upgradeRun('portal-1', draining, { phase: 'Failed', clocks })]);
    assert.deepEqual([seen.atRisk.actualSeconds, seen.etaSeconds], [240, undefined]);
  });

  it('say since when a person is waited for', () => {
    const waiting = (status: 'True' | 'False'): UpgradeRun =>
      upgradeRun('portal-1', draining, {
        conditions: [
          {
            type: 'AwaitingDecision',
            status,
            reason: 'AwaitingSignOff',
            message: '',
            lastTransitionTime: at('20:05:00'),
          },
        ],
      });
    assert.equal(sample([waiting('True')]).decisionSinceSeconds, Date.parse(at('20:05:00')) / 1000);
    assert.equal(sample([waiting('False')]).decisionSinceSeconds, undefined);
  });

  it('leave a run of a format they do not know alone', () => {
    const run = upgradeRun('portal-1', draining);
    assert.deepEqual(sample([{ ...run, spec: { ...run.spec, format: 99 } }]).groups, []);
  });
});
