/** Two controllers at once: one that believes it still leads, and the one that does. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Pacer } from '../../src/engine/pacer.ts';
import { asStored, type PassInput } from '../../src/engine/input.ts';
import { runPass } from '../../src/engine/pass.ts';
import { Stopwatch } from '../../src/engine/stopwatch.ts';
import type { EffectOf, Operation } from '../../src/drivers/contract.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { createSimDrivers } from '../../src/simulation/drivers.ts';
import { crashPlan, SimProcess } from '../../src/simulation/process.ts';
import type { Simulation } from '../../src/simulation/simulation.ts';
import { TerminalError } from '../../src/shared/errors.ts';
import { must } from '../../src/simulation/world.ts';
import { play, setting, whenStep, type Told } from './story.ts';

const quick = { signOff: 'NotRequired' } as const;
const signal = new AbortController().signal;

/** A pass of the leader of epoch `epoch`, over the run as it was when it was last read. */
function passInput(simulation: Simulation, epoch: number): PassInput {
  const process = new SimProcess(crashPlan());
  return {
    ...asStored(must(simulation.store.runs[0], 'run')),
    drivers: createSimDrivers({ world: simulation.world, process }),
    store: simulation.store.for(process),
    stopwatch: new Stopwatch(() => simulation.world.clock.monotonic()),
    pacer: new Pacer(),
    now: () => simulation.world.clock.now(),
    decisions: [],
    intent: { paused: false },
    epoch,
    mayAct: () => true,
    logger: silentLogger,
    signal,
  };
}

describe('S-03: the leader changes in mid-drain', () => {
  it('S-03: the late write of the old leader is refused, and the run goes on under the new one', async () => {
    const late: Promise<unknown>[] = [];
    const told = (): Told => {
      let frozen: PassInput | undefined;
      return {
        ...setting({ set: quick }),
        events: [
          whenStep('g1-drain', 'Running', 'the leader freezes, another takes over', (simulation) => {
            frozen = passInput(simulation, 1);
            simulation.restart('its lease is over');
          }),
          whenStep('g1-stop', 'Running', 'the old leader wakes up', () => {
            late.push(assert.rejects(runPass(must(frozen, 'old leader')), /newer version|later leader/));
          }),
        ],
      };
    };
    const ended = await play({ tell: told });
    await Promise.all(late);
    assert.deepEqual([late.length, ended.result.runs[0]?.status?.phase, ended.result.violations], [1, 'Completed', []]);
    assert.equal(ended.result.runs[0]?.status?.epoch, 2);
  });

  it('S-03: a leader of an older epoch that reads the run anew does nothing', async () => {
    const refused: Promise<void>[] = [];
    const ended = await play({
      tell: () => ({
        ...setting({ set: quick }),
        events: [
          whenStep('g1-drain', 'Running', 'the leader changes', (simulation) =>
            simulation.restart('its lease is over'),
          ),
          whenStep('g1-stop', 'Running', 'the old one looks again', (simulation) => {
            refused.push(assert.rejects(runPass(passInput(simulation, 1)), /later leader/));
          }),
        ],
      }),
    });
    await Promise.all(refused);
    assert.deepEqual([refused.length, ended.result.runs[0]?.status?.phase], [1, 'Completed']);
  });

  it('S-03: its late call to the load balancer is repaired, and no snapshot is made twice', async () => {
    const late: Promise<void>[] = [];
    const ended = await play({
      tell: () => ({
        ...setting({ set: quick }),
        events: [
          whenStep('g1-snapshot', 'Running', 'the old leader puts the stopped member back', (simulation) => {
            const { drivers, run } = passInput(simulation, 1);
            const operation: Operation = {
              namespace: 'shop',
              run: run.metadata.name,
              runUID: run.metadata.uid ?? '',
              upgradeSet: 'portal',
              user: undefined,
              handles: {},
              operation: run.status?.steps.find((entry) => entry.id === 'g1-drain')?.operation ?? '',
            };
            const member = { pool: 'web', member: 'web-1', workload: { kind: 'StatefulSet', name: 'web-1' } } as const;
            const effect: EffectOf<'ServeMember'> = { kind: 'ServeMember', member };
            late.push(drivers.pools.request(operation, effect, signal));
          }),
        ],
      }),
    });
    await Promise.all(late);
    assert.deepEqual(
      [late.length, ended.result.runs[0]?.status?.phase, ended.result.violations, ended.world.traffic.unproven],
      [1, 'Completed', [], 0],
    );
    const made = ended.world.calls.filter((call) => call.kind === 'CreateSnapshot' && call.changed).length;
    assert.equal(made, 2);
  });
});

describe('S-12: the namespace is deleted in mid-run', () => {
  it('S-12: a way back that cannot be made ends the run at once, with that reason', async () => {
    const ended = await play({
      tell: () => ({
        ...setting({ set: { ...quick, rollback: { policy: 'RequireApproval' } } }),
        fail: ['probe:login@group-1'],
        limitMs: 600_000,
      }),
    });
    const input = passInput(ended.simulation, 1);
    const outcome = await runPass({
      ...input,
      intent: { paused: false, end: 'Delete' },
      store: {
        ...input.store,
        createRun: () => Promise.reject(new TerminalError('NamespaceTerminating', 'namespace shop is being deleted')),
      },
    });
    assert.equal(outcome.run.status?.phase, 'Failed');
    const ready = outcome.run.status?.conditions?.find((condition) => condition.type === 'Ready');
    assert.deepEqual([ready?.reason, ready?.message], ['NamespaceTerminating', 'namespace shop is being deleted']);
  });
});
