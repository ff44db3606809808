/** Load balancers: S-15 … S-19. */
import assert from 'node:assert/strict';
import { adminOf, isServing, memberOf, personSets, setInstance } from '../../../src/simulation/pools.ts';
import { killPod } from '../../../src/simulation/workloads.ts';
import { must, type World } from '../../../src/simulation/world.ts';
import type { StoryEvent } from '../../../src/simulation/simulation.ts';
import { inBoth, type Procedure } from '../major.ts';
import {
  runNamed,
  setting,
  signsOff,
  whenAsked,
  whenStep,
  decide,
  type Ended,
  type Setting,
  type Story,
} from '../story.ts';
import { shownVersions } from '../checks.ts';

const web = (world: World) => must(world.pools.get('web'), 'pool web');

function serves(world: World, member: string): boolean {
  return isServing(world, web(world), memberOf(web(world), member));
}

function killFirstPod(world: World, name: string): void {
  const workload = must(world.workloads.get(`StatefulSet/${name}`), name);
  killPod(world, workload, must(workload.pods[0], `pod of ${name}`));
}

/** Users of these members do not leave. In the downtime those of the second group have to. */
function clinging({ isMajor, setting }: Procedure, onTimeout: 'Hold' | 'Force' | 'Fail'): Setting {
  const told = setting({ group: { drain: { timeout: '2m', onTimeout } } });
  for (const member of isMajor ? ['web-1', 'web-2'] : ['web-1']) web(told.world).sticky.add(member);
  return told;
}

/** From the beginning of a step until 90 seconds later. */
function awayFrom(step: string): StoryEvent[] {
  let since = Number.POSITIVE_INFINITY;
  return [
    whenStep(step, 'Running', 'the second load balancer goes down', ({ world }) => {
      since = world.clock.now();
      setInstance(world, 'web', 1, false);
    }),
    {
      what: 'it is back and has forgotten',
      when: ({ world }) => world.clock.now() - since >= 90_000,
      act: ({ world }) => setInstance(world, 'web', 1, true),
    },
  ];
}

function forgets(world: World): void {
  setInstance(world, 'web', 0, false);
  setInstance(world, 'web', 0, true);
}

function handedOver(ended: Ended): string[] {
  return runNamed(ended, 'portal-1').status?.handedOver?.map(({ object }) => object) ?? [];
}

