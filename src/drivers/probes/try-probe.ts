import type { Probe } from '../../api/probe-suite.ts';
import type { ProbeRequest } from '../../planner/effects.ts';
import type { Clock } from '../../shared/clock.ts';
import { formatDuration } from '../../shared/duration.ts';
import type { Operation } from '../contract.ts';
import type { TryResult } from './attempts.ts';
import { componentMismatch, mergeVersions, type Versions } from './components.ts';
import { tryHttp } from './http-probe.ts';
import { tryJob } from './job-probe.ts';
import { resultOf } from './network.ts';
import { tryResource } from './resource-probe.ts';
import type { SecretReader, Values } from './secrets.ts';
import type { Session } from './session.ts';
import { findTargets } from './targets.ts';
import { tryTcp } from './tcp-probe.ts';
import { tryTls } from './tls-probe.ts';
import type { TryContext } from './try-context.ts';

export interface Round {
  readonly clock: Clock;
  readonly operation: Operation;
  readonly request: ProbeRequest;
  readonly probe: Probe;
  /** Counts from 1. */
  readonly attempt: number;
  /** For messages only; the signal is what ends a try. */
  readonly deadlineMs: number;
  readonly secrets: SecretReader;
  readonly parameters: Values;
  readonly sessionOf: (key: string) => Session;
}

/** One try of one probe at every target in turn; the first that does not pass is the answer. */
export async function tryEverywhere(round: Round, signal: AbortSignal): Promise<TryResult> {
  const { secrets, request, probe } = round;
  const deadline = formatDuration(round.deadlineMs);
  try {
    let passed: TryResult['evidence'];
    const told: Versions[] = [];
    const targets = await findTargets({ ...secrets, scope: request.scope, workloads: request.workloads }, signal);
    for (const target of targets) {
      const session = round.sessionOf(target.key);
      const name = [request.id, probe.name, round.attempt, target.key].join('/');
      const values = { ...round.parameters, ...session.captured };
      const tried = await tryProbe(probe, { ...round, name, values, target, session, signal }, deadline);
      const result = withComponents(tried, round);
      if (result.components !== undefined) told.push(result.components);
      const components = mergeVersions(told);
      if (result.answer !== 'pass')
        return {
          ...result,
          message: `${result.message}${target.name === '' ? '' : ` (pod ${target.name})`}`,
          components,
        };
      passed = result.evidence;
    }
    const evidence = passed === undefined ? {} : { evidence: passed };
    return { answer: 'pass', message: '', ...evidence, components: mergeVersions(told) };
  } catch (error) {
    return resultOf(error, deadline);
  }
}

/** A component of another version than the Package names does not pass, however well the server answers. */
function withComponents(result: TryResult, { request, secrets }: Round): TryResult {
  const { components } = result;
  if (result.answer !== 'pass' || components === undefined) return result;
  const server = request.scope === 'Isolated' ? (request.parameters['SERVER'] ?? '') : '';
  const message = componentMismatch(components, request.components ?? {}, { server, redactor: secrets.redactor });
  return message === undefined ? result : { ...result, answer: 'fail', message };
}

async function tryProbe(probe: Probe, context: TryContext, deadline: string): Promise<TryResult> {
  try {
    if (probe.http !== undefined) return await tryHttp(probe.http, context);
    if (probe.tcp !== undefined) return await tryTcp(probe.tcp, context);
    if (probe.tls !== undefined) return await tryTls(probe.tls, context);
    if (probe.job !== undefined) return await tryJob(probe.job, context);
    if (probe.resource !== undefined) return await tryResource(probe.resource, context);
  } catch (error) {
    const own = (probe.http ?? probe.tcp ?? probe.tls ?? probe.job ?? probe.resource)?.timeout ?? deadline;
    return resultOf(error, context.signal.aborted ? deadline : own);
  }
  return { answer: 'none', message: 'this version knows no probe of this kind', final: true };
}
