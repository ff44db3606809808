import { createSimDrivers } from '../../src/simulation/drivers.ts';
import { addPool, personSets } from '../../src/simulation/pools.ts';
import { SimProcess, crashPlan } from '../../src/simulation/process.ts';
import { addWorkload } from '../../src/simulation/workloads.ts';
import { createWorld } from '../../src/simulation/world.ts';
import type { Harness } from './harness.ts';

/** The simulator's drivers, which stories and crash tests run on. */
export function simHarness(kind: 'service' | 'haproxy'): Promise<Harness> {
  const world = createWorld();
  const refOf = (name: string): { kind: 'StatefulSet'; name: string } => ({ kind: 'StatefulSet', name });
  addPool(world, {
    name: 'web',
    kind,
    members: ['web-1', 'web-2'].map((name) => ({ member: name, workload: refOf(name) })),
  });
  for (const name of ['web-1', 'web-2'])
    addWorkload(world, { ...refOf(name), images: { portal: 'old' }, claimPrefix: 'data', group: 'group-1' });
  world.releases.set('old', { version: '1.1.0' });
  world.releases.set('new', { version: '1.2.0' });
  world.groups.set('group-1', { lockedBy: '' });
  const drivers = createSimDrivers({ world, process: new SimProcess(crashPlan()) });
  return Promise.resolve({
    drivers,
    settle() {
      world.clock.advanceTo(world.clock.now() + 120_000);
      return Promise.resolve();
    },
    changes: () => world.calls.filter(({ changed }) => changed).length,
    takeOut() {
      personSets(world, 'web', 'web-1', 'drain');
      return Promise.resolve();
    },
    abortable: false,
  });
}
