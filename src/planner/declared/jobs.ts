/**
 * What Jobs that objects of ours declare need to be made: values for their variables, Secrets, PodTemplates. The same
 * rules where a cluster is asked for the objects and where somebody's files are.
 */
import { type JobAction, hasDigest } from '../../api/common.ts';
import type { DatabaseSpec } from '../../api/database.ts';
import type { Package } from '../../api/package.ts';
import type { ServerGroup } from '../../api/server-group.ts';
import { variableNames } from '../../api/variables.ts';
import type { Problem } from '../validate.ts';

export type Fault = Omit<Problem, 'object'>;

export interface DeclaredJob {
  /** Place of the job in the object, such as "spec.migrate.job". */
  readonly at: string;
  readonly action: JobAction;
  /** What its texts may name: the `BELAY_*` that it gets, without the prefix. */
  readonly facts: readonly string[];
}

/** An object that has to be there when a Job is made or a probe is run. */
export interface WantedObject {
  readonly kind: 'Secret' | 'PodTemplate' | 'ConfigMap';
  /** Who names it, such as "spec.migrate.job.env[PASSWORD]". */
  readonly field: string;
  readonly name: string;
  readonly key?: string;
}

export function secretsOf(jobs: readonly DeclaredJob[]): WantedObject[] {
  return jobs.flatMap(({ at, action }) =>
    (action.env ?? []).flatMap(({ name, secretKeyRef }) =>
      secretKeyRef === undefined ? [] : [{ kind: 'Secret' as const, field: `${at}.env[${name}]`, ...secretKeyRef }],
    ),
  );
}

/** Each once: one that serves many jobs is complained about once. */
export function templatesOf(jobs: readonly DeclaredJob[]): WantedObject[] {
  const fields = new Map<string, string>();
  for (const { at, action } of jobs) {
    const { podTemplate } = action;
    if (podTemplate !== undefined && !fields.has(podTemplate)) fields.set(podTemplate, `${at}.podTemplate`);
  }
  return [...fields].map(([name, field]) => ({ kind: 'PodTemplate', field, name }));
}

interface PodTemplateSpec {
  readonly containers: readonly { readonly name: string; readonly image?: string }[];
  readonly initContainers?: readonly { readonly name: string; readonly image?: string }[];
}

/** What makes a PodTemplate useless for a Job that may have to be run again later. */
export function templateProblems(name: string, { containers, initContainers = [] }: PodTemplateSpec): Problem[] {
  const object = `podtemplate/${name}`;
  if (containers.length === 0) {
    const message = 'there is no container to run the Job: give the PodTemplate one';
    return [{ reason: 'PodTemplateEmpty', object, field: 'template.spec.containers', message }];
  }
  const lists = [
    { field: 'template.spec.initContainers', list: initContainers },
    { field: 'template.spec.containers', list: containers },
  ];
  return lists.flatMap(({ field, list }) =>
    list
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

const factsOfDatabase = [
  ...['VERB', 'OPERATION', 'RUN', 'STEP', 'DB_HOST', 'DB_PORT', 'DB_NAME'],
  ...['FROM_VERSION', 'TO_VERSION'],
];

export function jobsOfDatabase(spec: DatabaseSpec): DeclaredJob[] {
  const { schemaVersion, backup, migrate, readOnly, restore, drill } = spec;
  const one = (
    at: string,
    task: { job?: JobAction | undefined } | undefined,
    facts: readonly string[],
  ): DeclaredJob[] =>
    task?.job === undefined ? [] : [{ at: `${at}.job`, action: task.job, facts: [...factsOfDatabase, ...facts] }];
  return [
    ...one('spec.schemaVersion', schemaVersion, []),
    ...one('spec.backup', backup?.job === undefined ? undefined : { job: backup.job }, []),
    ...one('spec.backup.verify', backup?.verify, ['BACKUP']),
    ...one('spec.migrate', migrate, ['FROM_SCHEMA', 'TO_SCHEMA']),
    ...one('spec.readOnly.set', readOnly?.set, []),
    ...one('spec.readOnly.clear', readOnly?.clear, []),
    ...one('spec.readOnly.writeProbe', readOnly?.writeProbe, []),
    ...one('spec.restore', restore, ['BACKUP']),
    ...one('spec.drill', drill, ['BACKUP']),
  ];
}

/** Those and the credentials of the connection. */
export function secretsOfDatabase(spec: DatabaseSpec): WantedObject[] {
  const { credentialsSecret } = spec.connection;
  const field = 'spec.connection.credentialsSecret';
  const credentials =
    credentialsSecret === undefined ? [] : [{ kind: 'Secret' as const, field, name: credentialsSecret }];
  return [...credentials, ...secretsOf(jobsOfDatabase(spec))];
}

/** What the plan runs although the schema stays; a package that migrates is the planner's to judge. */
export function verbFaults(spec: DatabaseSpec, { metadata, spec: release }: Package): Fault[] {
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

/** What the Job of a reboot is told, as `BELAY_*`: docs/rebuild.md. */
const factsOfReboot = [
  ...['OPERATION', 'RUN', 'STEP', 'GROUP', 'SERVER', 'WORKLOAD', 'NODE'],
  ...['FROM_VERSION', 'TO_VERSION'],
];

export function jobsOfReboot({ spec }: ServerGroup): DeclaredJob[] {
  const action = spec.rebuild?.reboot?.job;
  return action === undefined ? [] : [{ at: 'spec.rebuild.reboot.job', action, facts: factsOfReboot }];
}

/** What the Job of a hook is told, as `BELAY_*`: docs/hooks.md. */
const factsOfHook = [
  ...['OPERATION', 'RUN', 'STEP', 'GROUP', 'HOOK', 'AT', 'SERVER', 'ROLE', 'WORKLOAD', 'NODE'],
  ...['FROM_VERSION', 'TO_VERSION'],
];

export function jobsOfHooks({ spec }: ServerGroup): DeclaredJob[] {
  // Each runs for every server, so what only some of them have is of no use.
  const [first, ...others] = spec.servers;
  const vars = Object.keys(first?.vars ?? {}).filter((name) =>
    others.every((server) => Object.hasOwn(server.vars ?? {}, name)),
  );
  const facts = [...factsOfHook, ...vars.toSorted()];
  return (spec.hooks ?? []).map(({ name, job }) => ({ at: `spec.hooks[${name}].job`, action: job, facts }));
}