/** What load balancers, their users and people at them do is the same for every procedure. */
const storiesOfBoth: readonly ((procedure: Procedure) => Story)[] = [
  (procedure) => ({
    ids: 'S-15',
    name: 'S-15-force',
    title: 'users who do not leave are cut off after the timeout when the policy is Force, with the count written down',
    tell: () => {
      const told = clinging(procedure, 'Force');
      told.world.promises.mayCut = true;
      return told;
    },
    ends: ['Completed'],
    check: ({ world, result }) => {
      assert.deepEqual([...new Set(shownVersions(world))], [procedure.to]);
      const said = runNamed({ result }, 'portal-1').status?.steps.flatMap(({ id, message = '' }) =>
        message.includes('cut off') ? [`${id}: ${message}`] : [],
      );
      const cut = (member: string): string => `1 members drained; cut off after 2m: ${member} (20)`;
      const second = procedure.isMajor ? [`g2-drain: ${cut('web-2')}`] : [];
      assert.deepEqual(said, [`g1-drain: ${cut('web-1')}`, ...second, `g1-drain-again: ${cut('web-1')}`]);
    },
  }),
  (procedure) => ({
    ids: 'S-15',
    name: 'S-15-fail',
    title: 'users who do not leave end the run when the policy is Fail, and are served on',
    tell: () => clinging(procedure, 'Fail'),
    ends: ['Failed'],
    check: ({ world }) => assert.ok(serves(world, 'web-1')),
  }),
  (procedure) => ({
    ids: 'S-15',
    name: 'S-15-hold',
    title: 'users who do not leave are waited for when the policy is Hold, and named',
    tell: () => ({
      ...clinging(procedure, 'Hold'),
      events: [
        {
          what: 'the last users leave',
          atMs: 1_800_000,
          act: ({ world }) => {
            web(world).sticky.clear();
          },
        },
      ],
    }),
    ends: ['Completed'],
    check: ({ result }) => {
      assert.ok(
        result.timeline.entries.some(
          (entry) => entry.what.startsWith('waits for Drain') && entry.because.includes('web-1 (20)'),
        ),
      );
    },
  }),
  (procedure) => ({
    ids: 'S-16',
    name: 'S-16-persons-drain',
    title: 'a member that a person drained before stays drained at the end',
    tell: () => {
      const told = procedure.setting({ groups: 3 });
      personSets(told.world, 'web', 'web-2', 'maint');
      return told;
    },
    ends: ['Completed'],
    check: ({ world }) => {
      assert.deepEqual(adminOf(must(web(world).instances[0], 'process'), 'web-2'), {
        state: 'maint',
        by: 'somebody else',
      });
      assert.deepEqual([...new Set(shownVersions(world))], [procedure.to]);
    },
  }),
  ({ setting }) => ({
    ids: 'S-17',
    name: 'S-17-data-plane-lags',
    title: 'the data plane follows late: nothing goes on before it is seen to have followed',
    tell: () => setting({ pool: 'service', options: { timings: { lagMs: 2_900 } } }),
    ends: ['Completed'],
  }),
  ({ setting }) => ({
    ids: 'S-17',
    name: 'S-17-data-plane-did-not',
    title: 'the data plane accepts a change and does not carry it out: it is asked again',
    tell: () => {
      const told = setting();
      web(told.world).ignoresChanges = 3;
      return told;
    },
    ends: ['Completed'],
  }),
  ({ isMajor, setting }) => ({
    ids: 'S-18',
    name: 'S-18-instance-restarts',
    title: 'one of two load balancers is down, comes back and has forgotten: seen, repaired, never counted as drained',
    tell: () => ({ ...setting({ endpoints: 2 }), events: awayFrom(isMajor ? 'g2-drain' : 'g1-drain') }),
    ends: ['Completed'],
    check: ({ result }) =>
      assert.ok(result.timeline.entries.some(({ what }) => what.startsWith('waits for Pool pool/web'))),
  }),
  ({ isMajor, setting }) => ({
    ids: 'S-18',
    name: 'S-18-forgets-while-stopped',
    title: 'a load balancer restarts while a group is stopped: its drain is set again before the group starts',
    tell: () => ({
      ...setting({ endpoints: 2 }),
      // In the downtime everybody is stopped; and while the second group is, the first one serves.
      events: (isMajor ? ['g1-snapshot', 'migrate', 'g2-snapshot'] : ['g1-snapshot']).map((step) =>
        whenStep(step, 'Running', 'a load balancer restarts', ({ world }) => forgets(world)),
      ),
    }),
    ends: ['Completed'],
  }),
  ({ isMajor, setting }) => ({
    ids: 'S-19',
    name: 'S-19-back-after-serving',
    title: 'a group that served goes back: out first, tested with the old version, then in again',
    tell: () => {
      // On another schema it cannot go back with what users have written.
      const onServed = isMajor ? 'DiscardWrites' : 'KeepData';
      const told = setting({ set: { signOff: 'Required', rollback: { policy: 'Automatic', onServed } } });
      told.world.promises.mayLose = isMajor;
      return { ...told, fail: ['probe:login@group-2:isolated'] };
    },
    ends: ['RolledBack', 'RolledBack'],
    check: ({ world, result }) => {
      assert.deepEqual([...new Set(shownVersions(world))], ['1.1.0']);
      const order = result.timeline.entries
        .filter((entry) => entry.subject === 'portal-1-back')
        .map((entry) => entry.what);
      const at = (text: string): number => order.findIndex((what) => what.includes(text) && what.endsWith('succeeded'));
      assert.ok(
        at('Drain group-1') >= 0 && at('Drain group-1') < at('Test group-1') && at('Test group-1') < at('Put group-1'),
      );
    },
  }),
  ({ setting }) => ({
    ids: 'S-17',
    name: 'held-pod-is-replaced',
    title: 'a started pod dies before it joined: the one that replaces it stays out too',
    tell: () => ({
      ...setting({ pool: 'service' }),
      events: [whenStep('g1-isolated', 'Running', 'a pod of web-1 dies', ({ world }) => killFirstPod(world, 'web-1'))],
    }),
    ends: ['Completed'],
  }),
  ({ setting }) => ({
    ids: '001-116',
    name: 'capacity-is-gone',
    title: 'the other group loses its pod right before a drain: nothing leaves the pool until it is back',
    tell: () => ({
      ...setting({ options: { usersPerMember: 0 } }),
      events: [whenStep('baseline', 'Running', 'the pod of web-2 dies', ({ world }) => killFirstPod(world, 'web-2'))],
    }),
    ends: ['Completed'],
  }),
  ({ isMajor, setting }) => ({
    ids: 'S-18',
    name: 'S-18-forgets-while-asked',
    title: 'the load balancer forgets while a person is asked: what failed its tests is put out again, and waits',
    tell: () => {
      const told = setting({ set: { signOff: 'Required', rollback: { policy: 'RequireApproval' } } });
      // For the moment until it is noticed nobody can answer but the load balancer itself.
      Object.assign(told.world.promises, { mayInterrupt: true, mayServeUnproven: true, mayCut: true });
      return {
        ...told,
        fail: ['probe:login@group-1'],
        events: [
          {
            what: 'HAProxy restarts',
            when: ({ store }) => store.runs.at(-1)?.status?.phase === 'AwaitingDecision',
            act: ({ world }) => forgets(world),
          },
        ],
        limitMs: 600_000,
      };
    },
    ends: ['AwaitingDecision'],
    check: ({ world }) => assert.deepEqual([serves(world, 'web-1'), serves(world, 'web-2')], [false, !isMajor]),
  }),
  ({ setting }) => ({
    ids: 'S-07 S-17 design 5.8',
    name: 'S-07-abort-deaf-pool',
    title: 'aborted, and the pool does not take the drained group back: after five minutes it is handed over by name',
    tell: () => {
      const told = setting();
      return {
        ...told,
        events: [
          whenStep('g1-others', 'Running', 'ana aborts; the pool does nothing any more', (simulation) => {
            web(told.world).ignoresChanges = Number.POSITIVE_INFINITY;
            decide(simulation, { choice: 'Abort' });
          }),
        ],
      };
    },
    ends: ['Cancelled'],
    check: (ended) => {
      assert.deepEqual([handedOver(ended), serves(ended.world, 'web-2')], [['pool/web/web-1'], true]);
      assert.deepEqual([...new Set(shownVersions(ended.world))], ['1.1.0']);
      assert.ok(ended.result.timeline.entries.some(({ what }) => what === 'waits for Pool pool/web'));
      assert.ok(ended.result.elapsedMs < 15 * 60_000, `ended after ${ended.result.elapsedMs} ms`);
    },
  }),
  ({ setting }) => ({
    ids: 'S-07 S-18 design 5.8',
    name: 'S-07-abort-pool-away',
    title:
      'aborted while one of two load balancers is down: it is waited for, and then the drained group serves on both',
    tell: () => ({
      ...setting({ endpoints: 2 }),
      events: [
        ...awayFrom('g1-others'),
        whenStep('g1-others', 'Running', 'ana aborts', (simulation) => decide(simulation, { choice: 'Abort' })),
      ],
    }),
    ends: ['Cancelled'],
    check: (ended) => assert.deepEqual([handedOver(ended), serves(ended.world, 'web-1')], [[], true]),
  }),
];

export const poolStories: readonly Story[] = [
  ...storiesOfBoth.flatMap((storyOf) => inBoth(storyOf)),
  {
    ids: 'A-19 001-125',
    name: 'A-19-approval',
    title: 'without the policy Automatic a person is asked before anything goes back',
    tell: () => ({
      ...setting({ set: { rollback: { policy: 'RequireApproval' } } }),
      fail: ['probe:login@group-1'],
      events: [whenAsked('ana approves the rollback', { choice: 'Rollback', method: 'Snapshots', data: 'Keep' })],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: ({ result }) =>
      assert.equal(runNamed({ result }, 'portal-1-back').spec.facts['authorisedBy'], 'ana@example.org'),
  },
  {
    ids: '001-113',
    name: '001-113-refused',
    title: 'a sign-off that is refused is a failure like any other',
    tell: () => ({
      ...setting({ set: { rollback: { policy: 'Automatic', onServed: 'KeepData' } } }),
      events: [
        {
          ...signsOff,
          what: 'ana refuses',
          act: (simulation) => decide(simulation, { choice: 'SignOff', verdict: 'Denied' }),
        },
      ],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: ({ world }) => assert.deepEqual([...new Set(shownVersions(world))], ['1.1.0']),
  },
];
