import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nothingObserved } from '../../test/builders/observed.ts';
import type { RunGroup, Step, StepEntry, StepState, UpgradeRunSpec } from '../api/upgrade-run.ts';
import { decide } from './decide.ts';
import type { DecideInput } from './decision.ts';
import { evaluateStep } from './evaluate.ts';
import type { PastRun } from './journal.ts';
import type { Move, RebuildOrder } from './move.ts';
import {
  absentWorkload,
  type Observed,
  type RebootObservation,
  type RestoreObservation,
  type WorkloadObservation,
} from './observed.ts';
import { computeRollbackRun } from './plan.ts';
import { computeDowntime } from './procedures/downtime.ts';
import { brokenServers, fittingRelease } from './rebuild.ts';
import { computeRebuildRun } from './rebuild-plan.ts';
import { heldMembers } from './scope.ts';
import { readOnlyKey, schemaBeforeKey, schemaChangedKey, schemaNowKey } from './steps/keys.ts';
import {
  bootKey,
  nodesKey,
  rebootFailedKey,
  replacedClaimsKey,
  replacedManifestKey,
  settingsResetKey,
  workloadResetKey,
} from './steps/rebuild-keys.ts';
import type { StepContext, StepVerdict, ValidDecision } from './verdict.ts';

const now = Date.UTC(2026, 11, 5, 20, 0, 0);
const at = (minute: number): string => new Date(now + minute * 60_000).toISOString();
const hash = (): string => `sha256:${'0'.repeat(64)}`;
const migrated = { [schemaBeforeKey]: '41', [schemaChangedKey]: 'uid/migrate/1', [schemaNowKey]: '42' };
const job = { podTemplate: 'tools', args: ['reboot'], timeout: '5m' };

function group(name: string, servers: readonly string[], rebuild?: RunGroup['rebuild']): RunGroup {
  return {
    name,
    uid: `${name}-uid`,
    servers: servers.map((server) => ({
      name: server,
      workload: { kind: 'StatefulSet', name: server },
      pools: [{ name: 'web', member: server }],
      images: { portal: 'new' },
      replicas: 1,
    })),
    from: '1.1.0',
    drain: { timeout: '5m', onTimeout: 'Hold' },
    snapshot: { volumeSnapshotClassName: 'csi', retain: 'UntilSignOff', retainFor: '168h', maxAge: '30m' },
    ...(rebuild === undefined ? {} : { rebuild }),
    probes: 'suite',
    takeOwnership: false,
    settings: [],
  };
}

/** Two groups on one database: the first of two servers, the second of one. */
function upgradeSpec(rebuild?: RunGroup['rebuild']): UpgradeRunSpec {
  const groups = [group('group-1', ['web-1a', 'web-1b'], rebuild), group('group-2', ['web-2'], rebuild)];
  const steps = computeDowntime({
    groups,
    to: '2.0.0',
    canHold: true,
    loadBalanced: true,
    database: { backup: true, migrate: true, readOnly: false },
    signOff: 'NotRequired',
    timeouts: {},
  });
  const task = { job: { podTemplate: 'pg', timeout: '5m' } };
  return {
    format: 1,
    upgradeSet: 'portal',
    upgradeSetUID: 'set-uid',
    purpose: 'Upgrade',
    procedure: 'downtime',
    package: 'portal-2.0.0',
    from: { version: '1.1.0' },
    to: { version: '2.0.0', schema: '42' },
    planHash: hash(),
    facts: { loadBalanced: 'Yes', hold: 'Policy' },
    policy: {
      signOff: 'NotRequired',
      rollback: { policy: 'Automatic', onServed: 'Ask', authorizeBelow: '1h' },
      timeouts: {},
    },
    groups,
    database: {
      name: 'portal-db',
      uid: 'db-uid',
      spec: { connection: { host: 'pg', port: 5432, database: 'portal' }, schemaVersion: task },
    },
    suites: [],
    pools: [{ name: 'web', driver: 'haproxy', target: 'web' }],
    handles: {},
    steps,
  };
}

function entry(id: string, state: StepState, more: Partial<StepEntry> = {}): StepEntry {
  return { id, state, attempt: 1, operation: `uid/${id}/1`, ...more };
}

/** Everything until `failed` succeeded. */
function journal(steps: readonly Step[], failed: string, handles: Readonly<Record<string, string>> = {}): StepEntry[] {
  const index = steps.findIndex(({ id }) => id === failed);
  assert.ok(index >= 0, `there is no step ${failed}`);
  return steps.slice(0, index + 1).map(({ id }, position) => {
    const state = id === failed ? 'Failed' : 'Succeeded';
    return entry(id, state, { finished: at(position), ...(position === 0 ? { handles: { ...handles } } : {}) });
  });
}

