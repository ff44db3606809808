/** What would keep the Jobs of a Database from being made, found before anything is touched. Reads only. */
import { type JobAction, hasDigest } from '../../api/common.ts';
import type { Database, DatabaseSpec } from '../../api/database.ts';
import type { Package } from '../../api/package.ts';
import { variableNames } from '../../api/variables.ts';
import { isForbidden } from '../../kube/kube-error.ts';
import type { PodTemplate } from '../../kube/objects.ts';
import { secrets } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { Problem } from '../../planner/validate.ts';
import { userClient } from '../access.ts';
import type { RunContext } from '../contract.ts';
import { podTemplates } from '../jobs/one-shot-job.ts';

export interface DatabasePreflight {
  readonly database: Database;
  readonly client: KubeClient;
  readonly context: RunContext;
}

/** Everything a plan with this package needs of the Database; an API server that does not answer throws. */
export async function findDatabaseProblems(
  { package: package_, ...look }: DatabasePreflight & { readonly package: Package },
  signal: AbortSignal,
): Promise<Problem[]> {
  const [templates, references] = await Promise.all([findTemplateProblems(look, signal), secretFaults(look, signal)]);
  const object = objectOf(look.database);
  const missing = verbFaults(look.database.spec, package_);
  const faults = [...missing, ...references, ...actionsOf(look.database.spec).flatMap(variableFaults)];
  return [...faults.map((fault) => ({ object, ...fault })), ...templates];
}

/** Those of its PodTemplates alone: no Secret is read for it. */
export async function findTemplateProblems(
  { database, client, context }: DatabasePreflight,
  signal: AbortSignal,
): Promise<Problem[]> {
  const as = userClient(client, context);
  // One PodTemplate serves many verbs, and is complained about once.
  const fields = new Map<string, string>();
  for (const { at, action } of actionsOf(database.spec)) {
    const { podTemplate } = action;
    if (podTemplate !== undefined && !fields.has(podTemplate)) fields.set(podTemplate, `${at}.podTemplate`);
  }
  const looks = [...fields].map(async ([name, field]): Promise<Problem[]> => {
    const found = await lookFor('PodTemplate', name, () =>
      as.find(podTemplates, { namespace: context.namespace, name }, signal),
    );
    if ('fault' in found) return [{ object: objectOf(database), field, ...found.fault }];
    return templateProblems(name, found.object.template);
  });
  return (await Promise.all(looks)).flat();
}

type Fault = Omit<Problem, 'object'>;

interface Action {
  /** Place of the job in the Database. */
  readonly at: string;
  readonly action: JobAction;
  /** Facts that this verb gets beside those that all get. */
  readonly facts: readonly string[];
}

const factsOfAll = ['VERB', 'OPERATION', 'RUN', 'STEP', 'DB_HOST', 'DB_PORT', 'DB_NAME', 'FROM_VERSION', 'TO_VERSION'];

function actionsOf({ schemaVersion, backup, migrate, restore, drill }: DatabaseSpec): Action[] {
  const one = (at: string, task: { readonly job: JobAction } | undefined, facts: readonly string[]): Action[] =>
    task === undefined ? [] : [{ at: `${at}.job`, action: task.job, facts: [...factsOfAll, ...facts] }];
  return [
    ...one('spec.schemaVersion', schemaVersion, []),
    ...one('spec.backup', backup, []),
    ...one('spec.backup.verify', backup?.verify, ['BACKUP']),
    ...one('spec.migrate', migrate, ['FROM_SCHEMA', 'TO_SCHEMA']),
    ...one('spec.restore', restore, ['BACKUP']),
    ...one('spec.drill', drill, ['BACKUP']),
  ];
}

/** What the plan runs although the schema stays; a package that migrates is the planner's to judge. */
function verbFaults(spec: DatabaseSpec, { metadata, spec: release }: Package): Fault[] {
  if (release.schema?.change === 'Migrate') return [];
  const verbs = release.upgradeType === 'Major' ? (['backup', 'migrate'] as const) : (['migrate'] as const);
  return verbs
    .filter((verb) => spec[verb] === undefined)
    .map((verb) => ({
      reason: 'DatabaseIncomplete',
      field: `spec.${verb}`,
      message: `installing ${metadata.name} runs it, also where the schema stays: fill it in, or name no Database in the ServerGroups`,
    }));
}

async function secretFaults({ database, client, context }: DatabasePreflight, signal: AbortSignal): Promise<Fault[]> {
  const as = userClient(client, context);
  const { credentialsSecret } = database.spec.connection;
  const wanted: { field: string; name: string; key?: string }[] = [
    ...(credentialsSecret === undefined
      ? []
      : [{ field: 'spec.connection.credentialsSecret', name: credentialsSecret }]),
    ...actionsOf(database.spec).flatMap(({ at, action }) =>
      (action.env ?? []).flatMap(({ name, secretKeyRef }) =>
        secretKeyRef === undefined ? [] : [{ field: `${at}.env[${name}]`, ...secretKeyRef }],
      ),
    ),
  ];
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
function variableFaults({ at, action, facts }: Action): Fault[] {
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

function objectOf(database: Database): string {
  return `database/${database.metadata.name}`;
}
