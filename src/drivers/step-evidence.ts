/** What one step attempt left in the namespace beyond what the drivers speak of: its other Jobs, and servers that do not run. */
import type { Job, Pod } from '../kube/objects.ts';
import { jobs } from '../kube/resources.ts';
import type { KubeClient } from '../kube/types.ts';
import type { WorkloadRef } from '../planner/effects.ts';
import { userClient } from './access.ts';
import type { Evidence, RunContext } from './contract.ts';
import { factsOfJob, shownEvidence } from './jobs/job-evidence.ts';
import { tailOf } from './jobs/pod-log.ts';
import { containerStatuses, pendingReason, podsNamedBy } from './jobs/pod-state.ts';
import { readRedaction } from './jobs/redaction.ts';
import { operationAnnotation, runLabel } from './marks.ts';
import { findWorkload, isReady, podsOf } from './pods.ts';

export interface StepTraces {
  readonly operation: string;
  /** Those whose pods may tell why the step failed; empty where it did not. */
  readonly workloads: readonly WorkloadRef[];
}

const outputBytes = 8_192;
const tailLines = 200;
const maxJobs = 16;
const maxPods = 4;

/** Read as the run's user. Every look is for itself: what cannot be read is left out. */
export async function readStepEvidence(
  client: KubeClient,
  context: RunContext,
  { operation, workloads }: StepTraces,
  signal: AbortSignal,
): Promise<Evidence[]> {
  const as = userClient(client, context);
  const { namespace, run } = context;
  const { items } = await as.list(jobs, { namespace, labelSelector: `${runLabel}=${run}` }, signal);
  const own = items
    // Of tests and of Jobs on the database their drivers speak.
    .filter(({ metadata: { name } }) => !name.startsWith('belay-probe-') && !name.startsWith('belay-db-'))
    .filter(({ metadata }) => metadata.annotations?.[operationAnnotation] === operation);
  const told = await Promise.all(own.slice(0, maxJobs).map((job) => evidenceOfJob(as, job, signal)));
  const broken = await Promise.all(workloads.map((workload) => evidenceOfServer(as, namespace, workload, signal)));
  return [...told, ...broken.flat()];
}

async function evidenceOfJob(client: KubeClient, job: Job, signal: AbortSignal): Promise<Evidence> {
  const { name, namespace = '' } = job.metadata;
  const pods = await podsNamedBy(client, { namespace, name }, signal);
  const told = { title: `Job ${name}`, facts: factsOfJob(job, pods) };
  const container = job.spec.template.spec.containers[0]?.name ?? '';
  return withOutput(client, job, { told, pods, container, previous: false }, signal);
}

interface Source {
  readonly told: Pick<Evidence, 'title' | 'facts'>;
  readonly pods: readonly Pod[];
  readonly container: string;
  /** Of the container before this one, which has ended. */
  readonly previous: boolean;
}

async function withOutput(
  client: KubeClient,
  job: Job,
  { told, pods, container, previous }: Source,
  signal: AbortSignal,
): Promise<Evidence> {
  const redaction = await readRedaction(client, job, signal);
  if ('unreadable' in redaction) {
    const output = `what it wrote is not shown: Secret ${redaction.unreadable} cannot be read, so its values could not be taken out`;
    return { ...told, facts: told.facts.filter(([name]) => name !== 'said'), output };
  }
  const options = { container, tailLines, ...(previous ? { previous } : {}) };
  const texts = await Promise.all(pods.map((pod) => tailOf(client, pod, options, signal)));
  return shownEvidence({ ...told, output: texts.join('\n') }, redaction.redact, outputBytes);
}

/** Pods of the workload that are not ready: why, and the last they wrote. */
async function evidenceOfServer(
  client: KubeClient,
  namespace: string,
  ref: WorkloadRef,
  signal: AbortSignal,
): Promise<Evidence[]> {
  const workload = await findWorkload(client, namespace, ref, signal);
  if (workload === undefined) return [];
  const { pods } = await podsOf(client, workload, signal);
  const broken = pods.filter((pod) => !isReady(pod));
  // Its template alone counts: it names the Secrets whose values may stand in the log.
  const job: Job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: ref.name, namespace },
    spec: { template: workload.spec.template },
  };
  return Promise.all(broken.slice(0, maxPods).map((pod) => withOutput(client, job, sourceOfPod(ref, pod), signal)));
}

function sourceOfPod(ref: WorkloadRef, pod: Pod): Source {
  const failing = containerStatuses(pod).find(({ ready }) => !ready);
  const { state, lastState } = failing ?? {};
  const ended = state?.terminated ?? lastState?.terminated;
  const waiting = [state?.waiting?.reason, state?.waiting?.message].filter((text) => text !== undefined).join(': ');
  const code = ended === undefined ? '' : `${ended.exitCode}${ended.reason === undefined ? '' : ` (${ended.reason})`}`;
  const facts: [string, string][] = [
    ['server', `${ref.kind}/${ref.name}`],
    ['node', pod.spec.nodeName ?? ''],
    ['pending', pendingReason(pod)],
    ['container', failing === undefined ? '' : `${failing.name}, ${failing.restartCount} restarts`],
    ['waiting', waiting],
    ['exit code', code],
  ];
  return {
    told: { title: `pod ${pod.metadata.name} is not ready`, facts: facts.filter(([, value]) => value !== '') },
    pods: [pod],
    container: failing?.name ?? pod.spec.containers[0]?.name ?? '',
    previous: lastState?.terminated !== undefined && state?.running === undefined,
  };
}
