import { mergeDiff } from './merge-diff.ts';
import type { KubeClient, KubeObject, Resource, WriteOptions } from './types.ts';

/** An object whose kind has a status. */
export type WithStatus = KubeObject & { status?: object };

/**
 * Makes `object`'s status equal to `status` on the server, and writes nothing when it is already.
 * @returns the object as stored
 * @throws KubeError 409 when the object changed since `object` was read: read again and decide again
 */
export async function patchStatus<T extends WithStatus>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  status: NonNullable<T['status']>,
  options: Omit<WriteOptions, 'subresource'> = {},
): Promise<T> {
  const patch = mergeDiff(object.status, status);
  if (patch === undefined) return object;
  const { namespace, name, resourceVersion } = object.metadata;
  return client.mergePatch(
    resource,
    namespace === undefined ? { name } : { namespace, name },
    { metadata: { resourceVersion }, status: patch },
    { ...options, subresource: 'status' },
  );
}
