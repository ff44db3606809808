/** Jobs of the preflight: one pod, without rights, that changes nothing. */
import type { Job, Pod, PodSpec } from '../../kube/objects.ts';
import { jobs } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';
import { userClient } from '../access.ts';
import type { Operation, RunContext } from '../contract.ts';
import { createNamedJob, isMadeFor, type JobPurpose } from '../jobs/named-job.ts';
import { oneShotJob } from '../jobs/one-shot-job.ts';
import { podsNamedBy } from '../jobs/pod-state.ts';
import { sha256 } from '../marks.ts';
import { isControlledBy } from '../pods.ts';

/** On everything that is made for a check: the id of its question. */
export const checkAnnotation = 'belay.dev/check';

const keepSeconds = 3_600;
/** Whom no image is likely to give any rights. */
const nobody = 65_534;

export function checkName(id: string): string {
  return `belay-check-${sha256(id).slice(0, 20)}`;
}

export interface CheckJobParts {
  readonly id: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly timeout: string;
  /** Where it runs, what it mounts, and as whom. */
  readonly pod: Partial<PodSpec>;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly: boolean }[];
}

export async function createCheckJob(
  client: KubeClient,
  operation: Operation,
  parts: CheckJobParts,
  signal: AbortSignal,
): Promise<void> {
  const as = userClient(client, operation);
  const name = checkName(parts.id);
  const { image, command, timeout, pod } = parts;
  const container = {
    name: 'check',
    image,
    command: [...command],
    ...(parts.volumeMounts === undefined ? {} : { volumeMounts: parts.volumeMounts.map((mount) => ({ ...mount })) }),
    resources: { requests: { cpu: '10m', memory: '16Mi' } },
    terminationMessagePolicy: 'FallbackToLogsOnError' as const,
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  };
  const template = {
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: nobody, seccompProfile: { type: 'RuntimeDefault' } },
      ...pod,
      containers: [container],
    },
  };
  const annotations = { [checkAnnotation]: parts.id };
  const job = oneShotJob({ operation, name, annotations, timeout, keepSeconds, template, container });
  const at = { namespace: operation.namespace, name };
  await createNamedJob(as, at, purposeOf(parts.id), () => job, signal);
}

function purposeOf(id: string): JobPurpose {
  return { annotation: checkAnnotation, id, shown: 'this check' };
}

export interface FoundJob {
  readonly job: Job;
  readonly pod: Pod | undefined;
}

/** The Job made for this question, with the pod it has; undefined when there is none. */
export async function findCheckJob(
  client: KubeClient,
  context: RunContext,
  id: string,
  signal: AbortSignal,
): Promise<FoundJob | undefined> {
  const as = userClient(client, context);
  const at = { namespace: context.namespace, name: checkName(id) };
  const job = await as.find(jobs, at, signal);
  if (job === undefined || !isMadeFor(job, purposeOf(id))) return undefined;
  const named = await podsNamedBy(as, at, signal);
  return { job, pod: named.findLast((pod) => isControlledBy(pod, job.metadata.uid)) };
}
