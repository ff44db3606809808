/** What a ProbeSuite needs to be run: Secrets, PodTemplates, values for its variables, texts that can be read. Pure. */
import type { EnvVar } from '../../api/common.ts';
import type { Probe, ProbeSuite } from '../../api/probe-suite.ts';
import type { ServerGroup } from '../../api/server-group.ts';
import { variableNames } from '../../api/variables.ts';
import type { Fault, WantedObject } from './jobs.ts';

/** A text of a probe in a language of its own. */
export interface ProbeText {
  readonly field: string;
  readonly language: 'JSONPath' | 'RE2' | 'CEL';
  readonly text: string;
}

/** In the order of the probe. */
export function textsToRead({ name, http, resource }: Probe): ProbeText[] {
  const { json = [], header = [], body } = http?.expect ?? {};
  const at = `spec.probes[${name}]`;
  const captures = http?.capture ?? [];
  const components = http?.components ?? [];
  const path = (field: string, text: string | undefined): ProbeText[] =>
    text === undefined ? [] : [{ field: `${at}.http.${field}`, language: 'JSONPath', text }];
  const pattern = (field: string, text: string | undefined): ProbeText[] =>
    text === undefined ? [] : [{ field: `${at}.http.${field}`, language: 'RE2', text }];
  return [
    ...json.flatMap((wanted) => path('expect.json', wanted.path)),
    ...captures.flatMap((capture) => path(`capture[${capture.name}].json`, capture.json)),
    ...components.flatMap(({ name: part, json: text }) => path(`components[${part}].json`, text)),
    ...[...json, ...header].flatMap(({ matches }) => pattern('expect', matches)),
    ...pattern('expect.body.matches', body?.matches),
    ...captures.flatMap((capture) => pattern(`capture[${capture.name}].matches`, capture.matches)),
    ...components.flatMap(({ name: part, matches }) => pattern(`components[${part}].matches`, matches)),
    ...(resource === undefined
      ? []
      : [{ field: `${at}.resource.expression`, language: 'CEL' as const, text: resource.expression }]),
  ];
}

/** @param problem why it cannot be read; empty where it can */
export function unreadable({ field, text }: ProbeText, problem: string): Fault[] {
  return problem === '' ? [] : [{ reason: 'InvalidObject', field, message: `"${text}" cannot be used: ${problem}` }];
}

export function objectsOfProbe({ name, http, tls, job }: Probe): WantedObject[] {
  const at = `spec.probes[${name}]`;
  const ofEnv = (field: string, env: readonly EnvVar[] = []): WantedObject[] =>
    env.flatMap((variable) =>
      variable.secretKeyRef === undefined
        ? []
        : [{ kind: 'Secret' as const, field: `${at}.${field}.env[${variable.name}]`, ...variable.secretKeyRef }],
    );
  const ofCa = (field: string, caFrom: { readonly name: string; readonly key: string } | undefined): WantedObject[] =>
    caFrom === undefined ? [] : [{ kind: 'Secret' as const, field: `${at}.${field}.caFrom`, ...caFrom }];
  const template: WantedObject[] =
    job?.podTemplate === undefined
      ? []
      : [{ kind: 'PodTemplate', field: `${at}.job.podTemplate`, name: job.podTemplate }];
  return [
    ...ofEnv('http', http?.env),
    ...ofCa('http.tls', http?.tls?.caFrom),
    ...ofCa('tls', tls?.caFrom),
    ...ofEnv('job', job?.env),
    ...template,
  ];
}

/**
 * Variables that have no value at the probe that uses them; a capture counts for later probes only.
 * @param known variables that have a value wherever the suite is used, without those of the suite itself
 */
export function unsetVariables({ spec }: ProbeSuite, known: readonly string[]): Fault[] {
  const defaults = (spec.parameters ?? [])
    .filter((parameter) => parameter.default !== undefined)
    .map(({ name }) => name);
  const set = new Set([...known, ...defaults]);
  return spec.probes.flatMap((probe) => {
    const env = new Set([...(probe.http?.env ?? []), ...(probe.job?.env ?? [])].map(({ name }) => name));
    const unset = variableNames(...textsOf(probe)).filter((name) => !set.has(name) && !env.has(name));
    for (const { name } of probe.http?.capture ?? []) set.add(name);
    return unset.map((name) => ({
      reason: 'VariableNotSet',
      field: `spec.probes[${probe.name}]`,
      message: whyUnset(name, spec.probes),
    }));
  });
}

/** Given to every suite; see docs/hooks.md for what Jobs get beside them. */
export const suiteFacts = [
  'SERVER',
  'GROUP',
  'RUN',
  'STEP',
  'FROM_VERSION',
  'TO_VERSION',
  'EXPECTED_VERSION',
  'MEMBER',
];

/**
 * Variables that need no probe of the suite to set them: what nobody sets at all is complained about where a plan is
 * made, so that only a capture that comes too late, and an env of another probe, are left to find here.
 */
export function setFromOutside({ metadata, spec }: ProbeSuite, groups: readonly ServerGroup[]): string[] {
  const users = groups.filter((group) => group.spec.probes === metadata.name);
  const given = users.flatMap((group) => [
    ...Object.keys(group.spec.probeParameters ?? {}),
    ...Object.keys(group.spec.isolatedParameters ?? {}),
    ...group.spec.servers.flatMap((server) => Object.keys(server.vars ?? {})),
  ]);
  const inner = new Set(
    spec.probes.flatMap(({ http, job }) =>
      [...(http?.env ?? []), ...(job?.env ?? []), ...(http?.capture ?? [])].map(({ name }) => name),
    ),
  );
  return [...suiteFacts, ...given, ...variableNames(JSON.stringify(spec.probes)).filter((name) => !inner.has(name))];
}

function whyUnset(name: string, probes: readonly Probe[]): string {
  const later = probes.find(({ http }) => (http?.capture ?? []).some((capture) => capture.name === name));
  if (later !== undefined)
    return `\${${name}} has no value yet: probe "${later.name}" captures it, and comes no earlier`;
  return `nobody sets \${${name}}: add it to spec.parameters with a default, or to probeParameters of the ServerGroup`;
}

/** The texts of a probe in which variables are expanded. */
function textsOf({ http, tcp, tls, job, resource }: Probe): string[] {
  const { url = '', body = '', headers = [], env = [], expect } = http ?? {};
  const wanted = [...(expect?.json ?? []), ...(expect?.header ?? [])].map(({ equals = '' }) => equals);
  const parts = (expect?.header ?? []).map(({ contains = '' }) => contains);
  const values = [...env, ...(job?.env ?? [])].map(({ value = '' }) => value);
  return [
    ...[url, body, expect?.body?.contains ?? '', tcp?.host ?? '', tls?.host ?? '', resource?.name ?? ''],
    ...headers.map(({ value }) => value),
    ...[...wanted, ...parts, ...values, ...(job?.command ?? []), ...(job?.args ?? [])],
  ];
}
