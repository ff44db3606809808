/** An API server over HTTP or HTTPS on loopback, backed by a memory client, which misbehaves as told. */
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { KubeError } from '../../src/kube/kube-error.ts';
import * as builtIn from '../../src/kube/resources.ts';
import type { ListOptions, ObjectName, Resource, WriteOptions } from '../../src/kube/types.ts';
import { routeOf } from './api-routes.ts';
import type { Route } from './api-routes.ts';
import type { MemoryClient } from './memory-client.ts';
import { createSelfSigned } from './self-signed.ts';

export interface ReceivedRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: string;
}

/** What happens to a request instead of its answer. */
export type Fault =
  | { kind: 'status'; status: number; reason?: string; retryAfterSeconds?: number; body?: string }
  /** The connection breaks without an answer. */
  | { kind: 'reset' }
  /** The connection breaks after the request took effect. */
  | { kind: 'resetAfter' }
  /** Nothing ever comes. */
  | { kind: 'hang' };

/** A watch that is being served. */
export interface ServedWatch {
  path: string;
  query: URLSearchParams;
  /** The connection stays open and says nothing more. */
  silence(): void;
  reset(): void;
  end(): void;
  /** An ERROR line, then the end. */
  fail(status: number, reason: string): void;
  /** Any line. */
  send(line: string): void;
}

export interface FakeApiServer {
  url: string;
  /** The certificate to trust; undefined over plain HTTP. */
  ca: string | undefined;
  requests: ReceivedRequest[];
  watches: Set<ServedWatch>;
  /** Connections ever accepted, and those open now. */
  accepted(): number;
  open(): number;
  /** Asked for each request; undefined serves it. */
  fault: (request: ReceivedRequest) => Fault | undefined;
  close(): Promise<void>;
}

export interface FakeApiServerOptions {
  client: MemoryClient;
  tls?: boolean;
  /** Kinds served beside the built-in ones. */
  resources?: readonly Resource[];
  /** Sent as the Date header; default is the real time. */
  date?: () => Date;
}

