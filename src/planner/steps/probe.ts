/**
 * Functionality tests: of a started group by its own addresses, before users meet it, or through the pool.
 * An answer is needed: a run of tests that could not tell fails by its deadline, and never counts as passed.
 * Source: 001-68 … 001-75, A-14.
 */
import type { RunGroup } from '../../api/upgrade-run.ts';
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
    if (seen?.state === 'failed') return fail('ProbeFailed', `${request.suite}: ${seen.message}`);
    if (seen?.state === 'unknown') return fail('ProbeUnanswered', `${request.suite}: ${seen.message}`);
    if (wrongPool !== undefined) return wrongPool;
    if (seen === undefined || seen.state === 'absent')
      return act({ kind: 'RunProbes', request }, `${request.suite} has not been asked`);
    running.push(`${request.suite}: ${seen.message === '' ? 'running' : seen.message}`);
  }
  if (running.length === 0)
    return done(`passed${context.step.expect === undefined ? '' : `, version ${context.step.expect}`}`);
  return waitOrFail(context, { reason: 'ProbeRunning', message: listSome(running) }, 'ProbeTimeout');
}

/** One request for each different suite and parameters of the groups under test; in isolation one for each server. */
export function probeRequests(context: Pick<StepContext, 'run' | 'step' | 'entry'>): ProbeRequest[] {
  const { spec } = context.run;
  const requests = new Map<string, Omit<ProbeRequest, 'id'>>();
  for (const name of context.step.groups ?? []) {
    const group = name === context.step.group ? targetOf(spec, context.step) : groupOf(spec, name);
    if (group.probes === undefined) continue;
    for (const request of requestsOf(context, group, group.probes)) {
      requests.set(JSON.stringify([request.suite, request.parameters, request.workloads]), request);
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
