/** Claims, volumes and snapshots of the simulated cluster. */
import { TerminalError } from '../shared/errors.ts';
import {
  changed,
  later,
  must,
  nextNumber,
  type SimClaim,
  type SimVolume,
  type SimWorkload,
  type World,
} from './world.ts';

export function claimOf(workload: SimWorkload, ordinal: number): string | undefined {
  return workload.claimPrefix === undefined ? undefined : `${workload.claimPrefix}-${workload.name}-${ordinal}`;
}

/** A StatefulSet makes a missing claim, empty, whenever it starts a pod. */
export function ensureClaim(world: World, workload: SimWorkload, ordinal: number): void {
  const claim = claimOf(workload, ordinal);
  if (claim === undefined || world.claims.has(claim)) return;
  const first = !world.traffic.acknowledged.has(claim);
  if (first) world.traffic.acknowledged.set(claim, []);
  bindClaim(world, claim, { writes: [], content: first ? `data of ${claim}` : 'empty' });
}

export function bindClaim(
  world: World,
  claim: string,
  data: Omit<SimVolume, 'name'>,
  origin: Pick<SimClaim, 'restoredFrom' | 'restoredBy'> = { restoredFrom: '', restoredBy: '' },
): SimClaim {
  const number = nextNumber(world);
  const volume = { name: `pv-${number}`, ...data };
  world.volumes.set(volume.name, volume);
  const bound = { claim, uid: `claim-${number}`, volume: volume.name, ...origin };
  world.claims.set(claim, bound);
  return bound;
}

export function volumeOf(world: World, claim: string): SimVolume | undefined {
  const bound = world.claims.get(claim);
  return bound === undefined ? undefined : world.volumes.get(bound.volume);
}

export function damageVolume(world: World, claim: string | undefined, version: string): void {
  const volume = claim === undefined ? undefined : volumeOf(world, claim);
  if (volume !== undefined) volume.content = `damaged by ${version}`;
}

/** Acknowledged writes that the claim's volume no longer holds. */
export function lostWrites(world: World, claim: string): number[] {
  const kept = new Set(volumeOf(world, claim)?.writes ?? []);
  return (world.traffic.acknowledged.get(claim) ?? []).filter((write) => !kept.has(write));
}

/** Workloads whose pods use the claim. */
export function usersOf(world: World, claim: string): SimWorkload[] {
  return [...world.workloads.values()].filter((workload) =>
    workload.pods.some((pod) => claimOf(workload, pod.ordinal) === claim),
  );
}

function isFaulty(world: World, faults: ReadonlySet<string>, claim: string): boolean {
  const owner = [...world.workloads.values()].find(
    (workload) => workload.claimPrefix !== undefined && claim.startsWith(`${workload.claimPrefix}-${workload.name}-`),
  );
  return faults.has(claim) || (owner !== undefined && faults.has(owner.group));
}

export function createSnapshot(world: World, snapshot: string, claim: string, className: string): boolean {
  if (world.snapshots.has(snapshot)) return false;
  if (usersOf(world, claim).length > 0)
    world.violations.push(`snapshot ${snapshot} of ${claim} was taken while pods use it`);
  const volume = must(volumeOf(world, claim), `claim ${claim}`);
  const known = world.snapshotClasses.has(className);
  const record = {
    snapshot,
    claim,
    createdAt: world.clock.now(),
    ready: false,
    error: known ? '' : `VolumeSnapshotClass "${className}" not found`,
    writes: [...volume.writes],
    content: volume.content,
  };
  world.snapshots.set(snapshot, record);
  if (known && !isFaulty(world, world.faults.snapshots, claim)) {
    later(world, world.timings.snapshotMs, () => {
      record.ready = true;
    });
  }
  return true;
}

/** Snapshots of the group's volumes that did not become ready do so now: a snapshotter tries again by itself. */
export function letSnapshotsEnd(world: World, group: string): void {
  world.faults.snapshots.delete(group);
  for (const record of world.snapshots.values()) {
    const owner = [...world.workloads.values()].find((workload) => claimOf(workload, 0) === record.claim);
    if (owner?.group === group && record.error === '') record.ready = true;
  }
  changed(world);
}

