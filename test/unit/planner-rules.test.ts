/**
 * The rules that must never break, each as one question to the planner. `test/mutation/` breaks them one by one in a
 * copy of the source and checks that the case with its name turns red.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunGroup, StepAction, StepEntry, UpgradeRunSpec } from '../../src/api/upgrade-run.ts';
import { decide } from '../../src/planner/decide.ts';
import { evaluateStep } from '../../src/planner/evaluate.ts';
import type { PastRun } from '../../src/planner/journal.ts';
import type { MemberObservation, Observed, PoolObservation, WorkloadObservation } from '../../src/planner/observed.ts';
import { workloadKey } from '../../src/planner/observed.ts';
import { computeRollback } from '../../src/planner/procedures/rollback.ts';
import { computeRolling } from '../../src/planner/procedures/rolling.ts';
import type { StepVerdict } from '../../src/planner/verdict.ts';

const image = (digit: string): string => `registry.example/app@sha256:${digit.repeat(64)}`;
const runUID = 'run-uid';
const now = Date.UTC(2026, 0, 1);
const at = (minute: number): string => new Date(now + minute * 60_000).toISOString();

function group(name: string): RunGroup {
  return {
    name,
    uid: `${name}-uid`,
    servers: [
      {
        name: 'server',
        workload: { kind: 'StatefulSet', name: `${name}-app` },
        pools: [{ name: 'users', member: `${name}-app` }],
        images: { app: image('2') },
        replicas: 1,
      },
    ],
    from: '1.0',
    drain: { timeout: '5m', onTimeout: 'Hold' },
    snapshot: { volumeSnapshotClassName: 'fast', retain: 'UntilSignOff', retainFor: '168h', maxAge: '30m' },
    probes: 'suite',
    takeOwnership: false,
    settings: [],
  };
}

function runOf(names: readonly string[] = ['a', 'b']): { name: string; uid: string; spec: UpgradeRunSpec } {
  const groups = names.map(group);
  const steps = computeRolling({
    groups,
    to: '1.1',
    canHold: true,
    loadBalanced: true,
    database: undefined,
    signOff: 'NotRequired',
    timeouts: {},
  });
  const spec: UpgradeRunSpec = {
    format: 1,
    upgradeSet: 'app',
    upgradeSetUID: 'set-uid',
    purpose: 'Upgrade',
    procedure: 'rolling',
    package: 'app-1.1',
    from: { version: '1.0' },
    to: { version: '1.1' },
    planHash: `sha256:${'0'.repeat(64)}`,
    facts: { loadBalanced: 'Yes', hold: 'Policy' },
    policy: {
      signOff: 'NotRequired',
      rollback: { policy: 'Automatic', onServed: 'KeepData', authorizeBelow: '1h' },
      timeouts: {},
    },
    groups,
    suites: [],
    pools: [{ name: 'users', driver: 'service', target: 'users' }],
    handles: {},
    steps,
  };
  return { name: 'app-1', uid: runUID, spec };
}

function workload(name: string, changes: Partial<WorkloadObservation> = {}): WorkloadObservation {
  return {
    kind: 'StatefulSet',
    name: `${name}-app`,
    exists: true,
    current: true,
    replicas: 1,
    pods: [],
    images: { app: image('1') },
    templateHash: 'old',
    rolledOut: true,
    lockedBy: runUID,
    autoscaled: false,
    claims: [],
    reconcilers: [],
    lastWriter: 'kubectl',
    operation: '',
    ...changes,
  };
}

/** A pod that users can be left to. */
function livePod(name: string): WorkloadObservation['pods'][number] {
  return {
    name: `${name}-app-0`,
    uid: `${name}-uid`,
    ready: true,
    terminating: false,
    images: {},
    trouble: '',
    address: '10.0.0.1',
  };
}

