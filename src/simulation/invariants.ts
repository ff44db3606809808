/** Promises that hold at every instant of every simulation (design 5), each a function that says how it is broken. */
import type { Operation } from '../drivers/contract.ts';
import type { Effect, MemberRef, WorkloadRef } from '../planner/effects.ts';
import { workloadKey } from '../planner/observed.ts';
import { isServing, podsOf } from './pools.ts';
import { lostStored, strangersTo } from './databases.ts';
import { claimOf, lostWrites } from './storage.ts';
import { provenKey, templateHash, type Call, type SimPool, type SimWorkload, type World } from './world.ts';

type EffectInvariant = (world: World, operation: Operation, effect: Effect) => string | undefined;
type InstantInvariant = (world: World) => string | undefined;

/** 5.1: whoever changes a server holds its lock. */
function onlyUnderLock(world: World, operation: Operation, effect: Effect): string | undefined {
  const touched = touchedWorkload(world, effect);
  if (touched === undefined || touched.lockedBy === operation.runUID) return undefined;
  return `${effect.kind} on ${touched.name} by ${operation.run}, locked by "${touched.lockedBy}"`;
}

/** 5.2, 5.3: nothing leaves a pool that would keep fewer members than it needs. */
function keepsCapacity(world: World, _: Operation, effect: Effect): string | undefined {
  if (effect.kind !== 'DrainMember' || mayInterrupt(world)) return undefined;
  const pool = world.pools.get(effect.member.pool);
  const member = pool?.members.find((candidate) => candidate.member === effect.member.member);
  if (pool === undefined || member === undefined || !isServing(world, pool, member)) return undefined;
  const left = servingIn(world, pool) - 1;
  const needed = minimumOf(world, pool);
  return left >= needed
    ? undefined
    : `draining ${effect.member.member} leaves ${left} serving in ${pool.name}, which needs ${needed}`;
}

/** 5.2: nothing that serves is stopped. */
function stopsNothingThatServes(world: World, _: Operation, effect: Effect): string | undefined {
  if (effect.kind !== 'ScaleWorkload' || effect.replicas > 0 || mayInterrupt(world)) return undefined;
  const key = workloadKey(effect.workload);
  const pool = [...world.pools.values()].find((candidate) =>
    candidate.members.some((member) => member.workload === key && isServing(world, candidate, member)),
  );
  return pool === undefined ? undefined : `${effect.workload.name} is stopped while it serves in ${pool.name}`;
}

/** 5.5: the next group is not changed while one that was changed is broken. */
function oneBrokenAtMost(world: World, operation: Operation, effect: Effect): string | undefined {
  // A rebuild touches what is broken, while others may be broken too.
  if (effect.kind !== 'ApplyImages' || isRebuild(operation)) return undefined;
  const group = world.workloads.get(workloadKey(effect.workload))?.group;
  const broken = [...world.workloads.values()].find(
    (workload) =>
      workload.lockedBy === operation.runUID &&
      workload.group !== group &&
      !world.original.has(provenKey(workload, workload.template)) &&
      !world.traffic.proven.has(provenKey(workload, workload.template)) &&
      isHoldable(world, workload),
  );
  return broken === undefined ? undefined : `${effect.workload.name} is changed while ${broken.name} is not proven`;
}

/** 5.6: one restore at a time. */
function oneRestoreAtATime(world: World, _: Operation, effect: Effect): string | undefined {
  if (effect.kind !== 'RestoreClaim') return undefined;
  const other = [...world.restores].find(([claim, restore]) => claim !== effect.claim && restore.state === 'working');
  return other === undefined ? undefined : `${effect.claim} is restored while ${other[0]} is`;
}

/** 5.8: a release that failed its tests is not put in front of users where it can be kept from them. */
function servesOnlyProven(world: World, _: Operation, effect: Effect): string | undefined {
  if (effect.kind !== 'ServeMember') return undefined;
  const workload = world.workloads.get(workloadKey(effect.member.workload));
  const pool = world.pools.get(effect.member.pool);
  if (workload === undefined || pool?.canHold !== true || world.promises.mayServeUnproven) return undefined;
  const strange = workload.pods.find((pod) => !world.traffic.proven.has(provenKey(workload, pod.template)));
  return strange === undefined
    ? undefined
    : `${strange.name} is put into ${pool.name} with a release that passed no test`;
}

function requestsAreAnswered(world: World): string | undefined {
  return world.traffic.failed === 0 || mayInterrupt(world)
    ? undefined
    : `${world.traffic.failed} of ${world.traffic.requests} requests failed`;
}

function usersMeetProvenReleases(world: World): string | undefined {
  return world.traffic.unproven === 0 || world.promises.mayServeUnproven
    ? undefined
    : `${world.traffic.unproven} requests met a release that passed no test`;
}

function nobodyIsCutOff(world: World): string | undefined {
  return world.traffic.cut === 0 || world.promises.mayCut ? undefined : `${world.traffic.cut} users were cut off`;
}

