import type { Logger } from '../shared/logger.ts';
import { objectKeyOf } from './object-key.ts';
import type { ObjectKey } from './object-key.ts';
import type { ReflectorSink } from './reflector.ts';
import type { KubeObject, ObjectName } from './types.ts';

/** Called after the cache changed. An exception is logged and does not reach the other handlers. */
export interface CacheHandler<T> {
  added?(object: T): void;
  updated?(object: T, old: T): void;
  deleted?(old: T): void;
}

/** What was last seen of one kind. Objects are shared by all readers: never change one. */
export interface CacheReader<T extends KubeObject> {
  get(name: ObjectName): T | undefined;
  list(namespace?: string): T[];
  /** Objects for which the index function gave `value`. @throws Error no such index */
  byIndex(index: string, value: string): T[];
  /** Whether one whole list has been seen. */
  hasSynced(): boolean;
  /** Resolves with the first whole list; false when the signal aborts before. */
  whenSynced(signal: AbortSignal): Promise<boolean>;
  /**
   * Whether the cache shows the object as it was at `resourceVersion` or later, a deletion included.
   * After a write, wait until this holds for the version the write returned, or read live.
   * Undefined when the versions cannot be compared.
   */
  isAtLeast(name: ObjectName, resourceVersion: string): boolean | undefined;
}

export interface Cache<T extends KubeObject> extends CacheReader<T>, ReflectorSink<T> {
  /** Hears of everything stored now and of every change after. Returns the way to stop. */
  addHandler(handler: CacheHandler<T>): () => void;
}

export interface CacheOptions<T> {
  logger: Logger;
  /** Values under which `byIndex` finds an object. */
  indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
  /** Makes the stored object. Default: without `managedFields`, a quarter of its memory. */
  transform?: (object: T) => T;
}

export function createCache<T extends KubeObject>(options: CacheOptions<T>): Cache<T> {
  const { logger } = options;
  const transform = options.transform ?? withoutManagedFields;
  const objects = new Map<ObjectKey, T>();
  const indexes = new Map(Object.entries(options.indexes ?? {}).map(([name, of]) => [name, createIndex(of)] as const));
  const handlers = new Set<CacheHandler<T>>();
  const waiting = new Set<() => void>();
  let isSynced = false;
  let seenVersion: string | undefined;

  function notify(handler: CacheHandler<T>, call: (handler: CacheHandler<T>) => void): void {
    try {
      call(handler);
    } catch (error) {
      logger.error('Cache handler failed', { err: error });
    }
  }

  function put(given: T): void {
    const object = transform(given);
    const key = objectKeyOf(object.metadata);
    // The same name with another uid is another object: nobody may take it for a change of the old one.
    if (objects.get(key)?.metadata.uid !== object.metadata.uid) drop(key);
    const old = objects.get(key);
    objects.set(key, object);
    for (const index of indexes.values()) index.replace(key, old, object);
    for (const handler of handlers) {
      notify(handler, (one) => (old === undefined ? one.added?.(object) : one.updated?.(object, old)));
    }
  }

  function drop(key: ObjectKey): void {
    const old = objects.get(key);
    if (old === undefined) return;
    objects.delete(key);
    for (const index of indexes.values()) index.replace(key, old, undefined);
    for (const handler of handlers) notify(handler, (one) => one.deleted?.(old));
  }

  return {
    get: (name) => objects.get(objectKeyOf(name)),
    list: (namespace) =>
      [...objects.values()].filter((object) => namespace === undefined || object.metadata.namespace === namespace),
    byIndex(name, value) {
      const index = indexes.get(name);
      if (index === undefined) throw new Error(`no index is called ${name}`);
      return [...index.keysOf(value)].flatMap((key) => objects.get(key) ?? []);
    },
    hasSynced: () => isSynced,
    whenSynced(signal) {
      if (isSynced || signal.aborted) return Promise.resolve(isSynced);
      return new Promise((resolve) => {
        const finish = (): void => {
          waiting.delete(finish);
          signal.removeEventListener('abort', finish);
          resolve(isSynced);
        };
        waiting.add(finish);
        signal.addEventListener('abort', finish, { once: true });
      });
    },
    isAtLeast(name, resourceVersion) {
      const wanted = versionNumber(resourceVersion);
      const own = versionNumber(objects.get(objectKeyOf(name))?.metadata.resourceVersion);
      const all = versionNumber(seenVersion);
      if (wanted === undefined || (own === undefined && all === undefined)) return undefined;
      return (own !== undefined && own >= wanted) || (all !== undefined && all >= wanted);
    },
    addHandler(handler) {
      handlers.add(handler);
      for (const object of [...objects.values()]) notify(handler, (one) => one.added?.(object));
      return () => handlers.delete(handler);
    },
    replaced(items, resourceVersion) {
      seenVersion = resourceVersion;
      const listed = new Set(items.map((item) => objectKeyOf(item.metadata)));
      for (const key of [...objects.keys()]) if (!listed.has(key)) drop(key);
      for (const item of items) {
        const old = objects.get(objectKeyOf(item.metadata));
        // The same version is the same object: a relist must not wake every controller for every object.
        if (
          old?.metadata.uid === item.metadata.uid &&
          old?.metadata.resourceVersion === item.metadata.resourceVersion
        ) {
          continue;
        }
        put(item);
      }
      isSynced = true;
      for (const finish of [...waiting]) finish();
    },
    changed(object) {
      seenVersion = object.metadata.resourceVersion;
      put(object);
    },
    deleted(object) {
      seenVersion = object.metadata.resourceVersion;
      drop(objectKeyOf(object.metadata));
    },
    progressed(resourceVersion) {
      seenVersion = resourceVersion;
    },
  };
}

export function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** resourceVersions are comparable integers by contract since Kubernetes 1.35; anything else is unknown. */
function versionNumber(resourceVersion: string | undefined): bigint | undefined {
  return resourceVersion !== undefined && /^[1-9]\d*$/.test(resourceVersion) ? BigInt(resourceVersion) : undefined;
}

interface Index<T> {
  replace(key: ObjectKey, old: T | undefined, object: T | undefined): void;
  keysOf(value: string): ReadonlySet<ObjectKey>;
}

function createIndex<T>(valuesOf: (object: T) => readonly string[]): Index<T> {
  const keys = new Map<string, Set<ObjectKey>>();
  const nothing: ReadonlySet<ObjectKey> = new Set();
  return {
    replace(key, old, object) {
      for (const value of old === undefined ? [] : valuesOf(old)) {
        const found = keys.get(value);
        found?.delete(key);
        if (found?.size === 0) keys.delete(value);
      }
      for (const value of object === undefined ? [] : valuesOf(object)) {
        const found = keys.get(value) ?? new Set<ObjectKey>();
        keys.set(value, found.add(key));
      }
    },
    keysOf: (value) => keys.get(value) ?? nothing,
  };
}
