/** What every driver and its fake promise: asked twice is once, observing writes nothing, unknown is not zero, abort is honoured. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EffectOf } from '../../src/drivers/contract.ts';
import type { MemberObservation } from '../../src/planner/observed.ts';
import type { Harness, HarnessOptions } from './harness.ts';
import { context, never, operation } from './scene.ts';

const web1 = { kind: 'StatefulSet', name: 'web-1' } as const;
const member = { pool: 'web', member: 'web-1', workload: web1 } as const;
const ours = { 'drained/web/web-1': 'ours' };
const claim = 'data-web-1-0';
const snapshot = 'portal-1-data-web-1-0';
const create = { kind: 'CreateSnapshot', snapshot, claim, className: 'csi' } as const;
const anotherRun = { ...operation(), run: 'other-1', runUID: 'uid-run-2', operation: 'uid-run-2/g1-preflight/1' };

type Body = (harness: Harness) => Promise<void>;

function cases({ make }: HarnessOptions): (name: string, body: Body) => void {
  return (name, body) => {
    it(name, async () => {
      const harness = await make();
      try {
        await body(harness);
      } finally {
        await harness.close?.();
      }
    });
  };
}

/** Does it, and asserts that doing it again changes nothing. */
async function twice(harness: Harness, request: () => Promise<void>): Promise<void> {
  await request();
  await harness.settle();
  const changes = harness.changes();
  await request();
  assert.equal(harness.changes(), changes, 'asked twice, done once');
}

async function readsOnly(harness: Harness, look: () => Promise<unknown>): Promise<void> {
  const changes = harness.changes();
  await look();
  await look();
  assert.equal(harness.changes(), changes, 'observing writes nothing');
}

async function aborts(harness: Harness, call: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  if (!harness.abortable) return;
  const changes = harness.changes();
  await assert.rejects(call(AbortSignal.abort(new Error('stopped'))), /stopped/);
  assert.equal(harness.changes(), changes);
}

export function describePools(options: HarnessOptions): void {
  describe(`pools: ${options.name}`, () => {
    const test = cases(options);
    const see = async ({ drivers }: Harness, handles = {}): Promise<MemberObservation> => {
      const [seen] = (await drivers.pools.observe(context(handles), 'web', [member], never)).members;
      assert.ok(seen !== undefined);
      return seen;
    };
    const ask = ({ drivers }: Harness, kind: 'HoldMember' | 'ServeMember'): Promise<void> =>
      drivers.pools.request(operation('g1', ours), { kind, member }, never);
    const drain = ({ drivers }: Harness): Promise<void> =>
      drivers.pools.request(operation('g1', ours), { kind: 'DrainMember', member, force: false }, never);

    test('observing writes nothing', (harness) => readsOnly(harness, () => see(harness)));
    test('a member that serves is seen serving, and nothing stands in the way', async (harness) => {
      const seen = await see(harness);
      assert.deepEqual([seen.member, seen.state, seen.foreign], ['web-1', 'Serving', '']);
    });
    test('a count that nobody makes is unknown, not zero', async (harness) => {
      const pool = await harness.drivers.pools.observe(context(), 'web', [member], never);
      assert.equal(pool.members[0]?.connections.known, pool.countsConnections);
    });
    test('a pool that is not there is not readable, and none of its members is known', async (harness) => {
      const stranger = { ...member, pool: 'gone' };
      const pool = await harness.drivers.pools.observe(context(), 'gone', [stranger], never);
      assert.deepEqual([pool.reachable.known, pool.members.every(({ state }) => state === 'Unknown')], [false, true]);
    });
    test('hold, drain and serve again, each asked twice and done once', async (harness) => {
      await twice(harness, () => ask(harness, 'HoldMember'));
      await twice(harness, () => drain(harness));
      const out = await see(harness, ours);
      assert.deepEqual([out.state === 'Drained' || out.state === 'Draining', out.held, out.foreign], [true, true, '']);
      await twice(harness, () => ask(harness, 'ServeMember'));
      const back = await see(harness, ours);
      assert.deepEqual([back.state, back.foreign], ['Serving', '']);
    });
    test('a member that a person took out is named as such (S-16)', async (harness) => {
      await harness.takeOut();
      await harness.settle();
      const seen = await see(harness);
      assert.notEqual(seen.state, 'Serving');
      assert.notEqual(seen.foreign, '');
    });
    test('an aborted signal ends every call before it changes anything', async (harness) => {
      await aborts(harness, (signal) => harness.drivers.pools.observe(context(), 'web', [member], signal));
      await aborts(harness, (signal) =>
        harness.drivers.pools.request(operation(), { kind: 'DrainMember', member, force: false }, signal),
      );
    });
  });
}

