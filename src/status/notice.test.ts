/** What a set tells before and during a run: the notice for users, and what its topology lacks. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { database, packageOf, pool, serverGroup, upgradeSet } from '../../test/builders/objects.ts';
import type { RunPhase, UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSetStatus } from '../api/upgrade-set.ts';
import { computeRun, type PlanInput } from '../planner/plan.ts';
import { summarizeSet } from './summarize-set.ts';

const now = Date.UTC(2026, 11, 5, 22);

/** A run over these groups, each given as its servers: "admin-1 stream-1". All stand in pools of their role. */
function runOf(
  groups: readonly string[],
  type: 'Major' | 'Minor',
  healthChecked: boolean,
  phase: RunPhase,
): UpgradeRun {
  const roleOf = (server: string): string => server.split('-')[0] ?? '';
  const all = groups.flatMap((servers) => servers.split(' '));
  const roles = [...new Set(all.map(roleOf))];
  const input: PlanInput = {
    set: upgradeSet(),
    package: packageOf('2.0.0', { upgradeType: type }),
    groups: groups.map((servers, index) =>
      serverGroup(index + 1, {
        probes: undefined,
        servers: servers.split(' ').map((name) => ({
          name,
          role: roleOf(name),
          workload: { kind: 'StatefulSet', name },
          pools: [{ name: roleOf(name), member: name }],
        })),
      }),
    ),
    pools: roles.map((role) => pool(role, { healthChecked })),
    suites: [],
    database: database(),
    workloads: new Map(),
    from: '1.1.0',
    fromPackage: '',
    cannotHold: [],
    members: new Map(roles.map((role) => [role, all.filter((server) => roleOf(server) === role).length])),
  };
  return {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'UpgradeRun',
    metadata: { name: 'portal-1', namespace: 'shop', uid: 'run-uid' },
    spec: computeRun(input, () => `sha256:${'0'.repeat(64)}`),
    status: { phase, epoch: 1, steps: [] },
  };
}

function told(run: UpgradeRun, child?: UpgradeRun): UpgradeSetStatus {
  return summarizeSet(upgradeSet(), { kind: 'run', run, child }, [run], now);
}

const balanceOf = ({ conditions }: UpgradeSetStatus): string => {
  const found = conditions?.find(({ type }) => type === 'LoadBalanced');
  return `${found?.status}: ${found?.message}`;
};

const twoAndTwo = ['admin-1 stream-1', 'admin-2 stream-2'];

describe('the notice in the status of a set', () => {
  const cases: Readonly<Record<string, readonly [UpgradeRun, UpgradeSetStatus['notice']]>> = {
    '001-27 001-28: a Major of 2+2 servers': [
      runOf(twoAndTwo, 'Major', true, 'Planned'),
      {
        text: 'The service is at risk, with limited capability, for about 40 minutes. It is down for about 15 minutes of them, from about 5 minutes after the start.',
        atRisk: '40m',
        downtime: '15m',
      },
    ],
    '001-30: a Minor of 3+3 servers has no downtime': [
      runOf([...twoAndTwo, 'admin-3 stream-3'], 'Minor', true, 'Running'),
      { text: 'The service is at risk, with limited capability, for about 60 minutes.', atRisk: '1h' },
    ],
    '001-29: a Major of 1+1 servers is a downtime as a whole': [
      runOf(['admin-1 stream-1'], 'Major', true, 'Planned'),
      {
        text: 'The service is unavailable during the whole upgrade, for about 20 minutes.',
        atRisk: '20m',
        downtime: '20m',
      },
    ],
    '001-31: without health checks a Minor is intermittent': [
      runOf(twoAndTwo, 'Minor', false, 'Planned'),
      { text: 'The service is intermittent during the whole upgrade, for about 40 minutes.', atRisk: '40m' },
    ],
    '001-35: 2 admin + 1 stream have the words of a topology that is not balanced': [
      runOf(['admin-1 stream-1', 'admin-2'], 'Minor', true, 'Planned'),
      { text: 'The service is intermittent during the whole upgrade, for about 30 minutes.', atRisk: '30m' },
    ],
    'it is over with the run': [runOf(twoAndTwo, 'Major', true, 'Completed'), undefined],
  };
  for (const [name, [run, want]] of Object.entries(cases)) it(name, () => assert.deepEqual(told(run).notice, want));

  it('holds no longer on the way back', () => {
    const run = runOf(twoAndTwo, 'Major', true, 'RollingBack');
    assert.equal(told(run, { ...run, metadata: { ...run.metadata, name: 'portal-1-back' } }).notice, undefined);
  });
});

describe('the condition LoadBalanced', () => {
  const cases: Readonly<Record<string, readonly [UpgradeRun, string]>> = {
    'is true where nothing is missing': [
      runOf(twoAndTwo, 'Minor', true, 'Planned'),
      'True: no interruption is expected',
    ],
    '001-36 001-37 001-38 A-12: says what to add, where to read on, and which group lacks a role': [
      runOf(['admin-1 stream-1', 'admin-2'], 'Minor', true, 'Planned'),
      'False: Intermittent during the whole upgrade: pool stream has 0 members without group-1 and needs 1; add a second server group; see docs/pools.md; group-2 has no server with role stream',
    ],
    '001-36: says so where users notice nothing, too': [
      runOf([...twoAndTwo, 'admin-3'], 'Minor', true, 'Planned'),
      'True: no interruption is expected; group-3 has no server with role stream',
    ],
  };
  for (const [name, [run, want]] of Object.entries(cases)) it(name, () => assert.equal(balanceOf(told(run)), want));
});
