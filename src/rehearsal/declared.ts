/** What Jobs, probes and documents of the user's objects need beside them: looked for in the same files. */
import type { ServerGroup } from '../api/server-group.ts';
import { expand } from '../api/variables.ts';
import { evaluateHere } from '../drivers/cel-evaluate.ts';
import { jsonPathProblem } from '../drivers/json-path.ts';
import { patternProblem } from '../drivers/probes/pattern.ts';
import {
  type DeclaredJob,
  type Fault,
  jobsOfDatabase,
  jobsOfHooks,
  jobsOfReboot,
  secretsOf,
  secretsOfDatabase,
  templateProblems,
  templatesOf,
  variableFaults,
  type WantedObject,
} from '../planner/declared/jobs.ts';
import {
  objectsOfProbe,
  type ProbeText,
  setFromOutside,
  textsToRead,
  unreadable,
  unsetVariables,
} from '../planner/declared/probes.ts';
import { at, isFields, listAt, textAt } from './core-objects.ts';
import type { Loaded } from './load.ts';
import { notifyProblems } from './notify-secrets.ts';

/** An object that is named, and who names it. */
interface Wanted {
  readonly kind: string;
  readonly name: string;
  readonly key?: string;
  /** Such as `ProbeSuite "functions", spec.probes[login].http.env[PASSWORD]`. */
  readonly by: string;
  readonly file: string;
  /** The ServerGroup that names it, where one does. */
  readonly group?: string;
}

export interface Declared {
  /** What a cluster would refuse, each with file, object, field and next move. */
  readonly problems: readonly string[];
  /** What is named and is not in these files, each once, as "Secret probe-user (ProbeSuite …)". */
  readonly absent: readonly string[];
}

export function checkDeclared(loaded: Loaded): Declared {
  const { suites, databases, groups } = loaded.objects;
  const problems: string[] = [];
  const wanted: Wanted[] = [];
  const tell = (kind: string, name: string, faults: readonly Fault[], objects: readonly WantedObject[]): void => {
    const file = loaded.files.get(`${kind}/${name}`) ?? '';
    problems.push(...faults.map(({ field, message }) => `${file}: ${kind} "${name}", ${field}: ${message}`));
    const group = kind === 'ServerGroup' ? { group: name } : {};
    wanted.push(
      ...objects.map(({ field, ...object }) => ({ ...object, ...group, file, by: `${kind} "${name}", ${field}` })),
    );
  };
  const jobs = (list: readonly DeclaredJob[]): [Fault[], WantedObject[]] => [
    list.flatMap(variableFaults),
    [...secretsOf(list), ...templatesOf(list)],
  ];
  for (const suite of suites) {
    const unset = unsetVariables(suite, setFromOutside(suite, groups));
    const texts = suite.spec.probes.flatMap(textsToRead).flatMap((text) => unreadable(text, problemOf(text)));
    tell('ProbeSuite', suite.metadata.name, [...texts, ...unset], suite.spec.probes.flatMap(objectsOfProbe));
  }
  for (const { metadata, spec } of databases) {
    const list = jobsOfDatabase(spec);
    tell('Database', metadata.name, list.flatMap(variableFaults), [...secretsOfDatabase(spec), ...templatesOf(list)]);
  }
  for (const group of groups) {
    tell('ServerGroup', group.metadata.name, ...jobs([...jobsOfHooks(group), ...jobsOfReboot(group)]));
    tell('ServerGroup', group.metadata.name, ...documentsOf(group));
  }
  for (const { metadata, spec } of loaded.objects.sets) {
    const lines = (spec.notify ?? []).flatMap(({ secret }) =>
      ['type', 'url'].map((key) => ({ kind: 'Secret' as const, field: `spec.notify[${secret}]`, name: secret, key })),
    );
    tell('UpgradeSet', metadata.name, [], lines);
  }
  for (const { name } of templatesNamed(wanted)) wanted.push(...namedByTemplate(loaded, name, wanted));
  return {
    problems: [
      ...problems,
      ...templates(loaded, wanted),
      ...unique(wanted.flatMap((one) => look(loaded, one))),
      ...notifyProblems(loaded),
    ],
    absent: absentOf(loaded, wanted),
  };
}

function problemOf({ language, text }: ProbeText): string {
  if (language === 'JSONPath') return jsonPathProblem(text);
  if (language === 'RE2') return patternProblem(text);
  const outcome = evaluateHere(text, undefined);
  return outcome.kind === 'malformed' ? outcome.why : '';
}

/** The documents whose settings a Package may change. */
function documentsOf({ metadata, spec }: ServerGroup): [Fault[], WantedObject[]] {
  const faults: Fault[] = [];
  const objects: WantedObject[] = [];
  for (const { name, object, key } of spec.configs ?? []) {
    const field = `spec.configs[${name}].object.name`;
    for (const server of spec.servers) {
      const known = { ...server.vars, SERVER: server.name, GROUP: metadata.name };
      const { text, unset } = expand(object.name, known);
      if (unset.length === 0) objects.push({ kind: object.kind, field, name: text, key });
      for (const variable of unset) {
        const message = `\${${variable}} has no value for server ${server.name}: take one of ${Object.keys(known).toSorted().join(', ')}, or add it to its vars`;
        faults.push({ reason: 'VariableNotSet', field, message });
      }
    }
  }
  return [faults, objects];
}

function templatesNamed(wanted: readonly Wanted[]): Wanted[] {
  const found = wanted.filter(({ kind }) => kind === 'PodTemplate');
  return found.filter(({ name }, i) => found.findIndex((other) => other.name === name) === i);
}

