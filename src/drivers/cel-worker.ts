/** One CEL expression in a thread of its own: it can be ended, and what it took of memory goes with it. */
import { parentPort, workerData } from 'node:worker_threads';
import { evaluateHere, type CelOutcome } from './cel-evaluate.ts';

export type { CelOutcome } from './cel-evaluate.ts';

export interface CelTask {
  readonly expression: string;
  /** JSON of the variables by name; absent: the expression is only read. */
  readonly variables?: string;
}

function answer({ expression, variables }: CelTask): CelOutcome {
  return evaluateHere(
    expression,
    variables === undefined ? undefined : (JSON.parse(variables) as Record<string, unknown>),
  );
}

parentPort?.postMessage(answer(workerData as CelTask), []);
