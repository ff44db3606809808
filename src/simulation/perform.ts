/** Effects on pools, workloads and settings of the simulated cluster. Each answers whether anything is different now. */
import { RetryError, TerminalError } from '../shared/errors.ts';
import { assertNever } from '../shared/assert.ts';
import type { EffectOf, Operation, WorkloadEffect } from '../drivers/contract.ts';
import type { WorkloadRef } from '../planner/effects.ts';
import { workloadKey } from '../planner/observed.ts';
import { contentOf } from './invariants.ts';
import { documentKey, valueKey } from './observe.ts';
import { memberOf, setMember } from './pools.ts';
import { deletePods, scale, setTemplate } from './workloads.ts';
import { must, type SimWorkload, type World } from './world.ts';

/** What the operator's writes are signed with. */
const writer = 'belay';

export function performOnMember(
  world: World,
  operation: Operation,
  effect: EffectOf<'HoldMember' | 'DrainMember' | 'ServeMember'>,
): boolean {
  const pool = must(world.pools.get(effect.member.pool), `pool ${effect.member.pool}`);
  const member = memberOf(pool, effect.member.member);
  const by = operation.upgradeSet;
  switch (effect.kind) {
    case 'HoldMember':
      // Where the load balancer itself holds, this repairs what a restarted process forgot.
      if (pool.kind === 'haproxy') return setMember(world, { pool, member, state: 'drain', by });
      if (!pool.canHold || pool.held.has(member.workload)) return false;
      pool.held.add(member.workload);
      return true;
    case 'DrainMember':
      return setMember(world, { pool, member, state: effect.force ? 'maint' : 'drain', by });
    case 'ServeMember':
      return setMember(world, { pool, member, state: 'ready', by });
    default:
      return assertNever(effect);
  }
}

export function performLocks(
  world: World,
  operation: Operation,
  effect: EffectOf<'LockWorkloads' | 'UnlockWorkloads'>,
): boolean {
  const different = effect.workloads.map((ref) => {
    const workload = workloadOf(world, ref);
    const changed =
      effect.kind === 'LockWorkloads'
        ? lock(workload, operation.runUID, effect.takeFrom)
        : unlock(workload, operation.runUID);
    if (changed) workload.operation = operation.operation;
    return changed;
  });
  return different.includes(true);
}

export function performOnWorkload(world: World, operation: Operation, effect: WorkloadEffect): boolean {
  const workload = workloadOf(world, effect.workload);
  const different = changeWorkload(world, workload, operation, effect);
  // Pods and revisions are objects of their own; what is refused or was so already leaves no mark.
  if (different && effect.kind !== 'DeletePods' && effect.kind !== 'SaveRevision')
    workload.operation = operation.operation;
  return different;
}

function workloadOf(world: World, ref: WorkloadRef): SimWorkload {
  const workload = world.workloads.get(workloadKey(ref));
  if (workload === undefined || workload.deleted)
    throw new TerminalError('WorkloadNotFound', `${workloadKey(ref)} does not exist`);
  return workload;
}

function changeWorkload(world: World, workload: SimWorkload, operation: Operation, effect: WorkloadEffect): boolean {
  switch (effect.kind) {
    case 'ScaleWorkload':
      return scale(world, workload, effect.replicas, writer);
    case 'DeletePods':
      return deletePods(world, workload, effect.uids);
    case 'SaveRevision':
      if (world.saved.has(effect.revision)) return false;
      world.saved.set(effect.revision, {
        kind: 'Revision',
        workload: workloadKey(workload),
        template: workload.template,
        replicas: workload.replicas,
      });
      return true;
    case 'ApplyImages':
      return setTemplate(
        world,
        workload,
        { ...workload.template, images: { ...workload.template.images, ...effect.images } },
        writer,
      );
    case 'ResetWorkload':
      // Nothing is noted on a workload here.
      return false;
    case 'RestoreTemplate': {
      const saved = world.saved.get(effect.revision);
      if (saved?.kind !== 'Revision') throw new TerminalError('RevisionMissing', `revision ${effect.revision} is gone`);
      return setTemplate(world, workload, saved.template, writer);
    }
    default:
      return assertNever(effect);
  }
}

function lock(workload: SimWorkload, runUID: string, takeFrom: string | undefined): boolean {
  if (workload.lockedBy === runUID) return false;
  if (workload.lockedBy !== '' && workload.lockedBy !== takeFrom) {
    throw new RetryError('Locked', `${workloadKey(workload)} is locked by run ${workload.lockedBy}`);
  }
  workload.lockedBy = runUID;
  return true;
}

function unlock(workload: SimWorkload, runUID: string): boolean {
  if (workload.lockedBy !== runUID) return false;
  workload.lockedBy = '';
  return true;
}

export function performOnSettings(
  world: World,
  effect: EffectOf<'SaveSettings' | 'ApplySettings' | 'RestoreSettings'>,
): boolean {
  switch (effect.kind) {
    case 'SaveSettings': {
      if (world.saved.has(effect.name)) return false;
      const values = new Map<string, string | undefined>();
      for (const setting of effect.settings) {
        const document = documentOf(world, documentKey(setting));
        // The whole key is kept, whatever places in it are going to change.
        for (const [key, value] of document)
          if (key.startsWith(`${setting.key}/`)) values.set(`${documentKey(setting)} ${key}`, value);
        values.set(`${documentKey(setting)} ${setting.key}`, undefined);
      }
      world.saved.set(effect.name, { kind: 'Settings', values });
      return true;
    }
    case 'ApplySettings': {
      let different = false;
      for (const change of effect.changes) {
        const document = documentOf(world, documentKey(change));
        const key = valueKey(change);
        const before = document.get(key);
        if (change.mode === 'remove') document.delete(key);
        else if (change.mode === 'set' || before === undefined) document.set(key, change.value);
        different ||= document.get(key) !== before;
      }
      return different;
    }
    case 'RestoreSettings':
      return restoreSettings(world, effect.name);
    default:
      return assertNever(effect);
  }
}

function restoreSettings(world: World, name: string): boolean {
  const saved = world.saved.get(name);
  if (saved?.kind !== 'Settings') throw new TerminalError('SettingsMissing', `the saved settings ${name} are gone`);
  let different = false;
  const wholeKeys = [...saved.values].filter(([, value]) => value === undefined).map(([key]) => key);
  for (const whole of wholeKeys) {
    const [object = '', key = ''] = whole.split(' ');
    const document = documentOf(world, object);
    const before = contentOf(document);
    for (const place of document.keys()) if (place.startsWith(`${key}/`)) document.delete(place);
    for (const [place, value] of saved.values) {
      if (value !== undefined && place.startsWith(`${object} ${key}/`))
        document.set(place.slice(object.length + 1), value);
    }
    different ||= contentOf(document) !== before;
  }
  return different;
}

function documentOf(world: World, key: string): Map<string, string> {
  const document = world.documents.get(key);
  if (document === undefined) throw new TerminalError('SettingsMissing', `${key} does not exist`);
  return document;
}
