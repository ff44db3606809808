/** Locks every group and workload of the run, or says whose they are. Source: design 5.1. */
import { seeWorkload } from '../members.ts';
import { workloadKey } from '../observed.ts';
import { act, done, fail, wait, type StepContext, type StepVerdict } from '../verdict.ts';
import { lockedKey, previousUIDKey } from './keys.ts';
import { lockablesOf, lockedSoFar, lockProgress, type Lockable } from './locks.ts';

export function evaluatePreflight(context: StepContext): StepVerdict {
  const key = lockedKey(context.entry.operation);
  const count = lockedSoFar(context.handles, key);
  const next = lockablesOf(context.run.spec, context.step.groups ?? [])[count];
  if (next === undefined) return done('locked');
  const after = lockProgress(key, count + 1);
  const verdict = next.kind === 'group' ? lockGroup(context, next.group) : lockWorkload(context, next);
  if (verdict === undefined) return { kind: 'record', record: after, because: 'it is locked by this run' };
  return verdict.kind === 'act' ? { ...verdict, after } : verdict;
}

/** Undefined: it is ours. */
function lockGroup(context: StepContext, group: string): StepVerdict | undefined {
  const seen = context.observed.groups.get(group);
  if (seen?.exists !== true) return fail('GroupMissing', `ServerGroup ${group} is gone`);
  if (seen.lockedBy === context.run.uid) return undefined;
  if (isForeign(context, seen.lockedBy)) return held(`servergroup/${group}`, seen.lockedBy);
  return act({ kind: 'LockGroup', group, ...takeFrom(context) }, `${group} is free`);
}

function lockWorkload(
  context: StepContext,
  { workload }: Extract<Lockable, { kind: 'workload' }>,
): StepVerdict | undefined {
  const seen = seeWorkload(context.observed, workload);
  if (seen === undefined) return fail('WorkloadNotFound', `${workloadKey(workload)} is gone`);
  if (seen.lockedBy === context.run.uid) return undefined;
  if (isForeign(context, seen.lockedBy)) return held(workloadKey(workload), seen.lockedBy);
  return act({ kind: 'LockWorkload', workload, ...takeFrom(context) }, `${workload.name} is free`);
}

/** A further run takes the locks over from the one it follows. */
function takeFrom({ run }: StepContext): { takeFrom?: string } {
  const previous = run.spec.handles[previousUIDKey];
  return previous === undefined ? {} : { takeFrom: previous };
}

function isForeign({ run }: StepContext, lockedBy: string): boolean {
  return lockedBy !== '' && lockedBy !== run.spec.handles[previousUIDKey];
}

function held(object: string, by: string): StepVerdict {
  return wait('LockHeld', `${object} is locked by run ${by}; it is waited for`, { type: 'Lock', object });
}
