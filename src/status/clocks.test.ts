import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Marker } from '../api/upgrade-run.ts';
import { computeClocks } from './clocks.ts';
import { upgradeRun } from './fixture.test.ts';

const at = (minute: number): string => `2026-12-05T20:${String(minute).padStart(2, '0')}:00.000Z`;
const now = Date.parse(at(30));

describe('clocks', () => {
  it('count declared downtime from the marker that begins it to the one that ends it (001-27, 001-30)', () => {
    const { spec } = upgradeRun('portal-1', []);
    const markers: Readonly<Record<string, Marker>> = {
      'g1-stop': 'DowntimeBegins',
      'g1-start': 'LimitedServiceRestored',
    };
    const steps = spec.steps.map(({ marker: _, ...step }) => {
      const marker = markers[step.id];
      return { ...step, estimate: '1m', ...(marker === undefined ? {} : { marker }) };
    });
    const downtime = (...entries: { id: string; started: string; finished?: string }[]) =>
      computeClocks(
        { ...spec, steps },
        entries.map((entry) => ({ state: 'Running' as const, attempt: 1, operation: 'o', ...entry })),
        now,
      ).downtime;
    // Stop, snapshot, upgrade, start; configuring and the database are planned as skipped.
    const planned = '4m';
    assert.deepEqual(downtime(), { planned });
    assert.deepEqual(downtime({ id: 'g1-stop', started: at(10), finished: at(11) }), { planned, actual: '20m' });
    assert.deepEqual(
      downtime({ id: 'g1-stop', started: at(10) }, { id: 'g1-start', started: at(14), finished: at(15) }),
      { planned, actual: '5m' },
    );
  });
});
