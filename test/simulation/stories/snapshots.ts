/** A snapshot that does not become ready, and the attempt after it. */
import assert from 'node:assert/strict';
import { shownVersions } from '../checks.ts';
import { runNamed, setting, signsOff, whenAsked, whenStep, type Story } from '../story.ts';

const first = 'portal-1-data-web-2-0';

export const snapshotStories: readonly Story[] = [
  {
    ids: 'S-26 001-58',
    name: 'S-26-another-snapshot',
    title: 'the first snapshot stays stuck; after Resume another is taken, and the sign-off releases both',
    tell: () => ({
      ...setting({ set: { rollback: { policy: 'RequireApproval' } } }),
      fail: ['snapshot@group-2'],
      events: [
        whenStep('g2-snapshot', 'Failed', 'the storage works again, the old snapshot stays as it is', ({ world }) => {
          world.faults.snapshots.delete('group-2');
        }),
        whenAsked('ana resumes', { choice: 'Resume' }),
        signsOff,
      ],
    }),
    ends: ['Completed'],
    check: ({ result, world }) => {
      const entry = runNamed({ result }, 'portal-1').status?.steps.find(({ id }) => id === 'g2-snapshot');
      assert.equal(entry?.attempt, 2);
      assert.match(entry.handles?.['snapshot/data-web-2-0'] ?? '', new RegExp(`^${first}-[0-9a-f]{8}-2$`));
      assert.equal(entry.handles?.[`abandoned/data-web-2-0/${first}`], 'yes');
      assert.deepEqual([...new Set(shownVersions(world))], ['1.2.0']);
      assert.deepEqual([...world.snapshots.keys()], []);
    },
  },
];