function member(name: string, changes: Partial<MemberObservation> = {}): MemberObservation {
  const connections = { known: true, value: 0 } as const;
  return { member: `${name}-app`, state: 'Serving', connections, foreign: '', detail: '', held: false, ...changes };
}

const out: Partial<MemberObservation> = { state: 'Drained', held: true };

function pool(members: readonly MemberObservation[], changes: Partial<PoolObservation> = {}): PoolObservation {
  return {
    pool: 'users',
    canHold: true,
    reachable: { known: true, value: true },
    members,
    minServing: 1,
    settleMs: 0,
    countsConnections: true,
    ...changes,
  };
}

interface World {
  readonly workloads?: readonly WorkloadObservation[];
  readonly pool?: PoolObservation;
  readonly lockedBy?: string;
  readonly snapshot?: { readonly exists: boolean; readonly ready: boolean; readonly verified: boolean };
  readonly probe?: 'running' | 'passed' | 'failed' | 'unknown';
  readonly restore?: 'absent' | 'working' | 'restored' | 'blocked';
}

function observe(world: World): Observed {
  const workloads = world.workloads ?? [workload('a'), workload('b', { pods: [livePod('b')] })];
  const seenPool = world.pool ?? pool([member('a'), member('b')]);
  const snapshot = { snapshot: 'snap-a', createdAt: now, error: '', ...world.snapshot };
  const probeIds = world.probe === undefined ? [] : ['operation/0'];
  return {
    now,
    groups: new Map(
      ['a', 'b'].map((name) => [name, { group: name, exists: true, lockedBy: world.lockedBy ?? runUID }]),
    ),
    workloads: new Map(workloads.map((seen) => [workloadKey(seen), seen])),
    pools: new Map([[seenPool.pool, seenPool]]),
    snapshots: world.snapshot === undefined ? new Map() : new Map([['snap-a', { ...snapshot, ...world.snapshot }]]),
    restores:
      world.restore === undefined
        ? new Map()
        : new Map([['data-a', { claim: 'data-a', state: world.restore, message: '' }]]),
    probes: new Map(probeIds.map((id) => [id, { id, state: world.probe ?? 'absent', message: '', results: [] }])),
    databaseJobs: new Map(),
    checks: new Map(),
    saved: new Set(),
    settings: new Map(),
  };
}

interface Asked {
  readonly action: StepAction;
  readonly group?: string;
  readonly id?: string;
  readonly handles?: Readonly<Record<string, string>>;
  readonly consumedMs?: number;
  readonly attempt?: number;
}

/** What the evaluator of the first step of that kind answers. */
function ask(asked: Asked, world: World): StepVerdict {
  const run = runOf();
  const planned = run.spec.steps.find(
    (candidate) => candidate.action === asked.action && (asked.group === undefined || candidate.group === asked.group),
  );
  const step = planned ?? { ...(run.spec.steps[0] ?? assert.fail()), id: 'extra', action: asked.action, group: 'a' };
  return evaluateStep({
    run,
    step,
    entry: { id: step.id, state: 'Running', attempt: asked.attempt ?? 1, operation: 'operation' },
    handles: asked.handles ?? {},
    observed: observe(world),
    decisions: [],
    now,
    consumedMs: asked.consumedMs ?? 0,
    timeoutMs: 900_000,
  });
}

const kindOf = (verdict: StepVerdict): string =>
  'reason' in verdict ? `${verdict.kind} ${verdict.reason}` : verdict.kind;
const effectOf = (verdict: StepVerdict): string => (verdict.kind === 'act' ? verdict.effect.kind : kindOf(verdict));

const wayBack = { 'claims/a': 'data-a', 'snapshot/data-a': 'snap-a', 'manifest/data-a': '{}' };
const stopped = pool([member('a', out), member('b')]);

