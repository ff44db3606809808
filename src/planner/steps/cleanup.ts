/** Gives the locks back, and the snapshots when somebody signed off. Last step of every plan, and what every ending runs. Source: design 5.8. */
import { seeWorkload, workloadsOf } from '../members.ts';
import { keptSnapshots } from '../journal.ts';
import { releasedKey, signedOffKey } from './keys.ts';
import { act, done, groupOf, type StepContext, type StepVerdict } from '../verdict.ts';

export function evaluateCleanup(context: StepContext): StepVerdict {
  const { uid, spec } = context.run;
  const kept = context.handles[signedOffKey] === undefined ? undefined : keptSnapshots(context.handles)[0];
  if (kept !== undefined) {
    const because = `signed off by ${context.handles[signedOffKey] ?? ''}: ${kept} is no longer the way back`;
    return {
      kind: 'act',
      effect: { kind: 'ReleaseRetained', object: { kind: 'VolumeSnapshot', name: kept } },
      because,
      after: { [releasedKey(kept)]: 'yes' },
    };
  }
  for (const name of context.step.groups ?? []) {
    for (const workload of workloadsOf(groupOf(spec, name))) {
      const seen = seeWorkload(context.observed, workload);
      if (seen?.lockedBy === uid)
        return act({ kind: 'UnlockWorkload', workload }, `nothing more is done to ${workload.name}`);
    }
    const group = context.observed.groups.get(name);
    if (group?.exists === true && group.lockedBy === uid) {
      return act({ kind: 'UnlockGroup', group: name }, `nothing more is done to ${name}`);
    }
  }
  return done('nothing is held');
}
