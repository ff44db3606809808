/** The tests of a step as commands: with the values that the operator would put in, and what passes. Pure. */
import type { EnvVar } from '../../api/common.ts';
import type { HttpProbe, Probe } from '../../api/probe-suite.ts';
import type { Step } from '../../api/upgrade-run.ts';
import { expand, variableNames } from '../../api/variables.ts';
import type { ProbeRequest, WorkloadRef } from '../../planner/effects.ts';
import { probeRequests } from '../../planner/steps/probe.ts';
import type { Place } from './place.ts';
import { oneLine, quote } from './text.ts';

type Values = Readonly<Record<string, string>>;

interface Telling {
  readonly place: Place;
  readonly values: Values;
  /** In isolation: requests go to the address in the shell variable `pod`. */
  readonly isIsolated: boolean;
  /** Cookies of one answer are sent with the next request. */
  readonly hasJar: boolean;
  /** Versions that components must answer. */
  readonly components: Values;
}

export function probeCommands(place: Place, step: Step): string[] {
  const entry = { id: step.id, state: 'Pending', attempt: 0, operation: '' } as const;
  const requests = probeRequests({ run: { name: place.run, uid: place.uid, spec: place.spec }, step, entry });
  return requests.flatMap((request) => tellRequest(place, step, request));
}

function tellRequest(
  place: Place,
  step: Step,
  { suite: name, parameters, scope, workloads, components = {} }: ProbeRequest,
): string[] {
  const suite = place.spec.suites.find((candidate) => candidate.name === name)?.spec;
  const version = step.expect === undefined ? '' : `, version ${step.expect} expected`;
  const isIsolated = scope === 'Isolated';
  const where = isIsolated
    ? `at the pods of ${workloads.map(nameOf).join(', ')} themselves`
    : 'through the load balancer';
  const heading = `# the tests of ${name}, ${where}${version}:`;
  if (suite === undefined) return [heading, `# the run does not hold ProbeSuite ${name}: take it from the cluster`];
  const { probes } = suite;
  const values = resolve([...(suite.parameters ?? []), ...valuesOf(parameters)]);
  const hasJar = probes.filter(({ http }) => http?.cookies === 'Keep').length > 1;
  const telling = { place, values, isIsolated, hasJar, components };
  const lines = probes.flatMap((probe) => tellProbe(telling, probe));
  return [
    heading,
    ...unsetLines(probes, values),
    ...(isIsolated ? workloads.map((workload) => podLine(place, workload)) : []),
    ...(hasJar ? ['jar="$(mktemp)"'] : []),
    // The same Secret is read once.
    ...lines.filter((line, index) => !line.startsWith('export ') || lines.indexOf(line) === index),
  ];
}

function nameOf({ kind, name }: WorkloadRef): string {
  return `${kind} ${name}`;
}

function valuesOf(given: Values): { readonly name: string; readonly default: string }[] {
  return Object.entries(given).map(([name, value]) => ({ name, default: value }));
}

