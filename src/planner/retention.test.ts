import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setting } from '../../test/simulation/story.ts';
import type { StepEntry } from '../api/upgrade-run.ts';
import { planRun } from '../simulation/set-controller.ts';
import { must } from '../simulation/world.ts';
import { decideRetention, releasableSnapshots, retainedObjects, retainedSnapshots } from './retention.ts';

const finished = Date.parse('2026-12-05T21:00:00Z');
const week = 7 * 24 * 3_600_000;

describe('a snapshot that was given up', () => {
  const told = setting();
  const spec = planRun(told, must(told.objects.sets[0], 'set'));
  const handles = {
    'claims/group-1': 'data-web-1-0',
    'snapshot/data-web-1-0': 'fresh',
    'abandoned/data-web-1-0/stuck': 'yes',
  };
  const entriesWith = (more: Readonly<Record<string, string>> = {}): StepEntry[] => [
    { id: 'g1-snapshot', state: 'Succeeded', attempt: 2, operation: 'o', handles: { ...handles, ...more } },
  ];

  it('S-26 001-131: is kept and let go with the others, and is no way back', () => {
    const until = '2026-12-12T21:00:00.000Z';
    assert.deepEqual(
      retainedObjects({ spec, entries: entriesWith() }, finished).map((object) => [object.name, object.until]),
      [
        ['fresh', until],
        ['stuck', until],
      ],
    );
    assert.deepEqual(retainedSnapshots(spec, handles), ['fresh']);
    assert.deepEqual(releasableSnapshots(spec, handles), ['fresh', 'stuck']);
  });

  it('001-131: is released once, and nothing is left then', () => {
    const next = (more: Readonly<Record<string, string>>) =>
      decideRetention({ spec, entries: entriesWith(more) }, finished, finished + week);
    const released = next({ 'released/fresh': 'yes' });
    assert.deepEqual(released !== undefined && 'release' in released ? released.release.name : released, 'stuck');
    assert.equal(next({ 'released/fresh': 'yes', 'released/stuck': 'yes' }), undefined);
  });
});
