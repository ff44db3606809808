/**
 * Functionality tests: of a started group by its own addresses, before users meet it, or through the pool.
 * An answer is needed: a run of tests that could not tell fails by its deadline, and never counts as passed.
 * What servers tell of their components in isolation goes to the journal, whether they pass or not (001-34).
 * Source: 001-68 … 001-75, A-14.
 */
import type { Answered, RunGroup } from '../../api/upgrade-run.ts';
import type { ProbeRequest } from '../effects.ts';
import { membersOf, seeMembers } from '../members.ts';
import {
  act,
  done,
  fail,
  groupOf,
  listSome,
  targetOf,
  waitOrFail,
  type StepContext,
  type StepVerdict,
} from '../verdict.ts';

export function evaluateProbe(context: StepContext): StepVerdict {
  const wrongPool = context.step.scope === 'Pool' ? poolProblem(context) : undefined;
  const requests = probeRequests(context);
  if (requests.length === 0) return { kind: 'skip', message: 'no ProbeSuite is named' };
  const running: string[] = [];
  for (const request of requests) {
    const seen = context.observed.probes.get(request.id);
    if (seen?.state === 'passed') continue;
    if (seen?.state === 'failed')
      return { ...fail('ProbeFailed', `${request.suite}: ${seen.message}`), ...answers(context, requests) };
    if (seen?.state === 'unknown')
      return { ...fail('ProbeUnanswered', `${request.suite}: ${seen.message}`), ...answers(context, requests) };
    if (wrongPool !== undefined) return wrongPool;
    if (seen === undefined || seen.state === 'absent')
      return act({ kind: 'RunProbes', request }, `${request.suite} has not been asked`);
    running.push(`${request.suite}: ${seen.message === '' ? 'running' : seen.message}`);
  }
  if (running.length === 0) return { ...done(passedWith(context, requests)), ...answers(context, requests) };
  return waitOrFail(context, { reason: 'ProbeRunning', message: listSome(running) }, 'ProbeTimeout');
}

function passedWith(context: StepContext, requests: readonly ProbeRequest[]): string {
  const { expect } = context.step;
  const { components = [] } = answers(context, requests);
  const told = components.map(
    ({ server, versions }) =>
      `${server} (${Object.entries(versions)
        .map((pair) => pair.join(' '))
        .join(', ')})`,
  );
  return `passed${expect === undefined ? '' : `, version ${expect}`}${told.length === 0 ? '' : `; ${listSome(told)}`}`;
}

/** By server and component in order of their names: the same world gives the same journal. */
function answers(
  { observed }: StepContext,
  requests: readonly ProbeRequest[],
): { readonly components?: readonly Answered[] } {
  const told = requests.flatMap(({ id, scope, parameters }) => {
    const versions = Object.entries(observed.probes.get(id)?.components ?? {}).toSorted(byName);
    const server = parameters['SERVER'] ?? '';
    // Through the pool nobody knows which server it was.
    return scope !== 'Isolated' || versions.length === 0 ? [] : [{ server, versions: Object.fromEntries(versions) }];
  });
  return told.length === 0 ? {} : { components: told };
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}

/** One request for each different suite and parameters of the groups under test; in isolation one for each server. */
export function probeRequests(context: Pick<StepContext, 'run' | 'step' | 'entry'>): ProbeRequest[] {
  const { spec } = context.run;
  const requests = new Map<string, Omit<ProbeRequest, 'id'>>();
  for (const name of context.step.groups ?? []) {
    const group = name === context.step.group ? targetOf(spec, context.step) : groupOf(spec, name);
    if (group.probes === undefined) continue;
    for (const request of requestsOf(context, group, group.probes)) {
      requests.set(JSON.stringify([request.suite, request.parameters, request.workloads]), {
        ...request,
        ...(context.step.components === undefined ? {} : { components: context.step.components }),
      });
    }
  }
  return [...requests.values()].map((request, index) => ({ id: `${context.entry.operation}/${index}`, ...request }));
}

function requestsOf(
  context: Pick<StepContext, 'run' | 'step'>,
  group: RunGroup,
  suite: string,
): Omit<ProbeRequest, 'id'>[] {
  const { spec, name } = context.run;
  const common = {
    RUN: name,
    FROM_VERSION: group.from ?? spec.from.version ?? '',
    TO_VERSION: spec.to.version,
    EXPECTED_VERSION: context.step.expect ?? spec.to.version,
  };
  if (context.step.scope !== 'Isolated') {
    return [{ suite, scope: 'Pool', parameters: { ...common, ...group.probeParameters }, workloads: [] }];
  }
  return group.servers.map((server) => ({
    suite,
    scope: 'Isolated',
    parameters: {
      ...common,
      ...group.probeParameters,
      ...group.isolatedParameters,
      ...server.vars,
      GROUP: group.name,
      SERVER: server.name,
    },
    workloads: [{ kind: server.workload.kind, name: server.workload.name }],
  }));
}

/** No test through the pool unless those under test serve and, with two groups, the other does not (requirements 11.3). */
function poolProblem(context: StepContext): StepVerdict | undefined {
  const under = new Set(context.step.groups ?? []);
  const tested = context.run.spec.groups.filter((group) => under.has(group.name)).flatMap(membersOf);
  if (tested.length === 0) return undefined;
  const { seen, missing } = seeMembers(context.observed, tested);
  const object = `pool/${tested[0]?.pool ?? ''}`;
  if (missing.length > 0) {
    return waitOrFail(
      context,
      { reason: 'PoolUnobservable', message: listSome(missing), blocker: { type: 'Pool', object } },
      'PoolUnobservable',
    );
  }
  const pools = new Set(tested.map((member) => member.pool));
  const served = new Set(seen.filter((member) => member.seen.state === 'Serving').map((member) => member.ref.pool));
  const empty = [...pools].filter((pool) => !served.has(pool));
  if (empty.length === 0) return undefined;
  return waitOrFail(
    context,
    {
      reason: 'NobodyServes',
      message: `no member under test serves in ${listSome(empty)}`,
      blocker: { type: 'Pool', object },
    },
    'NobodyServes',
  );
}
