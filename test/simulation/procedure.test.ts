/** The rows of the vendor's table for a minor release, seen from the world's call log. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { must } from '../../src/simulation/world.ts';
import { planOf, rowsOf } from './checks.ts';
import { play, runNamed, setting, signsOff, type Ended, type Told } from './story.ts';

/** Changes of the world in their order, locks and saved revisions left out. */
function changesOf({ world }: Ended): string[] {
  const shown = new Set([
    'DrainMember',
    'HoldMember',
    'ScaleWorkload',
    'CreateSnapshot',
    'ApplyImages',
    'ServeMember',
    'RunProbes',
  ]);
  return world.calls
    .filter((call) => call.changed && shown.has(call.kind))
    .map((call) => `${call.kind} ${call.target}`);
}

function startOf(ended: Ended, step: string): string {
  return must(runNamed(ended, 'portal-1').status?.steps.find((entry) => entry.id === step)?.started, step);
}

describe('the minor procedure', () => {
  it('001-97 … 001-114: two groups are walked through in the fourteen rows, with the implicit starts made explicit', () => {
    assert.deepEqual(rowsOf(planOf(setting())), [
      '0 Preflight group-1+group-2',
      '0a Probe group-1+group-2',
      '1 Drain group-1',
      '2 Probe group-2',
      '2a Stop group-1',
      '2b Snapshot group-1',
      '3 Upgrade group-1',
      '4 Configure group-1',
      '5 MigrateDatabase',
      '5a Start group-1',
      '5b Probe group-1',
      '5c Undrain group-1',
      '6 Drain group-2',
      '7 Probe group-1',
      '7a Stop group-2',
      '7b Snapshot group-2',
      '8 Upgrade group-2',
      '9 Configure group-2',
      '9a Start group-2',
      '9b Probe group-2',
      '9c Undrain group-2',
      '10 Drain group-1',
      '11 Probe group-2',
      '12 Undrain group-1',
      '13 Probe group-1+group-2',
      '14 AwaitDecision',
      '15 Cleanup group-1+group-2',
    ]);
  });

  it('001-97 001-114: the time at risk begins with the first drain and ends with the sign-off, and no other marker is there', () => {
    const marked = planOf(setting()).flatMap((step) =>
      step.marker === undefined ? [] : [`${step.number} ${step.marker}`],
    );
    assert.deepEqual(marked, ['1 AtRiskBegins', '14 AtRiskEnds']);
  });

  it('001-115: tests and the sign-off are joint, everything else is the engineer alone', () => {
    const joint = planOf(setting()).filter((step) => step.actor === 'Joint');
    assert.deepEqual(
      joint.map((step) => step.number),
      ['2', '7', '11', '13', '14'],
    );
  });

  it('001-102 A-10: the database row is there, and skipped with its reason where no Database is named', () => {
    const row = planOf(setting()).find((step) => step.number === '5');
    assert.deepEqual([row?.action, row?.skip], ['MigrateDatabase', 'no Database is named']);
  });

  it('001-117 A-15: with more than two groups no verified group leaves the pool for the test of another', () => {
    const drains = planOf(setting({ groups: 4 }))
      .filter((step) => step.action === 'Drain')
      .map((step) => step.group);
    assert.deepEqual(drains, ['group-1', 'group-2', 'group-3', 'group-4']);
    assert.ok(!planOf(setting({ groups: 4 })).some((step) => ['10', '11', '12'].includes(step.number)));
  });

  it('001-98 … 001-112, 001-58, 001-68, 001-75: the world is changed in the order of the rows, snapshots right before the change, and tested through the pool while the other group is out', async () => {
    const ended = await play({ tell: () => ({ ...setting({ pool: 'service' }), events: [signsOff] }) });
    const group = (number: number): string[] => [
      `ScaleWorkload web-${number}`,
      `CreateSnapshot portal-1-data-web-${number}-0`,
      `ApplyImages web-${number}`,
      `ScaleWorkload web-${number}`,
      'RunProbes web-functions Isolated',
      `ServeMember web/web-${number}`,
    ];
    const drain = (number: number): string[] => [
      `HoldMember web/web-${number}`,
      `DrainMember web/web-${number}`,
      'RunProbes web-functions Pool',
    ];
    assert.deepEqual(changesOf(ended), [
      'RunProbes web-functions Pool',
      ...drain(1),
      ...group(1),
      ...drain(2),
      ...group(2),
      ...drain(1),
      'ServeMember web/web-1',
      'RunProbes web-functions Pool',
    ]);
  });

  it('A-14 001-103 001-108: a started group is tested alone before it joins', async () => {
    const ended = await play({ tell: () => ({ ...setting(), events: [signsOff] }) });
    for (const group of ['g1', 'g2']) assert.ok(startOf(ended, `${group}-isolated`) < startOf(ended, `${group}-join`));
    assert.deepEqual([ended.world.traffic.unproven, ended.world.traffic.failed], [0, 0]);
  });

  it('S-01: seven groups are changed strictly one after the other, in the order of the set', async () => {
    const ended = await play({ tell: () => ({ ...setting({ groups: 7 }), events: [signsOff] }) });
    const images = ended.world.calls
      .filter((call) => call.kind === 'ApplyImages' && call.changed)
      .map((call) => call.target);
    assert.deepEqual(images, ['web-1', 'web-2', 'web-3', 'web-4', 'web-5', 'web-6', 'web-7']);
  });

  it('001-116 001-63: with minServing 2 of 3 groups never fewer than two serve', async () => {
    const ended = await play({ tell: () => ({ ...setting({ groups: 3, minServing: 2 }), events: [signsOff] }) });
    assert.deepEqual([ended.result.violations, ended.result.runs[0]?.status?.phase], [[], 'Completed']);
  });

  it('001-116 A-14: a pool that cannot hold is said to, and the isolated test is skipped with that reason', async () => {
    const told = (): Told => {
      const scene = setting({ pool: 'service', options: { cannotHold: ['web'] } });
      scene.world.promises.mayServeUnproven = true;
      return { ...scene, events: [signsOff] };
    };
    const skipped = planOf(told()).flatMap((step) => (step.scope === 'Isolated' ? [step.skip] : []));
    assert.deepEqual(
      [...new Set(skipped)],
      ['the pool cannot hold started members back; the group joins as it starts'],
    );
    const ended = await play({ tell: told });
    assert.deepEqual([ended.result.violations, ended.result.runs[0]?.status?.phase], [[], 'Completed']);
  });

  it('001-113 001-114: without a sign-off the run waits, whatever time passes', async () => {
    const ended = await play({ tell: () => ({ ...setting(), limitMs: 48 * 3_600_000 }) });
    assert.equal(ended.result.runs[0]?.status?.phase, 'AwaitingDecision');
  });

  it('A-19: Automatic is recorded as authorised by the policy of the author', async () => {
    const ended = await play({ tell: () => ({ ...setting(), fail: ['probe:login@group-1'] }) });
    assert.equal(runNamed(ended, 'portal-1-back').spec.facts['authorisedBy'], 'spec.rollback.policy Automatic');
  });
});
