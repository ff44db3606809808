/** Scales the group's workloads to zero, with the counts before written down. Source: design 4.2, A-14. */
import type { WorkloadRef } from '../effects.ts';
import { membersOf, seeMembers, seeObject, seeWorkload, workloadsOf } from '../members.ts';
import { workloadKey, type WorkloadObservation } from '../observed.ts';
import { act, done, fail, listSome, targetOf, waitOrFail, type StepContext, type StepVerdict } from '../verdict.ts';
import { replicasKey } from './keys.ts';
import { nodesKey } from './rebuild-keys.ts';

/** After this long an ordered scale-down that an unready pod holds up is helped by deleting its pods. */
const stuckAfterMs = 60_000;

export function evaluateStop(context: StepContext): StepVerdict {
  const group = targetOf(context.run.spec, context.step);
  const serving = stillServing(context);
  if (serving !== undefined) return serving;
  const running: string[] = [];
  for (const workload of workloadsOf(group)) {
    const seen = seeObject(context.observed, workload);
    const full = seeWorkload(context.observed, workload);
    if (seen === undefined) return fail('WorkloadNotFound', `${workloadKey(workload)} is gone`);
    const key = replicasKey(workload);
    if (seen.replicas > 0) {
      const count = context.handles[key] === undefined ? { [key]: String(seen.replicas) } : {};
      const nodes = group.rebuild?.reboot === undefined || full === undefined ? {} : nodesOf(workload, full);
      const record = { ...count, ...nodes };
      return act(
        { kind: 'ScaleWorkload', workload, replicas: 0 },
        `${workload.name} runs ${seen.replicas} replicas`,
        record,
      );
    }
    if (full === undefined) {
      // Why nothing runs that was never stopped is not for the object alone to tell.
      if (seen.rolledOut !== true || context.handles[key] === undefined) running.push(`of ${workload.name}`);
      continue;
    }
    if (context.handles[key] === undefined)
      return { kind: 'record', record: { [key]: '0' }, because: `${workload.name} did not run` };
    const stuck = full.pods.filter((pod) => !pod.terminating && !pod.ready);
    if (stuck.length > 0 && context.consumedMs >= stuckAfterMs) {
      return act(
        { kind: 'DeletePods', workload, uids: stuck.map((pod) => pod.uid) },
        `unready pods hold up the scale-down of ${workload.name}`,
      );
    }
    running.push(...full.pods.map((pod) => pod.name));
  }
  if (running.length === 0) return done('stopped');
  return waitOrFail(context, { reason: 'Stopping', message: `pods still there: ${listSome(running)}` }, 'StopTimeout');
}

/** Where it ran, for a reboot: nothing tells once its pods are gone. */
function nodesOf(workload: WorkloadRef, { pods }: WorkloadObservation): Record<string, string> {
  const nodes = new Set(pods.flatMap(({ node }) => node ?? []));
  return nodes.size === 0 ? {} : { [nodesKey(workload)]: [...nodes].toSorted().join(',') };
}

/** Nothing that serves is stopped, whatever the journal believes. */
function stillServing(context: StepContext): StepVerdict | undefined {
  if (context.step.interrupts === true) return undefined;
  const members = membersOf(targetOf(context.run.spec, context.step));
  const { seen, missing } = seeMembers(context.observed, members);
  const object = `pool/${members[0]?.pool ?? ''}`;
  if (missing.length > 0) {
    return waitOrFail(
      context,
      { reason: 'PoolUnobservable', message: listSome(missing), blocker: { type: 'Pool', object } },
      'PoolUnobservable',
    );
  }
  const serving = seen.filter((member) => member.seen.state === 'Serving').map((member) => member.ref.member);
  if (serving.length === 0) return undefined;
  return waitOrFail(
    context,
    { reason: 'StillServing', message: `in the pool again: ${listSome(serving)}`, blocker: { type: 'Pool', object } },
    'StillServing',
  );
}