const drained = Object.fromEntries(['web-1a', 'web-1b', 'web-2'].map((name) => [`drained/web/${name}`, 'ours']));

function past(name: string, spec: UpgradeRunSpec, entries: readonly StepEntry[]): PastRun {
  return { name, uid: `${name}-uid`, spec, entries };
}

/** The upgrade has migrated and failed in isolation; its way back could not put the database back. */
function failedRollback(
  handles: Readonly<Record<string, string>> = migrated,
  rebuild?: RunGroup['rebuild'],
): PastRun[] {
  const spec = upgradeSpec(rebuild);
  const origin = past('portal-1', spec, journal(spec.steps, 'g1-isolated', { ...handles, ...drained }));
  const order = { method: 'Snapshots', data: 'Keep', because: 'it fails', authorisedBy: 'policy' } as const;
  const back = computeRollbackRun(origin, [], order, hash);
  const failed = back.steps.find(({ action }) => action === 'RestoreDatabase' || action === 'Probe');
  return [origin, past('portal-1-back', back, journal(back.steps, failed?.id ?? '', drained))];
}

const order: RebuildOrder = { group: 'group-1', server: 'web-1b', because: 'its disk', authorisedBy: 'ana' };

function rebuildOf([origin, ...attempts]: readonly PastRun[], wish: Partial<RebuildOrder> = {}): UpgradeRunSpec {
  assert.ok(origin !== undefined);
  return computeRebuildRun(origin, attempts, { ...order, ...wish }, hash);
}

function word(spec: Partial<ValidDecision>): ValidDecision {
  return {
    name: 'word',
    choice: 'Rebuild',
    approved: true,
    by: 'ana',
    reason: 'its disk',
    evidence: '',
    method: '',
    data: undefined,
    check: '',
    step: '',
    group: 'group-1',
    server: 'web-1b',
    as: '',
    createdAt: now + 3_600_000,
    ...spec,
  };
}

function moveAfter(run: PastRun, decisions: readonly ValidDecision[] = []): Move {
  const input: DecideInput = {
    run,
    entries: run.entries,
    observed: nothingObserved(now),
    decisions,
    intent: { paused: false },
    now,
    consumedMs: 0,
  };
  return decide(input);
}

function last(runs: readonly PastRun[]): PastRun {
  const run = runs.at(-1);
  assert.ok(run !== undefined);
  return run;
}

describe('who can be rebuilt, and with what', () => {
  const cases: Readonly<Record<string, readonly [Readonly<Record<string, string>>, 'Previous' | 'New' | undefined]>> = {
    'the previous release where the schema was never changed': [{ [schemaBeforeKey]: '41' }, 'Previous'],
    'the previous release where the database was put back': [{ ...migrated, [schemaNowKey]: '41' }, 'Previous'],
    'the new release where the schema is the new one': [migrated, 'New'],
    'none where the migration left another schema': [{ ...migrated, [schemaNowKey]: '41b' }, undefined],
    'none where nobody knows what the migration left': [
      { [schemaBeforeKey]: '41', [schemaChangedKey]: 'uid/migrate/1' },
      undefined,
    ],
  };
  for (const [name, [handles, want]] of Object.entries(cases))
    it(`001-139: ${name}`, () => assert.equal(fittingRelease(handles, '42'), want));

  it('001-134: everybody who is out when the database could not be put back, each server by itself', () => {
    const back = last(failedRollback());
    assert.deepEqual(
      brokenServers(back.spec, back.entries).map(({ group: name, server }) => `${name}/${server}`),
      ['group-1/web-1a', 'group-1/web-1b', 'group-2/web-2'],
    );
  });

  it('001-134: nobody after an upgrade that failed: its way back is tried first', () => {
    const [origin] = failedRollback();
    assert.deepEqual(brokenServers(origin?.spec ?? upgradeSpec(), origin?.entries ?? []), []);
  });
});

