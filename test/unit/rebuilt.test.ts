import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Decision } from '../../src/api/decision.ts';
import type { RunPhase, StepEntry, UpgradeRun } from '../../src/api/upgrade-run.ts';
import { endAfter } from '../../src/engine/follower.ts';
import { unheardReason } from '../../src/planner/decisions/hearing.ts';
import { voidReason } from '../../src/planner/decisions/void.ts';
import { decision, imageOf, upgradeSet } from '../builders/objects.ts';
import { leftByRebuild, phaseAfterRebuild } from '../../src/status/rebuilt.ts';
import { summarizeSet } from '../../src/status/summarize-set.ts';

const now = Date.UTC(2026, 11, 5, 20, 0, 0);

interface Draft {
  readonly purpose?: UpgradeRun['spec']['purpose'];
  readonly facts?: Readonly<Record<string, string>>;
  readonly others?: string;
  readonly status?: Partial<NonNullable<UpgradeRun['status']>>;
}

function runNamed(name: string, { purpose = 'Rebuild', facts = {}, others = '', status = {} }: Draft = {}): UpgradeRun {
  const servers = ['web-1', 'web-2'].map((server) => ({
    name: server,
    workload: { kind: 'StatefulSet' as const, name: server },
    pools: [{ name: 'web', member: server }],
    images: { portal: imageOf('1.2.0') },
    replicas: 1,
  }));
  return {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'UpgradeRun',
    metadata: { name, uid: `${name}-uid` },
    spec: {
      format: 1,
      upgradeSet: 'portal',
      upgradeSetUID: 'set-uid',
      purpose,
      procedure: 'rolling',
      package: 'portal-1.2.0',
      from: { version: '1.2.0' },
      to: { version: '1.1.0' },
      planHash: `sha256:${'0'.repeat(64)}`,
      facts: { ...facts },
      policy: {
        signOff: 'NotRequired',
        rollback: { policy: 'Automatic', onServed: 'Ask', authorizeBelow: '1h' },
        timeouts: {},
      },
      groups: [
        {
          name: 'group-1',
          uid: 'g',
          servers,
          drain: { timeout: '5m', onTimeout: 'Hold' },
          takeOwnership: false,
          settings: [],
        },
      ],
      suites: [],
      pools: [{ name: 'web', driver: 'haproxy', target: 'web' }],
      handles: { 'drained/web/web-1': 'ours', 'drained/web/web-2': 'ours', 'rebuild/others': others },
      steps: [],
      ...(purpose === 'Rebuild' ? { rebuild: { group: 'group-1', server: 'web-1' } } : {}),
    },
    status: { phase: 'Rebuilt', epoch: 1, steps: [], ...status },
  };
}

function others(state: StepEntry['state']): StepEntry[] {
  return [{ id: 'others', state, attempt: 1, operation: 'uid/others/1' }];
}

describe('how a set stands after a rebuild', () => {
  const left = [{ group: 'group-1', object: 'pool/web/web-2', reason: 'NotRebuilt', message: 'mend it' }];
  const cases: Readonly<Record<string, readonly [Draft, string | undefined]>> = {
    'the previous release everywhere is as good as rolled back': [
      { facts: { release: 'Previous', versions: 'One' } },
      'RolledBack',
    ],
    'the new release everywhere is not what was asked for in this way': [
      { facts: { release: 'New', versions: 'One' } },
      'CompletedWithFailures',
    ],
    'two releases beside each other are said to be so': [
      { facts: { release: 'Previous', versions: 'Mixed' } },
      'CompletedWithFailures',
    ],
    'a server that is still out is a failure': [
      { facts: { release: 'Previous', versions: 'One' }, status: { handedOver: left } },
      'Failed',
    ],
    'a run that is under way says nothing yet': [{ status: { phase: 'Running' } }, undefined],
  };
  for (const [name, [draft, want]] of Object.entries(cases))
    it(`001-141 7.6: ${name}`, () => assert.equal(phaseAfterRebuild(runNamed('portal-1-rebuild', draft)), want));

  it('7.6: while a server is rebuilt the set shows that it is being put right, and is not ready', () => {
    const run = runNamed('portal-1', { purpose: 'Upgrade', status: { phase: 'RollingBack' } });
    const child = runNamed('portal-1-rebuild', { status: { phase: 'Running' } });
    const { phase, conditions } = summarizeSet(upgradeSet(), { kind: 'run', run, child }, [run, child], now);
    assert.deepEqual([phase, conditions?.find(({ type }) => type === 'Ready')?.status], ['RollingBack', 'False']);
  });

  it('001-141: everything back by a rebuild is not ready either: what was asked for does not run', () => {
    const run = runNamed('portal-1', { purpose: 'Upgrade', status: { phase: 'Failed' } });
    const child = runNamed('portal-1-rebuild', { facts: { release: 'Previous', versions: 'One' } });
    const { phase, conditions } = summarizeSet(upgradeSet(), { kind: 'run', run, child }, [run, child], now);
    assert.deepEqual([phase, conditions?.find(({ type }) => type === 'Ready')?.status], ['RolledBack', 'False']);
  });
});

