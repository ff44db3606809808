/** What would keep a Job that an object of ours declares from being made, found before anything is touched. Reads only. */
import { type JobAction, hasDigest } from '../../api/common.ts';
import { variableNames } from '../../api/variables.ts';
import { isForbidden } from '../../kube/kube-error.ts';
import type { PodTemplate } from '../../kube/objects.ts';
import { secrets } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { Problem } from '../../planner/validate.ts';
import { userClient } from '../access.ts';
import type { RunContext } from '../contract.ts';
import { podTemplates } from './one-shot-job.ts';

export type Fault = Omit<Problem, 'object'>;

export interface DeclaredJob {
  /** Place of the job in the object, such as "spec.migrate.job". */
  readonly at: string;
  readonly action: JobAction;
  /** What its texts may name: the `BELAY_*` that it gets, without the prefix. */
  readonly facts: readonly string[];
}

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
  const fields = new Map<string, string>();
  for (const { at, action } of jobs) {
    const { podTemplate } = action;
    if (podTemplate !== undefined && !fields.has(podTemplate)) fields.set(podTemplate, `${at}.podTemplate`);
  }
  const looks = [...fields].map(async ([name, field]): Promise<Problem[]> => {
    const found = await lookFor('PodTemplate', name, () =>
      as.find(podTemplates, { namespace: context.namespace, name }, signal),
    );
    if ('fault' in found) return [{ object, field, ...found.fault }];
    return templateProblems(name, found.object.template);
  });
  return (await Promise.all(looks)).flat();
}

interface WantedSecret {
  readonly field: string;
  readonly name: string;
  readonly key?: string;
}

export function secretsOf(jobs: readonly DeclaredJob[]): WantedSecret[] {
  return jobs.flatMap(({ at, action }) =>
    (action.env ?? []).flatMap(({ name, secretKeyRef }) =>
      secretKeyRef === undefined ? [] : [{ field: `${at}.env[${name}]`, ...secretKeyRef }],
    ),
  );
}

export async function findSecretFaults(
  { client, context }: Pick<JobsPreflight, 'client' | 'context'>,
  wanted: readonly WantedSecret[],
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

function templateProblems(name: string, { spec }: PodTemplate): Problem[] {
  const object = `podtemplate/${name}`;
  const [first] = spec.containers;
  if (first === undefined) {
    const message = 'there is no container to run the Job: give the PodTemplate one';
    return [{ reason: 'PodTemplateEmpty', object, field: 'template.spec.containers', message }];
  }
  const lists = [
    { field: 'template.spec.initContainers', containers: spec.initContainers ?? [] },
    { field: 'template.spec.containers', containers: spec.containers },
  ];
  return lists.flatMap(({ field, containers }) =>
    containers
      .filter(({ image = '' }) => !hasDigest(image))
      .map((container) => ({
        reason: 'ImageNotByDigest',
        object,
        field: `${field}[${container.name}].image`,
        message: `"${container.image ?? ''}" may be another program when the way back is taken: append @sha256: and its digest`,
      })),
  );
}

/** In the order in which the Job gets them: an `env` counts for those after it, a Secret's value for none. */
export function variableFaults({ at, action, facts }: DeclaredJob): Fault[] {
  const known = new Set(facts);
  const faults: Fault[] = [];
  const check = (field: string, ...texts: readonly string[]): void => {
    const unset = variableNames(...texts).filter((name) => !known.has(name));
    for (const name of unset) {
      const message = `\${${name}} has no value here: take one of ${facts.join(', ')}, or write $\${${name}} for the text itself`;
      faults.push({ reason: 'VariableNotSet', field, message });
    }
  };
  for (const { name, value } of action.env ?? []) {
    if (value === undefined) continue;
    check(`${at}.env[${name}]`, value);
    known.add(name);
  }
  check(`${at}.command`, ...(action.command ?? []));
  check(`${at}.args`, ...(action.args ?? []));
  return faults;
}
