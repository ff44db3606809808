import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nothingObserved } from '../../test/builders/observed.ts';
import type { Hook } from '../api/server-group.ts';
import type { RunGroup, Step, StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import { evaluateStep } from './evaluate.ts';
import type { CheckObservation } from './observed.ts';
import { computeDowntime } from './procedures/downtime.ts';
import { computeRolling } from './procedures/rolling.ts';
import type { ProcedureInput } from './procedures/rows.ts';
import { hookRequests } from './steps/hook.ts';
import type { StepVerdict } from './verdict.ts';

function hook(name: string, at: Hook['at'], onFailure: Hook['onFailure'] = 'Fail'): Hook {
  return { name, at, onFailure, job: { podTemplate: 'tools', timeout: '5m' } };
}

function group(name: string, servers: readonly string[], hooks?: Hook[]): RunGroup {
  return {
    name,
    uid: `${name}-uid`,
    servers: servers.map((server) => ({
      name: server,
      role: 'web',
      vars: { APP: `app-of-${server}` },
      workload: { kind: 'StatefulSet', name: server },
      pools: [{ name: 'web', member: server }],
      images: { portal: 'new' },
      replicas: 1,
    })),
    from: '1.1.0',
    drain: { timeout: '5m', onTimeout: 'Hold' },
    probes: 'suite',
    ...(hooks === undefined ? {} : { hooks }),
    takeOwnership: false,
    settings: [],
  };
}

function inputOf(hooks?: Hook[]): ProcedureInput {
  return {
    groups: [group('group-1', ['web-1a', 'web-1b'], hooks), group('group-2', ['web-2'], hooks)],
    to: '1.2.0',
    canHold: true,
    loadBalanced: true,
    database: { backup: true, migrate: true, readOnly: false },
    signOff: 'Required',
    timeouts: {},
  };
}

const procedures = { rolling: computeRolling, downtime: computeDowntime };
const all = [hook('copy', 'BeforeRun'), hook('republish', 'AfterRun'), hook('back', 'BeforeRollback')];

describe('rows of hooks', () => {
  for (const [name, compute] of Object.entries(procedures)) {
    it(`001-62: ${name}: copies of every group are made before the first server is taken out`, () => {
      const steps = compute(inputOf(all));
      const ids = steps.map(({ id }) => id);
      const first = steps.findIndex(({ action }) => action === 'Drain' || action === 'Stop');
      for (const id of ['g1-hook-copy', 'g2-hook-copy'])
        assert.ok(ids.includes(id) && ids.indexOf(id) < first && ids.indexOf(id) > ids.indexOf('preflight'), id);
      assert.equal(steps.find(({ id }) => id === 'g1-hook-copy')?.timeout, '12m', 'for two servers');
    });

    it(`001-54: ${name}: what is to be published again comes after the final tests and before the sign-off`, () => {
      const ids = compute(inputOf(all)).map(({ id }) => id);
      const last = ids.slice(ids.indexOf('final'), ids.indexOf('sign-off') + 1);
      assert.deepEqual(last, ['final', 'g1-hook-republish', 'g2-hook-republish', 'sign-off']);
      assert.ok(!ids.some((id) => id.endsWith('-back')), 'nothing of the way back');
    });

    it(`001-143: ${name}: what upgrades the hub is a Job that one group names, before anything else is touched`, () => {
      const input = inputOf();
      const [first, ...others] = input.groups.map((one, index) =>
        index === 0 ? { ...one, hooks: [hook('hub', 'BeforeRun')] } : one,
      );
      const steps = compute({ ...input, groups: first === undefined ? [] : [first, ...others] });
      const rows = steps.filter(({ action }) => action === 'Hook');
      assert.deepEqual(
        rows.map(({ number, title }) => `${number} ${title}`),
        ['0c Run hub for group-1'],
      );
      assert.equal(steps[steps.findIndex(({ action }) => action === 'Drain') - 1], rows[0]);
    });

    it(`${name}: a group without hooks has no row for them`, () => {
      assert.ok(compute(inputOf()).every(({ action }) => action !== 'Hook'));
      assert.deepEqual(compute(inputOf([])), compute(inputOf()));
    });
  }
});

const at: Step = {
  id: 'g1-hook-copy',
  number: '0c',
  title: 'Run copy for group-1',
  action: 'Hook',
  group: 'group-1',
  hook: 'copy',
  actor: 'Engineer',
  requires: [],
  timeout: '12m',
  estimate: '1m',
};

type Seen = Partial<CheckObservation> & Pick<CheckObservation, 'state'>;

/** One step of one attempt: what is written down goes on into the next look. */
class Attempt {
  readonly #hook: Hook;
  readonly #operation: string;
  handles: Readonly<Record<string, string>> = {};

  constructor(one: Hook, operation = 'uid/g1-hook-copy/1') {
    this.#hook = one;
    this.#operation = operation;
  }

  get #place() {
    const groups = [group('group-1', ['web-1a', 'web-1b'], [this.#hook])];
    const spec = { groups, from: { version: '1.1.0' }, to: { version: '1.2.0' } } as unknown as UpgradeRunSpec;
    const entry: StepEntry = { id: at.id, state: 'Running', attempt: 1, operation: this.#operation };
    return { run: { name: 'portal-1', uid: 'uid', spec }, step: at, entry, handles: this.handles };
  }

  get asked(): string[] {
    return hookRequests(this.#place).map(({ id }) => id);
  }

  get parameters(): Readonly<Record<string, string>> | undefined {
    return hookRequests(this.#place)[0]?.parameters;
  }

  /** @param isMade false: the process dies between the effect and what is written after it */
  look(seen: Seen, consumedMs = 0, isMade = true): StepVerdict {
    const [id = ''] = this.asked;
    const checks = new Map([[id, { id, message: '', remedy: '', ...seen }]]);
    const verdict = evaluateStep({
      ...this.#place,
      observed: { ...nothingObserved(), checks },
      decisions: [],
      now: 0,
      consumedMs,
      timeoutMs: 12 * 60_000,
    });
    if (verdict.kind === 'record') this.handles = { ...this.handles, ...verdict.record };
    if (verdict.kind === 'act' && isMade) this.handles = { ...this.handles, ...verdict.after };
    return verdict;
  }
}

const refused: Seen = { state: 'failed', message: 'exit status 3' };

describe('a hook that runs', () => {
  it('001-62: runs once for each server, one server after the other, and tells the Job which', () => {
    const attempt = new Attempt(hook('copy', 'BeforeRun'));
    assert.deepEqual(attempt.parameters, {
      APP: 'app-of-web-1a',
      ROLE: 'web',
      AT: 'BeforeRun',
      FROM_VERSION: '1.1.0',
      TO_VERSION: '1.2.0',
    });
    const told: string[] = [];
    for (const state of ['absent', 'running', 'passed', 'absent', 'passed'] as const) {
      const [id = ''] = attempt.asked;
      told.push(`${id} ${attempt.look({ state }).kind}`);
    }
    const [a, b] = ['uid/g1-hook-copy/1/web-1a', 'uid/g1-hook-copy/1/web-1b'];
    assert.deepEqual(told, [`${a} act`, `${a} wait`, `${a} record`, `${b} act`, `${b} record`]);
    assert.deepEqual(attempt.look({ state: 'passed' }), { kind: 'done', message: 'copy ran for web-1a, web-1b' });
  });

  it('001-62: fails with the first server it fails for, and does not go on to the next', () => {
    const attempt = new Attempt(hook('copy', 'BeforeRun'));
    attempt.look({ state: 'absent' });
    assert.deepEqual(attempt.look(refused), {
      kind: 'failed',
      reason: 'HookFailed',
      message: 'copy failed for web-1a: exit status 3',
    });
    assert.deepEqual(attempt.asked[0], 'uid/g1-hook-copy/1/web-1a');
  });

  for (const one of [hook('copy', 'AfterRun', 'Warn'), hook('copy', 'BeforeRollback', 'Fail')])
    it(`001-54: at ${one.at} with ${one.onFailure} a failure is reported, and the other servers have their turn`, () => {
      const attempt = new Attempt(one);
      attempt.look({ state: 'absent' });
      assert.equal(attempt.look(refused).kind, 'record');
      assert.equal(attempt.asked[0], 'uid/g1-hook-copy/1/web-1b');
      attempt.look({ state: 'passed' });
      assert.deepEqual(attempt.look({ state: 'absent' }), {
        kind: 'done',
        message: 'copy failed, which is only reported: web-1a: exit status 3',
      });
    });

  it('001-54: what is refused before there is a Job counts as a failure with its words', () => {
    const attempt = new Attempt(hook('copy', 'AfterRun'));
    const verdict = attempt.look({ state: 'unknown', message: 'jobs.batch is forbidden' });
    assert.equal(verdict.kind === 'failed' && verdict.message, 'copy failed for web-1a: jobs.batch is forbidden');
  });

  it('001-62: a Job that was not made is made, and one that was taken away is not made again', () => {
    const attempt = new Attempt(hook('copy', 'BeforeRun'));
    assert.equal(attempt.look({ state: 'absent' }, 0, false).kind, 'act');
    assert.equal(attempt.look({ state: 'absent' }).kind, 'act');
    assert.deepEqual(attempt.look({ state: 'absent' }), {
      kind: 'failed',
      reason: 'HookFailed',
      message: 'copy failed for web-1a: its Job is gone, and what it did is not known',
    });
  });

  it('001-54: the next attempt begins anew, with Jobs of its own', () => {
    const before = new Attempt(hook('copy', 'BeforeRun'));
    before.look({ state: 'absent' });
    before.look({ state: 'passed' });
    const next = new Attempt(hook('copy', 'BeforeRun'), 'uid/g1-hook-copy/2');
    next.handles = before.handles;
    assert.deepEqual(next.asked, ['uid/g1-hook-copy/2/web-1a', 'uid/g1-hook-copy/2/web-1b']);
  });

  for (const state of ['absent', 'running'] as const)
    it(`001-62: does not wait for ever for a Job that is ${state}`, () => {
      const verdict = new Attempt(hook('copy', 'BeforeRun')).look({ state }, 12 * 60_000);
      assert.match(verdict.kind === 'failed' ? verdict.message : verdict.kind, /its Job .* within 12m$/);
    });
});
