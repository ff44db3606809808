/** The drivers' contracts against the simulated cluster. */
import { RetryError } from '../shared/errors.ts';
import type { Drivers, Operation, RunContext } from '../drivers/contract.ts';
import type { Effect } from '../planner/effects.ts';
import { workloadKey } from '../planner/observed.ts';
import { checkTarget, performOnCheck, seeCheckNow } from './checks.ts';
import { seeJobNow, startJob } from './databases.ts';
import { evidenceOfJob, evidenceOfProbes } from './deployment-log.ts';
import type { DriverFault } from './faults.ts';
import { checkEffect } from './invariants.ts';
import { seeObjectNow, seePoolNow, seeRestoreNow, seeSettingsNow, seeSnapshotNow, seeWorkloadNow } from './observe.ts';
import { performLocks, performOnMember, performOnSettings, performOnWorkload } from './perform.ts';
import type { ProbeScript } from './probing.ts';
import { SimProbes } from './probe-driver.ts';
import type { SimProcess } from './process.ts';
import { replaceClaim, seeRebootNow, startReboot } from './rebuild.ts';
import { createSnapshot, describeClaim, reattachVolume, releaseRetained, restoreClaim } from './storage.ts';
import { changed, must, type SimDatabase, type World } from './world.ts';

export interface SimDriverOptions {
  readonly world: World;
  readonly process: SimProcess;
  readonly faults?: readonly DriverFault[];
  readonly script?: ProbeScript | undefined;
  /** Called before every effect, after the journal ought to have been written. */
  readonly onEffect?: (operation: Operation, effect: Effect) => void;
}

export interface SimDrivers extends Drivers {
  /** Ends what lives in the process's memory. */
  stop(): void;
}

/** What an effect is aimed at, for call logs and faults. */
export function targetOf(effect: Effect): string {
  switch (effect.kind) {
    case 'LockGroups':
    case 'UnlockGroups':
      return effect.groups.join(',');
    case 'LockWorkloads':
    case 'UnlockWorkloads':
      return effect.workloads.map(({ name }) => name).join(',');
    case 'HoldMember':
    case 'DrainMember':
    case 'ServeMember':
      return `${effect.member.pool}/${effect.member.member}`;
    case 'SaveSettings':
    case 'RestoreSettings':
      return effect.name;
    case 'ApplySettings':
      return effect.changes.map((change) => `${change.object.name}/${change.key}`).join(',');
    case 'CreateSnapshot':
      return effect.snapshot;
    case 'RestoreClaim':
    case 'ReattachVolume':
    case 'KeepVolume':
    case 'ReplaceClaim':
      return effect.claim;
    case 'ReleaseRetained':
      return `${effect.object.kind}/${effect.object.name}`;
    case 'RebootServer':
      return effect.request.server;
    case 'RunDatabaseJob':
      return effect.job.verb;
    case 'RunCheck':
    case 'EndCheck':
      return checkTarget(effect.request);
    case 'RunProbes':
      return `${effect.request.suite} ${effect.request.scope}`;
    default:
      return effect.workload.name;
  }
}