function templates(loaded: Loaded, wanted: readonly Wanted[]): string[] {
  return templatesNamed(wanted).flatMap(({ name }) => {
    const template = loaded.templates.find((candidate) => candidate.name === name);
    if (template === undefined) return [];
    const file = loaded.files.get(`PodTemplate/${name}`) ?? '';
    return templateProblems(name, template).map(
      ({ field, message }) => `${file}: PodTemplate "${name}", ${field}: ${message}`,
    );
  });
}

/** What the pods of a Job mount and read: a pod that lacks one of these never starts. */
function namedByTemplate(loaded: Loaded, name: string, wanted: readonly Wanted[]): Wanted[] {
  const entry = loaded.entries.find((candidate) => candidate.kind === 'PodTemplate' && candidate.name === name);
  const spec = at(entry?.object, 'template', 'spec');
  const users = wanted.filter((other) => other.kind === 'PodTemplate' && other.name === name);
  if (entry === undefined || !isFields(spec)) return [];
  const one = (kind: string, ref: unknown, field: string, nameField = 'name'): Wanted[] => {
    const named = textAt(ref, nameField);
    const key = textAt(ref, 'key');
    if (named === '' || at(ref, 'optional') === true) return [];
    const by = `PodTemplate "${name}", template.spec.${field}`;
    return [{ kind, name: named, by, file: entry.file, ...(key === '' ? {} : { key }) }];
  };
  return [
    ...one('ServiceAccount', spec, 'serviceAccountName', 'serviceAccountName'),
    ...listAt(spec, 'volumes').flatMap((volume) => {
      const field = `volumes[${textAt(volume, 'name')}]`;
      return [
        ...one('Secret', at(volume, 'secret'), field, 'secretName'),
        ...one('ConfigMap', at(volume, 'configMap'), field),
        ...one('PersistentVolumeClaim', at(volume, 'persistentVolumeClaim'), field, 'claimName').flatMap((claim) =>
          claimsOf(loaded, claim, users),
        ),
      ];
    }),
    ...['initContainers', 'containers'].flatMap((list) =>
      listAt(spec, list).flatMap((container) => {
        const field = `${list}[${textAt(container, 'name')}]`;
        return [
          ...listAt(container, 'envFrom').flatMap((from) => [
            ...one('Secret', at(from, 'secretRef'), `${field}.envFrom`),
            ...one('ConfigMap', at(from, 'configMapRef'), `${field}.envFrom`),
          ]),
          ...listAt(container, 'env').flatMap((env) => {
            const place = `${field}.env[${textAt(env, 'name')}]`;
            return [
              ...one('Secret', at(env, 'valueFrom', 'secretKeyRef'), place),
              ...one('ConfigMap', at(env, 'valueFrom', 'configMapKeyRef'), place),
            ];
          }),
        ];
      }),
    ),
  ];
}

/** One claim for each server whose Job mounts it, without those that a StatefulSet of the files brings. */
function claimsOf({ objects, workloads }: Loaded, claim: Wanted, users: readonly Wanted[]): Wanted[] {
  const groups = objects.groups.filter(({ metadata }) => users.some(({ group }) => group === metadata.name));
  const names = groups.flatMap(({ metadata, spec }) =>
    spec.servers.map((server) => {
      const known = { ...server.vars, SERVER: server.name, GROUP: metadata.name, WORKLOAD: server.workload.name };
      return expand(claim.name, known).text;
    }),
  );
  const isMade = (name: string): boolean =>
    workloads.some(
      ({ name: workload, claimPrefix }) => claimPrefix !== undefined && name.startsWith(`${claimPrefix}-${workload}-`),
    );
  return unique(names.length === 0 ? [claim.name] : names)
    .filter((name) => !isMade(name))
    .map((name) => ({ ...claim, name }));
}

/** What is there is looked into; what is in another namespace alone is not found by a cluster either. */
function look(loaded: Loaded, { kind, name, key, by, file }: Wanted): string[] {
  const say = (what: string): string[] => [`${file}: ${by}: ${what}`];
  const id = `${kind}/${name}`;
  if (loaded.files.has(id)) {
    const keys = loaded.keys.get(id);
    if (key === undefined || keys === undefined || keys.has(key)) return [];
    const there = keys.size === 0 ? 'it has none' : `there ${keys.size === 1 ? 'is' : 'are'} ${[...keys].join(', ')}`;
    return say(`${kind} ${name} has no key "${key}"; ${there}: add it, or correct the key`);
  }
  const others = loaded.elsewhere.get(id) ?? [];
  if (others.length === 0) return [];
  return say(
    `${kind} ${name} is in namespace ${others.join(', ')}, and this is in ${loaded.namespace}: references stay within the namespace, so make one here`,
  );
}

function absentOf(loaded: Loaded, wanted: readonly Wanted[]): string[] {
  const absent = wanted.filter(({ kind, name }) => {
    const id = `${kind}/${name}`;
    return !loaded.files.has(id) && !loaded.elsewhere.has(id);
  });
  const names = unique(absent.map(({ kind, name }) => `${kind} ${name}`));
  return names.map((name) => {
    const of = absent.filter((one) => `${one.kind} ${one.name}` === name);
    const keys = unique(of.flatMap(({ key }) => key ?? []));
    const by = unique(of.map((one) => one.by));
    const others = by.length > 1 ? `, and ${by.length - 1} more` : '';
    return `${name}${keys.length === 0 ? '' : ` with key ${keys.join(', ')}`} (${by[0] ?? ''}${others})`;
  });
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
