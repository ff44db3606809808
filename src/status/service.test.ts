import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StepEntry, UpgradeRun } from '../api/upgrade-run.ts';
import type { Move } from '../planner/move.ts';
import { upgradeRun } from './fixture.test.ts';
import { serviceOf, tellService } from './service.ts';

const asks: Move = { kind: 'await', reason: 'IssueReview', message: '', choices: [] };

function entries(until: string, state: 'Failed' | 'Succeeded', handles: Record<string, string> = {}): StepEntry[] {
  const { steps } = upgradeRun('portal-1', []).spec;
  const last = steps.findIndex(({ id }) => id === until);
  return steps.slice(0, last + 1).map(({ id }, index) => ({
    id,
    state: index === last ? state : 'Succeeded',
    attempt: 1,
    operation: `uid-portal-1/${id}/1`,
    ...(index === last ? { handles } : {}),
  }));
}

/** The same plan for servers that are in no pool. */
function alone(run: UpgradeRun): UpgradeRun {
  const groups = run.spec.groups.map((group) => ({
    ...group,
    servers: group.servers.map((server) => ({ ...server, pools: [] })),
  }));
  return { ...run, spec: { ...run.spec, groups } };
}

function withSchema(run: UpgradeRun, schema: string): UpgradeRun {
  return { ...run, spec: { ...run.spec, from: { ...run.spec.from, schema } } };
}

describe('what users have now', () => {
  const run = upgradeRun('portal-1', []);
  const served = { 'served/group-1': '2026-12-05T20:01:00Z', 'claims/group-1': 'data', 'snapshot/data': 'snap' };
  const cases: Readonly<Record<string, readonly [UpgradeRun, readonly StepEntry[], string]>> = {
    '001-118: a group that failed before it joined is out, the other serves': [
      run,
      entries('g1-isolated', 'Failed'),
      'group-2 serves; at stake: none',
    ],
    '001-118: one that was only drained serves again before anybody is asked': [
      run,
      entries('g1-others', 'Failed'),
      'group-1, group-2 serve; at stake: none',
    ],
    '001-118: what was written since the snapshot is named with since when': [
      run,
      entries('g1-join', 'Succeeded', served),
      'group-1, group-2 serve; at stake: writes to group-1 since 2026-12-05T20:01:00Z',
    ],
    '001-118: the schema is said before anything has read it': [
      withSchema(run, '41'),
      entries('g1-isolated', 'Failed'),
      'group-2 serves; schema 41; at stake: none',
    ],
    '001-118: a migration that was begun and has said nothing leaves the schema unknown': [
      withSchema(run, '41'),
      entries('g1-isolated', 'Failed', { 'schema/changed': 'operation', 'schema/before': '41', 'backup/at': 'noon' }),
      'group-2 serves; schema unknown; at stake: writes to the database since noon',
    ],
    '001-118: a server in no pool serves as long as it runs': [
      alone(run),
      entries('g1-stop', 'Succeeded'),
      'group-2 serves; at stake: none',
    ],
    '001-118: and again once it is started': [
      alone(run),
      entries('g1-start', 'Succeeded'),
      'group-1, group-2 serve; at stake: none',
    ],
    '001-118: nobody serves where everybody is stopped': [
      alone(run),
      [...entries('g1-stop', 'Succeeded'), ...entries('g2-stop', 'Succeeded').filter(({ id }) => id === 'g2-stop')],
      'nobody serves; at stake: none',
    ],
  };
  for (const [name, [of, journal, want]] of Object.entries(cases))
    it(name, () => assert.equal(tellService(serviceOf(of, journal, asks)), want));
});