/** One set of drivers for one life of the controller. */
export function createSimDrivers(options: SimDriverOptions): SimDrivers {
  const { world, process } = options;
  const probes = new SimProbes(world, options.script);
  const look = <T>(target: string, see: () => T): Promise<T> => {
    process.assertAlive();
    refuse(options, 'observe', target);
    return Promise.resolve(see());
  };
  const request = (operation: Operation, effect: Effect, act: () => boolean): Promise<void> => {
    perform(options, operation, effect, act);
    return Promise.resolve();
  };
  const promised =
    <A extends readonly unknown[], T>(call: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> =>
      // A synchronous throw would escape callers that only handle rejected promises.
      Promise.resolve().then(() => call(...args));

  return {
    pools: {
      observe: promised((context, pool) => look(pool, () => seePoolNow(world, pool, context))),
      request: promised((operation, effect) =>
        request(operation, effect, () => performOnMember(world, operation, effect)),
      ),
    },
    workloads: {
      observe: promised((context, workload) =>
        look(workloadKey(workload), () => seeWorkloadNow(world, workload, context.runUID)),
      ),
      observeObject: promised((context, workload) =>
        look(workloadKey(workload), () => seeObjectNow(world, workload, context.runUID)),
      ),
      observeSaved: promised((_, saved) =>
        look('saved', () => new Set(saved.filter(({ name }) => world.saved.has(name)).map(({ name }) => name))),
      ),
      observeReboot: promised((_, reboot) => look(reboot.node, () => seeRebootNow(world, reboot))),
      observeSettings: promised((_, changes) => look('settings', () => seeSettingsNow(world, changes))),
      request: promised((operation, effect) =>
        request(operation, effect, () => {
          if (effect.kind === 'RebootServer') return startReboot(world, effect.request);
          if ('workloads' in effect) return performLocks(world, operation, effect);
          return 'workload' in effect ? performOnWorkload(world, operation, effect) : performOnSettings(world, effect);
        }),
      ),
    },
    groups: {
      observe: promised((_, group) =>
        look(group, () => ({
          group,
          exists: world.groups.has(group),
          lockedBy: world.groups.get(group)?.lockedBy ?? '',
        })),
      ),
      request: promised((operation, effect) => request(operation, effect, () => lockGroups(world, operation, effect))),
    },
    snapshots: {
      observe: promised((_, { snapshot, claim }) => look(snapshot, () => seeSnapshotNow(world, snapshot, claim))),
      observeRestore: promised((_, { claim, snapshot }) => look(claim, () => seeRestoreNow(world, claim, snapshot))),
      describeClaim: promised((_, claim) => look(claim, () => describeClaim(world, claim))),
      request: promised((operation, effect) =>
        request(operation, effect, () => {
          if (effect.kind === 'CreateSnapshot')
            return createSnapshot(world, effect.snapshot, effect.claim, effect.className);
          if (effect.kind === 'RestoreClaim') return restoreClaim(world, { ...effect, by: operation.runUID });
          if (effect.kind === 'ReattachVolume') return reattachVolume(world, effect.claim, effect.manifest);
          // A volume that is kept looks like any other here.
          if (effect.kind === 'KeepVolume') return false;
          if (effect.kind === 'ReplaceClaim') return replaceClaim(world, effect.claim, effect.manifest);
          return releaseRetained(world, effect.object.kind, effect.object.name);
        }),
      ),
    },
    databases: {
      observe: promised((context, job) => look(job.verb, () => seeJobNow(databaseOf(world, context.upgradeSet), job))),
      request: promised((operation, effect) =>
        request(operation, effect, () =>
          startJob(world, must(databaseOf(world, operation.upgradeSet), 'Database'), effect.job),
        ),
      ),
      readLog: promised((context, job) =>
        look(`log of ${job.verb}`, () => evidenceOfJob(databaseOf(world, context.upgradeSet), job)),
      ),
    },
    checks: {
      observe: promised((_, check) => look(checkTarget(check), () => seeCheckNow(world, check))),
      request: promised((operation, effect) =>
        request(operation, effect, () => performOnCheck(world, operation, effect)),
      ),
    },
    probes: {
      observe: (_: RunContext, id: string) => {
        process.assertAlive();
        return probes.observe(id);
      },
      readLog: (_: RunContext, id: string) => {
        process.assertAlive();
        return evidenceOfProbes(probes.observe(id));
      },
      request: promised((operation, effect, suite) =>
        request(operation, effect, () =>
          probes.begin(effect.request, suite, world.poolsOf.get(operation.upgradeSet) ?? [...world.pools.keys()]),
        ),
      ),
      onChange: (listener) => probes.onChange(listener),
      end: () => {},
      close: () => Promise.resolve(),
    },
    stop: () => probes.stop(),
  };
}

function databaseOf(world: World, set: string): SimDatabase | undefined {
  const name = world.databaseOf.get(set);
  return name === undefined ? undefined : world.databases.get(name);
}

/** One after the other: what was locked before a refusal stays locked. */
function lockGroups(
  world: World,
  operation: Operation,
  effect: Extract<Effect, { kind: 'LockGroups' | 'UnlockGroups' }>,
): boolean {
  let different = false;
  for (const name of effect.groups) {
    const group = world.groups.get(name);
    if (group === undefined) throw new RetryError('GroupNotFound', `ServerGroup ${name} does not exist`);
    const isOurs = group.lockedBy === operation.runUID;
    if (isOurs === (effect.kind === 'LockGroups')) continue;
    if (effect.kind === 'LockGroups' && group.lockedBy !== '' && group.lockedBy !== effect.takeFrom)
      throw new RetryError('Locked', `ServerGroup ${name} is locked by run ${group.lockedBy}`);
    group.lockedBy = effect.kind === 'LockGroups' ? operation.runUID : '';
    different = true;
  }
  return different;
}

function perform(options: SimDriverOptions, operation: Operation, effect: Effect, act: () => boolean): void {
  const { world, process } = options;
  const target = targetOf(effect);
  process.assertAlive();
  const fault = refuse(options, effect.kind, target);
  options.onEffect?.(operation, effect);
  world.violations.push(...checkEffect(world, operation, effect));
  const different = act();
  world.calls.push({
    at: world.clock.now(),
    runUID: operation.runUID,
    operation: operation.operation,
    kind: effect.kind,
    target,
    changed: different,
  });
  if (different) changed(world);
  if (fault?.mode === 'lost')
    throw new RetryError('ConnectionLost', `the answer to ${effect.kind} ${target} did not arrive`);
  process.point(`after ${effect.kind} ${target}`);
}

/** @returns the fault that lets the call happen and loses its answer */
function refuse(options: SimDriverOptions, kind: DriverFault['kind'], target: string): DriverFault | undefined {
  if (options.world.faults.apiDown) throw new RetryError('ApiUnavailable', 'the API server does not answer');
  const fault = options.faults?.find(
    (candidate) => candidate.kind === kind && candidate.times > 0 && target.includes(candidate.target),
  );
  if (fault === undefined) return undefined;
  fault.times -= 1;
  if (fault.mode === 'lost') return fault;
  throw new RetryError('Unavailable', `${kind} ${target} was refused`);
}
