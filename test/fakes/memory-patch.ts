import { isDeepStrictEqual } from 'node:util';
import { KubeError } from '../../src/kube/kube-error.ts';
import type { JsonPatchOperation } from '../../src/kube/types.ts';

export type Json = Record<string, unknown>;

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 7396; the target is not changed. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJson(patch)) return structuredClone(patch);
  const result: Json = isJson(target) ? structuredClone(target) : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** RFC 6902 without move and copy; the target is not changed. @throws KubeError 422 as the API server does */
export function jsonPatch(target: Json, operations: readonly JsonPatchOperation[]): Json {
  const result = structuredClone(target);
  for (const operation of operations) applyOperation(result, operation);
  return result;
}

function applyOperation(root: Json, operation: JsonPatchOperation): void {
  const segments = operation.path
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = segments.pop();
  if (last === undefined) throw unprocessable(`cannot patch the root with ${operation.op}`);
  let parent: unknown = root;
  for (const segment of segments) parent = childOf(parent, segment);
  if (Array.isArray(parent)) patchArray(parent, last, operation);
  else if (isJson(parent)) patchObject(parent, last, operation);
  else throw unprocessable(`there is no ${operation.path}`);
}

function childOf(parent: unknown, segment: string): unknown {
  if (Array.isArray(parent)) return parent[Number(segment)];
  return isJson(parent) ? parent[segment] : undefined;
}

function patchObject(parent: Json, key: string, operation: JsonPatchOperation): void {
  switch (operation.op) {
    case 'test':
      return requireEqual(parent[key], operation);
    case 'add':
      parent[key] = structuredClone(operation.value);
      return;
    case 'replace':
      if (!(key in parent)) throw unprocessable(`there is no ${operation.path}`);
      parent[key] = structuredClone(operation.value);
      return;
    case 'remove':
      if (!(key in parent)) throw unprocessable(`there is no ${operation.path}`);
      delete parent[key];
  }
}

function patchArray(parent: unknown[], key: string, operation: JsonPatchOperation): void {
  const index = key === '-' ? parent.length : Number(key);
  const limit = operation.op === 'add' ? parent.length : parent.length - 1;
  if (!Number.isInteger(index) || index < 0 || index > limit) throw unprocessable(`there is no ${operation.path}`);
  switch (operation.op) {
    case 'test':
      return requireEqual(parent[index], operation);
    case 'add':
      parent.splice(index, 0, structuredClone(operation.value));
      return;
    case 'replace':
      parent[index] = structuredClone(operation.value);
      return;
    case 'remove':
      parent.splice(index, 1);
  }
}

function requireEqual(value: unknown, operation: JsonPatchOperation): void {
  if (!isDeepStrictEqual(value ?? null, operation.value ?? null))
    throw unprocessable(`testing ${operation.path} failed`);
}

function unprocessable(message: string): KubeError {
  return new KubeError({ status: 422, reason: 'Invalid', message });
}
