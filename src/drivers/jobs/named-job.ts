/** Jobs whose name follows from what they were made for: found again after a crash, and made once. */
import type { JobAction } from '../../api/common.ts';
import { isAlreadyExists } from '../../kube/kube-error.ts';
import type { Container, Job, PodTemplate } from '../../kube/objects.ts';
import { jobs } from '../../kube/resources.ts';
import type { KubeClient, ObjectName } from '../../kube/types.ts';
import { PauseError, RetryError } from '../access.ts';
import type { Operation } from '../contract.ts';
import { readTemplate } from './one-shot-job.ts';

/** A missing object is waited for until the step's deadline: it is made faster than an upgrade is undone. */
const missingMs = 10_000;

/** What a Job was made for: an annotation holds it. A Job of its name without it is somebody else's. */
export interface JobPurpose {
  readonly annotation: string;
  readonly id: string;
  /** In messages: "was not made for …". Default: the id. */
  readonly shown?: string;
}

export function isMadeFor(job: Job, { annotation, id }: JobPurpose): boolean {
  return job.metadata.annotations?.[annotation] === id;
}

/**
 * Creates the Job unless it is there.
 * @throws PauseError the name is taken by something that was not made for this
 */
export async function createNamedJob(
  client: KubeClient,
  at: ObjectName,
  purpose: JobPurpose,
  build: () => Job | Promise<Job>,
  signal: AbortSignal,
): Promise<void> {
  if (await isThere(client, at, purpose, signal)) return;
  const job = await build();
  try {
    await client.create(jobs, job, { signal });
  } catch (error) {
    if (!isAlreadyExists(error) || !(await isThere(client, at, purpose, signal))) throw error;
  }
}

async function isThere(client: KubeClient, at: ObjectName, purpose: JobPurpose, signal: AbortSignal): Promise<boolean> {
  const existing = await client.find(jobs, at, signal);
  if (existing === undefined) return false;
  if (isMadeFor(existing, purpose)) return true;
  const message = `Job ${at.name} exists and was not made for ${purpose.shown ?? purpose.id}; delete or rename it`;
  throw new PauseError('NameTaken', message);
}

/**
 * The template of an action and the container that does its work.
 * @param field names the PodTemplate in messages, such as "spec.backup.job.podTemplate of the Database"
 * @throws RetryError the PodTemplate does not exist
 * @throws PauseError it has no container
 */
export async function needTemplate(
  client: KubeClient,
  namespace: string,
  action: Pick<JobAction, 'podTemplate' | 'image'> & { readonly containerName: string },
  field: string,
  signal: AbortSignal,
): Promise<{ readonly template: PodTemplate; readonly container: Container }> {
  const template = await readTemplate(client, namespace, action, signal);
  if (template === undefined) throw missing('PodTemplate', action.podTemplate ?? '', field);
  const [container] = template.spec.containers;
  if (container === undefined)
    throw new PauseError('InvalidObject', `PodTemplate ${action.podTemplate ?? ''} has no container; give it one`);
  return { template, container };
}

/** Something that a Job needs is not there. @param field names it in messages */
export function missing(kind: string, name: string, field: string): RetryError {
  const message = `${kind} ${name}, named by ${field}, does not exist; create it, or abort the run`;
  return new RetryError('ReferenceNotFound', message, { afterMs: missingMs });
}

/** The step of an operation: run UID / step / attempt. */
export function stepOf({ operation }: Pick<Operation, 'operation'>): string {
  return operation.split('/').slice(1, -1).join('/');
}

/** How a Job ended; undefined while it has not. */
export function endOfJob({ status }: Job): 'Complete' | 'Failed' | undefined {
  const isTrue = (wanted: string): boolean =>
    (status?.conditions ?? []).some(({ type, status: is }) => type === wanted && is === 'True');
  if (isTrue('Complete')) return 'Complete';
  return isTrue('Failed') ? 'Failed' : undefined;
}