export function describeWorkloads(options: HarnessOptions): void {
  describe(`workloads: ${options.name}`, () => {
    const test = cases(options);
    const see = ({ drivers }: Harness): ReturnType<typeof drivers.workloads.observe> =>
      drivers.workloads.observe(context(), web1, never);
    const ask = ({ drivers }: Harness, effect: Parameters<typeof drivers.workloads.request>[1]): Promise<void> =>
      drivers.workloads.request(operation(), effect, never);

    test('observing writes nothing', (harness) => readsOnly(harness, () => see(harness)));
    test('what runs is seen whole, and what does not exist is said not to', async (harness) => {
      const seen = await see(harness);
      assert.deepEqual(
        [
          seen.exists,
          seen.current,
          seen.rolledOut,
          seen.replicas,
          seen.pods.length,
          seen.claims.map((found) => found.claim),
        ],
        [true, true, true, 1, 1, [claim]],
      );
      const gone = await harness.drivers.workloads.observe(context(), { kind: 'StatefulSet', name: 'gone' }, never);
      assert.deepEqual([gone.exists, gone.rolledOut], [false, false]);
    });
    test('the object alone tells the same as the whole look, as far as it tells anything', async (harness) => {
      for (const replicas of [1, 0]) {
        await ask(harness, { kind: 'ScaleWorkload', workload: web1, replicas });
        await harness.settle();
        const { pods: _, claims: _claims, autoscaled: _autoscaled, ...whole } = await see(harness);
        assert.deepEqual(await harness.drivers.workloads.observeObject(context(), web1, never), whole);
        assert.equal(whole.rolledOut, true);
      }
      const gone = { kind: 'StatefulSet', name: 'gone' } as const;
      assert.equal((await harness.drivers.workloads.observeObject(context(), gone, never)).exists, false);
    });
    test('one run locks it, another is refused, and only the holder lets go', async (harness) => {
      await twice(harness, () => ask(harness, { kind: 'LockWorkloads', workloads: [web1] }));
      await assert.rejects(
        harness.drivers.workloads.request(anotherRun, { kind: 'LockWorkloads', workloads: [web1] }, never),
      );
      await harness.drivers.workloads.request(anotherRun, { kind: 'UnlockWorkloads', workloads: [web1] }, never);
      assert.equal((await see(harness)).lockedBy, 'uid-run-1');
      await harness.drivers.workloads.request(
        anotherRun,
        { kind: 'LockWorkloads', workloads: [web1], takeFrom: 'uid-run-1' },
        never,
      );
      assert.equal((await see(harness)).lockedBy, 'uid-run-2');
    });
    test('it stops, and is rolled out at zero only when no pod is left', async (harness) => {
      await twice(harness, () => ask(harness, { kind: 'ScaleWorkload', workload: web1, replicas: 0 }));
      const seen = await see(harness);
      assert.deepEqual([seen.replicas, seen.pods.length, seen.rolledOut], [0, 0, true]);
      assert.deepEqual(
        seen.claims.map((found) => found.claim),
        [claim],
        'its data is still known',
      );
    });
    test('the template goes back exactly as it was', async (harness) => {
      const before = await see(harness);
      const save = { kind: 'SaveRevision', workload: web1, revision: 'portal-1-web-1' } as const;
      await twice(harness, () => ask(harness, save));
      const [container = ''] = Object.keys(before.images);
      await twice(harness, () =>
        ask(harness, { kind: 'ApplyImages', workload: web1, images: { [container]: 'new' }, takeOwnership: false }),
      );
      const changed = await see(harness);
      assert.notEqual(changed.templateHash, before.templateHash);
      assert.deepEqual(
        await harness.drivers.workloads.observeSaved(
          context(),
          [
            { kind: 'Revision', name: 'portal-1-web-1' },
            { kind: 'Revision', name: 'gone' },
          ],
          never,
        ),
        new Set(['portal-1-web-1']),
      );
      await ask(harness, save);
      await twice(harness, () => ask(harness, { kind: 'RestoreTemplate', workload: web1, revision: 'portal-1-web-1' }));
      assert.equal((await see(harness)).templateHash, before.templateHash);
    });
    test('an aborted signal ends every call before it changes anything', async (harness) => {
      await aborts(harness, (signal) => harness.drivers.workloads.observe(context(), web1, signal));
      await aborts(harness, (signal) =>
        harness.drivers.workloads.request(operation(), { kind: 'ScaleWorkload', workload: web1, replicas: 0 }, signal),
      );
    });
  });
}

export function describeGroups(options: HarnessOptions): void {
  describe(`groups: ${options.name}`, () => {
    const test = cases(options);
    const ask = (
      { drivers }: Harness,
      effect: EffectOf<'LockGroups' | 'UnlockGroups'>,
      by = operation(),
    ): Promise<void> => drivers.groups.request(by, effect, never);
    const see = ({ drivers }: Harness): ReturnType<typeof drivers.groups.observe> =>
      drivers.groups.observe(context(), 'group-1', never);
    const lock = { kind: 'LockGroups', groups: ['group-1'] } as const;

    test('observing writes nothing', (harness) => readsOnly(harness, () => see(harness)));
    test('one run locks it, another is refused, and the lock passes over when it is told from whom (S-11)', async (harness) => {
      assert.deepEqual(await see(harness), { group: 'group-1', exists: true, lockedBy: '' });
      await twice(harness, () => ask(harness, lock));
      await assert.rejects(ask(harness, lock, anotherRun));
      await ask(harness, { kind: 'UnlockGroups', groups: ['group-1'] }, anotherRun);
      assert.equal((await see(harness)).lockedBy, 'uid-run-1');
      await ask(harness, { ...lock, takeFrom: 'uid-run-1' }, anotherRun);
      assert.equal((await see(harness)).lockedBy, 'uid-run-2');
      await twice(harness, () => ask(harness, { kind: 'UnlockGroups', groups: ['group-1'] }, anotherRun));
      assert.equal((await see(harness)).lockedBy, '');
    });
    test('a group that is not there is said not to be', async (harness) => {
      assert.deepEqual(await harness.drivers.groups.observe(context(), 'gone', never), {
        group: 'gone',
        exists: false,
        lockedBy: '',
      });
    });
    test('an aborted signal ends every call before it changes anything', async (harness) => {
      await aborts(harness, (signal) => harness.drivers.groups.request(operation(), lock, signal));
    });
  });
}