export async function startFakeApiServer(options: FakeApiServerOptions): Promise<FakeApiServer> {
  const resources = [...Object.values(builtIn).filter(isResource), ...(options.resources ?? [])];
  const sockets = new Set<Socket>();
  const pair = options.tls === true ? createSelfSigned() : undefined;
  let accepted = 0;

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    serve(fake, options, resources, request, response).catch((error: unknown) => response.destroy(asError(error)));
  };
  const server = pair === undefined ? createHttpServer(handle) : createHttpsServer(pair, handle);
  server.keepAliveTimeout = 0;
  server.on(pair === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  const fake: FakeApiServer = {
    url: '',
    ca: pair?.cert,
    requests: [],
    watches: new Set(),
    accepted: () => accepted,
    open: () => sockets.size,
    fault: () => undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  fake.url = `${pair === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  return fake;
}

async function serve(
  fake: FakeApiServer,
  options: FakeApiServerOptions,
  resources: readonly Resource[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://server');
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString('utf8');
  const { method = 'GET', headers } = request;
  const received = { method, path: url.pathname, query: url.searchParams, headers, body };
  fake.requests.push(received);
  if (options.date !== undefined) response.setHeader('date', options.date().toUTCString());
  const fault = fake.fault(received);
  if (fault !== undefined && fault.kind !== 'resetAfter') {
    misbehave(fault, request, response);
    return;
  }
  const user = headers['impersonate-user'];
  const client = typeof user === 'string' ? options.client.using({ user }) : options.client;
  const route = routeOf(url.pathname, resources);
  try {
    if (route?.resource !== undefined && url.searchParams.get('watch') === 'true') {
      await serveWatch(fake, client, route.resource, received, response);
      return;
    }
    const answer = await act(client, route, received);
    if (fault !== undefined) request.socket.destroy();
    else if (typeof answer === 'string') response.writeHead(200, { 'content-type': 'text/plain' }).end(answer);
    else sendJson(response, method === 'POST' ? 201 : 200, answer);
  } catch (error) {
    sendStatus(response, error);
  }
}

function misbehave(
  fault: Exclude<Fault, { kind: 'resetAfter' }>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (fault.kind === 'reset') request.socket.resetAndDestroy();
  if (fault.kind !== 'status') return;
  const { status, reason = 'Unknown', retryAfterSeconds } = fault;
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', String(retryAfterSeconds));
  if (fault.body !== undefined) response.writeHead(status).end(fault.body);
  else sendStatus(response, new KubeError({ status, reason, message: `told to answer ${status}` }));
}

async function act(client: MemoryClient, route: Route | undefined, request: ReceivedRequest): Promise<unknown> {
  const { method, body, query } = request;
  const { resource, name, namespace, subresource } = route ?? {};
  const parsed = body === '' ? {} : JSON.parse(body);
  if (resource === undefined) return client.post(request.path, parsed);
  if (name === undefined) {
    if (method === 'POST')
      return client.create(resource, withNamespace(parsed, namespace), writeOptions(query, undefined));
    return listPage(
      client,
      resource,
      { ...selectionOf(query), ...(namespace === undefined ? {} : { namespace }) },
      query,
    );
  }
  const object: ObjectName = namespace === undefined ? { name } : { namespace, name };
  const write = writeOptions(query, subresource);
  switch (method) {
    case 'GET':
      return subresource === 'log' ? client.podLog(object, { tailLines: 10 }) : client.get(resource, object);
    case 'POST':
      return client.create(resource, withNamespace(parsed, namespace), write);
    case 'PUT':
      return client.replace(resource, withNamespace(parsed, namespace), write);
    case 'DELETE': {
      const { preconditions = {}, propagationPolicy: propagation, dryRun } = parsed;
      await client.delete(resource, object, { ...preconditions, propagation, dryRun: dryRun !== undefined });
      return { kind: 'Status', apiVersion: 'v1', status: 'Success' };
    }
    default:
      return patch(client, resource, object, request, write);
  }
}

function patch(
  client: MemoryClient,
  resource: Resource,
  name: ObjectName,
  request: ReceivedRequest,
  write: WriteOptions,
) {
  const parsed = JSON.parse(request.body);
  switch (request.headers['content-type']) {
    case 'application/json-patch+json':
      return client.jsonPatch(resource, name, parsed, write);
    case 'application/merge-patch+json':
      return client.mergePatch(resource, name, parsed, write);
    case 'application/apply-patch+yaml': {
      const fieldManager = request.query.get('fieldManager') ?? '';
      const force = request.query.get('force') === 'true';
      return client.apply(resource, withNamespace(parsed, name.namespace), { ...write, fieldManager, force });
    }
    default:
      throw new KubeError({ status: 415, reason: 'UnsupportedMediaType', message: 'unknown patch type' });
  }
}

/** Pages by offset; the token of an older version than the last compaction is expired. */
async function listPage(client: MemoryClient, resource: Resource, options: ListOptions, query: URLSearchParams) {
  const { items, resourceVersion } = await client.list(resource, options);
  const [offset = 0, version = Number(resourceVersion)] = (query.get('continue') ?? '')
    .split('.')
    .filter(Boolean)
    .map(Number);
  if (version < client.server.state.collection(resource).compactedAt) {
    throw new KubeError({ status: 410, reason: 'Expired', message: 'the continue token is too old' });
  }
  const limit = Number(query.get('limit') ?? items.length);
  const page = items.slice(offset, offset + limit).map(({ apiVersion: _, kind: __, ...item }) => item);
  const next = offset + limit < items.length ? `${offset + limit}.${version}` : undefined;
  return { kind: `${resource.kind}List`, metadata: { resourceVersion: String(version), continue: next }, items: page };
}

async function serveWatch(
  fake: FakeApiServer,
  client: MemoryClient,
  resource: Resource,
  request: ReceivedRequest,
  response: ServerResponse,
): Promise<void> {
  const stop = new AbortController();
  let isSilent = false;
  const namespace = /\/namespaces\/([^/]+)\/[^/]+$/.exec(request.path)?.[1];
  const options = {
    ...selectionOf(request.query),
    ...(namespace === undefined ? {} : { namespace }),
    resourceVersion: request.query.get('resourceVersion') ?? '0',
    timeoutSeconds: Number(request.query.get('timeoutSeconds') ?? 60),
  };
  const served: ServedWatch = {
    path: request.path,
    query: request.query,
    silence: () => (isSilent = true),
    reset: () => response.socket?.resetAndDestroy(),
    end: () => stop.abort(),
    fail(status, reason) {
      const object = { kind: 'Status', code: status, reason, message: `told to fail with ${status}` };
      served.send(JSON.stringify({ type: 'ERROR', object }));
      stop.abort();
    },
    // An ended answer stays listed until its loop notices; a server cannot say anything more on it.
    send: (line) => isSilent || response.writableEnded || response.write(`${line}\n`),
  };
  response.on('close', () => {
    fake.watches.delete(served);
    stop.abort();
  });
  try {
    const events = client.watch(resource, options, stop.signal)[Symbol.asyncIterator]();
    let next = events.next();
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    fake.watches.add(served);
    for (let one = await next; one.done !== true; one = await next) {
      served.send(JSON.stringify(one.value));
      next = events.next();
    }
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    served.send(JSON.stringify({ type: 'ERROR', object: statusOf(error) }));
  }
  if (!isSilent) response.end();
}

function selectionOf(query: URLSearchParams): ListOptions {
  const labelSelector = query.get('labelSelector');
  const fieldSelector = query.get('fieldSelector');
  return { ...(labelSelector === null ? {} : { labelSelector }), ...(fieldSelector === null ? {} : { fieldSelector }) };
}

function writeOptions(query: URLSearchParams, subresource: string | undefined): WriteOptions {
  const dryRun = query.get('dryRun') === 'All';
  return subresource === 'status' || subresource === 'scale' || subresource === 'eviction'
    ? { dryRun, subresource }
    : { dryRun };
}

function withNamespace<T extends { metadata: ObjectName }>(object: T, namespace: string | undefined): T {
  return namespace === undefined ? object : { ...object, metadata: { ...object.metadata, namespace } };
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function sendStatus(response: ServerResponse, error: unknown): void {
  const failure =
    error instanceof KubeError
      ? error
      : new KubeError({ status: 500, reason: 'InternalError', message: String(error) });
  sendJson(response, failure.status, statusOf(failure));
}

function statusOf({ status: code, reason, message, causes }: KubeError): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details: { causes } };
}

function isResource(value: unknown): value is Resource {
  return typeof value === 'object' && value !== null && 'plural' in value;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
