/** An API server inside the process: `KubeClient` and `KubeWatcher` over a store in memory. */
import { KubeError, isNotFound } from '../../src/kube/kube-error.ts';
import type { Clock } from '../../src/shared/clock.ts';
import type {
  ApplyOptions,
  DeleteOptions,
  KubeClient,
  KubeObject,
  KubeWatcher,
  ObjectName,
  Resource,
  WriteOptions,
} from '../../src/kube/types.ts';
import { applyFields, updateOwners } from './memory-fields.ts';
import type { Owner } from './memory-fields.ts';
import { jsonPatch, mergePatch } from './memory-patch.ts';
import { checkPreconditions, fromJson, prepareCreate, settleUpdate, toJson } from './memory-rules.ts';
import { isSelected } from './memory-selectors.ts';
import { createMemoryState, deleteObject, keyOf, notFound } from './memory-state.ts';
import type { MemoryState } from './memory-state.ts';
import { copyOf, watchState } from './memory-watch.ts';

type Verb =
  | 'get'
  | 'list'
  | 'watch'
  | 'create'
  | 'apply'
  | 'replace'
  | 'jsonPatch'
  | 'mergePatch'
  | 'delete'
  | 'log'
  | 'post';

/** One call, as an interceptor sees it before it takes effect. */
export interface MemoryCall {
  verb: Verb;
  isWrite: boolean;
  user: string;
  /** Group and plural as "deployments.apps"; the path for `post`. */
  resource: string;
  name?: ObjectName;
  subresource?: string | undefined;
  dryRun: boolean;
  /** Object or patch of a write. */
  body?: unknown;
}

/**
 * Asked for every create, dry runs too: may answer with a changed object, or throw a KubeError to refuse.
 */
export type AdmissionHook = (resource: Resource, object: KubeObject, user: string) => KubeObject | undefined;

export interface MemoryClientOptions {
  clock: Clock;
  /** To share one server between clients. */
  server?: MemoryServer;
  user?: string;
  /** Owner of fields written by other verbs than apply. Default "memory-client". */
  fieldManager?: string;
  /** As `mayWrite` of `createClient`. */
  mayWrite?: () => boolean;
}

/** The server's side, shared by all clients of it. */
export interface MemoryServer {
  state: MemoryState;
  admission: AdmissionHook[];
  /** Run before each call, in order; throw to fail it, await to delay it. */
  interceptors: ((call: MemoryCall) => void | Promise<void>)[];
  /** Writes that reached the server, dry runs excluded. */
  writes: MemoryCall[];
  /** Container logs by "namespace/pod". */
  logs: Map<string, string>;
  /** Answers of `post` by path; the review paths allow everything by default. */
  posts: Map<string, (body: object, user: string) => unknown>;
  isGarbageCollected: boolean;
}

export interface MemoryClient extends KubeClient, KubeWatcher {
  readonly server: MemoryServer;
  /** Stores an object as it is, status included, past admission; replaces what is there. */
  seed<T extends KubeObject>(resource: Resource<T>, object: T): T;
  /** Everything stored of one kind, copied. */
  all<T extends KubeObject>(resource: Resource<T>): T[];
  /** Forgets history: watches that are behind get 410. */
  compact(resource: Resource): void;
  /** The same server as another user or field manager. */
  using(changes: { user?: string; fieldManager?: string; mayWrite?: () => boolean }): MemoryClient;
}

export function createMemoryServer(clock: Clock): MemoryServer {
  return {
    state: createMemoryState(clock),
    admission: [],
    interceptors: [],
    writes: [],
    logs: new Map(),
    posts: new Map(),
    isGarbageCollected: true,
  };
}