export function describeSnapshots(options: HarnessOptions): void {
  describe(`snapshots: ${options.name}`, () => {
    const test = cases(options);
    const see = ({ drivers }: Harness, of = claim): ReturnType<typeof drivers.snapshots.observe> =>
      drivers.snapshots.observe(context(), { snapshot, claim: of }, never);
    const ask = ({ drivers }: Harness, effect: Parameters<typeof drivers.snapshots.request>[1]): Promise<void> =>
      drivers.snapshots.request(operation('g1-restore'), effect, never);
    const stop = async (harness: Harness): Promise<void> => {
      await harness.drivers.workloads.request(
        operation('g1-stop'),
        { kind: 'ScaleWorkload', workload: web1, replicas: 0 },
        never,
      );
      await harness.settle();
    };
    const restorable = async (harness: Harness): Promise<EffectOf<'RestoreClaim'>> => {
      await stop(harness);
      await ask(harness, create);
      await harness.settle();
      return {
        kind: 'RestoreClaim',
        claim,
        snapshot,
        manifest: await harness.drivers.snapshots.describeClaim(context(), claim, never),
      };
    };
    const restore = async (harness: Harness, effect: EffectOf<'RestoreClaim'>): Promise<void> => {
      for (let asks = 0; asks < 10; asks += 1) {
        if ((await harness.drivers.snapshots.observeRestore(context(), effect, never)).state === 'restored') return;
        await ask(harness, effect);
        await harness.settle();
      }
    };

    test('observing writes nothing, and what is not there is neither ready nor verified', async (harness) => {
      await readsOnly(harness, () => see(harness));
      assert.deepEqual(await see(harness), {
        snapshot,
        exists: false,
        ready: false,
        verified: false,
        createdAt: undefined,
        error: '',
      });
    });
    test('a snapshot is made once, and verified only for the claim it is of', async (harness) => {
      await stop(harness);
      await twice(harness, () => ask(harness, create));
      const seen = await see(harness);
      assert.deepEqual([seen.exists, seen.ready, seen.verified], [true, true, true]);
      assert.equal((await see(harness, 'data-other-0')).verified, false);
    });
    test('a restore ends restored, and asking on changes nothing (S-28)', async (harness) => {
      const effect = await restorable(harness);
      const look = (): ReturnType<typeof harness.drivers.snapshots.observeRestore> =>
        harness.drivers.snapshots.observeRestore(context(), effect, never);
      assert.equal((await look()).state, 'absent');
      await restore(harness, effect);
      assert.equal((await look()).state, 'restored');
      const [restored] = (await harness.drivers.workloads.observe(context(), web1, never)).claims;
      assert.equal(restored?.claim, claim, 'under the same name');
      await twice(harness, () => ask(harness, effect));
    });
    test('the volume from before goes back, and then the restore has not happened (S-30)', async (harness) => {
      const effect = await restorable(harness);
      await restore(harness, effect);
      const reattach = { kind: 'ReattachVolume', claim, manifest: effect.manifest } as const;
      for (let asks = 0; asks < 3; asks += 1) {
        await ask(harness, reattach);
        await harness.settle();
      }
      assert.equal((await harness.drivers.snapshots.observeRestore(context(), effect, never)).state, 'absent');
      await twice(harness, () => ask(harness, reattach));
      await restore(harness, effect);
      assert.equal(
        (await harness.drivers.snapshots.observeRestore(context(), effect, never)).state,
        'restored',
        'and can be tried again',
      );
    });
    test('nothing is touched for a snapshot that does not exist (S-27)', async (harness) => {
      const effect = await restorable(harness);
      const changes = harness.changes();
      await assert.rejects(ask(harness, { ...effect, snapshot: 'gone' }));
      assert.equal(harness.changes(), changes);
      assert.equal((await harness.drivers.snapshots.observeRestore(context(), effect, never)).state, 'absent');
    });
    test('an aborted signal ends every call before it changes anything', async (harness) => {
      await aborts(harness, (signal) => harness.drivers.snapshots.observe(context(), { snapshot, claim }, signal));
      await aborts(harness, (signal) => harness.drivers.snapshots.request(operation(), create, signal));
    });
  });
}
