/** One CEL expression in a thread of its own: it can be ended, and what it took of memory goes with it. */
import { parentPort, workerData } from 'node:worker_threads';
import { isCelError, parse, plan, celEnv } from '@bufbuild/cel';

export interface CelTask {
  readonly expression: string;
  /** JSON of the variables by name; absent: the expression is only read. */
  readonly variables?: string;
}

export type CelOutcome =
  | { readonly kind: 'holds' | 'doesNotHold' | 'read' }
  /** It cannot be read as CEL. */
  | { readonly kind: 'malformed'; readonly why: string }
  /** It has no answer for these variables. */
  | { readonly kind: 'noAnswer'; readonly why: string };

function answer({ expression, variables }: CelTask): CelOutcome {
  const program = read(expression);
  if (typeof program === 'string') return { kind: 'malformed', why: program };
  if (variables === undefined) return { kind: 'read' };
  const result = program(withIntegers(JSON.parse(variables)));
  if (isCelError(result)) return { kind: 'noAnswer', why: result.message };
  if (typeof result !== 'boolean') return { kind: 'noAnswer', why: `it gives ${typeof result}, not true or false` };
  return { kind: result ? 'holds' : 'doesNotHold' };
}

type Program = (variables: Record<string, never>) => unknown;

/** @returns why it cannot be read, in words */
function read(expression: string): Program | string {
  try {
    return plan(celEnv(), parse(expression)) as Program;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** JSON knows no integers, CEL does not add 1 to a double. */
function withIntegers(value: unknown): Record<string, never> {
  return convert(value) as Record<string, never>;
}

function convert(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(convert);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, convert(item)]));
}

parentPort?.postMessage(answer(workerData as CelTask), []);