describe('the offer of a rebuild', () => {
  it('001-134 001-135: comes when no method is left, with what each would lose', () => {
    const move = moveAfter(last(failedRollback(migrated, { volumes: 'Replace' })));
    assert.ok(move.kind === 'await');
    assert.equal(move.reason, 'RebuildOffered');
    assert.deepEqual(
      move.choices.map(({ choice, server = '' }) => `${choice} ${server}`.trim()),
      ['Resume', 'Rebuild web-1a', 'Rebuild web-1b', 'Rebuild web-2', 'Abort'],
    );
    assert.match(
      move.choices[1]?.message ?? '',
      /installed with version 2\.0\.0, connected to database portal-db as it is/,
    );
    assert.match(move.choices[1]?.loss ?? '', /^volumes of web-1a are replaced; the old ones are kept until 168h/);
  });

  it('001-139: does not come where no release is known to fit the schema', () => {
    const move = moveAfter(last(failedRollback({ ...migrated, [schemaNowKey]: '41b' })));
    assert.deepEqual([move.kind, 'reason' in move && move.reason], ['await', 'RollbackFailed']);
  });

  const unheard: Readonly<Record<string, Partial<ValidDecision>>> = {
    'a word that names no server': { server: '' },
    'a word for a server of another group': { group: 'group-2' },
    'a word that was given before the failure': { createdAt: now - 3_600_000 },
    'a word that denies it': { approved: false },
  };
  for (const [name, spec] of Object.entries(unheard))
    it(`001-135: is not taken by ${name}`, () =>
      assert.equal(moveAfter(last(failedRollback()), [word(spec)]).kind, 'await'));

  it('001-135: is taken by a word that names a broken server, and the plan says whose', () => {
    const move = moveAfter(last(failedRollback()), [word({})]);
    assert.ok(move.kind === 'rebuild');
    assert.deepEqual([move.order.group, move.order.server, move.order.authorisedBy], ['group-1', 'web-1b', 'ana']);
  });
});

describe('the plan of a rebuild', () => {
  it('001-137 001-138 001-139 001-140: has the four rows of the vendor, then what lets users in', () => {
    const { steps } = rebuildOf(failedRollback());
    assert.deepEqual(
      steps.map(({ number, action, group: name = '', server = '' }) => `${number} ${action} ${name} ${server}`.trim()),
      [
        '0 Preflight',
        '1 Drain group-1 web-1b',
        '1a Stop group-1 web-1b',
        '1b Rebuild group-1 web-1b',
        '2 Reboot group-1 web-1b',
        '3 Upgrade group-1 web-1b',
        '3a Configure group-1 web-1b',
        '4 Start group-1 web-1b',
        '4a Probe group-1 web-1b',
        '4b Undrain group-1 web-1b',
        '4c Probe group-1 web-1b',
        '5 AwaitDecision',
        '6 Cleanup',
      ],
    );
  });

  it('001-139: puts the previous release back where the schema is the old one', () => {
    const spec = rebuildOf(failedRollback({ ...migrated, [schemaNowKey]: '41' }), { group: 'group-1' });
    assert.equal(spec.steps.find(({ number }) => number === '3')?.action, 'Reinstall');
    assert.deepEqual([spec.to, spec.facts['release']], [{ version: '1.1.0' }, 'Previous']);
  });

  it('holds everybody who is out until it is their turn, and lets in the one server alone', () => {
    const spec = rebuildOf(failedRollback());
    const names = (entries: readonly StepEntry[]): string[] => heldMembers(spec, entries).map(({ member }) => member);
    assert.deepEqual(names([]), ['web-1a', 'web-1b', 'web-2']);
    assert.deepEqual(names([entry('join', 'Succeeded')]), ['web-1a', 'web-2']);
  });

  it('001-140: starts nobody on a database that a run before has left refusing writes', () => {
    const { steps } = rebuildOf(failedRollback({ ...migrated, [readOnlyKey]: 'ours' }));
    const actions = steps.map(({ action }) => action);
    assert.equal(actions[actions.indexOf('Start') - 1], 'ClearGuard');
  });

  it('forgets what the rebuild before it noted of its own server', () => {
    const runs = failedRollback();
    const first = rebuildOf(runs, { server: 'web-1a' });
    const entries = journal(first.steps, 'others', {
      [replacedClaimsKey]: 'data-web-1a-0',
      [replacedManifestKey('data-web-1a-0')]: '{}',
    });
    const second = rebuildOf([...runs, past('portal-1-rebuild', first, entries)]);
    assert.equal(second.handles[replacedClaimsKey], undefined);
    assert.equal(second.handles['rebuild/others'], 'group-2/web-2');
    assert.deepEqual([second.previous, second.handles['previous/uid']], ['portal-1-rebuild', 'portal-1-rebuild-uid']);
  });
});

