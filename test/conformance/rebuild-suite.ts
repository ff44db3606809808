/** What a rebuild asks of storage and workloads, of each driver and of the simulator. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EffectOf } from '../../src/drivers/contract.ts';
import type { Harness, HarnessOptions } from './harness.ts';
import { context, never, operation } from './scene.ts';

const claim = 'data-web-1-0';
const web1 = { kind: 'StatefulSet', name: 'web-1' } as const;

const reboot: EffectOf<'RebootServer'> = {
  kind: 'RebootServer',
  request: {
    id: 'uid-run-1/reboot/1/reboot-0',
    group: 'group-1',
    server: 'web-1',
    workload: web1,
    node: 'node-1',
    job: { image: `registry.example/tools@sha256:${'0'.repeat(64)}`, args: ['reboot'], timeout: '5m' },
    parameters: { TO_VERSION: '1.1.0' },
  },
};

export function describeRebuilds(options: HarnessOptions): void {
  describe(`rebuild: ${options.name}`, () => {
    const test = (name: string, run: (harness: Harness) => Promise<void>): void => {
      it(name, async () => {
        const harness = await options.make();
        try {
          await run(harness);
        } finally {
          await harness.close?.();
        }
      });
    };

    test('001-137: a claim is made anew under its name, its volume stays, and asking on changes nothing', async (harness) => {
      const { snapshots, workloads } = harness.drivers;
      await workloads.request(operation('stop'), { kind: 'ScaleWorkload', workload: web1, replicas: 0 }, never);
      await harness.settle();
      const manifest = await snapshots.describeClaim(context(), claim, never);
      const look = (): ReturnType<typeof snapshots.observeRestore> =>
        snapshots.observeRestore(context(), { claim, snapshot: '', manifest }, never);
      assert.equal((await look()).state, 'absent');
      await snapshots.request(operation('uninstall'), { kind: 'KeepVolume', claim }, never);
      assert.equal((await look()).state, 'absent', 'a volume that is kept is still the one in use');
      const before = await volumeOf(harness);
      const replace = { kind: 'ReplaceClaim', claim, manifest } as const;
      for (let asks = 0; asks < 10 && (await look()).state !== 'restored'; asks += 1) {
        await snapshots.request(operation('uninstall'), replace, never);
        await harness.settle();
      }
      assert.equal((await look()).state, 'restored');
      assert.notEqual(await volumeOf(harness), before);
      const changes = harness.changes();
      await snapshots.request(operation('uninstall'), replace, never);
      assert.equal(harness.changes(), changes);
    });

    test('001-138: a reboot is asked for once, whoever asks again', async (harness) => {
      const { workloads } = harness.drivers;
      const look = (): ReturnType<typeof workloads.observeReboot> =>
        workloads.observeReboot(context(), reboot.request, never);
      const untouched = harness.changes();
      assert.equal((await look()).state, 'absent');
      assert.equal(harness.changes(), untouched, 'observing writes nothing');
      await workloads.request(operation('reboot'), reboot, never);
      assert.equal((await look()).state, 'running');
      const changes = harness.changes();
      await workloads.request(operation('reboot'), reboot, never);
      assert.equal(harness.changes(), changes);
      assert.deepEqual([(await look()).id, changes], [reboot.request.id, untouched + 1]);
    });
  });
}

/** Of the claim as it is now; empty where it waits for its pod. */
async function volumeOf({ drivers }: Harness): Promise<string> {
  const seen = await drivers.workloads.observe(context(), web1, never);
  return seen.claims.find((found) => found.claim === claim)?.volume ?? '';
}
