/** Servers made anew in the simulated cluster: volumes without content, and nodes that boot. */
import { TerminalError } from '../shared/errors.ts';
import type { RebootRequest } from '../planner/effects.ts';
import type { RebootObservation } from '../planner/observed.ts';
import { bindClaim, usersOf, volumeIn } from './storage.ts';
import { later, type SimWorkload, type World } from './world.ts';

/** One step on the way from the old claim to an empty one. */
export function replaceClaim(world: World, claim: string, manifest: string): boolean {
  const restore = world.restores.get(claim);
  const bound = world.claims.get(claim);
  const oldVolume = volumeIn(manifest);
  if (restore?.snapshot === '' && restore.state === 'restored' && bound !== undefined) return false;
  if (usersOf(world, claim).length > 0) world.violations.push(`claim ${claim} was replaced while pods use it`);
  if (restore?.snapshot !== '') {
    world.restores.set(claim, { snapshot: '', oldVolume, state: 'working', message: 'old volume is kept' });
    return true;
  }
  if (bound !== undefined && bound.volume === oldVolume) {
    world.claims.delete(claim);
    restore.message = 'old claim is gone';
    return true;
  }
  if (bound !== undefined) throw new TerminalError('ClaimNotOurs', `claim ${claim} was made by somebody else`);
  bindClaim(world, claim, { writes: [], content: 'empty' });
  restore.state = 'restored';
  return true;
}

/** Every server has a machine of its own. */
export function nodeOf(workload: Pick<SimWorkload, 'name'>): string {
  return `node-of-${workload.name}`;
}

export function startReboot(world: World, { id, node }: RebootRequest): boolean {
  const { reboots } = world;
  if (reboots.jobs.has(id)) return false;
  reboots.jobs.set(id, { state: 'running', message: '' });
  if (reboots.fails) {
    later(world, world.timings.stopMs, () => reboots.jobs.set(id, { state: 'failed', message: 'exit status 1' }));
    return true;
  }
  if (reboots.boot) reboots.down.add(node);
  later(world, world.timings.startMs, () => {
    // Its pod goes down with the node it reboots.
    reboots.jobs.set(
      id,
      reboots.boot ? { state: 'failed', message: 'the node went away' } : { state: 'succeeded', message: '' },
    );
    reboots.down.delete(node);
    if (reboots.boot) reboots.boots.set(node, bootsOf(world, node) + 1);
  });
  return true;
}

export function seeRebootNow(world: World, { id, node }: RebootRequest): RebootObservation {
  const { state, message } = world.reboots.jobs.get(id) ?? { state: 'absent', message: '' };
  return { id, state, message, nodeReady: !world.reboots.down.has(node), bootID: `boot-${bootsOf(world, node)}` };
}

function bootsOf(world: World, node: string): number {
  return world.reboots.boots.get(node) ?? 1;
}
