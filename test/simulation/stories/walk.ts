/** The walk through the groups: S-01 … S-13. */
import assert from 'node:assert/strict';
import { packageOf, serverGroup, upgradeSet } from '../../builders/objects.ts';
import { addRelease, createScene } from '../../../src/simulation/scene.ts';
import { must } from '../../../src/simulation/world.ts';
import { inBoth, within } from '../major.ts';
import { editSet, runNamed, setting, signsOff, whenAsked, whenStep, type Ended, type Story } from '../story.ts';
import { shownVersions } from '../checks.ts';

const allAt =
  (version: string) =>
  ({ world }: Pick<Ended, 'world'>): void =>
    assert.deepEqual([...new Set(shownVersions(world))], [version]);
const allNew = allAt('1.2.0');
const allOld = allAt('1.1.0');

function happy(groups: number, kind: 'haproxy' | 'service'): Story {
  return {
    ids: 'S-01',
    name: `S-01-${groups}-groups-${kind}`,
    title: `${groups} groups behind ${kind} are upgraded in order while users are served`,
    tell: () => ({ ...setting({ groups, pool: kind }), events: [signsOff] }),
    ends: ['Completed'],
    check: allNew,
  };
}

export const walkStories: readonly Story[] = [
  happy(2, 'haproxy'),
  happy(2, 'service'),
  happy(3, 'haproxy'),
  happy(7, 'haproxy'),
  ...inBoth(
    ({ isMajor, setting }) => ({
      ids: 'S-04',
      name: 'S-04-newer-package',
      title: 'a newer package arrives in mid-run and takes over between two groups',
      tell: () => {
        const told = setting();
        const newer = isMajor ? packageOf('2.1.0', { schema: { version: '42', change: 'None' } }) : packageOf('1.3.0');
        told.objects.packages.push(newer);
        addRelease(told.world, newer);
        return {
          ...told,
          events: [
            whenStep('g1-upgrade', 'Running', `the set asks for ${newer.spec.version}`, (simulation) =>
              editSet(simulation, { package: newer.metadata.name }),
            ),
          ],
        };
      },
      ends: ['Superseded', 'Completed'],
      check: ({ world }) => assert.deepEqual([...new Set(shownVersions(world))], [isMajor ? '2.1.0' : '1.3.0']),
    }),
    {
      begins: (simulation) => simulation.stepState('g2-join') === 'Running',
      ends: ({ store }) => store.runs.length > 1,
    },
  ),
  {
    ids: 'S-05',
    name: 'S-05-old-package-again',
    title: 'the old package is asked for again in mid-run: straight back, not forward first',
    tell: () => ({
      ...setting(),
      events: [
        whenStep('g1-isolated', 'Running', 'the set asks for 1.1.0 again', (simulation) =>
          editSet(simulation, { package: 'portal-1.1.0' }),
        ),
      ],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: allOld,
  },
  {
    ids: 'S-06 A-19',
    name: 'S-06-never-ready',
    title: 'a server never becomes ready: the deadline passes, everything goes back by itself',
    tell: () => ({ ...setting(), fail: ['start@group-1'] }),
    ends: ['RolledBack', 'RolledBack'],
    check: allOld,
  },
  ...inBoth(
    ({ setting }) => ({
      ids: 'S-06',
      name: 'S-06-paused',
      title: 'while paused the deadline does not run',
      tell: () => ({
        ...setting({ set: { signOff: 'Required' } }),
        fail: ['start@group-1'],
        events: [
          whenStep('g1-start', 'Running', 'somebody pauses the set', (simulation) =>
            editSet(simulation, { paused: true }),
          ),
          {
            what: 'two hours later it goes on',
            atMs: 2 * 3_600_000,
            act: (simulation) => editSet(simulation, { paused: false }),
          },
        ],
      }),
      ends: ['RolledBack', 'RolledBack'],
      check: (ended) => {
        allOld(ended);
        const finished = runNamed(ended, 'portal-1').status?.failure?.at ?? '';
        assert.ok(
          finished >= '2026-12-05T22:14',
          `failed at ${finished}, before its fifteen minutes without the pause were over`,
        );
      },
    }),
    within('g1-start'),
  ),
  {
    ids: 'S-08',
    name: 'S-08-resume',
    title: 'after a failure it resumes at the first failed step',
    tell: () => {
      let mended = false;
      return {
        ...setting({ set: { rollback: { policy: 'RequireApproval' } } }),
        script: ({ probe, scope, isOld }) =>
          probe === 'login' && scope === 'Isolated' && !isOld && !mended
            ? { answer: 'fail', message: 'status 500, want 200' }
            : undefined,
        events: [
          {
            ...whenAsked('the cause is mended', { choice: 'Resume' }),
            act: (simulation) => {
              mended = true;
              whenAsked('', { choice: 'Resume' }).act(simulation);
            },
          },
          signsOff,
        ],
      };
    },
    ends: ['Completed'],
    check: (ended) => {
      allNew(ended);
      const attempts = runNamed(ended, 'portal-1').status?.steps.flatMap((entry) =>
        entry.attempt > 1 ? [`${entry.id} ${entry.attempt}`] : [],
      );
      assert.deepEqual(attempts, ['g1-isolated 2']);
    },
  },
  ...inBoth(({ setting }) => ({
    ids: 'S-09',
    name: 'S-09-already-there',
    title: 'the servers run the package already: nothing is touched',
    tell: () => setting({ set: { package: 'portal-1.1.0' } }),
    ends: [],
    check: ({ world, result }) => {
      assert.deepEqual(world.calls, []);
      assert.deepEqual(result.settled, { portal: 'every server runs 1.1.0' });
    },
  })),
  ...inBoth(
    ({ setting, to }) => ({
      ids: 'S-10',
      name: 'S-10-mended-spec',
      title: 'a package that is not there is added later: the run goes on by itself',
      tell: () => {
        const told = setting();
        const release = must(told.objects.packages.pop(), 'package');
        return {
          ...told,
          events: [
            { what: 'the package arrives', atMs: 600_000, act: ({ objects }) => void objects.packages.push(release) },
          ],
        };
      },
      ends: ['Completed'],
      check: allAt(to),
    }),
    within('preflight', 'g1-drain'),
  ),
  ...inBoth(
    ({ setting, to }) => ({
      ids: 'S-10',
      name: 'S-10-mended-range',
      title:
        'a package that does not install over what runs is not begun; after it is mended the run goes on by itself',
      tell: () => {
        const told = setting();
        const release = must(told.objects.packages.pop(), 'package');
        told.objects.packages.push({ ...release, spec: { ...release.spec, upgradesFrom: '>=1.2' } });
        return {
          ...told,
          events: [
            {
              what: 'the package is mended',
              atMs: 600_000,
              act: ({ objects, world }) => {
                assert.deepEqual(world.calls, []);
                objects.packages.pop();
                objects.packages.push({ ...release, spec: { ...release.spec, upgradesFrom: '>=1.1 <1.2' } });
              },
            },
          ],
        };
      },
      ends: ['Completed'],
      check: allAt(to),
    }),
    within('preflight', 'g1-drain'),
  ),
  ...inBoth(
    ({ setting, to }) => ({
      ids: 'S-11',
      name: 'S-11-two-sets-one-group',
      title: 'two sets name the same group: one works, the other waits and names it',
      tell: () => {
        const { objects } = setting();
        objects.sets.push(
          upgradeSet(
            { package: `portal-${to}`, serverGroups: ['group-2', 'group-1'], signOff: 'NotRequired' },
            'rival',
          ),
        );
        return { objects, world: createScene(objects, { from: '1.1.0' }) };
      },
      // The rival planned for what ran then: its baseline finds something else, and it ends without touching anything.
      ends: ['Completed', 'Failed'],
      endsVary: 'whoever comes first wins',
      check: (ended) => {
        allAt(to)(ended);
        const waited = ended.result.timeline.entries.some(
          (entry) => entry.what.startsWith('waits for Lock') && entry.because.includes('locked by run'),
        );
        assert.ok(waited, 'the rival did not say whom it waits for');
      },
    }),
    within('preflight', 'g1-drain'),
  ),
  ...inBoth(
    ({ setting }) => ({
      ids: 'S-12',
      name: 'S-12-set-deleted',
      title: 'the set is deleted in mid-run: what was done is undone',
      tell: () => ({
        ...setting({ set: { signOff: 'Required' } }),
        events: [
          whenStep('g1-isolated', 'Running', 'the set is deleted', ({ objects, world }) => {
            for (const set of objects.sets) set.metadata.deletionTimestamp = new Date(world.clock.now()).toISOString();
          }),
        ],
      }),
      ends: ['RolledBack', 'RolledBack'],
      check: allOld,
    }),
    within('g1-isolated'),
  ),
  ...inBoth(
    ({ setting, to }) => ({
      ids: 'S-13',
      name: 'S-13-edited-in-mid-run',
      title: 'the groups are edited in mid-run: the plan that was made is the one that runs',
      tell: () => ({
        ...setting(),
        events: [
          whenStep('g1-drain', 'Running', 'somebody takes the snapshots and tests out of group-2', ({ objects }) => {
            objects.groups[1] = serverGroup(2, { snapshot: undefined, probes: undefined });
          }),
        ],
      }),
      ends: ['Completed'],
      check: (ended) => {
        allAt(to)(ended);
        assert.equal(ended.world.snapshots.size, 2);
      },
    }),
    within('g2-snapshot'),
  ),
];
