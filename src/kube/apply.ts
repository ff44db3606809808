import { fieldConflictsOf } from './kube-error.ts';
import type { FieldConflict } from './kube-error.ts';
import type { ApplyOptions, KubeClient, KubeObject, Resource } from './types.ts';

/**
 * Who would have to give up which field for this apply; empty when nobody. Changes nothing.
 * @throws KubeError any failure but a conflict, e.g. 403 or a refusal by admission
 */
export async function findFieldConflicts<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  fields: KubeObject & object,
  options: Omit<ApplyOptions, 'force' | 'dryRun'>,
): Promise<FieldConflict[]> {
  try {
    await client.apply(resource, fields, { ...options, force: false, dryRun: true });
    return [];
  } catch (error) {
    const conflicts = fieldConflictsOf(error);
    if (conflicts.length === 0) throw error;
    return conflicts;
  }
}

/** Whether every field of `fields` has the same value in `live`. Lists must be equal whole. */
export function isApplied(live: unknown, fields: unknown): boolean {
  if (Array.isArray(fields)) {
    return Array.isArray(live) && live.length === fields.length && fields.every((item, i) => isApplied(live[i], item));
  }
  if (typeof fields !== 'object' || fields === null) return Object.is(live, fields);
  if (typeof live !== 'object' || live === null) return false;
  return Object.entries(fields).every(
    ([key, value]) => value === undefined || isApplied(Reflect.get(live, key), value),
  );
}