describe('what a rebuild leaves to people', () => {
  const names = (draft: Draft, state: StepEntry['state'], phase: RunPhase): string[] =>
    leftByRebuild(runNamed('portal-1-rebuild', draft), others(state), phase).map(
      ({ server = '', object, reason }) => `${server} ${object} ${reason}`,
    );

  it('7.6: its own server where it failed, with those nobody asked about', () =>
    assert.deepEqual(names({ others: 'group-1/web-2' }, 'Pending', 'Failed'), [
      'web-1 pool/web/web-1 RebuildFailed',
      'web-2 pool/web/web-2 NotRebuilt',
    ]));
  it('7.6: the others where somebody ended it', () =>
    assert.deepEqual(names({ others: 'group-1/web-2' }, 'Succeeded', 'Rebuilt'), ['web-2 pool/web/web-2 NotRebuilt']));
  it('7.6: nothing where another rebuild took the others over, or none is left', () => {
    assert.deepEqual(names({ others: 'group-1/web-2' }, 'Running', 'Rebuilt'), []);
    assert.deepEqual(names({}, 'Skipped', 'Rebuilt'), []);
  });
});

describe('words on a rebuild that asks about the others', () => {
  const asking = runNamed('portal-1-rebuild', {
    others: 'group-1/web-2',
    status: { phase: 'AwaitingDecision', steps: others('Running'), choices: [{ choice: 'Abort' }] },
  });
  const word = (choice: 'Abort' | 'SignOff'): Decision =>
    decision('portal-1-rebuild', { choice, planHash: asking.spec.planHash });

  it('7.6: an Abort is heard, though no step has failed', () =>
    assert.equal(unheardReason(word('Abort'), asking), undefined));
  it('7.6: an Abort is too early where nothing is asked', () => {
    const running = runNamed('portal-1-rebuild', { status: { phase: 'Running' } });
    assert.equal(unheardReason(word('Abort'), running)?.kind, 'early');
  });
  it('a sign-off is not what it asks for', () =>
    assert.match(voidReason(word('SignOff'), asking, now), /has no sign-off: it is a Rebuild/));
});

describe('how a run ends when the one that follows it has', () => {
  const ends: Readonly<Record<string, readonly [UpgradeRun, UpgradeRun, string]>> = {
    'a rollback that failed stays failed, and says who was rebuilt': [
      runNamed('portal-1-back', { purpose: 'Rollback', status: { phase: 'RollingBack' } }),
      runNamed('portal-1-rebuild'),
      'Failed Rebuilt: group-1/web-1 was rebuilt by portal-1-rebuild',
    ],
    'a rebuild whose next one failed has rebuilt its own server all the same': [
      runNamed('portal-1-rebuild', { status: { phase: 'RollingBack' } }),
      runNamed('portal-1-rebuild-2', { status: { phase: 'Failed' } }),
      'Rebuilt Rebuilt: the server is rebuilt; portal-1-rebuild-2 followed',
    ],
    'a rebuild that failed leaves the rollback failed': [
      runNamed('portal-1-back', { purpose: 'Rollback', status: { phase: 'RollingBack' } }),
      runNamed('portal-1-rebuild', { status: { phase: 'Failed' } }),
      'Failed RolledBack: the rebuild failed by portal-1-rebuild',
    ],
  };
  for (const [name, [run, follower, want]] of Object.entries(ends))
    it(`7.6: ${name}`, () => {
      const { phase, reason, message } = endAfter(run, follower);
      assert.equal(`${phase} ${reason}: ${message}`, want);
    });
});
