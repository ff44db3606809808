/** A problem in the agreed window: what is asked with how much time left; and straight back to the old package. */
import assert from 'node:assert/strict';
import { must } from '../../../src/simulation/world.ts';
import { shownVersions } from '../checks.ts';
import { ana, ben, say, says, whenOffered } from '../deciding.ts';
import { majorSetting } from '../major.ts';
import { editSet, runNamed, setting, whenStep, type Story } from '../story.ts';
import { minuteMs, rollback, asked, until, broken, assertAsked, assertVersions } from '../issue.ts';

export const issueStories: readonly Story[] = [
  {
    ids: '001-125 001-127 A-16 A-17',
    name: 'A-16-border',
    title:
      'a problem with time left is reviewed; as the window runs down going back is asked for, by itself and to the millisecond',
    tell: () => {
      const told = broken(setting({ set: { ...asked, ...until(65) } }), ['group-1'], 'Isolated');
      const border = 5 * minuteMs;
      return {
        ...told,
        events: [
          {
            what: 'exactly one hour is left',
            atMs: border,
            act: (simulation) =>
              assertAsked(
                simulation,
                'IssueReview',
                ['Resume', 'Restart Keep', 'Rollback Snapshots Keep'],
                /status 500, want 200.*\. 1h(\d+m)?(\d+s)? left of the agreed window, which ends 2026-12-05T21:05:00.000Z(;|$)/,
              ),
          },
          {
            what: 'somebody looks',
            atMs: border + 5_000,
            act: (simulation) => {
              assertAsked(
                simulation,
                'AwaitingRollbackAuthorization',
                ['Rollback Snapshots Keep', 'Resume'],
                /59m5\ds left of the agreed window, .*: going back is advised.* A restart is not offered: it needs \d+m.* to go back and .* for all steps again, and none is begun with less than 1h left(;|$)/,
              );
              assert.match(say(simulation, { name: 'late', by: ana, choice: 'Restart' }), /^it is not offered/);
              says(simulation, { name: 'back', by: ben, choice: 'Rollback', method: 'Snapshots', data: 'Keep' });
            },
          },
        ],
      };
    },
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      assertVersions(ended, '1.1.0');
      assert.equal(runNamed(ended, 'portal-1-back').spec.facts['authorisedBy'], ben, '001-126');
    },
  },
  {
    ids: 'A-16 001-125',
    name: 'A-16-short-window',
    title: 'forty minutes were agreed: the plan warns, and a problem goes straight to the authorisation of a rollback',
    tell: () => ({
      ...broken(setting({ set: { ...asked, ...until(40) } }), ['group-1']),
      events: [
        whenOffered('ana goes back', { choice: 'Rollback' }, (simulation) => {
          assertAsked(
            simulation,
            'AwaitingRollbackAuthorization',
            ['Rollback Snapshots Keep', 'Resume'],
            /going back is advised/,
          );
          says(simulation, { name: 'back', by: ana, choice: 'Rollback', method: 'Snapshots', data: 'Keep' });
        }),
      ],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      const { facts, steps } = runNamed(ended, 'portal-1').spec;
      assert.match(facts['window'] ?? '', /^(40m|39m59s) left of the agreed window, .* agree on a longer window$/);
      assert.equal(steps[0]?.note, facts['window']);
    },
  },
  {
    ids: 'A-16',
    name: 'A-16-window-ends',
    title: 'the window ends in the middle of a step: nothing is interrupted',
    tell: () => setting({ set: { ...asked, ...until(1) } }),
    ends: ['Completed'],
  },
  {
    ids: '001-125 001-126',
    name: 'rollback-refused',
    title: 'going back is asked for and refused: the issue is reviewed again, the cause is mended, and the run goes on',
    tell: () => {
      const told = broken(setting({ set: { ...asked, ...until(40) } }), ['group-1'], 'Isolated');
      return {
        ...told,
        events: [
          whenOffered('ana refuses', { choice: 'Rollback' }, (simulation) =>
            says(simulation, {
              name: 'no',
              by: ana,
              choice: 'Rollback',
              method: 'Snapshots',
              data: 'Keep',
              verdict: 'Denied',
            }),
          ),
          whenOffered(
            'ana mends it and goes on',
            { choice: 'Resume' },
            (simulation) => {
              assertAsked(
                simulation,
                'IssueReview',
                ['Resume', 'Rollback Snapshots Keep'],
                /ana@example.org refused to go back/,
              );
              told.mend();
              says(simulation, { name: 'on', by: ana, choice: 'Resume' });
            },
            { after: 'no' },
          ),
        ],
      };
    },
    ends: ['Completed'],
    check: (ended) => assertVersions(ended, '1.2.0'),
  },
  {
    ids: '001-125 001-126',
    name: 'rollback-refused-then-not',
    title: 'going back is refused at first: the question stays open, and another word goes back',
    tell: () => ({
      ...broken(setting({ set: { ...asked, ...until(40) } }), ['group-1'], 'Isolated'),
      events: [
        whenOffered('ana refuses', { choice: 'Rollback' }, (simulation) =>
          says(simulation, { ...rollback, name: 'no', by: ana, verdict: 'Denied' }),
        ),
        whenOffered(
          'ben goes back',
          { choice: 'Rollback' },
          (simulation) => says(simulation, { ...rollback, name: 'yes', by: ben }),
          { after: 'no' },
        ),
      ],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => assert.equal(runNamed(ended, 'portal-1-back').spec.facts['authorisedBy'], ben),
  },
  {
    ids: '001-128',
    name: '001-128-does-not-work',
    title: 'everything is upgraded and the tests afterwards fail: that going back is advised is said, and done',
    tell: () => ({
      ...broken(setting({ set: { ...asked, ...until(240) } }), ['group-1', 'group-2'], 'Pool'),
      events: [
        whenOffered('ana goes back and keeps the data', { choice: 'Rollback', data: 'Keep' }, (simulation) => {
          const back = ['Rollback Snapshots Keep', 'Rollback Snapshots Discard'];
          assertAsked(
            simulation,
            'IssueReview',
            ['Resume', 'Restart Keep', 'Restart Discard', ...back],
            /complete and does not work as it should: going back is advised/,
          );
          says(simulation, { name: 'back', by: ana, choice: 'Rollback', method: 'Snapshots', data: 'Keep' });
        }),
      ],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => assertVersions(ended, '1.1.0'),
  },
  ...(['before', 'after'] as const).map((when): Story => ({
    ids: 'S-05',
    name: `S-05-major-${when}-migration`,
    title: `the old package is asked for again ${when} the migration of a major release: straight back`,
    tell: () => ({
      ...majorSetting(),
      events: [
        whenStep(
          when === 'before' ? 'g1-upgrade' : 'g1-start',
          'Running',
          'the set asks for 1.1.0 again',
          (simulation) => editSet(simulation, { package: 'portal-1.1.0' }),
        ),
      ],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      const database = must(ended.world.databases.get('portal-db'), 'database');
      const restored = ended.world.calls.some((call) => call.kind === 'RunDatabaseJob' && call.target === 'restore');
      assert.deepEqual([database.schema, restored], ['41', when === 'after']);
      assert.deepEqual([...new Set(shownVersions(ended.world))], ['1.1.0']);
      // Forward no further: what had begun is the last.
      const begun = runNamed(ended, 'portal-1')
        .status?.steps.filter(({ attempt }) => attempt > 0)
        .at(-1)?.id;
      assert.equal(begun, when === 'before' ? 'g1-upgrade' : 'g1-start');
    },
  })),
  {
    ids: 'S-05',
    name: 'S-05-rolling-served',
    title: 'the old package is asked for again when the first group serves the new one: it goes back with its data',
    tell: () => ({
      ...setting({ set: { rollback: { policy: 'Automatic', onServed: 'KeepData' } } }),
      events: [
        whenStep('g2-drain', 'Running', 'the set asks for 1.1.0 again', (simulation) =>
          editSet(simulation, { package: 'portal-1.1.0' }),
        ),
      ],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      assertVersions(ended, '1.1.0');
      assert.ok(
        !runNamed(ended, 'portal-1-back').spec.steps.some((step) => step.group === 'group-2' && step.action === 'Stop'),
      );
    },
  },
];