function contextFor(
  spec: UpgradeRunSpec,
  id: string,
  seen: Partial<Observed>,
  handles: Readonly<Record<string, string>> = {},
): StepContext {
  const step = spec.steps.find((candidate) => candidate.id === id);
  assert.ok(step !== undefined);
  return {
    run: { name: 'portal-1-rebuild', uid: 'uid', spec },
    step,
    entry: entry(id, 'Running'),
    handles: { ...spec.handles, ...handles },
    observed: { ...nothingObserved(now), ...seen },
    decisions: [],
    now,
    consumedMs: 0,
    timeoutMs: 600_000,
  };
}

function told(verdict: StepVerdict): string {
  if (verdict.kind === 'act') return `act ${verdict.effect.kind}`;
  return verdict.kind === 'wait' || verdict.kind === 'failed' ? `${verdict.kind} ${verdict.reason}` : verdict.kind;
}

function seen(name: string, more: Partial<WorkloadObservation> = {}): [string, WorkloadObservation] {
  return [
    `StatefulSet/${name}`,
    { ...absentWorkload({ kind: 'StatefulSet', name }), exists: true, current: true, ...more },
  ];
}

const asked = (schemaVersion: string): Pick<Observed, 'databaseJobs'> => {
  const id = 'uid/uninstall/1/now';
  const answer = { id, state: 'succeeded', exitCode: 0, output: { schemaVersion }, message: '' } as const;
  return { databaseJobs: new Map([[id, answer]]) };
};

describe('the uninstall', () => {
  const claims = { 'claims/group-1': 'data-web-1a-0,data-web-1b-0' };
  const kept = Object.fromEntries(
    ['web-1a', 'web-1b'].flatMap((name) => [
      [`snapshot/data-${name}-0`, `snapshot-of-${name}`],
      [`manifest/data-${name}-0`, '{}'],
    ]),
  );
  const reset = { [workloadResetKey]: 'yes' };
  const spec = rebuildOf(failedRollback());
  const uninstall = (observed: Partial<Observed>, handles = {}): string =>
    told(
      evaluateStep(
        contextFor(spec, 'uninstall', { workloads: new Map([seen('web-1b')]), ...observed }, { ...reset, ...handles }),
      ),
    );

  it('001-140: asks the database first, and takes nothing off for a schema it was not planned for', () => {
    assert.equal(uninstall({}), 'act RunDatabaseJob');
    assert.equal(uninstall(asked('41')), 'failed SchemaMismatch');
    assert.equal(uninstall(asked('')), 'failed SchemaUnknown');
    assert.equal(uninstall(asked('42')), 'done');
    assert.equal(
      told(evaluateStep(contextFor(spec, 'uninstall', { workloads: new Map([seen('web-1b')]), ...asked('42') }))),
      'act ResetWorkload',
    );
  });

  it('001-137: puts the saved settings back for the previous release; a new one is configured anew', () => {
    const look = (spec: UpgradeRunSpec, saved: readonly string[], handles: Record<string, string> = {}): string => {
      const schema = asked(spec.facts['release'] === 'New' ? '42' : '41');
      const observed = { ...schema, workloads: new Map([seen('web-1b')]), saved: new Set(saved) };
      return told(evaluateStep(contextFor(spec, 'uninstall', observed, { ...reset, ...noted, ...handles })));
    };
    const noted = { 'settings/group-1': 'portal-1-settings' };
    const previous = rebuildOf(failedRollback({ ...migrated, [schemaNowKey]: '41' }));
    assert.equal(look(previous, []), 'failed RevisionMissing');
    assert.equal(look(previous, ['portal-1-settings']), 'act RestoreSettings');
    assert.equal(look(previous, ['portal-1-settings'], { [settingsResetKey]: 'yes' }), 'done');
    assert.equal(look(spec, ['portal-1-settings']), 'done');
  });

  it('001-137: waits for no pod that still runs: that is a step before it', () => {
    const pod = { name: 'web-1b-0', uid: 'u', ready: false, terminating: true, images: {}, trouble: '', address: '' };
    assert.equal(
      uninstall({ ...asked('42'), workloads: new Map([seen('web-1b', { pods: [pod] })]) }),
      'failed NotStopped',
    );
  });

  it('001-136: puts a volume back that a broken-off restore has moved aside, of its own server alone', () => {
    const place = (claim: string, state: RestoreObservation['state']): [string, RestoreObservation] => [
      claim,
      { claim, state, message: 'gone' },
    ];
    const look = (states: readonly [string, RestoreObservation][]): string =>
      uninstall({ ...asked('42'), restores: new Map(states) }, { ...claims, ...kept });
    const [other, own] = ['data-web-1a-0', 'data-web-1b-0'];
    assert.equal(look([place(other, 'absent'), place(own, 'working')]), 'act ReattachVolume');
    assert.equal(look([place(other, 'working'), place(own, 'absent')]), 'done');
    assert.equal(look([place(other, 'absent'), place(own, 'blocked')]), 'wait ClaimTaken');
  });

  it('001-136: makes volumes anew only after all of them are written down', () => {
    const replacing = rebuildOf(failedRollback(migrated, { volumes: 'Replace' }));
    const claim = { claim: 'data-web-1b-0', uid: 'c', volume: 'pv', restoredFrom: '' };
    const workloads = new Map([seen('web-1b', { claims: [claim] })]);
    const look = (handles: Record<string, string>, state?: 'absent' | 'restored'): string => {
      const place = { claim: claim.claim, state: state ?? 'absent', message: '' } as const;
      const observed = { ...asked('42'), workloads, restores: new Map([[claim.claim, place]]) };
      return told(evaluateStep(contextFor(replacing, 'uninstall', observed, handles)));
    };
    const listed = { ...reset, [replacedClaimsKey]: claim.claim };
    const written = { ...listed, [replacedManifestKey(claim.claim)]: '{}' };
    assert.deepEqual(
      [look(reset), look(listed), look(written), look(written, 'restored')],
      ['record', 'act KeepVolume', 'act ReplaceClaim', 'done'],
    );
  });
});

