/**
 * CEL, evaluated where it is called: no deadline and no limit. Expressions of users go through `cel.ts`, which gives
 * each a thread of its own; only `belay simulate`, which runs on its user's machine, evaluates them here.
 */
import { celEnv, isCelError, parse, plan } from '@bufbuild/cel';

export type CelOutcome =
  | { readonly kind: 'holds' | 'doesNotHold' | 'read' }
  /** It cannot be read as CEL. */
  | { readonly kind: 'malformed'; readonly why: string }
  /** It has no answer for these variables. */
  | { readonly kind: 'noAnswer'; readonly why: string };

type Variables = Readonly<Record<string, unknown>>;

/** @param variables by name, as JSON knows them; undefined: the expression is only read */
export function evaluateHere(expression: string, variables: Variables | undefined): CelOutcome {
  return readHere(expression)(variables);
}

/** The same for an expression that is asked often: it is read once. */
export function readHere(expression: string): (variables: Variables | undefined) => CelOutcome {
  const program = read(expression);
  return (variables) => evaluate(program, variables);
}

function evaluate(program: Program | string, variables: Variables | undefined): CelOutcome {
  if (typeof program === 'string') return { kind: 'malformed', why: program };
  if (variables === undefined) return { kind: 'read' };
  const result = program(withIntegers(variables));
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