describe('rules of the steps', () => {
  const cases: Readonly<Record<string, readonly [Asked, World, string]>> = {
    'no member leaves while its pool would fall below minServing': [
      { action: 'Drain', group: 'a' },
      { pool: pool([member('a'), member('b', { state: 'Down' })]) },
      'wait CapacityTooLow',
    ],
    'no member leaves a pool that cannot be read': [
      { action: 'Drain', group: 'a' },
      { pool: pool([member('a'), member('b')], { reachable: { known: false, why: 'refused' } }) },
      'wait PoolUnobservable',
    ],
    'a member is held before it leaves rotation': [{ action: 'Drain', group: 'a' }, {}, 'HoldMember'],
    'an unknown count of connections is not zero': [
      { action: 'Drain', group: 'a', handles: { 'drained/users/a-app': 'ours' } },
      { pool: pool([member('a', { ...out, connections: { known: false, why: 'no answer' } }), member('b')]) },
      'wait Draining',
    ],
    'S-16: a Service forgets whom a person took out, so such a group is not restarted': [
      { action: 'Drain', group: 'a' },
      { pool: pool([member('a', { state: 'Drained', foreign: 'label taken off by somebody' }), member('b')]) },
      'wait ForeignPoolState',
    ],
    'S-38: nobody counts as drained while nodes may not have heard of it': [
      { action: 'Drain', group: 'a', handles: { 'drained/users/a-app': 'ours' } },
      { pool: pool([member('a', out), member('b')], { lagMs: 20_000 }) },
      'wait Settling',
    ],
    'nothing that serves is stopped': [{ action: 'Stop', group: 'a' }, {}, 'wait StillServing'],
    'a snapshot that is ready but not verified is waited for': [
      { action: 'Snapshot', group: 'a', handles: wayBack },
      { snapshot: { exists: true, ready: true, verified: false } },
      'wait SnapshotNotReady',
    ],
    'S-26: a further attempt does not wait for the snapshot of the one before': [
      { action: 'Snapshot', group: 'a', handles: wayBack, attempt: 2 },
      { snapshot: { exists: true, ready: true, verified: false } },
      'CreateSnapshot',
    ],
    'S-26: a further attempt keeps the snapshot of the one before where it is verified by now': [
      { action: 'Snapshot', group: 'a', handles: wayBack, attempt: 2 },
      { snapshot: { exists: true, ready: true, verified: true } },
      'done',
    ],
    'nothing is restored from a snapshot that is not verified': [
      { action: 'RestoreSnapshot', handles: wayBack },
      { pool: stopped, restore: 'absent', snapshot: { exists: true, ready: true, verified: false } },
      'wait SnapshotUnusable',
    ],
    'tests without an answer have not passed': [
      { action: 'Probe', group: 'a' },
      { pool: stopped, probe: 'unknown' },
      'failed ProbeUnanswered',
    ],
    'a group has joined only when its members serve': [
      { action: 'Undrain', group: 'a', handles: { 'served/a': at(0) } },
      { pool: pool([member('a', { state: 'Down', detail: 'check failed' }), member('b')]) },
      'wait NotServingYet',
    ],
    'a member that a person took out stays out': [
      { action: 'Undrain', group: 'a', handles: { 'drained/users/a-app': 'person', 'served/a': at(0) } },
      { pool: pool([member('a', { ...out, held: false }), member('b')]) },
      'done',
    ],
    'a group that another run has locked is waited for': [
      { action: 'Preflight', handles: { 'opened/operation': at(0) } },
      { lockedBy: 'other-run' },
      'wait LockHeld',
    ],
    'a step fails when its time is used up': [
      { action: 'Start', group: 'a', handles: { 'replicas/StatefulSet/a-app': '1' }, consumedMs: 900_000 },
      { workloads: [workload('a', { rolledOut: false })] },
      'failed StartTimeout',
    ],
  };
  for (const [name, [asked, world, want]] of Object.entries(cases)) {
    it(name, () => assert.equal(effectOf(ask(asked, world)), want));
  }
});

