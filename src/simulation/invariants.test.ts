import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Operation } from '../drivers/contract.ts';
import type { Effect, MemberRef } from '../planner/effects.ts';
import { checkCalm, checkEffect, checkEnd, checkInstant, checkOnce } from './invariants.ts';
import { addPool } from './pools.ts';
import { addWorkload, setTemplate } from './workloads.ts';
import { createWorld, must, type Call, type World } from './world.ts';

const operation: Operation = {
  namespace: 'shop',
  run: 'portal-1',
  runUID: 'run-1',
  upgradeSet: 'portal',
  user: undefined,
  handles: {},
  operation: 'run-1/g1-drain/1',
};

function memberOf(number: number): MemberRef {
  return { pool: 'web', member: `web-${number}`, workload: { kind: 'StatefulSet', name: `web-${number}` } };
}

/** Two groups that serve, locked by the run. */
function scene(): World {
  const world = createWorld();
  addPool(world, { name: 'web', kind: 'haproxy', members: [memberOf(1), memberOf(2)] });
  for (const number of [1, 2]) {
    world.groups.set(`group-${number}`, { lockedBy: 'run-1' });
    addWorkload(world, {
      ...memberOf(number).workload,
      images: { app: 'old' },
      claimPrefix: 'data',
      group: `group-${number}`,
    }).lockedBy = 'run-1';
  }
  return world;
}

const workload = (world: World, number: number) => must(world.workloads.get(`StatefulSet/web-${number}`), 'workload');

/** What each is called by, and what breaks it. */
const effects: Readonly<Record<string, { effect: Effect; arrange?: (world: World) => void }>> = {
  onlyUnderLock: {
    effect: { kind: 'ScaleWorkload', workload: memberOf(1).workload, replicas: 1 },
    arrange: (world) => {
      workload(world, 1).lockedBy = 'another';
    },
  },
  keepsCapacity: {
    effect: { kind: 'DrainMember', member: memberOf(1), force: false },
    arrange: (world) => {
      must(must(world.pools.get('web'), 'pool').instances[0], 'process').rotation.delete(
        must(workload(world, 2).pods[0], 'pod').uid,
      );
    },
  },
  stopsNothingThatServes: { effect: { kind: 'ScaleWorkload', workload: memberOf(1).workload, replicas: 0 } },
  oneBrokenAtMost: {
    effect: { kind: 'ApplyImages', workload: memberOf(2).workload, images: { app: 'new' }, takeOwnership: false },
    arrange: (world) => {
      setTemplate(world, workload(world, 1), { images: { app: 'new' }, rest: '' }, 'test');
    },
  },
  oneRestoreAtATime: {
    effect: { kind: 'RestoreClaim', claim: 'data-web-1-0', snapshot: 'snap', manifest: '{}' },
    arrange: (world) => {
      world.restores.set('data-web-2-0', { snapshot: 'snap', oldVolume: 'pv', state: 'working', message: '' });
    },
  },
  servesOnlyProven: {
    effect: { kind: 'ServeMember', member: memberOf(1) },
    arrange: (world) => world.traffic.proven.clear(),
  },
};

const instants: Readonly<Record<string, (world: World) => void>> = {
  requestsAreAnswered: (world) => {
    world.traffic.failed = 1;
  },
  usersMeetProvenReleases: (world) => {
    world.traffic.unproven = 1;
  },
  nobodyIsCutOff: (world) => {
    world.traffic.cut = 1;
  },
  poolsKeepTheirMinimum: (world) => must(must(world.pools.get('web'), 'pool').instances[0], 'process').rotation.clear(),
  writesAreKept: (world) => {
    world.traffic.acknowledged.set('data-web-1-0', [1]);
    world.claims.set('data-web-1-0', {
      claim: 'data-web-1-0',
      uid: 'c',
      volume: 'pv',
      restoredFrom: 'snap',
      restoredBy: 'run-1',
    });
  },
};

const call = (changed: boolean, at = 0): Call => ({
  at,
  runUID: 'run-1',
  operation: 'o',
  kind: 'CreateSnapshot',
  target: 'snap',
  changed,
});

describe('invariants notice', () => {
  for (const [name, { effect, arrange }] of Object.entries(effects)) {
    it(`${name}, asked before an effect`, () => {
      const world = scene();
      arrange?.(world);
      assert.deepEqual(
        checkEffect(world, operation, effect).map((line) => line.split(':', 1)[0]),
        [name],
      );
    });
  }

  for (const [name, arrange] of Object.entries(instants)) {
    it(`${name}, asked at every instant`, () => {
      const world = scene();
      arrange(world);
      assert.deepEqual(
        checkInstant(world).map((line) => line.split(':', 1)[0]),
        [name],
      );
    });
  }

  it('nothing in a cluster that is well', () => {
    const world = scene();
    assert.deepEqual(
      [checkInstant(world), checkEffect(world, operation, { kind: 'DrainMember', member: memberOf(1), force: false })],
      [[], []],
    );
  });

  it('locks, holds and members that are left at the end', () => {
    const world = scene();
    must(must(world.pools.get('web'), 'pool').instances[0], 'process').rotation.clear();
    assert.deepEqual(
      checkEnd(world, [{ group: 'group-2', object: 'pool/web/web-2' }]).map((line) => line.split(':', 1)[0]),
      ['noLockIsLeft', 'noLockIsLeft', 'noLockIsLeft', 'noLockIsLeft', 'everybodyServes'],
    );
  });

  it('a named object that was made twice', () => {
    const world = scene();
    world.calls.push(call(true), call(true));
    assert.equal(checkOnce(world).length, 1);
  });

  it('a loop of calls that change nothing, and not the same calls spread over time', () => {
    const loop = scene();
    const calm = scene();
    for (let index = 0; index < 40; index += 1) {
      loop.calls.push(call(false, index * 10));
      calm.calls.push(call(false, index * 2_000));
    }
    assert.deepEqual([checkCalm(loop).length, checkCalm(calm).length], [1, 0]);
  });
});
