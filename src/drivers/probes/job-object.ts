import type { JobAction } from '../../api/common.ts';
import type { Container, EnvVar, Job, PodTemplate } from '../../kube/objects.ts';
import type { KubeObject, Resource } from '../../kube/types.ts';
import { parseDuration } from '../../shared/duration.ts';
import type { Operation } from '../contract.ts';
import { operationMark, ownLabels, sha256 } from '../marks.ts';
import { fill, type Values } from './secrets.ts';
import { TryEnded } from './try-ended.ts';

export interface PodTemplateObject extends KubeObject {
  template: PodTemplate;
}

export const podTemplates: Resource<PodTemplateObject> = {
  group: '',
  version: 'v1',
  plural: 'podtemplates',
  kind: 'PodTemplate',
  namespaced: true,
};

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

/**
 * One pod, once. Without an owner: the result is needed when the run is over too, and the server removes it in time.
 * @throws TryEnded for good: nothing to run, or a variable without a value
 */
export function jobObject(options: JobOptions): Job {
  const { action, template, operation, tryName } = options;
  const [first, ...others] = template.spec.containers;
  if (first === undefined) throw new TryEnded('fail', `PodTemplate ${action.podTemplate ?? ''} has no container`, true);
  const labels = { ...template.metadata?.labels, ...ownLabels(operation) };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      namespace: operation.namespace,
      name: jobName(tryName),
      labels: ownLabels(operation),
      annotations: operationMark(operation),
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: Math.max(1, Math.ceil(parseDuration(action.timeout) / 1_000)),
      ttlSecondsAfterFinished: keepSeconds,
      template: {
        metadata: { labels, annotations: { ...template.metadata?.annotations, ...operationMark(operation) } },
        spec: { ...template.spec, restartPolicy: 'Never', containers: [containerOf(first, options), ...others] },
      },
    },
  };
}

function containerOf(container: Container, { action, operation, values }: JobOptions): Container {
  const plain: Record<string, string> = { ...values };
  const own: EnvVar[] = (action.env ?? []).map(({ name, value, secretKeyRef }) => {
    if (secretKeyRef !== undefined) return { name, valueFrom: { secretKeyRef } };
    plain[name] = fill(value ?? '', plain);
    return { name, value: plain[name] };
  });
  const facts = { ...values, RUN: operation.run, OPERATION: operation.operation };
  const ours: EnvVar[] = Object.entries(facts).map(([name, value]) => ({ name: `BELAY_${name}`, value }));
  const names = new Set([...ours, ...own].map(({ name }) => name));
  return {
    ...container,
    ...(action.command === undefined ? {} : { command: action.command.map((text) => fill(text, plain)) }),
    ...(action.args === undefined ? {} : { args: action.args.map((text) => fill(text, plain)) }),
    env: [...(container.env ?? []).filter(({ name }) => !names.has(name)), ...ours, ...own],
  };
}