function poolsKeepTheirMinimum(world: World): string | undefined {
  if (mayInterrupt(world)) return undefined;
  const short = [...world.pools.values()].find(
    (pool) => servingIn(world, pool) < Math.min(minimumOf(world, pool), pool.members.length),
  );
  return short === undefined
    ? undefined
    : `${short.name} has ${servingIn(world, short)} serving members and needs ${minimumOf(world, short)}`;
}

function minimumOf({ promises }: World, { minServing }: SimPool): number {
  return promises.mayServeFewer ? Math.min(1, minServing) : minServing;
}

/** 4.3: acknowledged writes are lost only when somebody said so. Looked at for claims that are not the ones from the start. */
function writesAreKept(world: World): string | undefined {
  if (world.promises.mayLose) return undefined;
  for (const claim of world.claims.values()) {
    if (claim.restoredFrom === '') continue;
    const lost = lostWrites(world, claim.claim).length;
    if (lost > 0) return `${lost} acknowledged writes of ${claim.claim} are gone`;
  }
  return undefined;
}

/** Nobody serves only in a downtime that a run has announced (invariant 1 of the requirements). */
function mayInterrupt(world: World): boolean {
  return world.promises.mayInterrupt || world.declaredDowntime;
}

/** Invariant 2 of the requirements. */
function codeKnowsItsSchema(world: World): string | undefined {
  if (world.promises.mayMixSchemas) return undefined;
  const strange = [...world.databases.values()].flatMap((database) => strangersTo(world, database));
  return strange.length === 0 ? undefined : strange.join(', ');
}

/** What users were told is stored stays in the database, unless somebody gave it up. */
function storedIsKept(world: World): string | undefined {
  if (world.promises.mayLose) return undefined;
  const lost = [...world.databases.values()].flatMap((database) => lostStored(world, database));
  return lost.length === 0 ? undefined : `${lost.length} acknowledged writes are no longer in the database`;
}

const changing: ReadonlySet<string> = new Set(['backup', 'migrate', 'restore']);

/** 001-140: whoever makes a server anew takes the database as it is. */
function rebuildsOnTheDatabaseThereIs(_: World, operation: Operation, effect: Effect): string | undefined {
  if (effect.kind !== 'RunDatabaseJob' || !isRebuild(operation)) return undefined;
  return changing.has(effect.job.verb) ? `${operation.run} asks for ${effect.job.verb}` : undefined;
}

function isRebuild({ run }: Operation): boolean {
  return /-(?:rebuild(?:-\d+)?|rb\d+)$/.test(run);
}

const effectInvariants: Readonly<Record<string, EffectInvariant>> = {
  onlyUnderLock,
  keepsCapacity,
  stopsNothingThatServes,
  oneBrokenAtMost,
  oneRestoreAtATime,
  servesOnlyProven,
  rebuildsOnTheDatabaseThereIs,
};

const instantInvariants: Readonly<Record<string, InstantInvariant>> = {
  requestsAreAnswered,
  usersMeetProvenReleases,
  nobodyIsCutOff,
  poolsKeepTheirMinimum,
  writesAreKept,
  codeKnowsItsSchema,
  storedIsKept,
};

/** Asked before an effect is performed. */
export function checkEffect(world: World, operation: Operation, effect: Effect): string[] {
  return Object.entries(effectInvariants).flatMap(([name, check]) => {
    const broken = check(world, operation, effect);
    return broken === undefined ? [] : [`${name}: ${broken}`];
  });
}

/** Asked whenever anything changed. */
export function checkInstant(world: World): string[] {
  return Object.entries(instantInvariants).flatMap(([name, check]) => {
    const broken = check(world);
    return broken === undefined ? [] : [`${name}: ${broken}`];
  });
}

export interface Handover {
  readonly group?: string | undefined;
  readonly object: string;
  readonly server?: string | undefined;
}

