/** CEL expressions of users. They may be as slow as they like: each has a thread of its own, and a deadline. */
import { Worker } from 'node:worker_threads';
import { withDeadline } from '../kube/deadline.ts';
import type { Clock } from '../shared/clock.ts';
import { celWorker } from './cel-source.ts';
import type { CelOutcome, CelTask } from './cel-worker.ts';

export type { CelOutcome } from './cel-worker.ts';

const longestMs = 10_000;
const memory = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 };

/** @param variables by name; undefined: the expression is only read */
export async function evaluateCel(
  expression: string,
  variables: Readonly<Record<string, unknown>> | undefined,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<CelOutcome> {
  const task: CelTask = { expression, ...(variables === undefined ? {} : { variables: JSON.stringify(variables) }) };
  const worker = new Worker(celWorker, {
    eval: typeof celWorker === 'string',
    workerData: task,
    resourceLimits: memory,
    // Nothing of the operator's own is for the thread.
    env: {},
    argv: [],
  });
  try {
    return await withDeadline({ clock, afterMs: longestMs, signal }, (limited) => answerOf(worker, limited));
  } finally {
    await worker.terminate();
  }
}

function answerOf(worker: Worker, signal: AbortSignal): Promise<CelOutcome> {
  return new Promise((resolve) => {
    const giveUp = (why: string): void => resolve({ kind: 'noAnswer', why });
    signal.addEventListener('abort', () => giveUp('it takes too long: make it simpler'), { once: true });
    worker.once('message', (outcome: CelOutcome) => resolve(outcome));
    worker.once('error', (error) => giveUp(`it cannot be evaluated: ${error.message}`));
    worker.once('exit', () => giveUp('its thread ended without an answer'));
  });
}
