/** Locks every group and workload of the run, or says whose they are. Source: design 5.1. */
import type { Effect } from '../effects.ts';
import { awaitStart } from '../joint.ts';
import { workloadKey } from '../observed.ts';
import { throughGate } from '../preflight/gate.ts';
import { done, fail, wait, type StepContext, type StepVerdict } from '../verdict.ts';
import { lockedKey, previousUIDKey } from './keys.ts';
import {
  groupsIn,
  holderOf,
  lockablesOf,
  lockedSoFar,
  lockProgress,
  namesIn,
  nextBatch,
  workloadsIn,
  type Lockable,
} from './locks.ts';

export function evaluatePreflight(context: StepContext): StepVerdict {
  return throughGate(context, takeLocks);
}

function takeLocks(context: StepContext): StepVerdict {
  const waiting = awaitStart(context);
  if (waiting !== undefined) return waiting;
  const key = lockedKey(context.entry.operation);
  const count = lockedSoFar(context.handles, key);
  const batch = nextBatch(lockablesOf(context.run.spec, context.step.groups ?? []), count);
  if (batch.length === 0) return done('locked');
  const after = lockProgress(key, count + batch.length);
  const free: Lockable[] = [];
  for (const lockable of batch) {
    const lockedBy = holderOf(context.observed, lockable);
    if (lockedBy === undefined) return gone(lockable);
    if (lockedBy === context.run.uid) continue;
    // Those before it are taken first, in the order of all runs.
    if (isForeign(context, lockedBy)) return free.length > 0 ? lock(context, free) : held(lockable, lockedBy);
    free.push(lockable);
  }
  if (free.length === 0) return { kind: 'record', record: after, because: 'they are locked by this run' };
  return { ...lock(context, free), after };
}

function lock(context: StepContext, free: readonly Lockable[]): Extract<StepVerdict, { kind: 'act' }> {
  const because = `${namesIn(free)} ${free.length === 1 ? 'is' : 'are'} free`;
  return { kind: 'act', effect: lockEffect(context, free), because };
}

function lockEffect(context: StepContext, free: readonly Lockable[]): Effect {
  return free[0]?.kind === 'group'
    ? { kind: 'LockGroups', groups: groupsIn(free), ...takeFrom(context) }
    : { kind: 'LockWorkloads', workloads: workloadsIn(free), ...takeFrom(context) };
}

function gone(lockable: Lockable): StepVerdict {
  return lockable.kind === 'group'
    ? fail('GroupMissing', `ServerGroup ${lockable.group} is gone`)
    : fail('WorkloadNotFound', `${workloadKey(lockable.workload)} is gone`);
}

/** A further run takes the locks over from the one it follows. */
function takeFrom({ run }: StepContext): { takeFrom?: string } {
  const previous = run.spec.handles[previousUIDKey];
  return previous === undefined ? {} : { takeFrom: previous };
}

function isForeign({ run }: StepContext, lockedBy: string): boolean {
  return lockedBy !== '' && lockedBy !== run.spec.handles[previousUIDKey];
}

function held(lockable: Lockable, by: string): StepVerdict {
  const object = lockable.kind === 'group' ? `servergroup/${lockable.group}` : workloadKey(lockable.workload);
  return wait('LockHeld', `${object} is locked by run ${by}; it is waited for`, { type: 'Lock', object });
}
