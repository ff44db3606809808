/** Versions of components, from Packages into the plan, and from answers into the journal (001-34). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nothingObserved } from '../../test/builders/observed.ts';
import { imageOf, packageOf, pool, probeSuite, serverGroup, upgradeSet } from '../../test/builders/objects.ts';
import type { Package } from '../api/package.ts';
import type { Step, StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import { advance, begin } from '../engine/journal.ts';
import type { StepChange } from './move.ts';
import { toMove } from './decision.ts';
import type { Observed, ProbeObservation } from './observed.ts';
import { computeRollbackRun, computeRun } from './plan.ts';
import { computeRebuildRun } from './rebuild-plan.ts';
import { evaluateProbe } from './steps/probe.ts';
import type { StepVerdict } from './verdict.ts';

const now = Date.UTC(2026, 11, 5, 20);
const hash = (): string => `sha256:${'0'.repeat(64)}`;
const old = { jdk: '17.0.9' };
const fresh = { jdk: '21.0.5', tomcat: '10.1.33' };

function planOf(installed: readonly (Package | undefined)[], wanted = packageOf('1.2.0', { components: fresh })) {
  const groups = installed.map((_, index) => serverGroup(index + 1));
  const workloads = new Map(
    groups.flatMap(({ spec }) =>
      spec.servers.map(({ workload }) => [
        `${workload.kind}/${workload.name}`,
        { images: { portal: imageOf('1.1.0') }, replicas: 1 },
      ]),
    ),
  );
  return computeRun(
    {
      set: upgradeSet({ serverGroups: groups.map(({ metadata }) => metadata.name) }),
      package: wanted,
      groups,
      pools: [pool()],
      suites: [probeSuite()],
      workloads,
      from: '1.1.0',
      fromPackage: 'portal-1.1.0',
      versions: new Map(
        installed.flatMap((one, index) => (one === undefined ? [] : [[`group-${index + 1}`, one.spec.version]])),
      ),
      installedPackages: new Map(
        installed.flatMap((one, index) => (one === undefined ? [] : [[`group-${index + 1}`, one]])),
      ),
      cannotHold: [],
      members: new Map([['web', groups.length]]),
    },
    hash,
  );
}

const before = packageOf('1.1.0', { components: old });

/** What each test expects; undefined where it compares nothing. */
function expected({ steps }: UpgradeRunSpec): Record<string, unknown> {
  return Object.fromEntries(
    steps.filter(({ action }) => action === 'Probe').map(({ id, components }) => [id, components]),
  );
}

const succeeded = ({ id }: Step): StepEntry => ({ id, state: 'Succeeded', attempt: 1, operation: `uid/${id}/1` });

describe('components in a plan (001-34)', () => {
  it('are those of the Package that runs until a group is changed, and of the new one from then on', () => {
    const spec = planOf([before, before]);
    assert.deepEqual(expected(spec), {
      baseline: old,
      'g1-others': old,
      'g1-isolated': fresh,
      'g2-others': fresh,
      'g2-isolated': fresh,
      'g2-alone': fresh,
      final: fresh,
    });
    assert.deepEqual([spec.to.components, spec.groups.map(({ components }) => components)], [fresh, [old, old]]);
  });

  it('stand in no step but tests', () => {
    const { steps } = planOf([before, before]);
    assert.deepEqual(
      steps.filter(({ action, components }) => components !== undefined && action !== 'Probe'),
      [],
    );
  });

  it('are expected of nobody where no Package names them', () => {
    const nameless = planOf([packageOf('1.1.0'), packageOf('1.1.0')], packageOf('1.2.0'));
    assert.ok(nameless.steps.every(({ components }) => components === undefined));
    assert.deepEqual(nameless.to, { version: '1.2.0' });
    assert.equal(expected(planOf([undefined, undefined]))['baseline'], undefined);
  });

  it('are expected of no pool behind which groups differ, and of each group by itself', () => {
    const other = packageOf('1.1.0', { components: { jdk: '17.0.10' } });
    const spec = planOf([before, other]);
    assert.deepEqual([expected(spec)['baseline'], expected(spec)['g1-others']], [undefined, { jdk: '17.0.10' }]);
    const origin = { name: 'portal-1', uid: 'uid', spec, entries: spec.steps.map(succeeded) };
    const order = { method: 'Snapshots', data: 'Discard', because: 'asked', authorisedBy: 'ana' } as const;
    assert.deepEqual(expected(computeRollbackRun(origin, [], order, hash)), {
      'g2-isolated': { jdk: '17.0.10' },
      'g1-isolated': old,
      final: undefined,
    });
  });

  it('of a rebuild are those of the release that is installed', () => {
    const spec = planOf([before, before]);
    const failed = spec.steps.findIndex(({ id }) => id === 'g1-isolated');
    const entries = spec.steps.slice(0, failed).map(succeeded);
    const origin = { name: 'portal-1', uid: 'uid', spec, entries };
    const order = { group: 'group-1', server: 'web-1', because: 'its disk', authorisedBy: 'ana' };
    const rebuild = computeRebuildRun(origin, [], order, hash);
    assert.deepEqual([rebuild.to, expected(rebuild)['isolated']], [{ version: '1.1.0', components: old }, old]);
  });
});

