import { isConflict, isInvalid, isNotFound } from './kube-error.ts';
import type { JsonPatchOperation, KubeClient, KubeObject, ObjectName, Resource, WriteOptions } from './types.ts';

// Each try begins with a live read, so a try fails only when somebody else wrote in between.
const maxTries = 5;

/** Adds a finalizer, before anything it protects is made. Answers with the object as stored. */
export function addFinalizer<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  options: WriteOptions = {},
): Promise<T | undefined> {
  return changeFinalizers(client, resource, object, options, (live) => {
    const present = live.metadata.finalizers;
    if (present?.includes(finalizer) === true) return [];
    if (present === undefined || present.length === 0) {
      // Without the test, another finalizer added since would be overwritten.
      return [
        { op: 'test', path: '/metadata/resourceVersion', value: live.metadata.resourceVersion },
        { op: 'add', path: '/metadata/finalizers', value: [finalizer] },
      ];
    }
    return [{ op: 'add', path: '/metadata/finalizers/-', value: finalizer }];
  });
}

/** Takes a finalizer off, as the last act. Undefined when the object is gone. */
export function removeFinalizer<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  options: WriteOptions = {},
): Promise<T | undefined> {
  return changeFinalizers(client, resource, object, options, (live) => {
    const index = live.metadata.finalizers?.indexOf(finalizer) ?? -1;
    if (index < 0) return [];
    const path = `/metadata/finalizers/${index}`;
    // Without the test, an index that moved since would take off somebody else's.
    return [
      { op: 'test', path, value: finalizer },
      { op: 'remove', path },
    ];
  });
}

async function changeFinalizers<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  options: WriteOptions,
  patchFor: (live: T) => JsonPatchOperation[],
): Promise<T | undefined> {
  const name: ObjectName = nameOf(object);
  let live: T | undefined = object;
  for (let tries = 1; ; tries++) {
    const patch = patchFor(live);
    if (patch.length === 0) return live;
    try {
      return await client.jsonPatch(resource, name, patch, options);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      // A failed test is 422.
      if ((!isInvalid(error) && !isConflict(error)) || tries === maxTries) throw error;
      live = await client.find(resource, name, options.signal);
      // The same name with another uid is another object: its finalizers are not ours.
      if (live === undefined || live.metadata.uid !== object.metadata.uid) return undefined;
    }
  }
}

function nameOf(object: KubeObject): ObjectName {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? { name } : { namespace, name };
}