/** What is written down before a claim is replaced. */
export function describeClaim(world: World, claim: string): string {
  const bound = must(world.claims.get(claim), `claim ${claim}`);
  return JSON.stringify({ claim, uid: bound.uid, volume: bound.volume, reclaimPolicy: 'Delete' });
}

export function volumeIn(manifest: string): string {
  const parsed: unknown = JSON.parse(manifest);
  const volume = typeof parsed === 'object' && parsed !== null && 'volume' in parsed ? parsed.volume : undefined;
  if (typeof volume !== 'string') throw new TerminalError('RestoreFailed', 'the manifest of the claim names no volume');
  return volume;
}

export interface RestoreWish {
  readonly claim: string;
  readonly snapshot: string;
  readonly manifest: string;
  /** UID of the run. */
  readonly by: string;
}

/** One step on the way from the old claim to one made from the snapshot. */
export function restoreClaim(world: World, { claim, snapshot: snapshotName, manifest, by }: RestoreWish): boolean {
  const last = world.restores.get(claim);
  // One from another snapshot was an earlier run's, and is over.
  const restore = last?.snapshot === snapshotName ? last : undefined;
  const bound = world.claims.get(claim);
  if (restore?.state === 'restored' && bound?.restoredFrom === snapshotName) return false;
  const snapshot = world.snapshots.get(snapshotName);
  if (snapshot === undefined || !snapshot.ready) {
    world.violations.push(`claim ${claim} was restored from snapshot ${snapshotName}, which is not a verified one`);
    throw new TerminalError('SnapshotMissing', `snapshot ${snapshotName} is not there or not ready`);
  }
  if (usersOf(world, claim).length > 0) world.violations.push(`claim ${claim} was replaced while pods use it`);
  if (restore === undefined) {
    world.restores.set(claim, {
      snapshot: snapshotName,
      oldVolume: volumeIn(manifest),
      state: 'working',
      message: 'old volume is kept',
    });
    return true;
  }
  if (bound !== undefined && bound.volume === restore.oldVolume) {
    world.claims.delete(claim);
    restore.message = 'old claim is gone';
    return true;
  }
  if (bound !== undefined) throw new TerminalError('ClaimNotOurs', `claim ${claim} was made by somebody else`);
  if (isFaulty(world, world.faults.restores, claim)) {
    restore.message = 'no space left on the storage';
    return false;
  }
  bindClaim(
    world,
    claim,
    { writes: [...snapshot.writes], content: snapshot.content },
    { restoredFrom: snapshotName, restoredBy: by },
  );
  restore.state = 'restored';
  return true;
}

/** The volume from before goes back under the claim's name. */
export function reattachVolume(world: World, claim: string, manifest: string): boolean {
  const volume = volumeIn(manifest);
  if (world.claims.get(claim)?.volume === volume) {
    world.restores.delete(claim);
    return false;
  }
  if (!world.volumes.has(volume)) throw new TerminalError('VolumeMissing', `volume ${volume} is gone`);
  world.claims.set(claim, { claim, uid: `claim-${nextNumber(world)}`, volume, restoredFrom: '', restoredBy: '' });
  world.restores.delete(claim);
  return true;
}

/** Deletes a snapshot or a volume that no claim names. */
export function releaseRetained(world: World, kind: string, name: string): boolean {
  if (kind === 'VolumeSnapshot') return world.snapshots.delete(name);
  if (kind === 'PersistentVolume') {
    if ([...world.claims.values()].some((claim) => claim.volume === name)) {
      world.violations.push(`volume ${name} was released while a claim uses it`);
      return false;
    }
    return world.volumes.delete(name);
  }
  return world.saved.delete(name);
}

/** Somebody deletes a snapshot behind our back. */
export function loseSnapshot(world: World, snapshot: string): void {
  world.snapshots.delete(snapshot);
  changed(world);
}
