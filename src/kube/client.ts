import { KubeError, isExpired, isNotFound } from './kube-error.ts';
import { collectionPath, objectPath, selectionQuery, withQuery } from './paths.ts';
import { createRequester } from './requester.ts';
import type { Call, Requester, RequesterOptions } from './requester.ts';
import { apiVersionOf } from './resources.ts';
import type { DeleteOptions, KubeClient, KubeObject, ListOptions, Resource, WriteOptions } from './types.ts';

export type ClientOptions = RequesterOptions;

const pageSize = 500;
// A list of more pages than this is a server that repeats itself.
const maxPages = 10_000;

/** Calls to one API server over a transport, which several clients may share. */
export function createClient(options: ClientOptions): KubeClient {
  return clientFor(createRequester(options), {});
}

function clientFor(requester: Requester, identity: Record<string, string | string[]>): KubeClient {
  const request = (call: Call): Promise<string> => requester.request({ ...call, headers: identity });

  async function send<T>(call: Call): Promise<T> {
    return decode<T>(await request(call), call);
  }

  const write = (options: WriteOptions, call: Omit<Call, 'isWrite' | 'signal'>): Call => ({
    ...call,
    isWrite: options.dryRun !== true,
    signal: options.signal,
  });

  const client: KubeClient = {
    get: (resource, name, signal) => send({ method: 'GET', path: objectPath(resource, name), isWrite: false, signal }),
    async find(resource, name, signal) {
      try {
        return await client.get(resource, name, signal);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    list: (resource, options, signal) => listPages(send, resource, options, signal),
    create(resource, object, options = {}) {
      const { name, namespace } = object.metadata;
      const path =
        options.subresource === undefined
          ? collectionPath(resource, namespace)
          : objectPath(resource, { name, ...(namespace === undefined ? {} : { namespace }) }, options.subresource);
      return send(
        write(options, {
          method: 'POST',
          path: withQuery(path, dryRunQuery(options)),
          body: object,
          isRefusalFinal: options.subresource === 'eviction',
        }),
      );
    },
    apply(resource, object, options) {
      const query = { ...dryRunQuery(options), fieldManager: options.fieldManager, force: options.force === true };
      const path = objectPath(resource, object.metadata, options.subresource);
      // JSON is YAML; the server has no JSON media type for apply before 1.36.
      const contentType = 'application/apply-patch+yaml';
      return send(write(options, { method: 'PATCH', path: withQuery(path, query), body: object, contentType }));
    },
    replace(resource, object, options = {}) {
      const path = withQuery(objectPath(resource, object.metadata, options.subresource), dryRunQuery(options));
      return send(write(options, { method: 'PUT', path, body: object }));
    },
    jsonPatch(resource, name, patch, options = {}) {
      const path = withQuery(objectPath(resource, name, options.subresource), dryRunQuery(options));
      const contentType = 'application/json-patch+json';
      return send(write(options, { method: 'PATCH', path, body: patch, contentType }));
    },
    mergePatch(resource, name, patch, options = {}) {
      const path = withQuery(objectPath(resource, name, options.subresource), dryRunQuery(options));
      const contentType = 'application/merge-patch+json';
      return send(write(options, { method: 'PATCH', path, body: patch, contentType }));
    },
    async delete(resource, name, options = {}) {
      await request(write(options, { method: 'DELETE', path: objectPath(resource, name), body: deleteBody(options) }));
    },
    podLog(name, options, signal) {
      const path = `/api/v1/namespaces/${encodeURIComponent(name.namespace ?? '')}/pods/${encodeURIComponent(name.name)}/log`;
      const query = { container: options.container, tailLines: options.tailLines, previous: options.previous };
      // Lines have no length limit, so the tail alone does not bound the answer.
      return request({
        method: 'GET',
        path: withQuery(path, { ...query, limitBytes: 1_048_576 }),
        isWrite: false,
        signal,
      });
    },
    // Reviews are POSTs that store nothing: they may be repeated, and a standby may ask.
    post: (path, body, signal) => send({ method: 'POST', path, body, isWrite: false, signal }),
    as: (user) => clientFor(requester, impersonate(user)),
    clockSkewMs: () => requester.clockSkewMs(),
  };
  return client;
}

function decode<T>(text: string, call: Call): T {
  try {
    // The one place where the server's word on the type is believed.
    const value: T = JSON.parse(text);
    return value;
  } catch (cause) {
    const message = `${call.method} ${call.path}: the answer is not JSON`;
    throw new KubeError({ status: 0, reason: 'Malformed', message, cause });
  }
}

interface Page<T> {
  metadata: { resourceVersion: string; continue?: string };
  items: T[] | null;
}

async function listPages<T extends KubeObject>(
  send: <A>(call: Call) => Promise<A>,
  resource: Resource<T>,
  options: ListOptions,
  signal: AbortSignal | undefined,
): Promise<{ items: T[]; resourceVersion: string }> {
  const path = collectionPath(resource, options.namespace);
  const apiVersion = apiVersionOf(resource);
  let items: T[] = [];
  let token: string | undefined;
  let limit: number | undefined = pageSize;
  for (let pages = 0; pages < maxPages; pages++) {
    try {
      const query = { ...selectionQuery(options), limit, continue: token };
      const page: Page<T> = await send({ method: 'GET', path: withQuery(path, query), isWrite: false, signal });
      // Lists of built-in kinds come without these two; an object must not depend on how it was read.
      for (const item of page.items ?? []) items.push(Object.assign(item, { apiVersion, kind: resource.kind }));
      token = page.metadata.continue;
      if (token === undefined || token === '') return { items, resourceVersion: page.metadata.resourceVersion };
    } catch (error) {
      if (!isExpired(error) || limit === undefined) throw error;
      // The snapshot was compacted between two pages; the whole list in one answer cannot expire.
      items = [];
      token = undefined;
      limit = undefined;
    }
  }
  throw new KubeError({ status: 0, reason: 'Malformed', message: `GET ${path}: more than ${maxPages} pages` });
}

function dryRunQuery(options: WriteOptions): { dryRun: string | undefined } {
  return { dryRun: options.dryRun === true ? 'All' : undefined };
}

function deleteBody(options: DeleteOptions): object {
  const { uid, resourceVersion, propagation, gracePeriodSeconds } = options;
  const hasPrecondition = uid !== undefined || resourceVersion !== undefined;
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(hasPrecondition ? { preconditions: { uid, resourceVersion } } : {}),
    ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(options.dryRun === true ? { dryRun: ['All'] } : {}),
  };
}

/** The groups of a service account are not looked up by the server when somebody is impersonated. */
function impersonate(user: string): Record<string, string | string[]> {
  const account = /^system:serviceaccount:([^:]+):[^:]+$/.exec(user);
  if (account === null) return { 'impersonate-user': user };
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`, 'system:authenticated'];
  return { 'impersonate-user': user, 'impersonate-group': groups };
}
