import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setting } from '../../../test/simulation/story.ts';
import { planRun } from '../../simulation/set-controller.ts';
import { must } from '../../simulation/world.ts';
import type { MemberObservation, MemberState, Observed } from '../observed.ts';
import type { StepVerdict } from '../verdict.ts';
import { evaluateDrain } from './drain.ts';

const told = setting({ groups: 3, minServing: 2 });
const spec = planRun(told, must(told.objects.sets[0], 'set'));
const step = must(
  spec.steps.find(({ id }) => id === 'g1-drain'),
  'step',
);

interface Asked {
  /** Of web-1, web-2 and web-3. */
  readonly states: readonly [MemberState, MemberState, MemberState];
  readonly connections?: number;
  readonly handles?: Readonly<Record<string, string>>;
  readonly reachable?: boolean;
  readonly consumedMs?: number;
  readonly onTimeout?: 'Hold' | 'Force';
  /** Of web-1. */
  readonly foreign?: string;
  readonly held?: boolean;
}

function ask({
  states,
  connections = 0,
  handles = {},
  reachable = true,
  consumedMs = 0,
  onTimeout = 'Hold',
  foreign = '',
  held = true,
}: Asked): StepVerdict {
  const members = states.map((state, index): MemberObservation => ({
    member: `web-${index + 1}`,
    state,
    connections: { known: true, value: connections },
    foreign: index === 0 ? foreign : '',
    detail: '',
    held,
  }));
  const pool = {
    pool: 'web',
    canHold: true,
    reachable: reachable ? ({ known: true, value: true } as const) : ({ known: false, why: 'no answer' } as const),
    members,
    minServing: 2,
    settleMs: 0,
    countsConnections: true,
  };
  const groups = spec.groups.map((group) => ({ ...group, drain: { ...group.drain, onTimeout } }));
  return evaluateDrain({
    run: { name: 'portal-1', uid: 'uid', spec: { ...spec, groups } },
    step,
    entry: { id: step.id, state: 'Running', attempt: 1, operation: 'uid/g1-drain/1' },
    handles,
    observed: { pools: new Map([['web', pool]]), workloads: new Map() } as unknown as Observed,
    decisions: [],
    now: 0,
    consumedMs,
    timeoutMs: 300_000,
  });
}

const waived = { 'waived/Capacity': 'ana: a quiet night' };
const toldOf = (verdict: StepVerdict): string => ('message' in verdict ? verdict.message : verdict.kind);

describe('a waiver of the check Capacity', () => {
  const tooFew = 'pool web would have 1 serving members without web-1, and needs 2';

  it('001-63: without one nothing leaves that the pool needs', () => {
    assert.equal(toldOf(ask({ states: ['Serving', 'Serving', 'Down'] })), tooFew);
  });

  it('A-13: lets fewer serve in this run, which says who has waived it', () => {
    const verdict = ask({ states: ['Serving', 'Serving', 'Down'], handles: waived });
    assert.ok(verdict.kind === 'act' && verdict.effect.kind === 'DrainMember');
    const { record = {} } = verdict;
    assert.equal(
      toldOf(ask({ states: ['Drained', 'Serving', 'Down'], handles: { ...waived, ...record } })),
      `1 members drained; ${tooFew}; waived by ana: a quiet night`,
    );
  });

  it('001-116: never lets nobody serve', () => {
    assert.match(
      toldOf(ask({ states: ['Serving', 'Down', 'Down'], handles: waived })),
      /^pool web would have 0 serving .*; the waiver of Capacity does not cover that nobody serves$/,
    );
  });

  it('is nothing about a pool that cannot be read', () => {
    assert.match(
      toldOf(ask({ states: ['Serving', 'Serving', 'Serving'], handles: waived, reachable: false })),
      /no answer/,
    );
  });

  it('is not mentioned where enough serve', () => {
    assert.equal(toldOf(ask({ states: ['Drained', 'Serving', 'Serving'], handles: waived })), '1 members drained');
  });
});

describe('a member that a person took out meanwhile', () => {
  it('S-16: is not asked for again where one process forgot it, though an earlier drain of it was ours', () => {
    const handles = { 'drained/web/web-1': 'ours' };
    const foreign = 'drain set by somebody else on web-lb-1';
    const verdict = ask({ states: ['Draining', 'Serving', 'Serving'], handles, foreign, held: false });
    assert.ok(verdict.kind === 'wait');
    assert.deepEqual([verdict.reason, verdict.message], ['ForeignPoolState', `web-1: ${foreign}`]);
  });
});

describe('users who are cut off', () => {
  it('S-15: are counted before it happens, and the count is still there after a stop in between', () => {
    const verdict = ask({
      states: ['Drained', 'Serving', 'Serving'],
      connections: 20,
      consumedMs: 300_000,
      onTimeout: 'Force',
    });
    assert.ok(verdict.kind === 'act' && verdict.effect.kind === 'DrainMember' && verdict.effect.force);
    const after = ask({ states: ['Drained', 'Serving', 'Serving'], handles: { ...verdict.record } });
    assert.equal(toldOf(after), '1 members drained; cut off after 5m: web-1 (20)');
  });
});
