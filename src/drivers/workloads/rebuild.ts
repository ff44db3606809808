/** The Job that restarts what a server runs on, and the node that tells whether it did: docs/rebuild.md is its contract. */
import type { Job, Node, Pod } from '../../kube/objects.ts';
import { jobs, nodes } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { RebootRequest } from '../../planner/effects.ts';
import type { RebootObservation } from '../../planner/observed.ts';
import { userClient } from '../access.ts';
import type { EffectOf, Operation, RunContext } from '../contract.ts';
import { fillIn } from '../jobs/fill.ts';
import { createNamedJob, endOfJob, isMadeFor, needTemplate, type JobPurpose } from '../jobs/named-job.ts';
import { equip, oneShotJob } from '../jobs/one-shot-job.ts';
import { pendingReason, podsNamedBy } from '../jobs/pod-state.ts';
import { serverFacts, whyFailed } from '../jobs/server-job.ts';
import { operationMark, sha256 } from '../marks.ts';
import { type Workload, resourceOf } from '../pods.ts';
import { formerOwnersAnnotation, needWorkload } from './template.ts';

/** On the Job: the request it was made for. */
const rebootAnnotation = 'belay.dev/reboot';
/** A day, as for Jobs on databases: the log outlives the night in which it was written. */
const keepSeconds = 86_400;

/** Follows from the id, so that asking again, and after a crash, finds the first one. */
export function rebootJobName({ id }: Pick<RebootRequest, 'id'>): string {
  return `belay-reboot-${sha256(id).slice(0, 20)}`;
}

/** Takes off what runs have noted of the template before; the lock and the count of replicas belong to the run that asks. */
export async function resetWorkload(
  client: KubeClient,
  operation: Operation,
  { workload: ref }: EffectOf<'ResetWorkload'>,
  signal: AbortSignal,
): Promise<void> {
  const workload = await needWorkload(client, operation, ref, signal);
  if (workload.metadata.annotations?.[formerOwnersAnnotation] === undefined) return;
  const annotations = { [formerOwnersAnnotation]: null, ...operationMark(operation) };
  const { resourceVersion } = workload.metadata;
  await client.mergePatch<Workload>(
    resourceOf(ref),
    { namespace: operation.namespace, name: ref.name },
    { metadata: { resourceVersion, annotations } },
    { signal },
  );
}

/**
 * The Job is looked at as the run's user, the node with the operator's own identity.
 * @param client of the operator
 */
export async function observeReboot(
  client: KubeClient,
  context: RunContext,
  request: RebootRequest,
  signal: AbortSignal,
): Promise<RebootObservation> {
  const as = userClient(client, context);
  const at = { namespace: context.namespace, name: rebootJobName(request) };
  const [job, node] = await Promise.all([
    as.find(jobs, at, signal),
    client.find(nodes, { name: request.node }, signal),
  ]);
  const bootID = node?.status?.nodeInfo?.['bootID'];
  const seen = { id: request.id, nodeReady: isNodeReady(node), bootID: typeof bootID === 'string' ? bootID : '' };
  if (job === undefined || !isMadeFor(job, purposeOf(request))) return { ...seen, state: 'absent', message: '' };
  return { ...seen, ...stateOf(job, await podsNamedBy(as, at, signal)) };
}

function isNodeReady(node: Node | undefined): boolean {
  return (node?.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');
}

function purposeOf({ id }: RebootRequest): JobPurpose {
  return { annotation: rebootAnnotation, id };
}

/** What the Job says; its pod tells only why. */
function stateOf(job: Job, pods: readonly Pod[]): Pick<RebootObservation, 'state' | 'message'> {
  const end = endOfJob(job);
  if (end === 'Complete') return { state: 'succeeded', message: '' };
  if (end === undefined) return { state: 'running', message: pendingReason(pods.at(-1)) };
  return { state: 'failed', message: whyFailed(job, pods) };
}

/** Creates the Job unless it is there. */
export async function requestReboot(
  client: KubeClient,
  operation: Operation,
  request: RebootRequest,
  signal: AbortSignal,
): Promise<void> {
  const at = { namespace: operation.namespace, name: rebootJobName(request) };
  await createNamedJob(client, at, purposeOf(request), () => build(client, operation, request, signal), signal);
}

async function build(
  client: KubeClient,
  operation: Operation,
  request: RebootRequest,
  signal: AbortSignal,
): Promise<Job> {
  const { job: action } = request;
  const field = `spec.rebuild.reboot.job of ServerGroup ${request.group}`;
  const wanted = { ...action, containerName: 'reboot' };
  const { template, container } = await needTemplate(client, operation.namespace, wanted, field, signal);
  const facts = serverFacts(operation, request);
  const equipped = equip(container, { action, facts, values: facts, fill: fillIn(field) });
  const made = oneShotJob({
    operation,
    name: rebootJobName(request),
    annotations: { [rebootAnnotation]: request.id },
    timeout: action.timeout,
    keepSeconds,
    template,
    container: equipped,
  });
  // Right onto the node, past the scheduler: it may be cordoned, and no other one is meant.
  const pod = { ...made.spec.template.spec, nodeName: request.node };
  return { ...made, spec: { ...made.spec, template: { ...made.spec.template, spec: pod } } };
}