describe('the reboot', () => {
  const id = 'uid/reboot/1/reboot-0';
  const nodes = { [nodesKey({ kind: 'StatefulSet', name: 'web-1b' })]: 'node-1' };
  const booted = { ...nodes, [bootKey('uid/reboot/1', 'node-1')]: 'a' };
  const state = (more: Partial<RebootObservation>): RebootObservation => ({
    id,
    state: 'absent',
    message: '',
    nodeReady: true,
    bootID: 'a',
    ...more,
  });
  const reboot = (
    restarts: 'Server' | 'Node',
    observation: RebootObservation | undefined,
    handles: Readonly<Record<string, string>>,
    pods: string = 'elsewhere',
  ): string => {
    const spec = rebuildOf(failedRollback(migrated, { volumes: 'Keep', reboot: { job, restarts } }));
    const pod = {
      name: 'p',
      uid: 'u',
      ready: true,
      terminating: false,
      images: {},
      trouble: '',
      address: '',
      node: pods,
    };
    const observed = {
      workloads: new Map([seen('web-1b'), seen('web-2', { pods: [pod] })]),
      reboots: new Map(observation === undefined ? [] : [[id, observation]]),
    };
    return told(evaluateStep(contextFor(spec, 'reboot', observed, handles)));
  };

  it('001-138: has nothing to do for a server that was on no node', () =>
    assert.equal(reboot('Node', state({}), {}), 'skip'));
  it('001-138: begins with the boot ID written down', () =>
    assert.equal(reboot('Node', state({}), nodes), 'act RebootServer'));
  it('001-138: does not take a node down that another server runs on; its own Job may run there', () => {
    assert.equal(reboot('Node', state({}), nodes, 'node-1'), 'wait NodeShared');
    assert.equal(reboot('Server', state({}), nodes, 'node-1'), 'act RebootServer');
  });
  it('001-138: unknown is not ready: a node that cannot be read is waited for', () => {
    assert.equal(reboot('Node', undefined, nodes), 'wait Rebooting');
    assert.equal(reboot('Node', state({ bootID: '' }), nodes), 'wait Rebooting');
  });
  it('001-138: a node is back when it has booted and is ready, whatever became of its Job', () => {
    assert.equal(reboot('Node', state({ state: 'failed', bootID: 'b', nodeReady: false }), booted), 'wait Rebooting');
    assert.equal(reboot('Node', state({ state: 'failed', bootID: 'b' }), booted), 'done');
    assert.equal(reboot('Node', state({ state: 'absent', bootID: 'b' }), booted), 'done');
  });
  it('001-138: a Job that succeeds has rebooted a server, and no node', () => {
    assert.equal(reboot('Server', state({ state: 'succeeded' }), booted), 'done');
    assert.equal(reboot('Node', state({ state: 'succeeded' }), booted), 'record');
  });
  it('001-138: a Job that fails is believed after a minute in which the node did not boot', () => {
    const failed = (minutes: number): string =>
      reboot('Node', state({ state: 'failed' }), {
        ...booted,
        [rebootFailedKey('uid/reboot/1', 'node-1')]: at(minutes),
      });
    assert.equal(reboot('Node', state({ state: 'failed' }), booted), 'record');
    assert.equal(failed(0), 'wait Rebooting');
    assert.equal(failed(-1), 'failed RebootFailed');
  });
});
