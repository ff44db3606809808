import type { ObjectName } from './types.ts';

/** "namespace/name", or "name" of a cluster-scoped object. Neither part can hold a slash. */
export type ObjectKey = string;

export function objectKeyOf(name: ObjectName): ObjectKey {
  return name.namespace === undefined ? name.name : `${name.namespace}/${name.name}`;
}

export function objectNameOf(key: ObjectKey): ObjectName {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
