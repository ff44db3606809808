import { KubeError } from '../../kube/kube-error.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { CheckRequest } from '../../planner/effects.ts';
import type { CheckObservation } from '../../planner/observed.ts';
import { assertNever } from '../../shared/assert.ts';
import type { Clock } from '../../shared/clock.ts';
import { PauseError, TerminalError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import { call } from '../access.ts';
import type { CheckDriver, Operation, RunContext } from '../contract.ts';
import { createSend } from '../send-message.ts';
import { unknown, type Answer } from './answer.ts';
import { endDrill, observeDrill, runDrill } from './drill.ts';
import { Expressions } from './expression.ts';
import { observeHook, runHook } from './hook.ts';
import { observeAccess, observePull, runAccess, runPull } from './jobs.ts';
import { observeLine, testLine } from './line.ts';
import { lookAtBudgets, lookAtMachine, lookAtSnapshots, lookAtSpace, lookAtStaged, lookAtVolumes } from './looks.ts';
import type { CheckParts } from './parts.ts';

export interface CheckDriverOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A refusal is remembered this often; a later process asks again. */
const mostRemembered = 1_000;

/** Looks as the run's account, but for nodes and classes; Jobs and temporary objects are made under it as well. */
export function createCheckDriver({ client, clock, logger }: CheckDriverOptions): CheckDriver {
  /** Why a request was refused, by its id: an answer to the check, not an end of the run. */
  const refused = new Map<string, string>();
  const parts: CheckParts = {
    client,
    clock,
    expressions: new Expressions(clock),
    send: createSend({ client, clock }),
    lines: new Map(),
  };
  return {
    observe: (context, check, signal) =>
      call(`looking for the check ${check.kind}`, signal, async () => {
        const why = refused.get(check.id);
        if (why !== undefined) return { id: check.id, ...unknown(why, 'mend that, and it is tried again') };
        return { id: check.id, ...(await answer(parts, context, check, signal)) };
      }),
    request: (operation, effect, signal) =>
      call(`${effect.kind} of the check ${effect.request.kind}`, signal, async () => {
        logger.info('Requesting a check', { check: effect.request.id, operation: operation.operation });
        if (effect.kind === 'EndCheck') return end(parts, operation, effect.request, signal);
        try {
          await run(parts, operation, effect.request, signal);
        } catch (error) {
          if (!isRefusal(error)) throw error;
          if (refused.size >= mostRemembered) refused.clear();
          refused.set(effect.request.id, error.message.slice(0, 400));
        }
      }),
  };
}

async function answer(
  parts: CheckParts,
  context: RunContext,
  check: CheckRequest,
  signal: AbortSignal,
): Promise<Omit<CheckObservation, 'id'>> {
  try {
    return await look(parts, context, check, signal);
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 403) throw error;
    return unknown(error.message.slice(0, 400), 'grant the permission, or waive the check');
  }
}

function look(parts: CheckParts, context: RunContext, check: CheckRequest, signal: AbortSignal): Promise<Answer> {
  switch (check.kind) {
    case 'Budgets':
      return lookAtBudgets(parts, context, check, signal);
    case 'Snapshots':
      return lookAtSnapshots(parts, context, check, signal);
    case 'Space':
      return lookAtSpace(parts, context, check, signal);
    case 'Volumes':
      return lookAtVolumes(parts, context, check, signal);
    case 'Machine':
      return lookAtMachine(parts, context, check, signal);
    case 'Staged':
      return lookAtStaged(parts, context, check, signal);
    case 'Expression':
      return parts.expressions.answer(check, signal);
    case 'Pull':
      return observePull(parts, context, check, signal);
    case 'Access':
      return observeAccess(parts, context, check, signal);
    case 'Drill':
      return observeDrill(parts, context, check, signal);
    case 'Hook':
      return observeHook(parts, context, check, signal);
    case 'Channel':
      return Promise.resolve(observeLine(parts, check));
    default:
      return assertNever(check);
  }
}

async function run(parts: CheckParts, operation: Operation, check: CheckRequest, signal: AbortSignal): Promise<void> {
  if (check.kind === 'Pull') return runPull(parts, operation, check, signal);
  if (check.kind === 'Access') return runAccess(parts, operation, check, signal);
  if (check.kind === 'Drill') return runDrill(parts, operation, check, signal);
  if (check.kind === 'Hook') return runHook(parts, operation, check, signal);
  if (check.kind === 'Channel') return testLine(parts, operation, check, signal);
}

async function end(parts: CheckParts, operation: Operation, check: CheckRequest, signal: AbortSignal): Promise<void> {
  if (check.kind === 'Drill') await endDrill(parts, operation, check, signal);
}

function isRefusal(error: unknown): error is Error {
  if (error instanceof PauseError || error instanceof TerminalError) return true;
  return error instanceof KubeError && [400, 403, 422].includes(error.status);
}
