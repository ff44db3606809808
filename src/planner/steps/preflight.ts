/** Locks every group and workload of the run, or says whose they are. Source: design 5.1. */
import { seeWorkload, workloadsOf } from '../members.ts';
import { workloadKey } from '../observed.ts';
import { act, done, fail, groupOf, wait, type StepContext, type StepVerdict } from '../verdict.ts';
import { previousUIDKey } from './keys.ts';

export function evaluatePreflight(context: StepContext): StepVerdict {
  const { uid, spec } = context.run;
  const previous = spec.handles[previousUIDKey];
  const takeFrom = previous === undefined ? {} : { takeFrom: previous };
  // One order for all runs: two that lock the same groups in two orders would wait for each other for ever.
  for (const name of (context.step.groups ?? []).toSorted()) {
    const group = groupOf(spec, name);
    const seen = context.observed.groups.get(name);
    if (seen === undefined || !seen.exists) return fail('GroupMissing', `ServerGroup ${name} is gone`);
    if (seen.lockedBy !== uid) {
      if (isForeign(seen.lockedBy, previous)) return held(`servergroup/${name}`, seen.lockedBy);
      return act({ kind: 'LockGroup', group: name, ...takeFrom }, `${name} is free`);
    }
    for (const workload of workloadsOf(group)) {
      const server = seeWorkload(context.observed, workload);
      if (server === undefined) return fail('WorkloadNotFound', `${workloadKey(workload)} is gone`);
      if (server.lockedBy === uid) continue;
      if (isForeign(server.lockedBy, previous)) return held(workloadKey(workload), server.lockedBy);
      return act({ kind: 'LockWorkload', workload, ...takeFrom }, `${workload.name} is free`);
    }
  }
  return done('locked');
}

function isForeign(lockedBy: string, previous: string | undefined): boolean {
  return lockedBy !== '' && lockedBy !== previous;
}

function held(object: string, by: string): StepVerdict {
  return wait('LockHeld', `${object} is locked by run ${by}; it is waited for`, { type: 'Lock', object });
}
