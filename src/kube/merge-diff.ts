import { isDeepStrictEqual } from 'node:util';

type Json = Record<string, unknown>;

/**
 * The JSON merge patch that makes `before` into `after`; undefined when they are equal. Members that are
 * undefined count as absent. Lists are replaced whole, as merge patches do.
 */
export function mergeDiff(before: unknown, after: unknown): Json | undefined {
  const old = isObject(before) ? before : {};
  const next = isObject(after) ? after : {};
  const patch: Json = {};
  for (const key of new Set([...Object.keys(old), ...Object.keys(next)])) {
    const was = old[key];
    const is = next[key];
    if (isSame(was, is)) continue;
    if (is === undefined) patch[key] = null;
    else if (isObject(was) && isObject(is)) patch[key] = mergeDiff(was, is) ?? {};
    else patch[key] = is;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function isSame(a: unknown, b: unknown): boolean {
  if (isObject(a) && isObject(b)) return mergeDiff(a, b) === undefined;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => isSame(item, b[i]));
  return isDeepStrictEqual(a, b);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
