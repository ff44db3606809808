import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configMaps, pods } from '../../kube/resources.ts';
import { silentLogger } from '../../shared/logger.ts';
import type { MemberObservation } from '../../planner/observed.ts';
import {
  type Cluster,
  context,
  convergeEndpoints,
  never,
  operation,
  seedPod,
  servicePool,
} from '../../../test/conformance/scene.ts';
import { createPoolDriver } from './driver.ts';
import type { PoolDriver, RunContext } from '../contract.ts';
import { originKey } from '../../planner/steps/keys.ts';

const first = { pool: 'web', member: 'web-1', workload: { kind: 'StatefulSet', name: 'web-1' } } as const;
const second = { pool: 'web', member: 'web-2', workload: { kind: 'Deployment', name: 'web-2' } } as const;
const ours = { 'drained/web/web-1': 'ours', 'drained/web/web-2': 'ours' };

function driverOf(scene: Cluster): PoolDriver {
  return createPoolDriver({ ...scene, logger: silentLogger });
}

async function look(
  scene: Cluster,
  handles: Record<string, string> = {},
  driver = driverOf(scene),
): Promise<MemberObservation> {
  const seen = await driver.observe(context(handles), 'web', [first], never);
  const [member] = seen.members;
  assert.ok(member !== undefined);
  return member;
}

function labelsOf(scene: Cluster): Record<string, string | undefined> {
  return Object.fromEntries(
    scene.client.all(pods).map((pod) => [pod.metadata.name, pod.metadata.labels?.['belay.dev/pool']]),
  );
}

function takeLabelOff(scene: Cluster, name: string): void {
  const pod = scene.client.all(pods).find((candidate) => candidate.metadata.name === name);
  assert.ok(pod !== undefined);
  const { 'belay.dev/pool': _, ...labels } = pod.metadata.labels ?? {};
  scene.client.seed(pods, { ...pod, metadata: { ...pod.metadata, labels } });
}

