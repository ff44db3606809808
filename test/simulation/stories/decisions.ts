/** People who have a say while nothing has failed: the start, joint steps, and a sign-off by two. */
import assert from 'node:assert/strict';
import type { UpgradeRun } from '../../../src/api/upgrade-run.ts';
import { isServing, memberOf, setInstance } from '../../../src/simulation/pools.ts';
import { must, type World } from '../../../src/simulation/world.ts';
import { shownVersions } from '../checks.ts';
import { ana, ben, say, says, whenOffered } from '../deciding.ts';
import { runNamed, setting, signsOff, type Ended, type Story } from '../story.ts';
import type { StoryEvent } from '../../../src/simulation/simulation.ts';

const jointSteps = ['g1-others', 'g2-others', 'g2-alone', 'final'];
const asked = { rollback: { policy: 'RequireApproval' } } as const;

function versions(ended: Ended): string[] {
  return [...new Set(shownVersions(ended.world))];
}

function serves(world: World, member: string): boolean {
  const web = must(world.pools.get('web'), 'pool web');
  return isServing(world, web, memberOf(web, member));
}

function messageOf(run: UpgradeRun, id: string): string {
  return run.status?.steps.find((entry) => entry.id === id)?.message ?? '';
}

function attemptsOf(run: UpgradeRun, id: string): number {
  return run.status?.steps.find((entry) => entry.id === id)?.attempt ?? 0;
}

function approves(step: string, after?: string): StoryEvent {
  return whenOffered(
    `ana approves ${step}`,
    { choice: 'Approve', step },
    (simulation) => says(simulation, { name: `yes-${step}`, by: ana, choice: 'Approve', step }),
    after === undefined ? {} : { after },
  );
}

/** Ana as Engineer; then she tries to be the Administrator as well; then Ben is. */
function bothApprove(step: string, choice: 'Approve' | 'SignOff'): StoryEvent[] {
  const about = choice === 'Approve' ? { choice, step } : { choice };
  const words = { engineer: `engineer-${step}`, administrator: `administrator-${step}` };
  return [
    whenOffered(`ana decides ${step} as Engineer`, { ...about, as: 'Engineer' }, (simulation) => {
      says(simulation, { ...about, name: words.engineer, by: ana, as: 'Engineer' });
      assert.match(
        say(simulation, { ...about, name: `${words.administrator}-ana`, by: ana, as: 'Administrator' }),
        new RegExp(`^Decision ${words.engineer} came first`),
      );
    }),
    whenOffered(
      `ben decides ${step} as Administrator`,
      { ...about, as: 'Administrator' },
      (simulation) => {
        assert.equal(simulation.stepState(step), 'Running');
        says(simulation, { ...about, name: words.administrator, by: ben, as: 'Administrator' });
      },
      { afterMs: 120_000 },
    ),
  ];
}

