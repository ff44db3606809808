/** Load balancers: S-15 … S-19. */
import assert from 'node:assert/strict';
import { adminOf, isServing, memberOf, personSets, setInstance } from '../../../src/simulation/pools.ts';
import { killPod } from '../../../src/simulation/workloads.ts';
import { must, type World } from '../../../src/simulation/world.ts';
import { runNamed, setting, signsOff, whenAsked, whenStep, decide, type Story } from '../story.ts';
import { shownVersions } from '../checks.ts';

const web = (world: World) => must(world.pools.get('web'), 'pool web');

function serves(world: World, member: string): boolean {
  return isServing(world, web(world), memberOf(web(world), member));
}

function killFirstPod(world: World, name: string): void {
  const workload = must(world.workloads.get(`StatefulSet/${name}`), name);
  killPod(world, workload, must(workload.pods[0], `pod of ${name}`));
}

function clinging(onTimeout: 'Hold' | 'Force' | 'Fail') {
  return () => {
    const told = setting({ group: { drain: { timeout: '2m', onTimeout } }, set: { signOff: 'NotRequired' } });
    web(told.world).sticky.add('web-1');
    return told;
  };
}

export const poolStories: readonly Story[] = [
  {
    ids: 'S-15',
    name: 'S-15-force',
    title: 'users who do not leave are cut off after the timeout when the policy is Force, with the count written down',
    tell: () => {
      const told = clinging('Force')();
      told.world.promises.mayCut = true;
      return told;
    },
    ends: ['Completed'],
    check: ({ world, result }) => {
      assert.deepEqual([...new Set(shownVersions(world))], ['1.2.0']);
      const handles = runNamed({ result }, 'portal-1').status?.steps.flatMap((entry) =>
        Object.entries(entry.handles ?? {}),
      );
      const forced = (handles ?? []).flatMap(([key, value]) => (key.startsWith('forced/') ? [value] : []));
      assert.deepEqual([...new Set(forced)], ['web-1 (20)']);
    },
  },
  {
    ids: 'S-15',
    name: 'S-15-fail',
    title: 'users who do not leave end the run when the policy is Fail, and are served on',
    tell: clinging('Fail'),
    ends: ['Failed'],
    check: ({ world }) => assert.ok(serves(world, 'web-1')),
  },
  {
    ids: 'S-15',
    name: 'S-15-hold',
    title: 'users who do not leave are waited for when the policy is Hold, and named',
    tell: () => ({
      ...clinging('Hold')(),
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
  },
  {
    ids: 'S-16',
    name: 'S-16-persons-drain',
    title: 'a member that a person drained before stays drained at the end',
    tell: () => {
      const told = setting({ groups: 3, set: { signOff: 'NotRequired' } });
      personSets(told.world, 'web', 'web-2', 'maint');
      return told;
    },
    ends: ['Completed'],
    check: ({ world }) =>
      assert.deepEqual(adminOf(must(web(world).instances[0], 'process'), 'web-2'), {
        state: 'maint',
        by: 'somebody else',
      }),
  },
  {
    ids: 'S-17',
    name: 'S-17-data-plane-lags',
    title: 'the data plane follows late: nothing goes on before it is seen to have followed',
    tell: () => setting({ pool: 'service', set: { signOff: 'NotRequired' }, options: { timings: { lagMs: 2_900 } } }),
    ends: ['Completed'],
  },
  {
    ids: 'S-17',
    name: 'S-17-data-plane-did-not',
    title: 'the data plane accepts a change and does not carry it out: it is asked again',
    tell: () => {
      const told = setting({ set: { signOff: 'NotRequired' } });
      web(told.world).ignoresChanges = 3;
      return told;
    },
    ends: ['Completed'],
  },
  {
    ids: 'S-18',
    name: 'S-18-instance-restarts',
    title: 'one of two load balancers is down, comes back and has forgotten: seen, repaired, never counted as drained',
    tell: () => ({
      ...setting({ endpoints: 2, set: { signOff: 'NotRequired' } }),
      events: [
        whenStep('g1-drain', 'Running', 'the second load balancer goes down', ({ world }) =>
          setInstance(world, 'web', 1, false),
        ),
        { what: 'it is back and has forgotten', atMs: 90_000, act: ({ world }) => setInstance(world, 'web', 1, true) },
      ],
    }),
    ends: ['Completed'],
  },
  {
    ids: 'S-18',
    name: 'S-18-forgets-while-stopped',
    title: 'a load balancer restarts while a group is stopped: its drain is set again before the group starts',
    tell: () => ({
      ...setting({ endpoints: 2, set: { signOff: 'NotRequired' } }),
      events: [
        whenStep('g1-snapshot', 'Running', 'a load balancer restarts', ({ world }) => {
          setInstance(world, 'web', 0, false);
          setInstance(world, 'web', 0, true);
        }),
      ],
    }),
    ends: ['Completed'],
  },
  {
    ids: 'S-19',
    name: 'S-19-back-after-serving',
    title: 'a group that served goes back: out first, tested with the old version, then in again',
    tell: () => ({
      ...setting({ set: { rollback: { policy: 'Automatic', onServed: 'KeepData' } } }),
      fail: ['probe:login@group-2:isolated'],
    }),
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
  },
  {
    ids: 'S-17',
    name: 'held-pod-is-replaced',
    title: 'a started pod dies before it joined: the one that replaces it stays out too',
    tell: () => ({
      ...setting({ pool: 'service', set: { signOff: 'NotRequired' } }),
      events: [whenStep('g1-isolated', 'Running', 'a pod of web-1 dies', ({ world }) => killFirstPod(world, 'web-1'))],
    }),
    ends: ['Completed'],
  },
  {
    ids: '001-116',
    name: 'capacity-is-gone',
    title: 'the other group loses its pod right before a drain: nothing leaves the pool until it is back',
    tell: () => {
      const told = setting({ set: { signOff: 'NotRequired' }, options: { usersPerMember: 0 } });
      return {
        ...told,
        events: [whenStep('baseline', 'Running', 'the pod of web-2 dies', ({ world }) => killFirstPod(world, 'web-2'))],
      };
    },
    ends: ['Completed'],
  },
  {
    ids: 'S-18',
    name: 'S-18-forgets-while-asked',
    title: 'the load balancer forgets while a person is asked: what failed its tests is put out again, and waits',
    tell: () => {
      const told = setting({ set: { rollback: { policy: 'RequireApproval' } } });
      // For the moment until it is noticed nobody can answer but the load balancer itself.
      Object.assign(told.world.promises, { mayInterrupt: true, mayServeUnproven: true, mayCut: true });
      return {
        ...told,
        fail: ['probe:login@group-1'],
        events: [
          {
            what: 'HAProxy restarts',
            when: ({ store }) => store.runs.at(-1)?.status?.phase === 'AwaitingDecision',
            act: ({ world }) => {
              setInstance(world, 'web', 0, false);
              setInstance(world, 'web', 0, true);
            },
          },
        ],
        limitMs: 600_000,
      };
    },
    ends: ['AwaitingDecision'],
    check: ({ world }) => assert.deepEqual([serves(world, 'web-1'), serves(world, 'web-2')], [false, true]),
  },
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