describe('service pool', () => {
  it('sees members that serve, and counts nothing without a source', async () => {
    const scene = servicePool();
    const seen = await driverOf(scene).observe(context(), 'web', [first, second], never);
    assert.deepEqual(
      { ...seen, members: seen.members.map(({ member, state, foreign, held }) => ({ member, state, foreign, held })) },
      {
        pool: 'web',
        canHold: true,
        reachable: { known: true, value: true },
        members: [
          { member: 'web-1', state: 'Serving', foreign: '', held: false },
          { member: 'web-2', state: 'Serving', foreign: '', held: false },
        ],
        minServing: 1,
        settleMs: 10_000,
        countsConnections: false,
        lagMs: 0,
      },
    );
    assert.equal(seen.members[0]?.connections.known, false, 'unknown is not zero');
  });

  it('S-38: says how long nodes may lag behind after the API server was away', async () => {
    const scene = servicePool();
    const lagAfter = async (steadyMs: number): Promise<number | undefined> => {
      const driver = createPoolDriver({ ...scene, logger: silentLogger, steadyForMs: () => steadyMs });
      return (await driver.observe(context(), 'web', [first, second], never)).lagMs;
    };
    assert.deepEqual([await lagAfter(0), await lagAfter(45_000), await lagAfter(90_000)], [60_000, 15_000, 0]);
  });

  it('is drained only after the endpoints have converged, with the pod untouched (S-17)', async () => {
    const scene = servicePool();
    const driver = driverOf(scene);
    await driver.request(operation(), { kind: 'HoldMember', member: first }, never);
    await driver.request(operation(), { kind: 'DrainMember', member: first, force: false }, never);
    assert.deepEqual(labelsOf(scene), { 'web-1-0': undefined, 'web-2-5d4f-0': 'web' });
    assert.equal((await look(scene, ours)).state, 'Draining');
    convergeEndpoints(scene);
    const drained = await look(scene, ours);
    assert.deepEqual([drained.state, drained.held, drained.foreign], ['Drained', true, '']);
    assert.equal(scene.client.all(pods).find((pod) => pod.metadata.name === 'web-1-0')?.metadata.uid, 'uid-web-1-0');
  });

  it('relies on a hold only when a dry-run pod comes without the label', async () => {
    const scene = servicePool();
    const driver = driverOf(scene);
    assert.equal((await look(scene)).held, false);
    await driver.request(operation(), { kind: 'HoldMember', member: first }, never);
    assert.equal((await look(scene)).held, true);
    scene.client.server.admission.length = 0;
    const seen = await look(scene);
    assert.equal(seen.held, false);
    assert.match(seen.detail, /new pods would still get the pool label/);
    assert.equal(scene.client.all(pods).length, 2, 'a dry run makes no pod');
  });

  it('holds Deployments by the name without the hash of the template', async () => {
    const scene = servicePool();
    const driver = driverOf(scene);
    await driver.request(operation(), { kind: 'HoldMember', member: second }, never);
    const seen = await driver.observe(context(), 'web', [second], never);
    assert.equal(seen.members[0]?.held, true);
    const [hold] = scene.client.all(configMaps);
    assert.deepEqual(
      [hold?.metadata.name, hold?.data, hold?.metadata.labels?.['belay.dev/held']],
      ['belay-hold-portal-1', { 'Deployment.web-2': 'web' }, 'true'],
    );
  });

  it('cannot hold where the admission policy is not installed', async () => {
    const scene = servicePool({ policy: false });
    assert.equal((await driverOf(scene).observe(context(), 'web', [first], never)).canHold, false);
  });

  it('sees a pod that appears with the label while held, and strips it again', async () => {
    const scene = servicePool();
    const driver = driverOf(scene);
    await driver.request(operation(), { kind: 'HoldMember', member: first }, never);
    await driver.request(operation(), { kind: 'DrainMember', member: first, force: false }, never);
    const set = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'web-1', uid: 'uid-web-1' } };
    seedPod(scene, set, 'web-1-1');
    convergeEndpoints(scene);
    assert.equal((await look(scene, ours)).state, 'Serving');
    await driver.request(operation(), { kind: 'DrainMember', member: first, force: false }, never);
    convergeEndpoints(scene);
    assert.equal((await look(scene, ours)).state, 'Drained');
  });

  it('names a label that a person took off, unless the journal says it was ours (S-16)', async () => {
    const scene = servicePool();
    takeLabelOff(scene, 'web-1-0');
    convergeEndpoints(scene);
    const theirs = await look(scene);
    assert.deepEqual([theirs.state, theirs.foreign], ['Drained', 'label removed by somebody else']);
    assert.equal((await look(scene, ours)).foreign, '');
  });

  it('tells a half-done drain from a half-done return', async () => {
    const scene = servicePool({ replicas: 2 });
    const driver = driverOf(scene);
    let calls = 0;
    scene.client.server.interceptors.push((call) => {
      if (call.verb === 'jsonPatch' && (calls += 1) === 2) throw new Error('cut off');
    });
    await assert.rejects(driver.request(operation(), { kind: 'DrainMember', member: first, force: false }, never));
    convergeEndpoints(scene);
    assert.equal((await look(scene, ours)).state, 'Serving', 'one pod still serves: the drain is asked again');
    await driver.request(operation(), { kind: 'DrainMember', member: first, force: false }, never);
    convergeEndpoints(scene);
    assert.equal((await look(scene, ours)).state, 'Drained');
    await scene.clock.advance(1_000);
    calls = 0;
    await assert.rejects(driver.request(operation(), { kind: 'ServeMember', member: first }, never));
    convergeEndpoints(scene);
    assert.equal((await look(scene, ours)).state, 'Draining', 'one pod is still out: the return is asked again');
  });

  it('serves again on the same pods, and takes the hold along', async () => {
    const scene = servicePool();
    const driver = driverOf(scene);
    await driver.request(operation(), { kind: 'HoldMember', member: first }, never);
    await driver.request(operation(), { kind: 'DrainMember', member: first, force: false }, never);
    await driver.request(operation('g1-undrain'), { kind: 'ServeMember', member: first }, never);
    convergeEndpoints(scene);
    const seen = await look(scene, ours);
    assert.deepEqual([seen.state, seen.held], ['Serving', false]);
    assert.deepEqual(scene.client.all(configMaps), []);
    assert.equal(scene.client.all(pods).find((pod) => pod.metadata.name === 'web-1-0')?.metadata.uid, 'uid-web-1-0');
  });

  it('keeps the hold of other members when one serves again', async () => {
    const scene = servicePool();
    const driver = driverOf(scene);
    await driver.request(operation(), { kind: 'HoldMember', member: first }, never);
    await driver.request(operation(), { kind: 'HoldMember', member: second }, never);
    await driver.request(operation('g1-undrain'), { kind: 'ServeMember', member: first }, never);
    assert.deepEqual(
      scene.client.all(configMaps).map((map) => map.data),
      [{ 'Deployment.web-2': 'web' }],
    );
  });

  it('passes its hold over to its rollback, and to a later run of its set; names that of another set (E1)', async () => {
    const scene = servicePool();
    const driver = driverOf(scene);
    await driver.request(operation(), { kind: 'HoldMember', member: first }, never);
    await driver.request(operation(), { kind: 'DrainMember', member: first, force: false }, never);
    convergeEndpoints(scene);
    const see = async (by: RunContext): Promise<MemberObservation | undefined> =>
      (await driver.observe(by, 'web', [first], never)).members[0];
    const rollback = await see({
      ...context({ ...ours, [originKey]: 'portal-1' }),
      run: 'portal-1-back',
      runUID: 'uid-run-2',
    });
    assert.deepEqual([rollback?.state, rollback?.foreign, rollback?.held], ['Drained', '', true]);
    const later = { ...operation('g1-drain'), run: 'portal-2', runUID: 'uid-run-3' };
    const before = await see(later);
    assert.deepEqual(
      [before?.state, before?.foreign, before?.held],
      ['Drained', '', false],
      'not held by this run yet',
    );
    assert.equal((await see({ ...later, upgradeSet: 'other' }))?.foreign, 'held by run portal-1');
    await driver.request(later, { kind: 'HoldMember', member: first }, never);
    assert.deepEqual(
      scene.client.all(configMaps).map((map) => map.metadata.name),
      ['belay-hold-portal-2'],
    );
    assert.equal((await see(later))?.held, true);
    await driver.request(later, { kind: 'ServeMember', member: first }, never);
    assert.deepEqual(scene.client.all(configMaps), []);
  });

  it('puts back what an earlier run of its set holds, without holding it first', async () => {
    const scene = servicePool();
    const driver = driverOf(scene);
    await driver.request(operation(), { kind: 'HoldMember', member: first }, never);
    await driver.request(
      { ...operation('g1-undrain'), run: 'portal-1-back', runUID: 'uid-run-2' },
      { kind: 'ServeMember', member: first },
      never,
    );
    assert.deepEqual(scene.client.all(configMaps), []);
  });

  it('says why when the Service is gone or selects by something else', async () => {
    const empty = servicePool({ spec: { service: { name: 'other' } } });
    const seen = await driverOf(empty).observe(context(), 'web', [first], never);
    assert.deepEqual(seen.reachable, { known: false, why: 'Service other does not exist' });
    assert.equal(seen.members[0]?.state, 'Unknown');
  });
});