/** Later ones win; one may use others. What is never set, or only by itself, stays out. */
function resolve(parameters: readonly { readonly name: string; readonly default?: string | undefined }[]): Values {
  const raw = new Map(
    parameters.flatMap((one) => (one.default === undefined ? [] : [[one.name, one.default] as const])),
  );
  const valueOf = (name: string, via: readonly string[]): string | undefined => {
    const text = raw.get(name);
    if (text === undefined || via.includes(name)) return undefined;
    const inner: Record<string, string> = {};
    for (const other of variableNames(text)) {
      const value = valueOf(other, [...via, name]);
      if (value === undefined) return undefined;
      inner[other] = value;
    }
    return expand(text, inner).text;
  };
  const values = [...raw.keys()].map((name) => [name, valueOf(name, [])] as const);
  return Object.fromEntries(values.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** Names that nothing gives a value: neither parameters, nor Secrets, nor an answer before. */
function unsetLines(probes: readonly Probe[], values: Values): string[] {
  const inner = probes.flatMap(({ http }) => [...(http?.env ?? []), ...(http?.capture ?? [])].map(({ name }) => name));
  const known = new Set([...Object.keys(values), ...inner]);
  return variableNames(JSON.stringify(probes))
    .filter((name) => !known.has(name))
    .map((name) => `export ${name}=  # set this first: nobody gives it a value`);
}

function podLine({ namespace }: Place, { kind, name }: WorkloadRef): string {
  const pods = `kubectl -n ${namespace} get pods -l "$(selector ${kind.toLowerCase()}/${name})" -o jsonpath='{.items[0].status.podIP}'`;
  return `pod="$(${pods})"  # each of its pods in turn, from where pods are reached; "::$pod:PORT" where it listens on another port`;
}

function tellProbe(telling: Telling, probe: Probe): string[] {
  const { values, place } = telling;
  const { name, http, tcp, tls, job, resource, severity } = probe;
  const want = (text: string): string =>
    `  # ${name}: want ${oneLine(text)}${severity === 'Warn' ? ' (a warning only)' : ''}`;
  const fill = (text: string): string => expand(text, values).text;
  if (http !== undefined) return tellHttp(telling, http, want);
  if (tcp !== undefined) return [`nc -zv ${word(tcp.host, values)} ${tcp.port}${want('a connection')}`];
  if (tls !== undefined) {
    const server = `-servername ${word(tls.serverName ?? tls.host, values)}`;
    const days = tls.notAfterDays === 0 ? '' : `, valid for ${tls.notAfterDays} days`;
    const trust = tls.insecureSkipVerify ? '' : ', a certificate to be trusted';
    return [
      `openssl s_client -connect ${word(`${tls.host}:${tls.port}`, values)} ${server} </dev/null${want(`TLS ${tls.minVersion} or newer${trust}${days}`)}`,
    ];
  }
  if (resource !== undefined) {
    const { kind, plural = kind.toLowerCase() } = resource;
    return [
      `kubectl -n ${place.namespace} get ${plural} ${word(resource.name, values)} -o json${want(resource.expression)}`,
    ];
  }
  const what = job?.podTemplate === undefined ? `image ${job?.image ?? ''}` : `PodTemplate ${job.podTemplate}`;
  const words = [...(job?.command ?? []), ...(job?.args ?? [])].map(fill).join(' ');
  return [`# ${name}: a Job of ${what} with ${words === '' ? 'its own command' : oneLine(words)}; want exit code 0`];
}

function tellHttp(
  { place, values, isIsolated, hasJar, components }: Telling,
  http: HttpProbe,
  want: (text: string) => string,
): string[] {
  const own = resolve([...valuesOf(values), ...(http.env ?? []).map(({ name, value }) => ({ name, default: value }))]);
  const all = { ...values, ...own };
  const parts = [
    'curl -sS -i',
    http.method === 'HEAD' ? '-I' : `-X ${http.method}`,
    ...(isIsolated ? ['--connect-to "::$pod:"'] : []),
    ...(hasJar && http.cookies === 'Keep' ? ['-b "$jar" -c "$jar"'] : []),
    ...(http.followRedirects > 0 ? [`-L --max-redirs ${http.followRedirects}`] : []),
    ...(http.tls?.insecureSkipVerify === true ? ['-k'] : []),
    word(http.url, all),
    ...(http.headers ?? []).map(({ name, value }) => `-H ${word(`${name}: ${value}`, all)}`),
    ...(http.body === undefined ? [] : [`--data-binary ${word(http.body, all)}`]),
  ];
  return [
    ...(http.env ?? []).flatMap((env) => secretLine(place, env)),
    ...(http.tls?.caFrom === undefined
      ? []
      : [
          `# trust the certificates in key ${http.tls.caFrom.key} of Secret ${http.tls.caFrom.name}: add --cacert FILE`,
        ]),
    `${parts.join(' ')}${want([expectationOf(http, all), ...componentsOf(http, components)].join(', '))}`,
    ...(http.capture ?? []).map(({ name, json, header, matches }) => {
      const source = json ?? (header === undefined ? `what ${matches ?? ''} finds` : `header ${header}`);
      return `export ${name}=  # set it from that answer: ${oneLine(source)}`;
    }),
  ];
}

function secretLine({ namespace }: Place, { name, secretKeyRef }: EnvVar): string[] {
  if (secretKeyRef === undefined) return [];
  const key = secretKeyRef.key.replaceAll('.', '\\.');
  const read = `kubectl -n ${namespace} get secret ${secretKeyRef.name} -o jsonpath='{.data.${key}}' | base64 -d`;
  return [`export ${name}="$(${read})"`];
}

/** Status, and every place of the answer with what it must hold. */
function expectationOf({ expect }: HttpProbe, values: Values): string {
  const fill = (text: string): string => expand(text, values).text;
  const json = (expect.json ?? []).map(({ path, equals, notEmpty, exists, matches }) => {
    if (equals !== undefined) return `${path} = ${fill(equals)}`;
    if (matches !== undefined) return `${path} matches ${matches}`;
    if (notEmpty !== undefined) return `${path} ${notEmpty ? 'not empty' : 'empty'}`;
    return `${path} ${exists === true ? 'there' : 'not there'}`;
  });
  const header = (expect.header ?? []).map(({ name, present, equals, contains, matches }) => {
    if (equals !== undefined) return `header ${name} = ${fill(equals)}`;
    if (contains !== undefined) return `header ${name} contains ${contains}`;
    if (matches !== undefined) return `header ${name} matches ${matches}`;
    return `header ${name} ${present === true ? 'there' : 'not there'}`;
  });
  const { contains, matches } = expect.body ?? {};
  return [
    expect.status === undefined ? '200 to 299' : expect.status.join(' or '),
    ...json,
    ...header,
    ...(contains === undefined ? [] : [`body contains ${fill(contains)}`]),
    ...(matches === undefined ? [] : [`body matches ${matches}`]),
  ].join(', ');
}

/** One that the Package does not name may be any. */
function componentsOf(http: HttpProbe, wanted: Values): string[] {
  return (http.components ?? []).map(({ name, json, header, matches }) => {
    const source = json ?? (header === undefined ? `what ${matches ?? ''} finds` : `header ${header}`);
    const version = wanted[name];
    return `component ${name} (${source})${version === undefined ? ' there' : ` = ${version}`}`;
  });
}

/** One word for a shell: known values put in, the others left to the shell's own variables. */
function word(text: string, values: Values): string {
  const unset = expand(text, values).unset;
  const marked = Object.fromEntries(unset.map((name) => [name, `\0${name}\0`]));
  return expand(text, { ...values, ...marked })
    .text.split('\0')
    .map((part, index) => (index % 2 === 1 ? `"\${${part}}"` : part === '' ? '' : quote(part)))
    .join('');
}