export const decisionStories: readonly Story[] = [
  {
    ids: '001-03 001-94 001-96 001-115',
    name: 'joint-both',
    title: 'every joint step waits for an engineer and an administrator, who are two people, and so does the sign-off',
    tell: () => ({
      ...setting({ set: { ...asked, approvals: { jointSteps: 'Both' } } }),
      events: [...jointSteps.flatMap((step) => bothApprove(step, 'Approve')), ...bothApprove('sign-off', 'SignOff')],
    }),
    ends: ['Completed'],
    check: (ended) => {
      const run = runNamed(ended, 'portal-1');
      const both = 'ana@example.org as Engineer and ben@example.org as Administrator';
      for (const step of jointSteps) assert.ok(messageOf(run, step).endsWith(`approved by ${both}`), step);
      assert.match(messageOf(run, 'sign-off'), new RegExp(`^signed off by ${both}: `));
      assert.equal(messageOf(run, 'g1-isolated'), 'passed, version 1.2.0');
    },
  },
  {
    ids: '001-96 001-115 S-36',
    name: 'joint-one-denied',
    title: 'the result of a joint step is refused, the cause is mended, and after Resume its tests are judged anew',
    tell: () => ({
      ...setting({ set: { ...asked, approvals: { jointSteps: 'One' } } }),
      events: [
        approves('g1-others'),
        whenOffered('ben refuses the result', { choice: 'Approve', step: 'g2-others' }, (simulation) =>
          says(simulation, { name: 'no', by: ben, choice: 'Approve', step: 'g2-others', verdict: 'Denied' }),
        ),
        whenOffered('ana goes on', { choice: 'Resume' }, (simulation) =>
          says(simulation, { name: 'on', by: ana, choice: 'Resume' }),
        ),
        approves('g2-others', 'on'),
        approves('g2-alone'),
        approves('final'),
        signsOff,
      ],
    }),
    ends: ['Completed'],
    check: (ended) => {
      const run = runNamed(ended, 'portal-1');
      assert.deepEqual([attemptsOf(run, 'g1-others'), attemptsOf(run, 'g2-others')], [1, 2]);
      assert.equal(messageOf(run, 'g2-others'), 'passed, version 1.2.0; approved by ana@example.org');
      const lines = ended.result.timeline.lines().join('\n');
      assert.match(lines, /ben@example\.org refused the result/);
      // The remedy is named: what to create, for what.
      assert.match(lines, /create a Decision with choice Approve and step g2-others for run portal-1/);
    },
  },
  {
    ids: '001-96',
    name: 'joint-denied-goes-back',
    title: 'a refused result is a failure like any other: with the policy Automatic everything goes back',
    tell: () => ({
      ...setting({
        set: { rollback: { policy: 'Automatic', onServed: 'KeepData' }, approvals: { jointSteps: 'One' } },
      }),
      events: [
        approves('g1-others'),
        whenOffered('ben refuses the result', { choice: 'Approve', step: 'g2-others' }, (simulation) =>
          says(simulation, { name: 'no', by: ben, choice: 'Approve', step: 'g2-others', verdict: 'Denied' }),
        ),
      ],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      assert.deepEqual(versions(ended), ['1.1.0']);
      // Nobody is asked on the way back.
      assert.ok(!runNamed(ended, 'portal-1-back').status?.steps.some((entry) => entry.message?.includes('approved')));
      assert.equal(runNamed(ended, 'portal-1').status?.failure?.reason, 'Denied');
    },
  },
  {
    ids: '001-96',
    name: 'joint-waits-and-watches',
    title: 'while people look at the result the load balancer forgets who is out, and is told again',
    tell: () => {
      const told = setting({ set: { ...asked, approvals: { jointSteps: 'One' } } });
      Object.assign(told.world.promises, { mayInterrupt: true, mayServeUnproven: true, mayCut: true });
      return {
        ...told,
        events: [
          whenOffered('HAProxy restarts', { choice: 'Approve', step: 'g1-others' }, ({ world }) => {
            setInstance(world, 'web', 0, false);
            setInstance(world, 'web', 0, true);
          }),
        ],
        limitMs: 2 * 3_600_000,
      };
    },
    ends: ['AwaitingDecision'],
    check: (ended) => {
      assert.deepEqual([serves(ended.world, 'web-1'), serves(ended.world, 'web-2')], [false, true]);
      const { status } = runNamed(ended, 'portal-1');
      // The fifteen minutes of the step are long over, and no deadline with them.
      assert.equal(status?.steps.find((entry) => entry.id === 'g1-others')?.state, 'Running');
      assert.deepEqual(
        status?.blockers?.map(({ type, object }) => [type, object]),
        [['Decision', 'step/g1-others']],
      );
    },
  },
  {
    ids: '001-26 S-36',
    name: 'start-approved',
    title: 'an upgrade out of hours waits for somebody to approve its start, and touches nothing before',
    tell: () => ({
      ...setting({ set: { ...asked, approvals: { start: 'Required' } } }),
      events: [
        whenOffered(
          'ben approves the start',
          { choice: 'Approve' },
          (simulation) => {
            assert.deepEqual(
              simulation.world.calls.filter(({ kind }) => kind !== 'RunProbes'),
              [],
            );
            says(simulation, { name: 'go', by: ben, choice: 'Approve' });
          },
          { afterMs: 2 * 3_600_000 },
        ),
        signsOff,
      ],
    }),
    ends: ['Completed'],
    check: (ended) => assert.deepEqual(versions(ended), ['1.2.0']),
  },
  {
    ids: '001-26',
    name: 'start-denied',
    title: 'a start that is refused ends the run, and nothing was touched',
    tell: () => ({
      ...setting({ set: { ...asked, approvals: { start: 'Required' } } }),
      events: [
        whenOffered('ben refuses the start', { choice: 'Approve' }, (simulation) =>
          says(simulation, { name: 'no', by: ben, choice: 'Approve', verdict: 'Denied', reason: 'nobody is there' }),
        ),
      ],
    }),
    ends: ['Cancelled'],
    check: (ended) => {
      assert.deepEqual(versions(ended), ['1.1.0']);
      assert.deepEqual(
        ended.world.calls.filter(({ kind }) => kind !== 'RunProbes'),
        [],
      );
      const ready = runNamed(ended, 'portal-1').status?.conditions?.find(({ type }) => type === 'Ready');
      assert.deepEqual(
        [ready?.reason, ready?.message],
        ['Denied', 'ben@example.org refused the start: nobody is there'],
      );
    },
  },
  {
    ids: '001-113 001-94',
    name: 'sign-off-after-refusal',
    title: 'a sign-off is refused, the cause is mended, and after Resume it can be given',
    tell: () => ({
      ...setting({ set: asked }),
      events: [
        whenOffered('ben refuses', { choice: 'SignOff' }, (simulation) =>
          says(simulation, { name: 'no', by: ben, choice: 'SignOff', verdict: 'Denied' }),
        ),
        whenOffered('ana goes on', { choice: 'Resume' }, (simulation) => {
          assert.equal(say(simulation, { name: 'yes', by: ana, choice: 'SignOff' }), 'Decision no came first');
          says(simulation, { name: 'on', by: ana, choice: 'Resume' });
        }),
        whenOffered(
          'ben signs off',
          { choice: 'SignOff' },
          (simulation) => says(simulation, { name: 'yes', by: ben, choice: 'SignOff' }),
          { after: 'on' },
        ),
      ],
    }),
    ends: ['Completed'],
    check: (ended) => {
      const run = runNamed(ended, 'portal-1');
      assert.deepEqual([attemptsOf(run, 'sign-off'), versions(ended)], [2, ['1.2.0']]);
    },
  },
];
