import type { JobAction } from '../../api/common.ts';
import type { Job, PodTemplate } from '../../kube/objects.ts';
import type { Operation } from '../contract.ts';
import { equip, oneShotJob } from '../jobs/one-shot-job.ts';
import { sha256 } from '../marks.ts';
import { fill, type Values } from './secrets.ts';
import { TryEnded } from './try-ended.ts';

export { podTemplates } from '../jobs/one-shot-job.ts';

/** Long enough to read its log, and to be found again by a controller that starts anew. */
const keepSeconds = 3_600;

/** The same for the same try, so that asking twice finds the first one. */
export function jobName(tryName: string): string {
  return `belay-probe-${sha256(tryName).slice(0, 20)}`;
}

export interface JobOptions {
  readonly action: JobAction;
  readonly template: PodTemplate;
  readonly operation: Operation;
  readonly tryName: string;
  /** Without those of Secrets: they reach the container by reference, and no value is written down. */
  readonly values: Values;
}

/** @throws TryEnded for good: nothing to run, or a variable without a value */
export function jobObject({ action, template, operation, tryName, values }: JobOptions): Job {
  const [first] = template.spec.containers;
  if (first === undefined) throw new TryEnded('fail', `PodTemplate ${action.podTemplate ?? ''} has no container`, true);
  const facts = { ...values, RUN: operation.run, OPERATION: operation.operation };
  return oneShotJob({
    operation,
    name: jobName(tryName),
    timeout: action.timeout,
    keepSeconds,
    template,
    container: equip(first, { action, facts, values, fill }),
  });
}
