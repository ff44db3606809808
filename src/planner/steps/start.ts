/** Starts the group out of its pools and waits until every pod is ready. Source: A-14, 001-103, 001-108. */
import { seeWorkload, workloadsOf } from '../members.ts';
import { workloadKey } from '../observed.ts';
import { act, done, fail, groupOf, listSome, waitOrFail, type StepContext, type StepVerdict } from '../verdict.ts';
import { replicasKey } from './keys.ts';

export function evaluateStart(context: StepContext): StepVerdict {
  const group = groupOf(context.run.spec, context.step.group);
  const waiting: string[] = [];
  for (const workload of workloadsOf(group)) {
    const seen = seeWorkload(context.observed, workload);
    if (seen === undefined) return fail('WorkloadNotFound', `${workloadKey(workload)} is gone`);
    const before = context.handles[replicasKey(workload)];
    if (before === undefined)
      return fail('JournalLost', `the journal does not say how many replicas ${workload.name} had`);
    const replicas = Number(before);
    if (seen.replicas !== replicas && !(seen.autoscaled && seen.replicas > 0)) {
      return act({ kind: 'ScaleWorkload', workload, replicas }, `${workload.name} had ${replicas} replicas`);
    }
    if (!seen.rolledOut || !seen.current) {
      const trouble = seen.pods.filter((pod) => pod.trouble !== '').map((pod) => `${pod.name}: ${pod.trouble}`);
      waiting.push(
        trouble.length > 0
          ? listSome(trouble)
          : `${workload.name}: ${seen.pods.filter((pod) => pod.ready).length} of ${seen.replicas} pods ready`,
      );
    }
  }
  if (waiting.length === 0) return done('started, every pod ready');
  return waitOrFail(context, { reason: 'NotReadyYet', message: listSome(waiting) }, 'StartTimeout');
}
