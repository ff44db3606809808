/** Starts the group out of its pools and waits until every pod is ready. Source: A-14, 001-103, 001-108. */
import type { RunGroup } from '../../api/upgrade-run.ts';
import { formatInstant } from '../../shared/instant.ts';
import type { WorkloadRef } from '../effects.ts';
import { membersOf, seeObject, seeWorkload, workloadsOf } from '../members.ts';
import { workloadKey, type WorkloadObservation } from '../observed.ts';
import { act, done, fail, listSome, targetOf, waitOrFail, type StepContext, type StepVerdict } from '../verdict.ts';
import { isSchemaChanged } from '../journal.ts';
import { replicasKey, schemaBeforeKey, schemaNowKey, servedKey } from './keys.ts';

export function evaluateStart(context: StepContext): StepVerdict {
  const group = targetOf(context.run.spec, context.step);
  const wrong = schemaProblem(context);
  if (wrong !== '') return fail('SchemaMismatch', wrong);
  const waiting: string[] = [];
  for (const workload of workloadsOf(group)) {
    const seen = seeObject(context.observed, workload);
    const full = seeWorkload(context.observed, workload);
    if (seen === undefined) return fail('WorkloadNotFound', `${workloadKey(workload)} is gone`);
    const before = context.handles[replicasKey(workload)];
    if (before === undefined)
      return fail('JournalLost', `the journal does not say how many replicas ${workload.name} had`);
    const replicas = Number(before);
    const isChosen = seen.replicas === replicas || (seen.replicas > 0 && full?.autoscaled === true);
    // Who runs some already may be an autoscaler, which only the full look tells.
    if (!isChosen && (seen.replicas === 0 || full !== undefined)) {
      const because = `${workload.name} had ${replicas} replicas`;
      return act({ kind: 'ScaleWorkload', workload, replicas }, because, meetsUsers(context, group));
    }
    if (!isChosen || seen.rolledOut !== true || !seen.current) waiting.push(stateOf(workload, full));
  }
  if (waiting.length === 0) return done('started, every pod ready');
  return waitOrFail(context, { reason: 'NotReadyYet', message: listSome(waiting) }, 'StartTimeout');
}

/** Why it is not ready, as far as its pods were looked at. */
function stateOf({ name }: WorkloadRef, seen: WorkloadObservation | undefined): string {
  if (seen === undefined) return `${name}: not ready yet`;
  const trouble = seen.pods.filter((pod) => pod.trouble !== '').map((pod) => `${pod.name}: ${pod.trouble}`);
  if (trouble.length > 0) return listSome(trouble);
  return `${name}: ${seen.pods.filter((pod) => pod.ready).length} of ${seen.replicas} pods ready`;
}

/** No server is started on a schema that its code does not know (invariant 2 of the requirements); empty when it may. */
function schemaProblem({ handles, run, step }: StepContext): string {
  const { from, to, purpose } = run.spec;
  const before = handles[schemaBeforeKey];
  if (before === undefined) return '';
  const now = isSchemaChanged(handles) ? handles[schemaNowKey] : before;
  const isNew = (purpose === 'Upgrade' && step.expect === to.version) || run.spec.facts['release'] === 'New';
  const needed = isNew && run.spec.procedure === 'downtime' ? to.schema : before;
  if (needed === undefined || now === needed) return '';
  return `${step.group ?? ''} with version ${isNew ? to.version : (step.expect ?? from.version ?? 'before')} needs schema ${needed}, the database has ${now ?? 'an unknown one'}`;
}

/** Where the pool holds nobody back, users are met with the start: what they write from then on is theirs. */
function meetsUsers({ run, handles, now }: StepContext, group: RunGroup): Record<string, string> | undefined {
  const { spec } = run;
  const key = servedKey(group.name);
  const meets = spec.purpose === 'Upgrade' && spec.facts['hold'] === 'AsStarted' && membersOf(group).length > 0;
  return meets && handles[key] === undefined ? { [key]: formatInstant(now) } : undefined;
}