/** Asked when every run has ended: no lock, no hold, everybody serves or was handed over by name (5.7, 5.8). */
export function checkEnd(world: World, handedOver: readonly Handover[]): string[] {
  const groups = new Set(handedOver.map((handover) => handover.group));
  const broken: string[] = [];
  for (const [name, group] of world.groups)
    if (group.lockedBy !== '') broken.push(`noLockIsLeft: group ${name} by ${group.lockedBy}`);
  for (const workload of world.workloads.values()) {
    if (workload.lockedBy !== '') broken.push(`noLockIsLeft: ${workload.name} by ${workload.lockedBy}`);
  }
  for (const pool of world.pools.values()) {
    for (const member of pool.members) {
      const workload = world.workloads.get(member.workload);
      if (workload === undefined || workload.deleted || groups.has(workload.group)) continue;
      if (pool.held.has(member.workload))
        broken.push(`nothingTemporarySurvives: ${member.member} is held out of ${pool.name}`);
      const byPerson = pool.instances.some((instance) => instance.admin.get(member.member)?.by === 'somebody else');
      const serves = isServing(world, pool, member);
      if (byPerson && serves)
        broken.push(`personsWordHolds: ${member.member} serves in ${pool.name} against a person's word`);
      if (!byPerson && !serves)
        broken.push(`everybodyServes: ${member.member} of ${pool.name} neither serves nor was handed over`);
    }
  }
  for (const database of world.databases.values()) {
    if (database.readOnly === 'ours' && !handedOver.some(({ object }) => object === `database/${database.name}`))
      broken.push(`nothingTemporarySurvives: ${database.name} is still read-only`);
  }
  for (const id of world.asides.keys()) broken.push(`nothingTemporarySurvives: the restore drill ${id}`);
  for (const [claim, restore] of world.restores) {
    if (restore.state === 'working' && !world.claims.has(claim)) broken.push(`dataIsThere: claim ${claim} is missing`);
  }
  if (!world.promises.mayLose) {
    for (const claim of world.claims.keys()) {
      const lost = lostWrites(world, claim).length;
      if (lost > 0) broken.push(`writesAreKept: ${lost} acknowledged writes of ${claim} are gone`);
    }
  }
  return broken;
}

/** Named effects leave one object each: no run made one twice. */
export function checkOnce(world: World): string[] {
  const named = new Set(['SaveRevision', 'SaveSettings', 'CreateSnapshot']);
  const seen = new Map<string, number>();
  for (const call of world.calls) {
    if (!named.has(call.kind) || !call.changed) continue;
    const key = `${call.kind} ${call.target} of ${call.runUID}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  return [...seen].filter(([, count]) => count > 1).map(([key, count]) => `onceAtMost: ${key} was made ${count} times`);
}

/** So many calls in so long that change nothing are a loop that eats the API server. */
const maxIdleCalls = 20;
const idleWindowMs = 10_000;

/** What was asked and not yet followed by the world is asked again with a pause, not at once. */
export function checkCalm(world: World): string[] {
  const broken = new Set<string>();
  let row: Call[] = [];
  for (const call of world.calls) {
    const before = row.at(-1);
    const same = before?.operation === call.operation && before.kind === call.kind && before.target === call.target;
    row = call.changed || !same ? [call] : [...row.filter((other) => call.at - other.at < idleWindowMs), call];
    if (row.length > maxIdleCalls) broken.add(`noHotLoop: ${call.kind} ${call.target} again and again`);
  }
  return [...broken];
}

function servingIn(world: World, pool: SimPool): number {
  return pool.members.filter((member) => isServing(world, pool, member)).length;
}

function isHoldable(world: World, workload: SimWorkload): boolean {
  const pools = [...world.pools.values()].filter((pool) =>
    pool.members.some((member) => member.workload === workloadKey(workload)),
  );
  return pools.length > 0 && pools.every((pool) => pool.canHold);
}

function touchedWorkload(world: World, effect: Effect): SimWorkload | undefined {
  const refs: WorkloadRef | MemberRef | undefined =
    'workload' in effect ? effect.workload : 'member' in effect ? effect.member.workload : undefined;
  if (refs !== undefined && 'kind' in refs) return world.workloads.get(workloadKey(refs));
  if (effect.kind !== 'CreateSnapshot' && effect.kind !== 'RestoreClaim' && effect.kind !== 'ReattachVolume')
    return undefined;
  return [...world.workloads.values()].find((workload) =>
    Array.from({ length: 16 }, (_, ordinal) => claimOf(workload, ordinal)).includes(effect.claim),
  );
}

/** The values of a document as one text, whatever order they were written in. */
export function contentOf(values: ReadonlyMap<string, string>): string {
  return JSON.stringify([...values].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** What is the same after every way to the same end: no times, no UIDs, no names that count attempts. */
export function fingerprintOf(world: World): Record<string, string> {
  const lines: Record<string, string> = {};
  for (const [key, workload] of world.workloads) {
    lines[key] =
      `${templateHash(workload.template)} x${workload.replicas} ready=${workload.pods.filter((pod) => pod.ready).length}`;
  }
  for (const pool of world.pools.values()) {
    for (const member of pool.members) {
      const pods = podsOf(world, member).length;
      lines[`${pool.name}/${member.member}`] = `${isServing(world, pool, member) ? 'serving' : 'out'} pods=${pods}`;
    }
  }
  for (const claim of world.claims.values()) {
    const lost = lostWrites(world, claim.claim).length === 0 ? 'no' : 'some';
    lines[claim.claim] = `${world.volumes.get(claim.volume)?.content ?? 'no volume'}, ${lost} writes lost`;
  }
  for (const database of world.databases.values()) {
    const lost = lostStored(world, database).length === 0 ? 'no' : 'some';
    const mode = database.readOnly === undefined ? '' : `, read-only by ${database.readOnly}`;
    lines[database.name] = `schema ${database.schema}, ${lost} writes lost${mode}`;
  }
  for (const [document, values] of world.documents) lines[document] = contentOf(values);
  return lines;
}
