import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { upgradeRun } from './fixture.test.ts';
import { findLastKnownGood, isWorthTelling } from './last-known-good.ts';

const handles = {
  'claims/group-1': 'data-web-1-0',
  'snapshot/data-web-1-0': 'portal-1-data-web-1-0',
  'revision/StatefulSet/web-1': 'portal-1-statefulset-web-1',
  'settings/group-1': 'portal-1-settings-group-1',
};

function runWith(more: Readonly<Record<string, string>>, status: Partial<UpgradeRun['status']> = {}): UpgradeRun {
  const made = upgradeRun('portal-1', [{ id: 'g1-snapshot', state: 'Succeeded', handles: { ...more } }], {
    started: '2026-12-05T20:00:00.000Z',
    ...status,
  });
  return { ...made, spec: { ...made.spec, from: { version: '1.1.0', package: 'portal-1.1.0' } } };
}

describe('what a group can go back to (001-129)', () => {
  const before = { package: 'portal-1.1.0', version: '1.1.0' };
  const cases: Readonly<Record<string, readonly [runs: UpgradeRun[], want: unknown]>> = {
    'is not known before an upgrade has begun': [[upgradeRun('portal-1', [])], undefined],
    'is the version before, from the preflight on': [[runWith({})], before],
    'is its templates, snapshots and settings once they are saved': [
      [runWith(handles)],
      {
        ...before,
        revisions: ['portal-1-statefulset-web-1'],
        snapshots: ['portal-1-data-web-1-0'],
        settings: 'portal-1-settings-group-1',
      },
    ],
    'does not count a snapshot that was let go': [
      [runWith({ ...handles, 'released/portal-1-data-web-1-0': 'yes' })],
      { ...before, revisions: ['portal-1-statefulset-web-1'], settings: 'portal-1-settings-group-1' },
    ],
    'is the new version after the sign-off': [
      [runWith({ ...handles, 'signed-off': 'ana' })],
      { package: 'portal-1.2.0', version: '1.2.0' },
    ],
    'is what runs again after a rollback': [[runWith(handles, { phase: 'RolledBack' })], before],
    'is told by the newest upgrade': [
      [
        runWith(handles),
        { ...runWith({}, { started: '2026-12-06T20:00:00.000Z' }), metadata: { name: 'portal-2', namespace: 'shop' } },
      ],
      before,
    ],
  };
  for (const [title, [runs, want]] of Object.entries(cases))
    it(title, () => assert.deepEqual(findLastKnownGood(runs, 'group-1'), want));

  it('of a group that no run names stays as it is', () => {
    assert.equal(findLastKnownGood([runWith(handles)], 'group-9'), undefined);
  });

  it('is written anew when people look at it, not with each step', () => {
    const running = runWith(handles, { phase: 'Running' });
    const asking = runWith(handles, { phase: 'AwaitingDecision' });
    assert.deepEqual([isWorthTelling(asking, running), isWorthTelling(running, running)], [true, false]);
  });
});
