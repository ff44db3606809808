/** Jobs of one pod that is started once: what probes and databases have in common. */
import type { JobAction } from '../../api/common.ts';
import type { Container, EnvVar, Job, PodTemplate } from '../../kube/objects.ts';
import type { KubeClient, KubeObject, Resource } from '../../kube/types.ts';
import { parseDuration } from '../../shared/duration.ts';
import type { Operation } from '../contract.ts';
import { operationMark, ownLabels } from '../marks.ts';

interface PodTemplateObject extends KubeObject {
  template: PodTemplate;
}

export const podTemplates: Resource<PodTemplateObject> = {
  group: '',
  version: 'v1',
  plural: 'podtemplates',
  kind: 'PodTemplate',
  namespaced: true,
};

/** What the standard "restricted" of Pod Security asks for. */
const restrictedPod = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } as const;
const restrictedContainer = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
};

/**
 * What the action runs in: the PodTemplate it names, or a pod of nothing but its image, without a token.
 * Undefined when there is no PodTemplate of that name.
 */
export async function readTemplate(
  client: KubeClient,
  namespace: string,
  action: Pick<JobAction, 'podTemplate' | 'image'> & { readonly containerName: string },
  signal: AbortSignal,
): Promise<PodTemplate | undefined> {
  const { podTemplate = '', image, containerName } = action;
  if (image !== undefined)
    return {
      spec: {
        containers: [{ name: containerName, image, securityContext: restrictedContainer }],
        securityContext: restrictedPod,
        automountServiceAccountToken: false,
      },
    };
  return (await client.find(podTemplates, { namespace, name: podTemplate }, signal))?.template;
}

export interface OneShotJob {
  readonly operation: Operation;
  readonly name: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** After it the server ends the pod. Rounded up to whole seconds. */
  readonly timeout: string;
  /** How long the Job, its pod and its log stay when it is over. */
  readonly keepSeconds: number;
  readonly template: PodTemplate;
  /** Stands in the place of the template's first one. */
  readonly container: Container;
}

/**
 * One pod, never replaced. Without an owner: what it says is needed when the run is over too, and the server removes
 * it in time.
 */
export function oneShotJob(parts: OneShotJob): Job {
  const { operation, name, annotations, timeout, keepSeconds, template, container } = parts;
  const labels = { ...template.metadata?.labels, ...ownLabels(operation) };
  const marks = { ...annotations, ...operationMark(operation) };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { namespace: operation.namespace, name, labels: ownLabels(operation), annotations: marks },
    spec: {
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      podReplacementPolicy: 'Failed',
      activeDeadlineSeconds: Math.max(1, Math.ceil(parseDuration(timeout) / 1_000)),
      ttlSecondsAfterFinished: keepSeconds,
      template: {
        metadata: { labels, annotations: { ...template.metadata?.annotations, ...marks } },
        spec: {
          ...template.spec,
          restartPolicy: 'Never',
          containers: [container, ...template.spec.containers.slice(1)],
        },
      },
    },
  };
}

type Values = Readonly<Record<string, string>>;

export interface ContainerParts {
  readonly action: JobAction;
  /** Reach the container as `BELAY_*`, whatever the template says of these names. */
  readonly facts: Values;
  /** What variables in texts stand for; those of Secrets are not among them, as no value may be written down. */
  readonly values: Values;
  /** Puts values into a text. @throws what its caller makes of a variable without a value */
  readonly fill: (text: string, values: Values) => string;
}

/** The container with the command and the environment of the action. */
export function equip(container: Container, { action, facts, values, fill }: ContainerParts): Container {
  const plain: Record<string, string> = { ...values };
  const own: EnvVar[] = (action.env ?? []).map(({ name, value, secretKeyRef }) => {
    if (secretKeyRef !== undefined) return { name, valueFrom: { secretKeyRef } };
    plain[name] = fill(value ?? '', plain);
    return { name, value: plain[name] };
  });
  const ours: EnvVar[] = Object.entries(facts).map(([name, value]) => ({ name: `BELAY_${name}`, value }));
  const names = new Set([...ours, ...own].map(({ name }) => name));
  return {
    ...container,
    ...(action.command === undefined ? {} : { command: action.command.map((text) => fill(text, plain)) }),
    ...(action.args === undefined ? {} : { args: action.args.map((text) => fill(text, plain)) }),
    env: [...(container.env ?? []).filter(({ name }) => !names.has(name)), ...ours, ...own],
  };
}
