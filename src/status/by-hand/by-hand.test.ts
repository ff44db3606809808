import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StepEntry, UpgradeRun } from '../../api/upgrade-run.ts';
import { computeByHand } from './by-hand.ts';
import { upgradeRun } from '../fixture.test.ts';

/** Group-1 was drained; then the test of the others is in this state. */
function runAt(state: StepEntry['state']): UpgradeRun {
  const drained = { 'drained/web/web-1': 'ours' };
  return upgradeRun(
    'portal-1',
    [
      { id: 'preflight', state: 'Succeeded' },
      { id: 'baseline', state: 'Succeeded' },
      { id: 'g1-drain', state: 'Succeeded', handles: drained },
      { id: 'g1-others', state },
    ],
    { phase: state === 'Failed' ? 'AwaitingDecision' : 'Running' },
  );
}

function forwardOf(run: UpgradeRun): string[] {
  const lines = computeByHand(run);
  return lines.slice(lines.indexOf('## (a) Finish forward'), lines.indexOf('## (b) Go back to 1.1.0'));
}

describe('finishing forward by hand', () => {
  it('drains a group again that was put back after a failure, and no other', () => {
    const drain = "haproxy web 'set server web/web-1 state drain'";
    const lines = forwardOf(runAt('Failed'));
    assert.ok(lines.indexOf(drain) > 0 && lines.indexOf(drain) < lines.indexOf('# 2a Stop group-1'));
    const before = forwardOf(runAt('Running'));
    assert.ok(before.indexOf(drain) > before.indexOf('# 2a Stop group-1'), 'only for the test of the other');
  });

  it('lets a whole group serve at once, and says so', () => {
    const lines = computeByHand(runAt('Failed'));
    const at = lines.findIndex((line) => /^# web-1 of pool web .*; it is whole, and serves again by:$/.test(line));
    assert.equal(lines[at + 1], "#   haproxy web 'set server web/web-1 state ready'");
  });
});
