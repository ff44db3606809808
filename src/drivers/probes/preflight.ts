/** What would keep a ProbeSuite from ever passing, found before anything is touched. Reads only. */
import type { EnvVar } from '../../api/common.ts';
import type { Probe, ProbeSuite } from '../../api/probe-suite.ts';
import { variableNames } from '../../api/variables.ts';
import { isForbidden } from '../../kube/kube-error.ts';
import { secrets } from '../../kube/resources.ts';
import type { KubeClient, KubeObject, Resource } from '../../kube/types.ts';
import type { Problem } from '../../planner/validate.ts';
import type { Clock } from '../../shared/clock.ts';
import { userClient } from '../access.ts';
import { evaluateCel } from '../cel.ts';
import type { RunContext } from '../contract.ts';
import { jsonPathProblem } from '../json-path.ts';
import { podTemplates } from './job-object.ts';
import { patternProblem } from './pattern.ts';

export interface ProbePreflight {
  readonly suite: ProbeSuite;
  /** Variables that have a value wherever the suite is used, without those of the suite itself. */
  readonly known: readonly string[];
  readonly client: KubeClient;
  readonly context: RunContext;
  readonly clock: Clock;
}

/** Problems in the order of the suite; an API server that does not answer throws. */
export async function findProbeProblems(
  { suite, known, client, context, clock }: ProbePreflight,
  signal: AbortSignal,
): Promise<Problem[]> {
  const object = `probesuite/${suite.metadata.name}`;
  const as = userClient(client, context);
  const lookups = suite.spec.probes.map(async (probe) => {
    const live = await Promise.all(
      referencesOf(probe).map((reference) => checkReference(as, context.namespace, reference, signal)),
    );
    return [...textFaults(probe), ...live.flat()];
  });
  const faults = [
    ...(await Promise.all(lookups)).flat(),
    ...(await expressionFaults(suite, clock, signal)),
    ...variableFaults(suite, known),
  ];
  return faults.map((fault) => ({ object, ...fault }));
}

type Fault = Omit<Problem, 'object'>;

/** Expressions that cannot be read as CEL, one thread after the other. */
async function expressionFaults({ spec }: ProbeSuite, clock: Clock, signal: AbortSignal): Promise<Fault[]> {
  const faults: Fault[] = [];
  for (const { name, resource } of spec.probes) {
    if (resource === undefined) continue;
    const outcome = await evaluateCel(resource.expression, undefined, { clock, signal });
    if (outcome.kind === 'malformed')
      faults.push(...invalid(`spec.probes[${name}].resource.expression`, resource.expression, outcome.why));
  }
  return faults;
}

/** Paths and expressions that cannot be read. */
function textFaults({ name, http }: Probe): Fault[] {
  const { json = [], header = [], body } = http?.expect ?? {};
  const at = `spec.probes[${name}].http`;
  const paths = [
    ...json.map(({ path }) => ({ field: `${at}.expect.json`, path })),
    ...(http?.capture ?? []).flatMap((capture) =>
      capture.json === undefined ? [] : [{ field: `${at}.capture[${capture.name}].json`, path: capture.json }],
    ),
  ];
  const patterns = [
    ...[...json, ...header].map(({ matches }) => ({ field: `${at}.expect`, matches })),
    { field: `${at}.expect.body.matches`, matches: body?.matches },
    ...(http?.capture ?? []).map((capture) => ({
      field: `${at}.capture[${capture.name}].matches`,
      matches: capture.matches,
    })),
  ];
  return [
    ...paths.flatMap(({ field, path }) => invalid(field, path, jsonPathProblem(path))),
    ...patterns.flatMap(({ field, matches }) =>
      matches === undefined ? [] : invalid(field, matches, patternProblem(matches)),
    ),
  ];
}

function invalid(field: string, text: string, problem: string): Fault[] {
  return problem === '' ? [] : [{ reason: 'InvalidObject', field, message: `"${text}" cannot be used: ${problem}` }];
}

type Reference =
  | { readonly kind: 'Secret'; readonly field: string; readonly name: string; readonly key: string }
  | { readonly kind: 'PodTemplate'; readonly field: string; readonly name: string };

function referencesOf({ name, http, tls, job }: Probe): Reference[] {
  const at = `spec.probes[${name}]`;
  const ofEnv = (field: string, env: readonly EnvVar[] = []): Reference[] =>
    env.flatMap((variable) =>
      variable.secretKeyRef === undefined
        ? []
        : [{ kind: 'Secret' as const, field: `${at}.${field}.env[${variable.name}]`, ...variable.secretKeyRef }],
    );
  const ofCa = (field: string, caFrom: { readonly name: string; readonly key: string } | undefined): Reference[] =>
    caFrom === undefined ? [] : [{ kind: 'Secret' as const, field: `${at}.${field}.caFrom`, ...caFrom }];
  const template =
    job?.podTemplate === undefined
      ? []
      : [{ kind: 'PodTemplate' as const, field: `${at}.job.podTemplate`, name: job.podTemplate }];
  return [
    ...ofEnv('http', http?.env),
    ...ofCa('http.tls', http?.tls?.caFrom),
    ...ofCa('tls', tls?.caFrom),
    ...ofEnv('job', job?.env),
    ...template,
  ];
}

async function checkReference(
  client: KubeClient,
  namespace: string,
  reference: Reference,
  signal: AbortSignal,
): Promise<Fault[]> {
  const { kind, field, name } = reference;
  const resource: Resource<KubeObject & { data?: Record<string, string> }> = kind === 'Secret' ? secrets : podTemplates;
  try {
    const found = await client.find(resource, { namespace, name }, signal);
    if (found === undefined)
      return [
        {
          reason: 'ReferenceNotFound',
          field,
          message: `${kind} ${name} does not exist: create it, or correct the name`,
        },
      ];
    if (kind !== 'Secret' || found.data?.[reference.key] !== undefined) return [];
    return [
      {
        reason: 'ReferenceNotFound',
        field,
        message: `Secret ${name} has no key "${reference.key}": add it, or correct the key`,
      },
    ];
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return [{ reason: 'Forbidden', field, message: `${error.message}; grant the permission` }];
  }
}

/** Variables that have no value at the probe that uses them; a capture counts for later probes only. */
function variableFaults({ spec }: ProbeSuite, known: readonly string[]): Fault[] {
  const defaults = (spec.parameters ?? [])
    .filter((parameter) => parameter.default !== undefined)
    .map(({ name }) => name);
  const set = new Set([...known, ...defaults]);
  return spec.probes.flatMap((probe) => {
    const own = new Set([...(probe.http?.env ?? []), ...(probe.job?.env ?? [])].map(({ name }) => name));
    const unset = variableNames(...textsOf(probe)).filter((name) => !set.has(name) && !own.has(name));
    for (const { name } of probe.http?.capture ?? []) set.add(name);
    return unset.map((name) => ({
      reason: 'VariableNotSet',
      field: `spec.probes[${probe.name}]`,
      message: whyUnset(name, spec.probes),
    }));
  });
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
