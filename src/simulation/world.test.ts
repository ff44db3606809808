import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkInstant } from './invariants.ts';
import { seePoolNow, seeWorkloadNow } from './observe.ts';
import { addPool, memberOf, personSets, setInstance, setMember } from './pools.ts';
import { createSnapshot, describeClaim, lostWrites, reattachVolume, restoreClaim, volumeOf } from './storage.ts';
import { serveUsers } from './traffic.ts';
import { addWorkload, isRolledOut, scale, setTemplate } from './workloads.ts';
import { createWorld, must, type SimWorkload, type World } from './world.ts';

interface Scene {
  readonly world: World;
  readonly first: SimWorkload;
  readonly second: SimWorkload;
}

function twoServers(kind: 'haproxy' | 'service' = 'haproxy', instances = 1): Scene {
  const world = createWorld();
  const ref = (name: string) => ({ kind: 'StatefulSet', name }) as const;
  addPool(world, {
    name: 'web',
    kind,
    instances,
    members: [
      { member: 'web-1', workload: ref('web-1') },
      { member: 'web-2', workload: ref('web-2') },
    ],
  });
  const add = (name: string, group: string): SimWorkload =>
    addWorkload(world, { ...ref(name), images: { app: 'old' }, claimPrefix: 'data', group });
  const scene = { world, first: add('web-1', 'group-1'), second: add('web-2', 'group-2') };
  world.releases.set('old', { version: '1.1.0' });
  world.releases.set('new', { version: '1.2.0' });
  world.listeners.add(() => serveUsers(world));
  return scene;
}

function pass(world: World, seconds: number): void {
  world.clock.advanceTo(world.clock.now() + seconds * 1000);
}

function setState(world: World, member: string, state: 'ready' | 'drain' | 'maint'): boolean {
  const pool = must(world.pools.get('web'), 'pool');
  return setMember(world, { pool, member: memberOf(pool, member), state, by: 'portal' });
}

const stateOf = (world: World, member: string): string =>
  seePoolNow(world, 'web', { upgradeSet: 'portal', handles: {} }).members.find(
    (candidate) => candidate.member === member,
  )?.state ?? 'none';

describe('simulated cluster', () => {
  it('serves at the beginning', () => {
    const { world } = twoServers();
    serveUsers(world);
    assert.deepEqual([stateOf(world, 'web-1'), world.traffic.failed, checkInstant(world)], ['Serving', 0, []]);
  });

  for (const kind of ['haproxy', 'service'] as const) {
    it(`drains over time, keeps a started pod out and puts it back (${kind})`, () => {
      const { world, first } = twoServers(kind);
      const pool = must(world.pools.get('web'), 'pool');
      if (kind === 'service') pool.held.add('StatefulSet/web-1');
      assert.equal(setState(world, 'web-1', 'drain'), true);
      pass(world, 2);
      assert.equal(stateOf(world, 'web-1'), 'Draining');
      pass(world, 10);
      assert.equal(stateOf(world, 'web-1'), 'Drained');
      scale(world, first, 0, 'test');
      pass(world, 10);
      assert.deepEqual(seeWorkloadNow(world, first, 'run-1').pods, []);
      scale(world, first, 1, 'test');
      pass(world, 10);
      assert.deepEqual([isRolledOut(first), stateOf(world, 'web-1')], [true, 'Drained']);
      setState(world, 'web-1', 'ready');
      pass(world, 2);
      assert.deepEqual([stateOf(world, 'web-1'), world.traffic.failed, world.traffic.cut], ['Serving', 0, 0]);
    });
  }

  it('notices users who are cut off when a serving member is stopped', () => {
    const { world, first } = twoServers();
    scale(world, first, 0, 'test');
    pass(world, 10);
    assert.ok(checkInstant(world).some((line) => line.startsWith('nobodyIsCutOff')));
  });

  it('notices failed requests when nobody serves', () => {
    const { world } = twoServers();
    setState(world, 'web-1', 'drain');
    setState(world, 'web-2', 'drain');
    pass(world, 10);
    assert.ok(checkInstant(world).some((line) => line.startsWith('requestsAreAnswered')));
  });

  it('notices that users met a release that passed no test', () => {
    const { world, first } = twoServers();
    setTemplate(world, first, { images: { app: 'new' }, rest: '' }, 'test');
    pass(world, 20);
    assert.ok(checkInstant(world).some((line) => line.startsWith('usersMeetProvenReleases')));
  });

  it('restores a claim under its name, keeps the old volume and can put it back', () => {
    const { world, first } = twoServers();
    serveUsers(world);
    setState(world, 'web-1', 'drain');
    pass(world, 10);
    scale(world, first, 0, 'test');
    pass(world, 10);
    const claim = 'data-web-1-0';
    const manifest = describeClaim(world, claim);
    const before = must(volumeOf(world, claim), 'volume');
    createSnapshot(world, 'snap', claim, 'csi');
    pass(world, 10);
    before.content = 'damaged';
    for (let step = 0; step < 4; step += 1) restoreClaim(world, { claim, snapshot: 'snap', manifest, by: 'run-1' });
    assert.deepEqual(
      [volumeOf(world, claim)?.content, lostWrites(world, claim), world.volumes.has(before.name)],
      [`data of ${claim}`, [], true],
    );
    reattachVolume(world, claim, manifest);
    assert.equal(volumeOf(world, claim), before);
    assert.deepEqual(world.violations, []);
  });

  it('refuses to restore a snapshot that never became ready, and says so', () => {
    const { world, first } = twoServers();
    world.faults.snapshots.add('group-1');
    scale(world, first, 0, 'test');
    pass(world, 10);
    createSnapshot(world, 'snap', 'data-web-1-0', 'csi');
    pass(world, 60);
    assert.throws(
      () =>
        restoreClaim(world, {
          claim: 'data-web-1-0',
          snapshot: 'snap',
          manifest: describeClaim(world, 'data-web-1-0'),
          by: 'run-1',
        }),
      /not ready/,
    );
    assert.equal(world.violations.length, 1);
  });

  it('never undoes what a person did to a member', () => {
    const { world } = twoServers();
    personSets(world, 'web', 'web-1', 'maint');
    assert.throws(() => setState(world, 'web-1', 'ready'), /somebody else/);
    assert.equal(
      seePoolNow(world, 'web', { upgradeSet: 'portal', handles: {} }).members[0]?.foreign,
      'maint set by somebody else on web-lb-0',
    );
  });

  for (const [kind, state, foreign] of [
    ['service', 'drain', ''],
    ['service', 'maint', ''],
    ['haproxy', 'drain', ''],
    ['haproxy', 'maint', 'maint set by somebody else on web-lb-0'],
  ] as const) {
    it(`a person sets ${state} on a member that is out already (${kind}): seen only where it differs`, () => {
      const { world } = twoServers(kind);
      setState(world, 'web-1', 'drain');
      personSets(world, 'web', 'web-1', state);
      assert.equal(seePoolNow(world, 'web', { upgradeSet: 'portal', handles: {} }).members[0]?.foreign, foreign);
    });
  }

  it('does not know a member while one of two processes is down, and forgets its word when it restarts', () => {
    const { world } = twoServers('haproxy', 2);
    setState(world, 'web-1', 'drain');
    pass(world, 10);
    setInstance(world, 'web', 1, false);
    assert.equal(stateOf(world, 'web-1'), 'Unknown');
    setInstance(world, 'web', 1, true);
    assert.notEqual(stateOf(world, 'web-1'), 'Drained');
  });
});