/** What the isolated test of group-1 answers when its suite says this. */
function verdictOf(seen: Partial<ProbeObservation>, id = 'g1-isolated'): StepVerdict {
  const spec = planOf([before, before]);
  const step = spec.steps.find((candidate) => candidate.id === id);
  assert.ok(step !== undefined);
  const entry: StepEntry = { id, state: 'Running', attempt: 1, operation: `uid/${id}/1` };
  const probe = { id: `uid/${id}/1/0`, state: 'passed', message: '', results: [], ...seen } as const;
  const observed: Observed = {
    ...nothingObserved(now),
    probes: seen.state === 'absent' ? new Map() : new Map([[probe.id, probe]]),
  };
  return evaluateProbe({
    run: { name: 'portal-1', uid: 'uid', spec },
    step,
    entry,
    handles: {},
    observed,
    decisions: [],
    now,
    consumedMs: 0,
    timeoutMs: 900_000,
  });
}

describe('components that a test has brought (001-34)', () => {
  it('are asked for with the versions that must answer', () => {
    const verdict = verdictOf({ state: 'absent' });
    assert.ok(verdict.kind === 'act' && verdict.effect.kind === 'RunProbes');
    assert.deepEqual(verdict.effect.request.components, fresh);
  });

  it('stand in the message and in the journal, by name', () => {
    assert.deepEqual(verdictOf({ components: { tomcat: '10.1.33', jdk: '21.0.5' } }), {
      kind: 'done',
      message: 'passed, version 1.2.0; web-1 (jdk 21.0.5, tomcat 10.1.33)',
      components: [{ server: 'web-1', versions: { jdk: '21.0.5', tomcat: '10.1.33' } }],
    });
  });

  it('are kept where the test has failed, or was not answered', () => {
    for (const [state, reason] of [
      ['failed', 'ProbeFailed'],
      ['unknown', 'ProbeUnanswered'],
    ] as const)
      assert.deepEqual(verdictOf({ state, message: 'about: why', components: old }), {
        kind: 'failed',
        reason,
        message: 'web-functions: about: why',
        components: [{ server: 'web-1', versions: old }],
      });
  });

  it('say nothing of a server where the pool has answered', () => {
    assert.deepEqual(verdictOf({ components: old }, 'baseline'), { kind: 'done', message: 'passed, version 1.1.0' });
  });

  it('go to the journal with the end of the step, and out of it with the next attempt', () => {
    const { step } = { step: planOf([before]).steps.find(({ id }) => id === 'g1-isolated') };
    assert.ok(step !== undefined);
    const move = toMove(step, verdictOf({ state: 'failed', message: 'about: why', components: old }));
    assert.equal(move.kind, 'advance');
    const changes: readonly StepChange[] = move.kind === 'advance' ? move.changes : [];
    const ended = advance([], changes, 'uid', now, 1_000);
    assert.deepEqual(ended[0]?.components, [{ server: 'web-1', versions: old }]);
    const again = advance(ended, [{ id: step.id, state: 'Pending', message: 'again' }], 'uid', now, 0);
    assert.equal(begin(again, step.id, 'uid', now)[0]?.components, undefined);
  });
});
