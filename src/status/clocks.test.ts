import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Marker, StepEntry } from '../api/upgrade-run.ts';
import { computeClocks } from './clocks.ts';
import { upgradeRun } from './fixture.test.ts';

const at = (minute: number): string => `2026-12-05T20:${String(minute).padStart(2, '0')}:00.000Z`;
const now = Date.parse(at(30));

type Entry = { id: string; started: string; finished?: string; state?: StepEntry['state'] };

function downtimeOf(entries: readonly Entry[], restoredAt?: number): { planned: string; actual?: string | undefined } {
  const { spec } = upgradeRun('portal-1', []);
  const markers: Readonly<Record<string, Marker>> = {
    'g1-stop': 'DowntimeBegins',
    'g1-start': 'LimitedServiceRestored',
  };
  const steps = spec.steps.map(({ marker: _, ...step }) => {
    const marker = markers[step.id];
    return { ...step, estimate: '1m', ...(marker === undefined ? {} : { marker }) };
  });
  const journal = entries.map((entry) => ({ state: 'Running' as const, attempt: 1, operation: 'o', ...entry }));
  return computeClocks({ ...spec, steps }, journal, now, restoredAt).downtime;
}

describe('clocks', () => {
  // Stop, snapshot, upgrade, start; configuring and the database are planned as skipped.
  const planned = '4m';
  const stop: Entry = { id: 'g1-stop', started: at(10), finished: at(11), state: 'Succeeded' };
  const start: Entry = { id: 'g1-start', started: at(14), finished: at(15), state: 'Succeeded' };
  const cases: Record<string, { entries: Entry[]; restoredAt?: number; want: { planned: string; actual?: string } }> = {
    'know nothing of a downtime that has not begun': { entries: [], want: { planned } },
    'count until now while nobody serves (001-27, 001-30)': { entries: [stop], want: { planned, actual: '20m' } },
    'count from the marker that begins it to the one that ends it (A-18)': {
      entries: [stop, start],
      want: { planned, actual: '5m' },
    },
    'count on where the step that was to end it failed': {
      entries: [stop, { ...start, state: 'Failed' }],
      want: { planned, actual: '20m' },
    },
    'stop when the way back lets users in again (A-18)': {
      entries: [stop, { ...start, state: 'Failed' }],
      restoredAt: Date.parse(at(22)),
      want: { planned, actual: '12m' },
    },
    'stay as they are where the upgrade itself let users in again': {
      entries: [stop, start],
      restoredAt: Date.parse(at(22)),
      want: { planned, actual: '5m' },
    },
  };
  for (const [name, { entries, restoredAt, want }] of Object.entries(cases))
    it(name, () => assert.deepEqual(downtimeOf(entries, restoredAt), want));
});
