/** What would keep a ProbeSuite from ever passing, found before anything is touched. Reads only. */
import type { Probe, ProbeSuite } from '../../api/probe-suite.ts';
import { isForbidden } from '../../kube/kube-error.ts';
import { secrets } from '../../kube/resources.ts';
import type { KubeClient, KubeObject, Resource } from '../../kube/types.ts';
import type { Fault, WantedObject } from '../../planner/declared/jobs.ts';
import { objectsOfProbe, textsToRead, unreadable, unsetVariables } from '../../planner/declared/probes.ts';
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
      objectsOfProbe(probe).map((wanted) => checkReference(as, context.namespace, wanted, signal)),
    );
    return [...textFaults(probe), ...live.flat()];
  });
  const faults = [
    ...(await Promise.all(lookups)).flat(),
    ...(await expressionFaults(suite, clock, signal)),
    ...unsetVariables(suite, known),
  ];
  return faults.map((fault) => ({ object, ...fault }));
}

/** Expressions that cannot be read as CEL, one thread after the other. */
async function expressionFaults({ spec }: ProbeSuite, clock: Clock, signal: AbortSignal): Promise<Fault[]> {
  const faults: Fault[] = [];
  for (const text of spec.probes.flatMap(textsToRead).filter(({ language }) => language === 'CEL')) {
    const outcome = await evaluateCel(text.text, undefined, { clock, signal });
    if (outcome.kind === 'malformed') faults.push(...unreadable(text, outcome.why));
  }
  return faults;
}

/** Paths and patterns that cannot be read. */
function textFaults(probe: Probe): Fault[] {
  return textsToRead(probe).flatMap((text) => {
    if (text.language === 'CEL') return [];
    return unreadable(text, text.language === 'JSONPath' ? jsonPathProblem(text.text) : patternProblem(text.text));
  });
}

async function checkReference(
  client: KubeClient,
  namespace: string,
  reference: WantedObject,
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
    const { key } = reference;
    if (key === undefined || found.data?.[key] !== undefined) return [];
    return [
      {
        reason: 'ReferenceNotFound',
        field,
        message: `Secret ${name} has no key "${key}": add it, or correct the key`,
      },
    ];
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return [{ reason: 'Forbidden', field, message: `${error.message}; grant the permission` }];
  }
}
