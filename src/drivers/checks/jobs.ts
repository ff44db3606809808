/** Can an image be pulled, and does the node of a server answer? Each asked by one Job that does nothing. */
import type { Pod, PodSpec } from '../../kube/objects.ts';
import type { WorkloadRef } from '../../planner/effects.ts';
import { userClient } from '../access.ts';
import type { Operation, RunContext } from '../contract.ts';
import { pendingReason } from '../jobs/pod-state.ts';
import { findWorkload, isLive, podsOf, type Workload } from '../pods.ts';
import { absent, failed, passed, running, unknown, type Answer, type CheckOf } from './answer.ts';
import type { CheckParts } from './parts.ts';
import { endOfJob } from '../jobs/named-job.ts';
import { createCheckJob, findCheckJob, type FoundJob } from './job-object.ts';

const timeout = '2m';
/** What does nothing, on purpose: a new release must not run before its time. */
const idle = ['true'];

export async function runPull(
  { client }: CheckParts,
  operation: Operation,
  { id, image, workload: ref }: CheckOf<'Pull'>,
  signal: AbortSignal,
): Promise<void> {
  const workload = await findWorkload(userClient(client, operation), operation.namespace, ref, signal);
  const pod = workload === undefined ? {} : placeOf(workload);
  await createCheckJob(client, operation, { id, image, command: idle, timeout, pod }, signal);
}

/** Where the workload's own pods may run, and with what they pull. */
function placeOf({ spec }: Workload): Partial<PodSpec> {
  const { nodeSelector, tolerations, imagePullSecrets, serviceAccountName, affinity } = spec.template.spec;
  const nodeAffinity = affinity?.['nodeAffinity'];
  return {
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(tolerations === undefined ? {} : { tolerations }),
    ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
    // Its pull secrets, and no token of it.
    ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    ...(nodeAffinity === undefined ? {} : { affinity: { nodeAffinity } }),
  };
}

const notPulled: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);
/** Comes after the pull: the image is there, whatever it makes of the command. */
const pulled: ReadonlySet<string> = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'CrashLoopBackOff',
]);

export async function observePull(
  { client }: CheckParts,
  context: RunContext,
  { id, image }: CheckOf<'Pull'>,
  signal: AbortSignal,
): Promise<Answer> {
  const found = await findCheckJob(client, context, id, signal);
  if (found === undefined) return absent;
  const state = found.pod?.status?.containerStatuses?.[0]?.state;
  const node = found.pod?.spec.nodeName ?? 'a node';
  const reason = state?.waiting?.reason ?? '';
  const isThere = state?.terminated !== undefined || state?.running !== undefined || pulled.has(reason);
  if (isThere || endOfJob(found.job) === 'Complete') return passed(`${image} was pulled on ${node}`);
  if (endOfJob(found.job) === undefined && !notPulled.has(reason))
    return running(pendingReason(found.pod) || 'is pulled');
  const why = state?.waiting?.message ?? (pendingReason(found.pod) || `no answer within ${timeout}`);
  return failed(
    `${image} cannot be pulled on ${node}: ${why}`,
    'load it onto the nodes, or mend the way to the registry',
  );
}

export async function runAccess(
  { client }: CheckParts,
  operation: Operation,
  { id, image, workload: ref }: CheckOf<'Access'>,
  signal: AbortSignal,
): Promise<void> {
  const pod = await podOf(client, operation, ref, signal);
  const node = pod?.spec.nodeName;
  if (pod === undefined || node === undefined) return;
  const tool = image === '' ? (pod.spec.containers[0]?.image ?? '') : image;
  const { imagePullSecrets, serviceAccountName } = pod.spec;
  const place: Partial<PodSpec> = {
    ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
    ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    tolerations: [{ operator: 'Exists' }],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }],
        },
      },
    },
  };
  await createCheckJob(client, operation, { id, image: tool, command: idle, timeout, pod: place }, signal);
}

export async function observeAccess(
  { client }: CheckParts,
  context: RunContext,
  { id, workload: ref }: CheckOf<'Access'>,
  signal: AbortSignal,
): Promise<Answer> {
  const server = `${ref.kind} ${ref.name}`;
  const found = await findCheckJob(client, context, id, signal);
  if (found !== undefined) return answerOf(server, found);
  const pod = await podOf(client, context, ref, signal);
  if (pod?.spec.nodeName !== undefined) return absent;
  return unknown(
    `${server} has no pod on a node, so its node is not known`,
    'start the server, or attest that you can reach it',
  );
}

function answerOf(server: string, { job, pod }: FoundJob): Answer {
  const node = pod?.spec.nodeName ?? 'its node';
  const end = endOfJob(job);
  if (end === 'Complete') return passed(`${server}: ${node} answers`);
  const state = pod?.status?.containerStatuses?.[0]?.state;
  const ended = state?.terminated;
  // The node did answer, with an image that holds no such command.
  const isMute = ended?.reason === 'StartError' || ended?.reason === 'ContainerCannotRun';
  if (isMute || state?.waiting?.reason === 'RunContainerError')
    return unknown(
      `${server}: the image has no command "true" to run on ${node}`,
      'name an image with a shell in spec.preflight.image',
    );
  if (end === undefined) return running(`${server}: ${pendingReason(pod) || 'asked'}`);
  const why = ended === undefined ? pendingReason(pod) || `no answer within ${timeout}` : `exit ${ended.exitCode}`;
  return failed(`${server}: a Job on ${node} did not run: ${why}`, 'mend the node, or the way to it');
}

async function podOf(
  client: CheckParts['client'],
  context: RunContext,
  ref: WorkloadRef,
  signal: AbortSignal,
): Promise<Pod | undefined> {
  const as = userClient(client, context);
  const workload = await findWorkload(as, context.namespace, ref, signal);
  if (workload === undefined) return undefined;
  return (await podsOf(as, workload, signal)).pods.find((pod) => isLive(pod) && pod.spec.nodeName !== undefined);
}
