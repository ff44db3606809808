/** What an API server stores: objects, the history that watches replay, and who owns which field. */
import { isDeepStrictEqual } from 'node:util';
import { KubeError } from '../../src/kube/kube-error.ts';
import type { Clock } from '../../src/shared/clock.ts';
import type { KubeObject, ObjectName, Resource } from '../../src/kube/types.ts';
import { toManagedFields } from './memory-fields.ts';
import type { Owner } from './memory-fields.ts';

export interface Change {
  resourceVersion: number;
  before: KubeObject | undefined;
  after: KubeObject | undefined;
}

export interface Collection {
  resource: Resource;
  objects: Map<string, KubeObject>;
  changes: Change[];
  /** Changes up to here are forgotten: a watch from before gets 410. */
  compactedAt: number;
  waiting: Set<() => void>;
}

export interface MemoryState {
  collection(resource: Resource): Collection;
  collections(): Iterable<Collection>;
  resourceVersion(): number;
  find(resource: Resource, name: ObjectName): KubeObject | undefined;
  /** Stores a new or changed object under the next resourceVersion; an unchanged one keeps its own. */
  put(resource: Resource, object: KubeObject, owners: readonly Owner[]): KubeObject;
  /** Removes for good and, with `collect`, everything that only this object owned. */
  remove(resource: Resource, object: KubeObject, collect: boolean): void;
  ownersOf(uid: string): readonly Owner[];
  nextUid(): string;
  timestamp(): string;
}

export const keyOf = (name: ObjectName): string => `${name.namespace ?? ''}/${name.name}`;

export function createMemoryState(clock: Clock): MemoryState {
  const collections = new Map<string, Collection>();
  const owners = new Map<string, readonly Owner[]>();
  let resourceVersion = 1000;
  let uids = 0;

  function record(collection: Collection, before: KubeObject | undefined, after: KubeObject | undefined): void {
    collection.changes.push({ resourceVersion, before, after });
    for (const wake of collection.waiting) wake();
  }

  const state: MemoryState = {
    collection(resource) {
      const id = `${resource.group}/${resource.plural}`;
      let found = collections.get(id);
      if (found === undefined) {
        found = { resource, objects: new Map(), changes: [], compactedAt: 0, waiting: new Set() };
        collections.set(id, found);
      }
      return found;
    },
    collections: () => collections.values(),
    resourceVersion: () => resourceVersion,
    find: (resource, name) => state.collection(resource).objects.get(keyOf(name)),
    put(resource, object, newOwners) {
      const collection = state.collection(resource);
      const key = keyOf(object.metadata);
      const before = collection.objects.get(key);
      if (before !== undefined && isDeepStrictEqual(withoutVersion(before), withoutVersion(object))) return before;
      resourceVersion++;
      const uid = object.metadata.uid ?? '';
      owners.set(uid, newOwners);
      const metadata = { ...object.metadata, resourceVersion: String(resourceVersion) };
      metadata.managedFields = toManagedFields(newOwners, state.timestamp());
      const after = { ...object, metadata };
      collection.objects.set(key, after);
      record(collection, before, after);
      return after;
    },
    remove(resource, object, collect) {
      const collection = state.collection(resource);
      const key = keyOf(object.metadata);
      const live = collection.objects.get(key);
      if (live === undefined) return;
      collection.objects.delete(key);
      resourceVersion++;
      record(collection, live, undefined);
      owners.delete(live.metadata.uid ?? '');
      if (collect) collectGarbage(state, live.metadata.uid ?? '');
    },
    ownersOf: (uid) => owners.get(uid) ?? [],
    nextUid: () => `00000000-0000-4000-8000-${String(++uids).padStart(12, '0')}`,
    timestamp: () => new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
  };
  return state;
}

/** As the garbage collector: an object goes with the last of its owners; finalizers hold it. */
function collectGarbage(state: MemoryState, uid: string): void {
  const alive = new Set(
    [...state.collections()].flatMap(({ objects }) => [...objects.values()].map((o) => o.metadata.uid)),
  );
  for (const { resource, objects } of state.collections()) {
    for (const object of [...objects.values()]) {
      const references = object.metadata.ownerReferences ?? [];
      const isOrphan = references.some((r) => r.uid === uid) && !references.some((r) => alive.has(r.uid));
      if (isOrphan) deleteObject(state, resource, object, true);
    }
  }
}

/** Removes, or marks as deleting while finalizers are left. */
export function deleteObject(state: MemoryState, resource: Resource, object: KubeObject, collect: boolean): void {
  if ((object.metadata.finalizers ?? []).length === 0) {
    state.remove(resource, object, collect);
    return;
  }
  if (object.metadata.deletionTimestamp !== undefined) return;
  const metadata = { ...object.metadata, deletionTimestamp: state.timestamp() };
  if (metadata.generation !== undefined) metadata.generation++;
  state.put(resource, { ...object, metadata }, state.ownersOf(metadata.uid ?? ''));
}

export function withoutVersion(object: KubeObject): object {
  const { resourceVersion: _, managedFields: __, ...metadata } = object.metadata;
  return { ...object, metadata };
}

export function notFound(resource: Resource, name: ObjectName): KubeError {
  const message = `${resource.plural}${resource.group === '' ? '' : `.${resource.group}`} "${name.name}" not found`;
  return new KubeError({ status: 404, reason: 'NotFound', message });
}

export function conflict(resource: Resource, name: ObjectName, detail: string): KubeError {
  const message = `Operation cannot be fulfilled on ${resource.plural} "${name.name}": ${detail}`;
  return new KubeError({ status: 409, reason: 'Conflict', message });
}
