/** What the drivers see of the simulated cluster; reading changes nothing. */
import type { SettingChange, SettingRef, WorkloadRef } from '../planner/effects.ts';
import {
  absentWorkload,
  settingKey,
  workloadKey,
  type ClaimObservation,
  type MemberObservation,
  type MemberState,
  type PoolObservation,
  type RestoreObservation,
  type SnapshotObservation,
  type WorkloadObject,
  type WorkloadObservation,
} from '../planner/observed.ts';
import { drainedKey } from '../planner/steps/keys.ts';
import { adminOf, connectionsOf, foreignTo, isServing, podsOf } from './pools.ts';
import { nodeOf } from './rebuild.ts';
import { claimOf } from './storage.ts';
import { isRolledOut } from './workloads.ts';
import { releaseOf, templateHash, type SimMember, type SimPool, type SimWorkload, type World } from './world.ts';

/** @param runUID who asks: of restored claims only its own bear its mark */
export function seeWorkloadNow(world: World, ref: WorkloadRef, runUID: string): WorkloadObservation {
  const workload = world.workloads.get(workloadKey(ref));
  if (workload === undefined || workload.deleted) return absentWorkload(ref);
  return {
    kind: workload.kind,
    name: workload.name,
    exists: true,
    current: workload.observedGeneration >= workload.generation,
    replicas: workload.replicas,
    pods: workload.pods.map((pod) => ({
      name: pod.name,
      uid: pod.uid,
      ready: pod.ready && !pod.terminating,
      terminating: pod.terminating,
      images: pod.template.images,
      trouble:
        !pod.ready && releaseOf(world, pod.template).neverReady === true
          ? 'CrashLoopBackOff: back-off 5m restarting'
          : '',
      address: `10.0.0.${pod.uid.slice('pod-'.length)}`,
      node: nodeOf(workload),
    })),
    images: workload.template.images,
    templateHash: templateHash(workload.template),
    rolledOut: isRolledOut(workload),
    lockedBy: workload.lockedBy,
    autoscaled: workload.autoscaled,
    claims: claimsOf(world, workload, runUID),
    reconcilers: workload.reconcilers,
    lastWriter: workload.lastWriter,
    operation: workload.operation,
  };
}

/** Of a StatefulSet alone the object tells whether its pods have followed. */
export function seeObjectNow(world: World, ref: WorkloadRef, runUID: string): WorkloadObject {
  const {
    pods: _,
    claims: _claims,
    autoscaled: _autoscaled,
    rolledOut,
    ...object
  } = seeWorkloadNow(world, ref, runUID);
  return ref.kind === 'StatefulSet' ? { ...object, rolledOut } : object;
}

function claimsOf(world: World, workload: SimWorkload, runUID: string): ClaimObservation[] {
  const claims: ClaimObservation[] = [];
  for (let ordinal = 0; ordinal < 16; ordinal += 1) {
    const bound = world.claims.get(claimOf(workload, ordinal) ?? '');
    if (bound === undefined) continue;
    const { restoredBy, ...seen } = bound;
    claims.push(restoredBy === runUID ? seen : { ...seen, restoredFrom: '' });
  }
  return claims;
}

/** Whose own doing is not foreign, and what the journal says of members. */
export interface Asker {
  readonly upgradeSet: string;
  readonly handles: Readonly<Record<string, string>>;
}

export function seePoolNow(world: World, name: string, asker: Asker): PoolObservation {
  const pool = world.pools.get(name);
  if (pool === undefined) {
    const why = `pool ${name} does not exist`;
    return {
      pool: name,
      canHold: false,
      reachable: { known: false, why },
      members: [],
      minServing: 1,
      settleMs: 0,
      countsConnections: false,
    };
  }
  const down = pool.instances.filter((instance) => !instance.up).map((instance) => `${instance.name} unreachable`);
  return {
    pool: name,
    canHold: pool.canHold,
    reachable: down.length === 0 ? { known: true, value: true } : { known: false, why: down.join(', ') },
    members: pool.members.map((member) => seeMember(world, pool, member, { ...asker, down: down.join(', ') })),
    minServing: pool.minServing,
    settleMs: pool.settleMs,
    countsConnections: pool.countsConnections,
  };
}

