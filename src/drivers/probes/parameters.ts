import { expand, variableNames } from '../../api/variables.ts';
import type { Values } from './secrets.ts';

interface Parameter {
  readonly name: string;
  readonly default?: string | undefined;
}

/**
 * Values of the parameters: those given before the defaults. A value may use other parameters
 * (`http://${SERVER}:8080`). One that cannot be completed has no value, so that its use is named as the fault.
 */
export function resolveParameters(parameters: readonly Parameter[], given: Values): Values {
  const raw = new Map<string, string>();
  for (const { name, default: fallback } of parameters) if (fallback !== undefined) raw.set(name, fallback);
  for (const [name, value] of Object.entries(given)) raw.set(name, value);
  const resolved: Record<string, string> = {};
  for (const name of raw.keys()) {
    const value = resolve(raw, name, []);
    if (value !== undefined) resolved[name] = value;
  }
  return resolved;
}

function resolve(raw: ReadonlyMap<string, string>, name: string, via: readonly string[]): string | undefined {
  const text = raw.get(name);
  if (text === undefined || via.includes(name)) return undefined;
  const inner: Record<string, string> = {};
  for (const other of variableNames(text)) {
    const value = resolve(raw, other, [...via, name]);
    if (value === undefined) return undefined;
    inner[other] = value;
  }
  return expand(text, inner).text;
}
