/** The preflight's questions to the simulated cluster, and the Jobs it takes to answer them. */
import type { Operation } from '../drivers/contract.ts';
import { evaluateHere } from '../drivers/cel-evaluate.ts';
import type { CheckRequest, Effect } from '../planner/effects.ts';
import { workloadKey, type CheckObservation } from '../planner/observed.ts';
import { answerOf as answerOfExpression } from '../planner/preflight/expressions.ts';
import { later, type World } from './world.ts';

type Answer = Pick<CheckObservation, 'state' | 'message' | 'remedy'>;

/** "Budgets", "Pull registry.example/…", "Access StatefulSet/web-1": what faults and call logs name. */
export function checkTarget(check: CheckRequest): string {
  switch (check.kind) {
    case 'Pull':
      return `Pull ${check.image}`;
    case 'Channel':
      return `Channel ${check.secret}`;
    case 'Hook':
      return `Hook ${check.hook} ${check.server}`;
    case 'Staged':
    case 'Access':
      return `${check.kind} ${workloadKey(check.workload)}`;
    case 'Snapshots':
    case 'Space':
    case 'Drill':
      return `${check.kind} ${check.className}`;
    case 'Budgets':
    case 'Volumes':
    case 'Machine':
      return check.kind;
    case 'Expression':
      // The check's own name, as status.preflight shows it.
      return `Expression ${check.id.slice(check.id.lastIndexOf('/package/') + 1)}`;
  }
}

export function seeCheckNow(world: World, check: CheckRequest): CheckObservation {
  if (isJob(check)) return { id: check.id, ...(world.checkJobs.get(check.id) ?? absent) };
  return { id: check.id, ...answerOf(world, check) };
}

const absent: Answer = { state: 'absent', message: '', remedy: '' };

function isJob({ kind }: CheckRequest): boolean {
  return kind === 'Pull' || kind === 'Access' || kind === 'Drill' || kind === 'Channel' || kind === 'Hook';
}

/** Starts its Job unless it is there, or takes what is left of it away. */
export function performOnCheck(
  world: World,
  operation: Operation,
  effect: Extract<Effect, { kind: 'RunCheck' | 'EndCheck' }>,
): boolean {
  const { request } = effect;
  if (effect.kind === 'EndCheck') return world.asides.delete(request.id);
  const seen = world.checkJobs.get(request.id);
  if (seen !== undefined) return false;
  world.checkJobs.set(request.id, { state: 'running', message: '', remedy: '' });
  if (request.kind === 'Drill') world.asides.set(request.id, operation.runUID);
  later(world, world.timings.checkMs, () => {
    world.checkJobs.set(request.id, answerOf(world, request));
    world.asides.delete(request.id);
  });
  return true;
}

/** All is well where the story says nothing else. */
function answerOf(world: World, check: CheckRequest): Answer {
  const target = checkTarget(check);
  const said = [...world.faults.checks].find(([name]) => target.startsWith(name))?.[1];
  if (said !== undefined) return said;
  if (check.kind === 'Expression') return evaluated(check);
  return { state: 'passed', message: `${target} is well`, remedy: '' };
}

/** On the facts of the plan, as in a cluster. */
function evaluated({ expression, facts }: Extract<CheckRequest, { kind: 'Expression' }>): Answer {
  return answerOfExpression(expression, evaluateHere(expression, JSON.parse(facts) as Record<string, unknown>));
}
