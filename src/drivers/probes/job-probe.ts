import type { JobAction } from '../../api/common.ts';
import { DeadlineExceeded, sleep, withDeadline } from '../../kube/deadline.ts';
import { isAlreadyExists } from '../../kube/kube-error.ts';
import type { Job, Pod, PodTemplate } from '../../kube/objects.ts';
import { jobs } from '../../kube/resources.ts';
import type { ObjectName } from '../../kube/types.ts';
import { parseDuration } from '../../shared/duration.ts';
import { factsOfJob } from '../jobs/job-evidence.ts';
import { readTemplate } from '../jobs/one-shot-job.ts';
import { podsNamedBy } from '../jobs/pod-state.ts';
import type { TryResult } from './attempts.ts';
import { parseComponents } from './components.ts';
import { jobName, jobObject } from './job-object.ts';
import { ProbeNotWanted } from './not-wanted.ts';
import { jobState, type JobState } from './job-result.ts';
import { withEnv } from './secrets.ts';
import type { TryContext } from './try-context.ts';
import { TryEnded } from './try-ended.ts';

const pollMs = 1_000;
/** How much longer than the Job's own deadline its end is waited for. */
const graceMs = 30_000;
const logLines = 500;
const shownLines = 20;
const logCharacters = 800;

/**
 * Runs one Job and reads its end: exit status 0 passes, another fails, and what kept it from ending is no answer.
 * A try that was begun before a restart is taken up again: the Job's name follows from the try.
 */
export async function tryJob(action: JobAction, context: TryContext): Promise<TryResult> {
  const { client } = context.secrets;
  const at = { namespace: context.operation.namespace, name: jobName(context.name) };
  // Read although they go to the container by reference: the log must not show them.
  await withEnv(context.secrets, action.env ?? [], context.values, context.signal);
  const template = await templateOf(action, context);
  const { operation, target, signal } = context;
  const place = target.place === undefined ? {} : { POD: target.name, ADDRESS: target.place.address };
  const job = jobObject({
    action,
    template,
    operation,
    tryName: context.name,
    values: { ...context.values, ...place },
  });
  try {
    await client.create(jobs, job, { signal }).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
    return await follow(action, context, at);
  } catch (error) {
    // What still runs would disturb the next try, or a rollback. A process that only stops lets it run on.
    if (signal.reason instanceof DeadlineExceeded || signal.reason instanceof ProbeNotWanted) await remove(context, at);
    throw error;
  }
}

async function follow(action: JobAction, context: TryContext, at: ObjectName): Promise<TryResult> {
  const { clock, secrets, signal } = context;
  const endsAt = clock.monotonic() + parseDuration(action.timeout) + graceMs;
  for (;;) {
    signal.throwIfAborted();
    const job = await secrets.client.find(jobs, at, signal);
    if (job === undefined) return { answer: 'none', message: `Job ${at.name} was deleted` };
    // The last by name; there is one at most.
    const pod = (await podsNamedBy(secrets.client, at, signal)).at(-1);
    const state = jobState(job, pod, action.timeout);
    if (state.kind !== 'running') return resultOfJob(state, { job, pod }, context, at);
    if (clock.monotonic() >= endsAt) {
      await remove(context, at);
      return { answer: 'none', message: `Job ${at.name} did not end within ${action.timeout}` };
    }
    await sleep(clock, pollMs, signal);
  }
}

async function resultOfJob(
  state: Exclude<JobState, { kind: 'running' }>,
  { job, pod }: { readonly job: Job; readonly pod: Pod | undefined },
  context: TryContext,
  at: ObjectName,
): Promise<TryResult> {
  const output = await logOf(pod, context);
  const facts = [['Job', at.name] as const, ...factsOfJob(job, pod === undefined ? [] : [pod])];
  const evidence = { facts, output };
  switch (state.kind) {
    case 'passed':
      return { ...toldBy(pod, context, at), evidence };
    case 'silent':
      if (!state.isOver) await remove(context, at);
      return { answer: 'none', message: `Job ${at.name}: ${state.message}`, evidence };
    case 'exited':
      return { answer: 'fail', message: `Job ${at.name}: ${state.message}${endOfLog(output)}`, evidence };
  }
}

function toldBy(pod: Pod | undefined, { secrets }: TryContext, at: ObjectName): TryResult {
  const name = pod?.spec.containers[0]?.name;
  const { state } = (pod?.status?.containerStatuses ?? []).find((container) => container.name === name) ?? {};
  const told = parseComponents(state?.terminated?.message ?? '', secrets.redactor);
  if ('problem' in told) return { answer: 'fail', message: `Job ${at.name}: ${told.problem}` };
  return { answer: 'pass', message: '', components: told.versions };
}

/** Redacted; its absence does not change the verdict. */
async function logOf(pod: Pod | undefined, { secrets, signal }: TryContext): Promise<string> {
  if (pod === undefined) return '';
  const at = { namespace: secrets.namespace, name: pod.metadata.name };
  const container = pod.spec.containers[0]?.name;
  const options = { tailLines: logLines, ...(container === undefined ? {} : { container }) };
  return secrets.redactor.redact(await secrets.client.podLog(at, options, signal).catch(() => ''));
}

/** The last lines, for whoever reads the verdict. */
function endOfLog(log: string): string {
  const lines = log.trim().split('\n').slice(-shownLines).join('\n');
  if (lines === '') return '';
  return `; log: ${lines.length <= logCharacters ? lines : `…${lines.slice(-logCharacters)}`}`;
}

async function templateOf(action: JobAction, { secrets, signal }: TryContext): Promise<PodTemplate> {
  const template = await readTemplate(secrets.client, secrets.namespace, { ...action, containerName: 'probe' }, signal);
  if (template === undefined) throw new TryEnded('none', `PodTemplate ${action.podTemplate ?? ''} does not exist`);
  return template;
}

/** Best effort: a Job that stays ends by its own deadline. The try's signal may be over already. */
async function remove({ clock, secrets }: TryContext, at: ObjectName): Promise<void> {
  await withDeadline({ clock, afterMs: 5_000 }, (signal) =>
    secrets.client.delete(jobs, at, { propagation: 'Background', signal }),
  ).catch(() => undefined);
}
