/** What the API server does to an object on its way into the store. */
import { isDeepStrictEqual } from 'node:util';
import { KubeError } from '../../src/kube/kube-error.ts';
import { apiVersionOf } from '../../src/kube/resources.ts';
import type { KubeObject, Resource, WriteOptions } from '../../src/kube/types.ts';
import { isJson } from './memory-patch.ts';
import type { Json } from './memory-patch.ts';
import { conflict } from './memory-state.ts';
import type { MemoryState } from './memory-state.ts';

/** What the server fills in, and what it does not take from a client, at a create. */
export function prepareCreate(state: MemoryState, resource: Resource, given: KubeObject): KubeObject {
  const { status: _, ...object } = toJson(given);
  if (resource.namespaced && (given.metadata.namespace ?? '') === '') {
    throw new KubeError({ status: 400, reason: 'BadRequest', message: `${resource.kind} needs a namespace` });
  }
  const uid = state.nextUid();
  const { generateName, name } = given.metadata;
  const metadata: KubeObject['metadata'] = {
    ...structuredClone(given.metadata),
    name: name !== undefined && name !== '' ? name : `${generateName ?? ''}${uid.slice(-5)}`,
    uid,
    creationTimestamp: state.timestamp(),
  };
  if ('spec' in object) metadata.generation = 1;
  delete metadata.deletionTimestamp;
  delete metadata.resourceVersion;
  encodeSecret(resource, object);
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind, metadata };
}

/** What an update may change: never identity, only status through its subresource, and nothing else there. */
export function settleUpdate(
  resource: Resource,
  before: KubeObject,
  after: KubeObject,
  subresource: WriteOptions['subresource'],
): KubeObject {
  checkPreconditions(resource, before, after.metadata);
  const old = toJson(before);
  const next = structuredClone(toJson(after));
  if (subresource === 'status') return fromJson({ ...old, ...('status' in next ? { status: next['status'] } : {}) });
  if (subresource === 'scale') {
    const replicas = isJson(next['spec']) ? next['spec']['replicas'] : undefined;
    next['spec'] = { ...(isJson(old['spec']) ? old['spec'] : {}), replicas };
  }
  delete next['status'];
  if ('status' in old) next['status'] = old['status'];
  encodeSecret(resource, next);
  const { uid, creationTimestamp, deletionTimestamp, generation, resourceVersion } = before.metadata;
  const metadata = { ...after.metadata };
  if (uid !== undefined) metadata.uid = uid;
  if (creationTimestamp !== undefined) metadata.creationTimestamp = creationTimestamp;
  if (resourceVersion !== undefined) metadata.resourceVersion = resourceVersion;
  delete metadata.deletionTimestamp;
  if (deletionTimestamp !== undefined) {
    metadata.deletionTimestamp = deletionTimestamp;
    const added = (metadata.finalizers ?? []).filter((one) => before.metadata.finalizers?.includes(one) !== true);
    if (added.length > 0)
      throw new KubeError({
        status: 422,
        reason: 'Invalid',
        message: 'no new finalizers can be added if the object is being deleted',
      });
  }
  if (generation !== undefined) metadata.generation = generation + (isSameSpec(old, next) ? 0 : 1);
  return { ...next, apiVersion: before.apiVersion, kind: before.kind, metadata };
}

function isSameSpec(before: Json, after: Json): boolean {
  const { metadata: _a, status: _b, ...old } = before;
  const { metadata: _c, status: _d, ...next } = after;
  return isDeepStrictEqual(old, next);
}

export function checkPreconditions(
  resource: Resource,
  live: KubeObject,
  wanted: { uid?: string | undefined; resourceVersion?: string | undefined },
): void {
  if (wanted.uid !== undefined && wanted.uid !== live.metadata.uid) {
    throw conflict(resource, live.metadata, 'Precondition failed: UID in precondition differs');
  }
  const version = wanted.resourceVersion;
  if (version !== undefined && version !== '' && version !== live.metadata.resourceVersion) {
    throw conflict(
      resource,
      live.metadata,
      'the object has been modified; please apply your changes to the latest version',
    );
  }
}

function encodeSecret(resource: Resource, object: Json): void {
  if (resource.plural !== 'secrets' || !isJson(object['stringData'])) return;
  const encoded = Object.entries(object['stringData']).map(([key, value]) => [
    key,
    Buffer.from(String(value)).toString('base64'),
  ]);
  object['data'] = { ...(isJson(object['data']) ? object['data'] : {}), ...Object.fromEntries(encoded) };
  delete object['stringData'];
}

/** The JSON view: undefined members are gone, as on the wire. */
export function toJson(object: KubeObject): Json {
  return JSON.parse(JSON.stringify(object));
}

export function fromJson(value: unknown): KubeObject {
  return value as KubeObject;
}
