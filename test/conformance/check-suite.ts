/** What the driver of checks and its fake promise: a Job is asked for once, observing writes nothing, nothing temporary stays. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CheckDriver } from '../../src/drivers/contract.ts';
import type { CheckRequest } from '../../src/planner/effects.ts';
import type { CheckObservation } from '../../src/planner/observed.ts';
import { context, never, operation } from './scene.ts';

/** A world with StatefulSet web-1, one pod on a node, claim data-web-1-0 and snapshot class csi. */
export interface CheckHarness {
  readonly driver: CheckDriver;
  /** How many times the world was changed through the driver. */
  changes(): number;
  /** Storage and Jobs do what was asked of them, and do it well. */
  settle(): Promise<void>;
  /** Temporary objects that are there now. */
  temporary(): number;
}

const workload = { kind: 'StatefulSet', name: 'web-1' } as const;
const id = 'uid-run-1/preflight/1/task/1';
const image = `registry.example/portal@sha256:${'a'.repeat(64)}`;
const looks: readonly CheckRequest[] = [
  { id, kind: 'Budgets', workloads: [workload] },
  { id, kind: 'Snapshots', className: 'csi', workloads: [workload] },
];
const jobs: readonly CheckRequest[] = [
  { id, kind: 'Pull', workload, image },
  { id, kind: 'Access', workload, image: '' },
  { id, kind: 'Drill', className: 'csi', workloads: [workload], image: '' },
  {
    id,
    kind: 'Hook',
    group: 'group-1',
    hook: 'copy',
    server: 'web-1',
    workload,
    job: { image, args: ['${SERVER}'], timeout: '5m' },
    parameters: {},
  },
];

export function describeChecks(name: string, make: () => CheckHarness): void {
  const see = ({ driver }: CheckHarness, check: CheckRequest): Promise<CheckObservation> =>
    driver.observe(context(), check, never);
  const ask = ({ driver }: CheckHarness, check: CheckRequest): Promise<void> =>
    driver.request(operation('preflight'), { kind: 'RunCheck', request: check }, never);

  describe(`checks: ${name}`, () => {
    for (const check of looks) {
      it(`${check.kind} is answered by a look, which writes nothing`, async () => {
        const harness = make();
        const { id: answered, state, message } = await see(harness, check);
        assert.deepEqual([answered, state, harness.changes()], [id, 'passed', 0]);
        assert.notEqual(message, '');
      });
    }

    for (const check of jobs) {
      it(`${check.kind} is absent before it is asked for, asked for once, and answered with evidence`, async () => {
        const harness = make();
        assert.equal((await see(harness, check)).state, 'absent');
        await ask(harness, check);
        const once = harness.changes();
        await ask(harness, check);
        assert.equal(harness.changes(), once, 'asked twice, done once');
        let seen = await see(harness, check);
        assert.equal(seen.state, 'running');
        for (let turn = 0; turn < 5 && seen.state !== 'passed'; turn += 1) {
          await harness.settle();
          seen = await see(harness, check);
          if (seen.state === 'working') await ask(harness, check);
        }
        assert.equal(seen.state, 'passed');
        assert.notEqual(seen.message, '');
      });
    }

    it('Drill leaves nothing behind when it is ended half way, and ending it again changes nothing', async () => {
      const harness = make();
      const drill = jobs[2] ?? assert.fail();
      await ask(harness, drill);
      assert.ok(harness.temporary() > 0);
      const end = (): Promise<void> =>
        harness.driver.request(operation('preflight'), { kind: 'EndCheck', request: drill }, never);
      await end();
      assert.equal(harness.temporary(), 0);
      const changes = harness.changes();
      await end();
      assert.equal(harness.changes(), changes);
    });
  });
}
