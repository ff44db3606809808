/** Beginning again: a restart after everything was put back, and another run after one that has ended. */
import assert from 'node:assert/strict';
import type { Mishap } from '../../../src/simulation/faults.ts';
import { must } from '../../../src/simulation/world.ts';
import { shownVersions } from '../checks.ts';
import { ana, say, says, whenOffered } from '../deciding.ts';
import { runNamed, setting, type Story } from '../story.ts';
import {
  asked,
  until,
  broken,
  mishap,
  assertAsked,
  restarts,
  retries,
  assertVersions,
  follows,
  major,
} from '../issue.ts';

export const againStories: readonly Story[] = [
  {
    ids: '001-123 001-124 A-17',
    name: 'restart-row-3',
    title: 'row 3 fails and is mended: everything is put back, and the run begins again at step 1',
    tell: () => {
      const told = setting({ set: { ...asked, ...until(240) } });
      const what: Mishap = { kind: 'Reconciled', workload: 'StatefulSet/web-1', by: 'argocd' };
      return { ...told, events: [...mishap(told.world, 'g1-upgrade', what), restarts({ mend: () => {} })] };
    },
    ends: ['RolledBack', 'RolledBack', 'Completed'],
    check: (ended) => {
      assertVersions(ended, '1.2.0');
      assert.equal(follows(ended), 'upgraderun/portal-1-back');
      const { facts } = runNamed(ended, 'portal-1-back').spec;
      assert.deepEqual([facts['next'], facts['authorisedBy']], ['Restart', ana]);
    },
  },
  {
    ids: '001-123 001-130',
    name: 'restart-after-migration',
    title:
      'a restart after the migration: the database goes back first, then everything begins again and is migrated anew',
    tell: () => {
      const told = broken(major({}, 240), ['group-1'], 'Isolated');
      return { ...told, events: [restarts(told, 'Keep')] };
    },
    ends: ['RolledBack', 'RolledBack', 'Completed'],
    check: (ended) => {
      const jobs = (verb: string): number =>
        ended.world.calls.filter((call) => call.kind === 'RunDatabaseJob' && call.target === verb && call.changed)
          .length;
      assert.deepEqual([jobs('migrate'), jobs('restore')], [2, 1]);
      assert.equal(must(ended.world.databases.get('portal-db'), 'database').schema, '42');
      assert.deepEqual([...new Set(shownVersions(ended.world))], ['2.0.0']);
    },
  },
  {
    ids: '001-123 S-29',
    name: 'restart-gives-up-writes',
    title: 'a restart after users have written on the new schema needs the word that this is given up',
    tell: () => {
      const told = broken(major({}), ['group-2'], 'Isolated');
      told.world.promises.mayLose = true;
      return {
        ...told,
        events: [
          whenOffered('ana forgets to say so', { choice: 'Restart', data: 'Discard' }, (simulation) =>
            assert.match(say(simulation, { name: 'silent', by: ana, choice: 'Restart' }), /^it is not offered/),
          ),
          restarts(told, 'Discard'),
        ],
      };
    },
    ends: ['RolledBack', 'RolledBack', 'Completed'],
    check: (ended) => assert.equal(must(ended.world.databases.get('portal-db'), 'database').schema, '42'),
  },
  {
    ids: 'A-17',
    name: 'A-17-no-time-to-restart',
    title:
      'more than an hour is left but not enough for the way back and all steps: a restart is refused with the numbers',
    tell: () => {
      const told = broken(major({}, 40), ['group-1'], 'Isolated');
      must(told.objects.sets[0], 'set').spec.rollback.authorizeBelow = '5m';
      return {
        ...told,
        events: [
          whenOffered('ana goes on', { choice: 'Resume' }, (simulation) => {
            assertAsked(
              simulation,
              'IssueReview',
              ['Resume', 'Rollback DatabaseAndSnapshots Keep'],
              /left of the agreed window, .*A restart is not offered: it needs \d+m.* to go back and \d+m.* for all steps again(;|$)/,
            );
            assert.match(say(simulation, { name: 'again', by: ana, choice: 'Restart' }), /^it is not offered/);
            told.mend();
            says(simulation, { name: 'on', by: ana, choice: 'Resume' });
          }),
        ],
      };
    },
    ends: ['Completed'],
  },
  {
    ids: '001-123',
    name: 'restart-way-back-fails',
    title: 'the restore of a restart fails: the previous template alone goes back, and nothing is started again',
    tell: () => {
      const told = broken(setting({ set: { ...asked, timeouts: { RestoreSnapshot: '2m' } } }), ['group-1'], 'Isolated');
      return { ...told, fail: ['restore@group-1'], events: [restarts(told)] };
    },
    ends: ['RolledBack', 'RolledBack', 'RolledBack'],
    check: (ended) => {
      assert.match(runNamed(ended, 'portal-1-back-2').spec.facts['because'] ?? '', /and the run is not started again$/);
      assertVersions(ended, '1.1.0');
    },
  },
  {
    ids: 'S-08 001-124',
    name: 'S-08-retry',
    title: 'a run has gone back by itself: nothing is tried again until somebody says so, then once',
    tell: () => {
      const told = broken(setting({ set: { signOff: 'NotRequired' } }), ['group-1'], 'Isolated');
      return { ...told, events: [retries(told)] };
    },
    ends: ['RolledBack', 'RolledBack', 'Completed'],
    check: (ended) => {
      assertVersions(ended, '1.2.0');
      assert.equal(follows(ended), 'decision/again');
    },
  },
  {
    ids: 'S-08 A-17',
    name: 'S-08-retry-once',
    title: 'the run that was tried again fails too: one word, one run',
    tell: () => ({ ...broken(setting(), ['group-1'], 'Isolated'), events: [retries({ mend: () => {} })] }),
    ends: ['RolledBack', 'RolledBack', 'RolledBack', 'RolledBack'],
  },
  {
    ids: 'S-08 A-17',
    name: 'A-17-no-time-to-retry',
    title: 'somebody asks for another run when none fits into the window any more: it is refused with the numbers',
    tell: () => ({
      ...broken(setting({ set: until(15) }), ['group-1'], 'Isolated'),
      events: [retries({ mend: () => {} })],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: ({ result }) =>
      assert.match(
        result.settled['portal'] ?? '',
        /^not started again: all steps need \d+m.*; .* left of the agreed window/,
      ),
  },
];