function seeMember(world: World, pool: SimPool, member: SimMember, about: Asker & { down: string }): MemberObservation {
  const state = about.down === '' ? stateOf(world, pool, member) : 'Unknown';
  const counted = pool.countsConnections && state !== 'Unknown';
  return {
    member: member.member,
    state,
    connections: counted
      ? { known: true, value: connectionsOf(world, pool, member) }
      : { known: false, why: about.down === '' ? 'nothing counts the connections' : about.down },
    foreign: foreignTo(pool, member.member, about.upgradeSet),
    detail: about.down,
    held: pool.kind === 'service' ? pool.held.has(member.workload) : !hasForgotten(pool, member, about),
  };
}

/** HAProxy holds by its own state; a process that restarted lets a member in that the journal says is out. */
function hasForgotten(pool: SimPool, member: SimMember, { handles }: Asker): boolean {
  const drained =
    handles[drainedKey({ pool: pool.name, member: member.member, workload: { kind: 'StatefulSet', name: '' } })] ===
    'ours';
  return drained && pool.instances.some((instance) => adminOf(instance, member.member).state === 'ready');
}

function stateOf(world: World, pool: SimPool, member: SimMember): MemberState {
  if (isServing(world, pool, member)) return 'Serving';
  const pods = podsOf(world, member);
  const anyRotation = pods.some((pod) => pool.instances.some((instance) => instance.rotation.has(pod.uid)));
  const isOut =
    pool.kind === 'service'
      ? pods.every((pod) => !pod.labels.has(pool.name)) &&
        pool.instances.some((instance) => adminOf(instance, member.member).state !== 'ready')
      : pool.instances.every((instance) => adminOf(instance, member.member).state !== 'ready');
  const isMixed =
    new Set(pool.instances.map((instance) => adminOf(instance, member.member).state === 'ready')).size > 1;
  if (!isOut && !isMixed) return 'Down';
  return isMixed || anyRotation || connectionsOf(world, pool, member) > 0 ? 'Draining' : 'Drained';
}

export function seeSnapshotNow(world: World, snapshot: string, claim: string): SnapshotObservation {
  const seen = world.snapshots.get(snapshot);
  if (seen === undefined)
    return { snapshot, exists: false, ready: false, verified: false, createdAt: undefined, error: '' };
  const verified = seen.ready && seen.claim === claim;
  return { snapshot, exists: true, ready: seen.ready, verified, createdAt: seen.createdAt, error: seen.error };
}

export function seeRestoreNow(world: World, claim: string, snapshot: string): RestoreObservation {
  const restore = world.restores.get(claim);
  const bound = world.claims.get(claim);
  if (restore === undefined || restore.snapshot !== snapshot)
    return { claim, state: 'absent', message: `${claim} is the one from before` };
  if (restore.state === 'restored' && bound?.restoredFrom === snapshot && bound.volume !== restore.oldVolume)
    return { claim, state: 'restored', message: '' };
  if (bound !== undefined && bound.volume !== restore.oldVolume) {
    return { claim, state: 'blocked', message: `claim ${claim} was made by somebody else` };
  }
  return { claim, state: 'working', message: restore.message };
}

export function documentKey(setting: SettingRef): string {
  return `${setting.object.kind}/${setting.object.name}`;
}

export function valueKey(setting: SettingRef & { readonly path?: string }): string {
  return `${setting.key}/${setting.path ?? ''}`;
}

export function seeSettingsNow(
  world: World,
  changes: readonly SettingChange[],
): Map<string, 'as-wanted' | 'differs' | 'missing'> {
  return new Map(
    changes.map((change) => {
      const document = world.documents.get(documentKey(change));
      if (document === undefined) return [settingKey(change), 'missing'];
      const value = document.get(valueKey(change));
      const asWanted =
        change.mode === 'set' ? value === change.value : (change.mode === 'add') === (value !== undefined);
      return [settingKey(change), asWanted ? 'as-wanted' : 'differs'];
    }),
  );
}
