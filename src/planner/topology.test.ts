import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pool } from '../../test/builders/objects.ts';
import type { Pool } from '../api/pool.ts';
import type { RunGroup } from '../api/upgrade-run.ts';
import { describeUnevenRoles, whyUnbalanced } from './topology.ts';

/** Servers as "admin-1 stream-1": role and name in one; the pool of each is that of its role. */
function group(name: string, servers: string, poolOf: (role: string) => string = (role) => role): RunGroup {
  return {
    name,
    uid: `${name}-uid`,
    servers: servers.split(' ').map((server) => {
      const role = server.replace(/-?\d+$/, '');
      return {
        name: server,
        ...(role === 'web' ? {} : { role }),
        workload: { kind: 'StatefulSet', name: server },
        pools: poolOf(role) === '' ? [] : [{ name: poolOf(role), member: server }],
        images: {},
        replicas: 1,
      };
    }),
    drain: { timeout: '5m', onTimeout: 'Hold' },
    takeOwnership: false,
    settings: [],
  };
}

const mixed = (): string => 'all';

/** Every pool has the members of the groups, and `others` that belong to nobody here. */
function judge(pools: readonly Pool[], groups: readonly RunGroup[], others = 0): string {
  const members = new Map(
    pools.map(({ metadata }) => [
      metadata.name,
      others +
        groups
          .flatMap(({ servers }) => servers.flatMap((server) => server.pools))
          .filter(({ name }) => name === metadata.name).length,
    ]),
  );
  return whyUnbalanced(pools, groups, members);
}

describe('whether users will notice', () => {
  const two = [pool('admin'), pool('stream')];
  const one = [pool('all')];
  const cases: Readonly<Record<string, readonly [string, string]>> = {
    '001-19 001-35: two servers of each service are enough': [
      judge(two, [group('group-1', 'admin-1 stream-1'), group('group-2', 'admin-2 stream-2')]),
      '',
    ],
    '001-19 001-35: 2 admin + 1 stream count as not load balanced, with a pool for each': [
      judge(two, [group('group-1', 'admin-1 stream-1'), group('group-2', 'admin-2')]),
      'pool stream has 0 members without group-1 and needs 1; add a second server group',
    ],
    '001-19 001-37: and in one pool, where the count alone would do; what to add is said': [
      judge(one, [group('group-1', 'admin-1 stream-1', mixed), group('group-2', 'admin-2', mixed)]),
      'pool all has nobody with role stream without group-1; add a server with role stream to another group',
    ],
    '001-19: members of others do not stand in where a pool has several roles': [
      judge(one, [group('group-1', 'admin-1 stream-1', mixed), group('group-2', 'admin-2', mixed)], 5),
      'pool all has nobody with role stream without group-1; add a server with role stream to another group',
    ],
    'members of others stand in where a pool has one role': [judge([pool('web')], [group('group-1', 'web-1')], 1), ''],
    '001-19: nobody left is not enough, even where the pool says it needs nobody': [
      judge([pool('web', { minServing: 0 })], [group('group-1', 'web-1')]),
      'pool web has 0 members without group-1 and needs 1; add a second server group',
    ],
    '001-17: a pool that does not check health': [
      judge([pool('web', { healthChecked: false })], [group('group-1', 'web-1'), group('group-2', 'web-2')]),
      'pool web does not check health (spec.healthChecked)',
    ],
    '001-17: no pool at all': [
      judge([], [group('group-1', 'web-1', () => '')]),
      'no server is in a load-balancer pool',
    ],
  };
  for (const [name, [got, want]] of Object.entries(cases)) it(name, () => assert.equal(got, want));
});

describe('how the groups differ', () => {
  const cases: Readonly<Record<string, readonly [readonly RunGroup[], string]>> = {
    'groups without roles have nothing to compare': [[group('group-1', 'web-1'), group('group-2', 'web-2')], ''],
    '001-11 001-36: one server of each kind in every group': [
      [group('group-1', 'admin-1 stream-1'), group('group-2', 'admin-2 stream-2')],
      '',
    ],
    '001-36 A-12: 2 admin + 1 stream are one group and a leftover': [
      [group('group-1', 'admin-1 stream-1'), group('group-2', 'admin-2')],
      'group-2 has no server with role stream',
    ],
    '001-36 A-12: a third stream server goes with the last group': [
      [group('group-1', 'admin-1 stream-1'), group('group-2', 'admin-2 stream-2 stream-3')],
      'stream-3 left over in group-2, upgraded with it',
    ],
    'groups that are alike may have several of a kind': [
      [group('group-1', 'admin-1 stream-1 stream-2'), group('group-2', 'admin-2 stream-3 stream-4')],
      '',
    ],
    'a few are named, and the rest counted': [
      ['a', 'b', 'c', 'd', 'e', 'f'].map((role, index) => group(`group-${index + 1}`, `${role}-1`)),
      'group-2 has no server with role a; group-3 has no server with role a; group-4 has no server with role a; group-5 has no server with role a; and 26 more',
    ],
  };
  for (const [name, [groups, want]] of Object.entries(cases))
    it(name, () => assert.equal(describeUnevenRoles(groups), want));
});