export function createMemoryClient(options: MemoryClientOptions): MemoryClient {
  const { clock } = options;
  const server = options.server ?? createMemoryServer(clock);
  const { state } = server;
  const user = options.user ?? 'admin';
  const manager = options.fieldManager ?? 'memory-client';

  async function enter(call: Omit<MemoryCall, 'user'>, signal: AbortSignal | undefined): Promise<void> {
    const whole: MemoryCall = { ...call, user };
    if (call.isWrite && options.mayWrite?.() === false) throw failure(0, 'Fenced', 'not the leader any more');
    await Promise.resolve();
    if (signal?.aborted === true) throw failure(0, 'Aborted', 'aborted by the caller');
    for (const intercept of server.interceptors) await untilAborted(intercept(structuredClone(whole)), signal);
    if (call.isWrite && !call.dryRun) server.writes.push(structuredClone(whole));
  }

  async function write<T extends KubeObject>(
    verb: Verb,
    resource: Resource<T>,
    name: ObjectName,
    body: unknown,
    options: WriteOptions,
    act: () => KubeObject,
  ): Promise<T> {
    const { subresource, dryRun = false, signal } = options;
    await enter(
      { verb, isWrite: true, resource: idOf(resource), name: plain(name), subresource, dryRun, body },
      signal,
    );
    return copyOf<T>(act());
  }

  /** Stores `after` in place of `before` by the rules every update follows. */
  function update(
    resource: Resource,
    before: KubeObject,
    after: KubeObject,
    options: WriteOptions,
    owners?: readonly Owner[],
  ): KubeObject {
    const object = settleUpdate(resource, before, after, options.subresource);
    if (options.dryRun === true) return object;
    const uid = before.metadata.uid ?? '';
    const newOwners =
      owners ??
      updateOwners(toJson(before), toJson(object), state.ownersOf(uid), { manager, subresource: options.subresource });
    const isGone = object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).length === 0;
    if (isGone) {
      state.remove(resource, object, server.isGarbageCollected);
      return object;
    }
    return state.put(resource, object, newOwners);
  }

  function requireLive(resource: Resource, name: ObjectName): KubeObject {
    const live = state.find(resource, name);
    if (live === undefined) throw notFound(resource, name);
    return live;
  }

  function createObject(resource: Resource, given: KubeObject, options: WriteOptions, by?: Owner[]): KubeObject {
    let object = prepareCreate(state, resource, given);
    for (const hook of server.admission) object = hook(resource, structuredClone(object), user) ?? object;
    if (state.find(resource, object.metadata) !== undefined) {
      throw failure(409, 'AlreadyExists', `${resource.plural} "${object.metadata.name}" already exists`);
    }
    if (options.dryRun === true) return object;
    return state.put(resource, object, by ?? updateOwners(undefined, toJson(object), [], { manager }));
  }

  const client: MemoryClient = {
    server,
    async get(resource, name, signal) {
      await enter({ verb: 'get', isWrite: false, resource: idOf(resource), name: plain(name), dryRun: false }, signal);
      return copyOf(requireLive(resource, name));
    },
    async find(resource, name, signal) {
      try {
        return await client.get(resource, name, signal);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    async list<T extends KubeObject>(resource: Resource<T>, selection = {}, signal?: AbortSignal) {
      await enter({ verb: 'list', isWrite: false, resource: idOf(resource), dryRun: false }, signal);
      const all = [...state.collection(resource).objects.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1));
      const items = all.map(([, object]) => object).filter((object) => isSelected(object, selection));
      return { items: items.map((object) => copyOf<T>(object)), resourceVersion: String(state.resourceVersion()) };
    },
    create: (resource, object, options = {}) =>
      write('create', resource, object.metadata, object, options, () => {
        if (options.subresource !== 'eviction') return createObject(resource, object, options);
        const live = requireLive(resource, object.metadata);
        if (options.dryRun !== true) deleteObject(state, resource, live, server.isGarbageCollected);
        return object;
      }),
    apply: (resource, object, options) =>
      write('apply', resource, object.metadata, object, options, () => applyObject(resource, object, options)),
    replace: (resource, object, options = {}) =>
      write('replace', resource, object.metadata, object, options, () =>
        update(resource, requireLive(resource, object.metadata), structuredClone(object), options),
      ),
    jsonPatch: (resource, name, patch, options = {}) =>
      write('jsonPatch', resource, name, patch, options, () => {
        const live = requireLive(resource, name);
        return update(resource, live, fromJson(jsonPatch(toJson(live), patch)), options);
      }),
    mergePatch: (resource, name, patch, options = {}) =>
      write('mergePatch', resource, name, patch, options, () => {
        const live = requireLive(resource, name);
        return update(resource, live, fromJson(mergePatch(toJson(live), patch)), options);
      }),
    async delete(resource, name, options: DeleteOptions = {}) {
      await write('delete', resource, name, undefined, options, () => {
        const live = requireLive(resource, name);
        checkPreconditions(resource, live, options);
        if (options.dryRun === true) return live;
        if (options.propagation === 'Orphan') orphan(live.metadata.uid ?? '');
        deleteObject(state, resource, live, server.isGarbageCollected);
        return live;
      });
    },
    async podLog(name, _options, signal) {
      await enter({ verb: 'log', isWrite: false, resource: 'pods', name: plain(name), dryRun: false }, signal);
      return server.logs.get(keyOf(name)) ?? '';
    },
    async post<T>(path: string, body: object, signal?: AbortSignal) {
      await enter({ verb: 'post', isWrite: false, resource: path, dryRun: false, body }, signal);
      const answer = server.posts.get(path)?.(structuredClone(body), user) ?? { ...body, status: { allowed: true } };
      return answer as T;
    },
    as: (other) => client.using({ user: other }),
    clockSkewMs: () => 0,
    async *watch(resource, query, signal) {
      await enter({ verb: 'watch', isWrite: false, resource: idOf(resource), dryRun: false }, signal);
      yield* watchState(state, clock, resource, query, signal);
    },
    seed<T extends KubeObject>(resource: Resource<T>, object: T) {
      const live = state.find(resource, object.metadata);
      const fresh = prepareCreate(state, resource, object);
      const metadata = { ...fresh.metadata, ...live?.metadata, ...structuredClone(object.metadata) };
      const seeded = { ...fresh, ...structuredClone(object), metadata };
      return copyOf<T>(state.put(resource, seeded, updateOwners(undefined, toJson(seeded), [], { manager })));
    },
    all: <T extends KubeObject>(resource: Resource<T>) =>
      [...state.collection(resource).objects.values()].map((object) => copyOf<T>(object)),
    compact(resource) {
      const collection = state.collection(resource);
      collection.compactedAt = state.resourceVersion();
      collection.changes = [];
      for (const wake of collection.waiting) wake();
    },
    using: (changes) => createMemoryClient({ ...options, server, ...changes }),
  };

  function applyObject(resource: Resource, object: KubeObject, options: ApplyOptions): KubeObject {
    const { fieldManager, subresource, force = false } = options;
    const live = state.find(resource, object.metadata);
    if (live === undefined) {
      if (subresource !== undefined) throw notFound(resource, object.metadata);
      const fresh = prepareCreate(state, resource, object);
      const { owners } = applyFields({ live: {}, owners: [], applied: toJson(fresh), manager: fieldManager, force });
      return createObject(resource, object, options, owners);
    }
    checkPreconditions(resource, live, object.metadata);
    const applied = toJson(object);
    const owners = state.ownersOf(live.metadata.uid ?? '');
    const result = applyFields({ live: toJson(live), owners, applied, manager: fieldManager, subresource, force });
    return update(resource, live, fromJson(result.object), options, result.owners);
  }

  function orphan(uid: string): void {
    for (const { resource, objects } of state.collections()) {
      for (const object of [...objects.values()]) {
        const references = object.metadata.ownerReferences ?? [];
        if (!references.some((reference) => reference.uid === uid)) continue;
        const metadata = { ...object.metadata, ownerReferences: references.filter((r) => r.uid !== uid) };
        state.put(resource, { ...object, metadata }, state.ownersOf(metadata.uid ?? ''));
      }
    }
  }
  return client;
}

/** As a connection does: the call ends with the signal, whatever the other side is doing. */
async function untilAborted(work: void | Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!(work instanceof Promise) || signal === undefined) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(failure(0, 'Aborted', 'aborted by the caller'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

const idOf = (resource: Resource): string =>
  resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;

const plain = (name: ObjectName): ObjectName =>
  name.namespace === undefined ? { name: name.name } : { namespace: name.namespace, name: name.name };

const failure = (status: number, reason: string, message: string): KubeError =>
  new KubeError({ status, reason, message });
