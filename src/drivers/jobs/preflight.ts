/** What would keep a Job that an object of ours declares from being made, found before anything is touched. Reads only. */
import { isForbidden } from '../../kube/kube-error.ts';
import { secrets } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';
import {
  type DeclaredJob,
  type Fault,
  secretsOf,
  templateProblems,
  templatesOf,
  variableFaults,
  type WantedObject,
} from '../../planner/declared/jobs.ts';
import type { Problem } from '../../planner/validate.ts';
import { userClient } from '../access.ts';
import type { RunContext } from '../contract.ts';
import { podTemplates } from './one-shot-job.ts';

export interface JobsPreflight {
  /** Such as "database/portal-db". */
  readonly object: string;
  readonly jobs: readonly DeclaredJob[];
  readonly client: KubeClient;
  readonly context: RunContext;
}

/** All of the below, in the order in which a reader would mend them; an API server that does not answer throws. */
export async function findJobProblems(look: JobsPreflight, signal: AbortSignal): Promise<Problem[]> {
  const [secretsFaults, templates] = await Promise.all([
    findSecretFaults(look, secretsOf(look.jobs), signal),
    findTemplateProblems(look, signal),
  ]);
  const faults = [...secretsFaults, ...look.jobs.flatMap(variableFaults)];
  return [...faults.map((fault) => ({ object: look.object, ...fault })), ...templates];
}

/** Those of the PodTemplates alone: no Secret is read for it. One that serves many jobs is complained about once. */
export async function findTemplateProblems(
  { object, jobs, client, context }: JobsPreflight,
  signal: AbortSignal,
): Promise<Problem[]> {
  const as = userClient(client, context);
  const looks = templatesOf(jobs).map(async ({ name, field }): Promise<Problem[]> => {
    const found = await lookFor('PodTemplate', name, () =>
      as.find(podTemplates, { namespace: context.namespace, name }, signal),
    );
    if ('fault' in found) return [{ object, field, ...found.fault }];
    return templateProblems(name, found.object.template.spec);
  });
  return (await Promise.all(looks)).flat();
}

export async function findSecretFaults(
  { client, context }: Pick<JobsPreflight, 'client' | 'context'>,
  wanted: readonly Omit<WantedObject, 'kind'>[],
  signal: AbortSignal,
): Promise<Fault[]> {
  const as = userClient(client, context);
  const looks = wanted.map(async ({ field, name, key }): Promise<Fault[]> => {
    const found = await lookFor('Secret', name, () => as.find(secrets, { namespace: context.namespace, name }, signal));
    if ('fault' in found) return [{ field, ...found.fault }];
    if (key === undefined || found.object.data?.[key] !== undefined) return [];
    const message = `Secret ${name} has no key "${key}": add it, or correct the key`;
    return [{ reason: 'ReferenceNotFound', field, message }];
  });
  return (await Promise.all(looks)).flat();
}

async function lookFor<T>(
  kind: string,
  name: string,
  find: () => Promise<T | undefined>,
): Promise<{ readonly object: T } | { readonly fault: Omit<Fault, 'field'> }> {
  try {
    const object = await find();
    if (object !== undefined) return { object };
    const message = `${kind} ${name} does not exist: create it, or correct the name`;
    return { fault: { reason: 'ReferenceNotFound', message } };
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return { fault: { reason: 'Forbidden', message: `${error.message}; grant the permission` } };
  }
}
