/** Gives the locks back, and the snapshots when somebody signed off. Last step of every plan, and what every ending runs. Source: design 5.8. */
import type { Effect } from '../effects.ts';
import { releasableSnapshots } from '../retention.ts';
import { clearLastGuard } from './guards.ts';
import { releasedKey, signedOffKey, unlockedKey } from './keys.ts';
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
import { done, type StepContext, type StepVerdict } from '../verdict.ts';

export function evaluateCleanup(context: StepContext): StepVerdict {
  const { spec } = context.run;
  const signedOffBy = context.handles[signedOffKey];
  const [kept] = signedOffBy === undefined ? [] : releasableSnapshots(spec, context.handles);
  if (kept !== undefined) {
    return {
      kind: 'act',
      effect: { kind: 'ReleaseRetained', object: { kind: 'VolumeSnapshot', name: kept } },
      because: `signed off by ${signedOffBy ?? ''}: ${kept} is no longer the way back`,
      after: { [releasedKey(kept)]: 'yes' },
    };
  }
  const guarded = clearLastGuard(context);
  if (guarded !== undefined) return guarded;
  const key = unlockedKey(context.entry.operation);
  // Groups after the workloads: whoever takes one next finds all of it free.
  const all = lockablesOf(spec, context.step.groups ?? []).toReversed();
  const count = lockedSoFar(context.handles, key);
  const batch = nextBatch(all, count);
  if (batch.length === 0) return done('nothing is held');
  const after = lockProgress(key, count + batch.length);
  const ours = batch.filter((lockable) => holderOf(context.observed, lockable) === context.run.uid);
  if (ours.length === 0) return { kind: 'record', record: after, because: 'they are free' };
  return {
    kind: 'act',
    effect: unlockEffect(ours),
    because: `nothing more is done to ${namesIn(ours)}`,
    after,
  };
}

function unlockEffect(ours: readonly Lockable[]): Effect {
  return ours[0]?.kind === 'group'
    ? { kind: 'UnlockGroups', groups: groupsIn(ours) }
    : { kind: 'UnlockWorkloads', workloads: workloadsIn(ours) };
}
