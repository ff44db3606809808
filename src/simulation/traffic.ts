/** Simulated users: at every instant at which something changed, one request goes to every process of every pool. */
import { podsOf } from './pools.ts';
import { claimOf, volumeOf } from './storage.ts';
import { provenKey, type SimInstance, type SimPool, type SimWorkload, type World } from './world.ts';

/** One request through each process of each pool; each pod that serves acknowledges one write per claim. */
export function serveUsers(world: World): void {
  for (const pool of world.pools.values()) {
    for (const instance of pool.instances.filter((candidate) => candidate.up)) request(world, pool, instance);
  }
}

function request(world: World, pool: SimPool, instance: SimInstance): void {
  world.traffic.requests += 1;
  let answered = false;
  for (const member of pool.members) {
    const workload = world.workloads.get(member.workload);
    if (workload === undefined) continue;
    for (const pod of podsOf(world, member)) {
      if (!instance.rotation.has(pod.uid) || !pod.ready) continue;
      answered = true;
      pod.servedSince ??= world.clock.now();
      if (pool.canHold && !world.traffic.proven.has(provenKey(workload, pod.template))) world.traffic.unproven += 1;
      write(world, workload, pod.ordinal);
      store(world, workload);
    }
  }
  if (answered) return;
  if (world.declaredDowntime) world.traffic.refused += 1;
  else world.traffic.failed += 1;
}

function write(world: World, workload: SimWorkload, ordinal: number): void {
  const claim = claimOf(workload, ordinal);
  const volume = claim === undefined ? undefined : volumeOf(world, claim);
  if (claim === undefined || volume === undefined) return;
  const number = world.traffic.nextWrite;
  world.traffic.nextWrite += 1;
  volume.writes.push(number);
  const acknowledged = world.traffic.acknowledged.get(claim) ?? [];
  acknowledged.push(number);
  world.traffic.acknowledged.set(claim, acknowledged);
}

/** A server behind a database acknowledges what that has taken. */
function store(world: World, workload: SimWorkload): void {
  const database = workload.database === undefined ? undefined : world.databases.get(workload.database);
  if (database === undefined) return;
  if (database.readOnly === 'ours')
    world.violations.push(`nothingTemporarySurvives: users meet ${database.name} while it is read-only`);
  const number = world.traffic.nextWrite;
  world.traffic.nextWrite += 1;
  database.writes.push(number);
  world.traffic.stored.get(database.name)?.push(number);
}
