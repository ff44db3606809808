/** Probes that look at an object: asked of the object as the files have it, with the same expression as in a cluster. */
import type { ResourceProbe } from '../api/probe-suite.ts';
import { expand } from '../api/variables.ts';
import { evaluateHere } from '../drivers/cel-evaluate.ts';
import { textAt } from './core-objects.ts';
import type { Loaded } from './load.ts';
import type { Judgement, ProbeScript, ProbeTry } from '../simulation/probing.ts';

export interface ResourceProbes {
  readonly script: ProbeScript;
  /** Which could not be asked, and were taken for passed. */
  readonly notes: () => string[];
}

export function resourceProbes(loaded: Loaded): ResourceProbes {
  const notes = new Set<string>();
  return {
    script: (attempt) => {
      const suite = loaded.objects.suites.find(({ metadata }) => metadata.name === attempt.suite);
      const resource = suite?.spec.probes.find(({ name }) => name === attempt.probe)?.resource;
      if (suite === undefined || resource === undefined) return undefined;
      const defaults = (suite.spec.parameters ?? []).map(({ name, default: value = '' }) => [name, value] as const);
      const outcome = ask(loaded, resource, { ...Object.fromEntries(defaults), ...attempt.parameters });
      if (typeof outcome !== 'string') return outcome;
      notes.add(`${describe(attempt)} was not asked, and taken for passed: ${outcome}.`);
      return undefined;
    },
    notes: () => [...notes],
  };
}

function describe({ suite, probe }: ProbeTry): string {
  return `Probe ${probe} of ProbeSuite "${suite}"`;
}

/** @returns why nothing can be asked */
function ask(loaded: Loaded, probe: ResourceProbe, values: Readonly<Record<string, string>>): Judgement | string {
  const name = expand(probe.name, values).text;
  const what = `${probe.kind} ${name}`;
  const isServer = loaded.objects.groups.some(({ spec }) =>
    spec.servers.some(({ workload }) => workload.kind === probe.kind && workload.name === name),
  );
  if (isServer) return `${what} changes while it is upgraded`;
  const named = loaded.entries.filter((one) => one.kind === probe.kind && one.name === name);
  const entry = named.find(({ object }) => textAt(object, 'apiVersion') === probe.apiVersion);
  if (entry === undefined) return `${what} is not in these files${named.length === 0 ? '' : ` as ${probe.apiVersion}`}`;
  const outcome = evaluateHere(probe.expression, { object: entry.object, values });
  switch (outcome.kind) {
    case 'holds':
    case 'read':
      return { answer: 'pass', message: '' };
    case 'doesNotHold':
      return { answer: 'fail', message: `${what}: ${probe.expression} does not hold` };
    case 'malformed':
    case 'noAnswer':
      return `${what} as it is in ${entry.file} gives no answer (${outcome.why}), and a cluster may add what is missing, such as its status`;
  }
}
