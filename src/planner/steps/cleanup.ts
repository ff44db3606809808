/** Gives the locks back, and the snapshots when somebody signed off. Last step of every plan, and what every ending runs. Source: design 5.8. */
import { workloadKey } from '../observed.ts';
import { retainedSnapshots } from '../retention.ts';
import { releasedKey, signedOffKey, unlockedKey } from './keys.ts';
import { lockablesOf, lockedSoFar, lockProgress, type Lockable } from './locks.ts';
import { done, type StepContext, type StepVerdict } from '../verdict.ts';

export function evaluateCleanup(context: StepContext): StepVerdict {
  const { spec } = context.run;
  const signedOffBy = context.handles[signedOffKey];
  const [kept] = signedOffBy === undefined ? [] : retainedSnapshots(spec, context.handles);
  if (kept !== undefined) {
    return {
      kind: 'act',
      effect: { kind: 'ReleaseRetained', object: { kind: 'VolumeSnapshot', name: kept } },
      because: `signed off by ${signedOffBy ?? ''}: ${kept} is no longer the way back`,
      after: { [releasedKey(kept)]: 'yes' },
    };
  }
  const key = unlockedKey(context.entry.operation);
  // A group after its workloads: whoever takes it next finds all of it free.
  const all = lockablesOf(spec, context.step.groups ?? []).toReversed();
  const begin = lockedSoFar(context.handles, key);
  for (const [index, lockable] of all.entries()) {
    if (index < begin) continue;
    const holder = holderOf(context, lockable);
    if (holder === undefined)
      return { kind: 'record', record: lockProgress(key, index), because: 'those before it are free' };
    if (holder === context.run.uid) return unlock(lockable, lockProgress(key, index + 1));
  }
  return done('nothing is held');
}

/** Undefined: it was not looked at in this pass. */
function holderOf({ observed }: StepContext, lockable: Lockable): string | undefined {
  if (lockable.kind === 'group') return observed.groups.get(lockable.group)?.lockedBy;
  return observed.workloads.get(workloadKey(lockable.workload))?.lockedBy;
}

function unlock(lockable: Lockable, after: Readonly<Record<string, string>>): StepVerdict {
  return lockable.kind === 'group'
    ? {
        kind: 'act',
        effect: { kind: 'UnlockGroup', group: lockable.group },
        because: `nothing more is done to ${lockable.group}`,
        after,
      }
    : {
        kind: 'act',
        effect: { kind: 'UnlockWorkload', workload: lockable.workload },
        because: `nothing more is done to ${lockable.workload.name}`,
        after,
      };
}
