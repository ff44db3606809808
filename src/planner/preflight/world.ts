/** Checks that a look at the cluster answers. Pure. */
import type { UpgradeRunSpec } from '../../api/upgrade-run.ts';
import { capacityProblem, membersOf } from '../members.ts';
import type { CheckObservation, Observed } from '../observed.ts';
import { groupOf } from '../verdict.ts';
import { notKnown, notMet, pass, pending, type Finding } from './check.ts';

/** Every pool keeps enough members when the first group leaves (001-17, design 5.2). */
export function checkCapacity(spec: UpgradeRunSpec, observed: Observed): Finding {
  const first = spec.steps.find((step) => step.action === 'Drain' && step.skip === undefined);
  if (first === undefined) return pass('no group leaves a pool');
  const group = groupOf(spec, first.group);
  const leaving = membersOf(group).filter(
    ({ pool, member }) =>
      observed.pools.get(pool)?.members.find((candidate) => candidate.member === member)?.state !== 'Drained',
  );
  const unread = [...new Set(leaving.map(({ pool }) => pool))].flatMap((name) => {
    const pool = observed.pools.get(name);
    if (pool === undefined) return [`pool ${name} was not looked at`];
    return pool.reachable.known ? [] : [`pool ${name}: ${pool.reachable.why}`];
  });
  const [why] = unread;
  if (why !== undefined) return notKnown(why, 'mend the way to the load balancer');
  const problem = capacityProblem(spec, observed, leaving);
  if (problem === '') return pass(`the others can serve while ${group.name} is out`);
  return notMet(problem, 'bring the other members back into service, or lower minServing of the Pool');
}

/** What a driver found, as a finding. */
export function findingOf(seen: CheckObservation | undefined): Finding {
  switch (seen?.state) {
    case 'passed':
      return pass(seen.message);
    case 'failed':
      return notMet(seen.message, seen.remedy);
    case 'unknown':
      return notKnown(seen.message, seen.remedy);
    default:
      return pending(seen?.message === undefined || seen.message === '' ? 'not answered yet' : seen.message);
  }
}

/** The worst of several, with everything that is not well. */
export function worstOf(findings: readonly Finding[], nothing: string): Finding {
  const failed = findings.filter(({ verdict }) => verdict === 'Fail');
  const unknown = findings.filter(({ verdict }) => verdict === 'Unknown');
  const bad = failed.length > 0 ? failed : unknown;
  if (bad.length === 0) return pass(joined(findings.map(({ evidence }) => evidence)) || nothing);
  return {
    verdict: failed.length > 0 ? 'Fail' : 'Unknown',
    evidence: joined(bad.map(({ evidence }) => evidence)),
    remedy: joined(bad.map(({ remedy }) => remedy)),
    ...(findings.some(({ isPending }) => isPending === true) ? { isPending: true } : {}),
    ...nextOf(findings),
  };
}

function nextOf(findings: readonly Finding[]): Pick<Finding, 'effect' | 'after' | 'record'> {
  const next = findings.find(({ effect, record }) => effect !== undefined || record !== undefined);
  if (next === undefined) return {};
  const { effect, after, record } = next;
  return {
    ...(effect === undefined ? {} : { effect }),
    ...(after === undefined ? {} : { after }),
    ...(record === undefined ? {} : { record }),
  };
}

function joined(texts: readonly string[]): string {
  return [...new Set(texts.filter((text) => text !== ''))].join('; ');
}
