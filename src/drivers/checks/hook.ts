/** Jobs of `ServerGroup.spec.hooks`: docs/hooks.md is their contract. */
import type { Job, PodSpec, PodTemplate, Volume } from '../../kube/objects.ts';
import { jobs } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';
import { userClient } from '../access.ts';
import type { Operation, RunContext } from '../contract.ts';
import { fillIn } from '../jobs/fill.ts';
import { createNamedJob, endOfJob, isMadeFor, needTemplate, type JobPurpose } from '../jobs/named-job.ts';
import { equip, oneShotJob } from '../jobs/one-shot-job.ts';
import { pendingReason, podsNamedBy } from '../jobs/pod-state.ts';
import { serverFacts, whyFailed } from '../jobs/server-job.ts';
import { sha256 } from '../marks.ts';
import { findWorkload, isLive, podsOf } from '../pods.ts';
import { absent, failed, passed, running, type Answer, type CheckOf } from './answer.ts';
import type { CheckParts } from './parts.ts';

type Hook = CheckOf<'Hook'>;

/** On the Job: the request it was made for. */
const hookAnnotation = 'belay.dev/hook';
/** A day: the log outlives the night in which it was written. */
const keepSeconds = 86_400;

/** Follows from the id, so that asking again, and after a crash, finds the first one. */
function hookJobName(id: string): string {
  return `belay-hook-${sha256(id).slice(0, 20)}`;
}

export async function observeHook(
  { client }: CheckParts,
  context: RunContext,
  { id }: Hook,
  signal: AbortSignal,
): Promise<Answer> {
  const as = userClient(client, context);
  const at = { namespace: context.namespace, name: hookJobName(id) };
  const job = await as.find(jobs, at, signal);
  if (job === undefined || !isMadeFor(job, purposeOf(id))) return absent;
  const end = endOfJob(job);
  if (end === 'Complete') return passed(`Job ${at.name} succeeded`);
  const pods = await podsNamedBy(as, at, signal);
  return end === undefined ? running(pendingReason(pods.at(-1))) : failed(whyFailed(job, pods), '');
}

function purposeOf(id: string): JobPurpose {
  return { annotation: hookAnnotation, id };
}

/** Creates the Job unless it is there. */
export async function runHook(
  { client }: CheckParts,
  operation: Operation,
  request: Hook,
  signal: AbortSignal,
): Promise<void> {
  const as = userClient(client, operation);
  const at = { namespace: operation.namespace, name: hookJobName(request.id) };
  await createNamedJob(as, at, purposeOf(request.id), () => build(as, operation, request, signal), signal);
}

async function build(as: KubeClient, operation: Operation, request: Hook, signal: AbortSignal): Promise<Job> {
  const { job: action } = request;
  const field = `spec.hooks[${request.hook}].job of ServerGroup ${request.group}`;
  const wanted = { ...action, containerName: 'hook' };
  const { template, container } = await needTemplate(as, operation.namespace, wanted, field, signal);
  const node = await nodeOf(as, operation, request, signal);
  const facts = { ...serverFacts(operation, { ...request, node: node ?? '' }), HOOK: request.hook };
  const fill = fillIn(field);
  return oneShotJob({
    operation,
    name: hookJobName(request.id),
    annotations: { [hookAnnotation]: request.id },
    timeout: action.timeout,
    keepSeconds,
    template: placed(template, node, (text) => fill(text, facts)),
    container: equip(container, { action, facts, values: facts, fill }),
  });
}

/** Where the server runs; undefined where it does not. */
async function nodeOf(
  as: KubeClient,
  { namespace }: Operation,
  { workload: ref }: Hook,
  signal: AbortSignal,
): Promise<string | undefined> {
  const workload = await findWorkload(as, namespace, ref, signal);
  if (workload === undefined) return undefined;
  const { pods } = await podsOf(as, workload, signal);
  return pods.find((pod) => isLive(pod) && pod.spec.nodeName !== undefined)?.spec.nodeName;
}

/** Its volumes are those of this server, and it runs beside it unless the template chooses a node itself. */
function placed(template: PodTemplate, node: string | undefined, fill: (text: string) => string): PodTemplate {
  const { spec } = template;
  const volumes = spec.volumes === undefined ? {} : { volumes: spec.volumes.map((volume) => filled(volume, fill)) };
  const chooses = [spec.nodeName, spec.nodeSelector, spec.affinity].some((choice) => choice !== undefined);
  return { ...template, spec: { ...spec, ...volumes, ...(node === undefined || chooses ? {} : beside(spec, node)) } };
}

function filled(volume: Volume, fill: (text: string) => string): Volume {
  const { persistentVolumeClaim: claim, hostPath } = volume;
  return {
    ...volume,
    ...(claim === undefined ? {} : { persistentVolumeClaim: { ...claim, claimName: fill(claim.claimName) } }),
    ...(hostPath === undefined ? {} : { hostPath: { ...hostPath, path: fill(hostPath.path) } }),
  };
}

/** By the scheduler, and also onto a node that takes no others. */
function beside(spec: PodSpec, node: string): Partial<PodSpec> {
  return {
    tolerations: [...(spec.tolerations ?? []), { operator: 'Exists' }],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }],
        },
      },
    },
  };
}
