/** Metadata as the API server sends it; timestamps stay RFC 3339 strings. */
export interface ObjectMeta {
  name: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  creationTimestamp?: string;
  deletionTimestamp?: string;
  managedFields?: ManagedFields[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFields {
  manager: string;
  operation: 'Apply' | 'Update';
  subresource?: string;
  time?: string;
  fieldsV1?: Record<string, unknown>;
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** One kind as the API server serves it. `group` is '' for the core group. */
export interface Resource<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Carries `T` only; never set. */
  readonly objectType?: T;
}

export interface ObjectName {
  /** Absent for cluster-scoped kinds. */
  namespace?: string;
  name: string;
}

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface WriteOptions {
  signal?: AbortSignal;
  dryRun?: boolean;
  subresource?: 'status' | 'scale' | 'eviction';
}

export interface ApplyOptions extends WriteOptions {
  fieldManager: string;
  force?: boolean;
}

export interface DeleteOptions extends WriteOptions {
  /** Preconditions: the call fails with 409 when the live object differs. */
  uid?: string;
  resourceVersion?: string;
  propagation?: 'Background' | 'Foreground' | 'Orphan';
  gracePeriodSeconds?: number;
}

export interface JsonPatchOperation {
  op: 'add' | 'remove' | 'replace' | 'test';
  path: string;
  value?: unknown;
}

/**
 * Typed calls to one API server. Every call ends within its deadline (30 s unless the signal ends it before)
 * and throws `KubeError`. 429 with Retry-After and refused connections are retried inside that deadline
 * for reads, and for writes only when the server cannot have acted on them.
 */
export interface KubeClient {
  get<T extends KubeObject>(resource: Resource<T>, name: ObjectName, signal?: AbortSignal): Promise<T>;
  /** As `get`; undefined when there is none. */
  find<T extends KubeObject>(resource: Resource<T>, name: ObjectName, signal?: AbortSignal): Promise<T | undefined>;
  /** All pages. */
  list<T extends KubeObject>(
    resource: Resource<T>,
    options: ListOptions,
    signal?: AbortSignal,
  ): Promise<{ items: T[]; resourceVersion: string }>;
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Server-side apply of the fields given, and no others. */
  apply<T extends KubeObject>(resource: Resource<T>, object: KubeObject & object, options: ApplyOptions): Promise<T>;
  /** PUT; a `metadata.resourceVersion` in `object` is a precondition. */
  replace<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  jsonPatch<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    patch: readonly JsonPatchOperation[],
    options?: WriteOptions,
  ): Promise<T>;
  mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    patch: object,
    options?: WriteOptions,
  ): Promise<T>;
  delete(resource: Resource, name: ObjectName, options?: DeleteOptions): Promise<void>;
  /** Container log tail, for the deployment log. */
  podLog(
    name: ObjectName,
    options: { container?: string; tailLines: number; previous?: boolean },
    signal?: AbortSignal,
  ): Promise<string>;
  /** SelfSubjectAccessReview and the like: POST, answer returned. */
  post<T>(path: string, body: object, signal?: AbortSignal): Promise<T>;
  /** The same server as somebody else (`Impersonate-User`), sharing connections. */
  as(user: string): KubeClient;
  /** Server time minus local time in milliseconds, from the last `Date` header; undefined before the first answer. */
  clockSkewMs(): number | undefined;
}

export interface WatchOptions extends ListOptions {
  /** Changes after this one are delivered. */
  resourceVersion: string;
  /** The server ends the watch by itself after this time. */
  timeoutSeconds: number;
}

/** One line of a watch. A BOOKMARK carries nothing but `metadata.resourceVersion`. */
export interface WatchEvent<T extends KubeObject> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
}

/**
 * Change streams of one API server. A stream ends cleanly when the server closes it and throws `KubeError`
 * otherwise; an ERROR line, such as 410, is thrown as the error it carries. Aborting the signal ends it.
 */
export interface KubeWatcher {
  watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
}
