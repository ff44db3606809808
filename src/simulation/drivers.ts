/** The drivers' contracts against the simulated cluster. */
import { RetryError } from '../shared/errors.ts';
import type { Drivers, Operation, RunContext } from '../drivers/contract.ts';
import type { Effect } from '../planner/effects.ts';
import { workloadKey } from '../planner/observed.ts';
import { seeJobNow, startJob } from './databases.ts';
import type { DriverFault } from './faults.ts';
import { checkEffect } from './invariants.ts';
import { seePoolNow, seeRestoreNow, seeSettingsNow, seeSnapshotNow, seeWorkloadNow } from './observe.ts';
import { performOnMember, performOnSettings, performOnWorkload } from './perform.ts';
import type { ProbeScript } from './probing.ts';
import { SimProbes } from './probe-driver.ts';
import type { SimProcess } from './process.ts';
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
    case 'LockGroup':
    case 'UnlockGroup':
      return effect.group;
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
      return effect.claim;
    case 'ReleaseRetained':
      return `${effect.object.kind}/${effect.object.name}`;
    case 'RunDatabaseJob':
      return effect.job.verb;
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
      observeSaved: promised((_, saved) =>
        look('saved', () => new Set(saved.filter(({ name }) => world.saved.has(name)).map(({ name }) => name))),
      ),
      observeSettings: promised((_, changes) => look('settings', () => seeSettingsNow(world, changes))),
      request: promised((operation, effect) =>
        request(operation, effect, () =>
          'workload' in effect ? performOnWorkload(world, operation, effect) : performOnSettings(world, effect),
        ),
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
      request: promised((operation, effect) => request(operation, effect, () => lockGroup(world, operation, effect))),
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
    },
    probes: {
      observe: (_: RunContext, id: string) => {
        process.assertAlive();
        return probes.observe(id);
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

function lockGroup(
  world: World,
  operation: Operation,
  effect: Extract<Effect, { kind: 'LockGroup' | 'UnlockGroup' }>,
): boolean {
  const group = world.groups.get(effect.group);
  if (group === undefined) throw new RetryError('GroupNotFound', `ServerGroup ${effect.group} does not exist`);
  if (effect.kind === 'UnlockGroup') {
    if (group.lockedBy !== operation.runUID) return false;
    group.lockedBy = '';
    return true;
  }
  if (group.lockedBy === operation.runUID) return false;
  if (group.lockedBy !== '' && group.lockedBy !== effect.takeFrom) {
    throw new RetryError('Locked', `ServerGroup ${effect.group} is locked by run ${group.lockedBy}`);
  }
  group.lockedBy = operation.runUID;
  return true;
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