/** Entries up to, and without, a step: everything before has succeeded; skipped ones were skipped. */
function journalUntil(spec: UpgradeRunSpec, id: string, handles: Readonly<Record<string, string>>): StepEntry[] {
  const end = spec.steps.findIndex((step) => step.id === id);
  assert.ok(end >= 0, `the plan has no step ${id}`);
  return spec.steps.slice(0, end).map((step, index) => ({
    id: step.id,
    state: step.skip === undefined ? 'Succeeded' : 'Skipped',
    attempt: 1,
    operation: `${runUID}/${step.id}/1`,
    started: at(index),
    finished: at(index),
    ...(index === 0 ? { handles } : {}),
  }));
}

function running(id: string): StepEntry {
  return { id, state: 'Running', attempt: 1, operation: `${runUID}/${id}/1`, started: at(60) };
}

describe('rules of the run', () => {
  it('a template that somebody changed during the run is named, and not fought over', () => {
    const run = runOf();
    const handles = {
      'template/StatefulSet/a-app': 'new',
      'replicas/StatefulSet/a-app': '1',
      'drained/users/a-app': 'ours',
    };
    const observed = observe({
      pool: stopped,
      workloads: [workload('a', { templateHash: 'theirs', lastWriter: 'helm' }), workload('b')],
    });
    const entries = [...journalUntil(run.spec, 'g1-start', handles), running('g1-start')];
    const move = decide({ run, entries, observed, decisions: [], intent: { paused: false }, now, consumedMs: 0 });
    assert.equal(move.kind === 'wait' ? move.reason : move.kind, 'ForeignChange');
  });

  it('a member that came back into the pool by itself is put out again', () => {
    const run = runOf();
    const handles = { 'replicas/StatefulSet/a-app': '1', 'drained/users/a-app': 'ours' };
    const entries = [...journalUntil(run.spec, 'g1-start', handles), running('g1-start')];
    const observed = observe({ pool: pool([member('a', { state: 'Serving', held: true }), member('b')]) });
    const move = decide({ run, entries, observed, decisions: [], intent: { paused: false }, now, consumedMs: 0 });
    assert.equal(move.kind === 'act' ? move.effect.kind : move.kind, 'DrainMember');
  });
});

describe('rules of the way back', () => {
  const snapshots = {
    'claims/a': 'data-a',
    'snapshot/data-a': 'snap-a',
    'claims/b': 'data-b',
    'snapshot/data-b': 'snap-b',
  };

  function rollback(until: string, handles: Readonly<Record<string, string>>, data: 'Keep' | 'Discard') {
    const run = runOf();
    const origin: PastRun = { ...run, entries: journalUntil(run.spec, until, { ...snapshots, ...handles }) };
    const order = { method: 'Snapshots', data, because: 'a probe failed', authorisedBy: 'policy' } as const;
    return computeRollback({ origin, attempts: [], order }).steps;
  }

  it('volumes of a group that has served users keep their writes unless told otherwise', () => {
    const steps = rollback('g2-join', { 'served/a': at(30) }, 'Keep');
    const skipped = steps
      .filter((step) => step.action === 'RestoreSnapshot')
      .map((step) => [step.group, step.skip !== undefined]);
    assert.deepEqual(skipped, [
      ['b', false],
      ['a', true],
    ]);
  });

  it('the broken group goes back before the one that still serves', () => {
    const steps = rollback('g2-join', { 'served/a': at(30) }, 'Discard');
    assert.deepEqual(
      steps.filter((step) => step.action === 'Reinstall').map((step) => step.group),
      ['b', 'a'],
    );
  });

  it('a group that serves is drained before it is stopped on the way back', () => {
    const steps = rollback('g2-join', { 'served/a': at(30) }, 'Discard').filter((step) => step.group === 'a');
    const actions = steps.map((step) => step.action);
    assert.ok(actions.indexOf('Drain') >= 0 && actions.indexOf('Drain') < actions.indexOf('Stop'), actions.join(' '));
  });
});
