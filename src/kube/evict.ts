import type { Eviction } from './objects.ts';
import type { KubeClient, ObjectName, Resource, WriteOptions } from './types.ts';

const evictions: Resource<Eviction> = { group: '', version: 'v1', plural: 'pods', kind: 'Eviction', namespaced: true };

/**
 * Asks for one pod to be evicted, as `kubectl drain` does.
 * @param pod `uid` makes sure that a pod of the same name made since is left alone
 * @throws KubeError 429 while a PodDisruptionBudget forbids it, 404 when it is gone, 409 when the uid differs
 */
export async function evictPod(
  client: KubeClient,
  pod: ObjectName & { uid?: string },
  options: Omit<WriteOptions, 'subresource'> = {},
): Promise<void> {
  const { uid, ...name } = pod;
  const eviction: Eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { ...name } };
  if (uid !== undefined) eviction.deleteOptions = { preconditions: { uid } };
  await client.create(evictions, eviction, { ...options, subresource: 'eviction' });
}
