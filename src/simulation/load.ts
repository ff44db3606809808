/** Reads a user's manifests into objects and workloads. */
import { parseAllDocuments } from 'yaml';
import {
  decodeDatabase,
  decodePackage,
  decodePool,
  decodeProbeSuite,
  decodeServerGroup,
  decodeUpgradeSet,
} from '../api/decode.ts';
import { apiGroup, apiVersion } from '../api/kind.ts';
import { kinds } from '../api/kinds.ts';
import { TerminalError } from '../shared/errors.ts';
import { nearest, unknownFields } from './fields.ts';
import type { KnownWorkload, SceneObjects } from './scene.ts';

export interface Manifest {
  readonly file: string;
  readonly text: string;
}

export interface LoadedWorkload extends KnownWorkload {
  /** Keys by which the workload finds its own pods. */
  readonly selectorKeys: readonly string[];
  /** Labels of the pod template. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface LoadedService {
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
}

export interface Loaded {
  readonly objects: SceneObjects;
  readonly workloads: readonly LoadedWorkload[];
  readonly services: readonly LoadedService[];
  /** The file each object came from, by "Kind/name". */
  readonly files: ReadonlyMap<string, string>;
  /** Kinds that mean nothing to the simulator, with how many there were. */
  readonly ignored: ReadonlyMap<string, number>;
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isFields(inner) ? inner[key] : undefined), value);
}

function textAt(value: unknown, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

interface Found {
  readonly objects: SceneObjects;
  readonly workloads: LoadedWorkload[];
  readonly services: LoadedService[];
}

/** @throws TerminalError InvalidObject - names the file, the object, the field and the next move */
export function loadManifests(manifests: readonly Manifest[]): Loaded {
  const found: Found = {
    objects: { packages: [], pools: [], suites: [], databases: [], groups: [], sets: [] },
    workloads: [],
    services: [],
  };
  const files = new Map<string, string>();
  const ignored = new Map<string, number>();
  for (const { file, text } of manifests) {
    for (const object of objectsIn(file, text)) {
      const kind = textAt(object, 'kind');
      const key = `${kind}/${textAt(object, 'metadata', 'name')}`;
      try {
        if (isOurs(object)) {
          assertKnown(kind, object);
          assertOnce(key, files.get(key));
        }
        files.set(key, file);
        if (!take(found, kind, object)) ignored.set(kind, (ignored.get(kind) ?? 0) + 1);
      } catch (error) {
        if (error instanceof TerminalError)
          throw new TerminalError(error.reason, `${file}: ${error.message}`, { cause: error });
        throw error;
      }
    }
  }
  return { ...found, files, ignored };
}

function isOurs(object: unknown): boolean {
  return textAt(object, 'apiVersion').split('/')[0] === apiGroup;
}

/** A kind and a version there is, and no field that there is not. */
function assertKnown(kind: string, object: unknown): void {
  const refuse = (message: string): never => {
    throw new TerminalError('InvalidObject', `${kind} "${textAt(object, 'metadata', 'name')}": ${message}`);
  };
  const definition = kinds.find((candidate) => candidate.kind === kind);
  const version = textAt(object, 'apiVersion');
  if (definition === undefined) {
    const names = kinds.map((candidate) => candidate.kind);
    const near = nearest(kind, names);
    return refuse(
      `${version} has no such kind; ${near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`}`,
    );
  }
  if (version !== `${apiGroup}/${apiVersion}`) refuse(`apiVersion ${version} is not ${apiGroup}/${apiVersion}`);
  const unknown = unknownFields(definition, object);
  if (unknown.length > 0) refuse(unknown.join('; '));
}

function assertOnce(key: string, earlier: string | undefined): void {
  if (earlier !== undefined)
    throw new TerminalError('InvalidObject', `${key.replace('/', ' "')}" is in ${earlier} too; keep one of them`);
}

function objectsIn(file: string, text: string): unknown[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [problem] = document.errors;
    if (problem !== undefined)
      throw new TerminalError('InvalidObject', `${file} is not YAML: ${problem.message.split('\n', 1)[0] ?? ''}`);
    const value: unknown = document.toJS();
    if (value === null || value === undefined) return [];
    return textAt(value, 'kind') === 'List' ? [...listAt(value, 'items')] : [value];
  });
}

/** @returns whether the kind means something here */
function take({ objects, workloads, services }: Found, kind: string, object: unknown): boolean {
  if (!isOurs(object)) {
    if (kind === 'StatefulSet' || kind === 'Deployment') workloads.push(workloadOf(kind, object));
    else if (kind === 'Service') services.push(serviceOf(object));
    return kind === 'StatefulSet' || kind === 'Deployment';
  }
  switch (kind) {
    case 'Package':
      objects.packages.push(withUID(decodePackage(object)));
      return true;
    case 'Pool':
      objects.pools.push(withUID(decodePool(object)));
      return true;
    case 'Database':
      objects.databases.push(withUID(decodeDatabase(object)));
      return true;
    case 'ProbeSuite':
      objects.suites.push(withUID(decodeProbeSuite(object)));
      return true;
    case 'ServerGroup':
      objects.groups.push(withUID(decodeServerGroup(object)));
      return true;
    case 'UpgradeSet':
      objects.sets.push(withUID(decodeUpgradeSet(object)));
      return true;
    default:
      return false;
  }
}

interface Named {
  readonly kind: string;
  metadata: { name: string; uid?: string; generation?: number };
}

/** What the API server would have added. */
function withUID<T extends Named>(object: T): T {
  object.metadata = { ...object.metadata, uid: `${object.kind.toLowerCase()}-${object.metadata.name}`, generation: 1 };
  return object;
}

function workloadOf(kind: KnownWorkload['kind'], object: unknown): LoadedWorkload {
  const images: Record<string, string> = {};
  for (const container of listAt(object, 'spec', 'template', 'spec', 'containers'))
    images[textAt(container, 'name')] = textAt(container, 'image');
  const replicas = at(object, 'spec', 'replicas');
  const [claim] = listAt(object, 'spec', 'volumeClaimTemplates');
  const claimPrefix = textAt(claim, 'metadata', 'name');
  const labels = textsAt(object, 'spec', 'template', 'metadata', 'labels');
  const version =
    labels['app.kubernetes.io/version'] ?? textsAt(object, 'metadata', 'labels')['app.kubernetes.io/version'];
  const expressions = listAt(object, 'spec', 'selector', 'matchExpressions').map((inner) => textAt(inner, 'key'));
  return {
    kind,
    name: textAt(object, 'metadata', 'name'),
    images,
    replicas: typeof replicas === 'number' ? replicas : 1,
    labels,
    selectorKeys: [...Object.keys(textsAt(object, 'spec', 'selector', 'matchLabels')), ...expressions],
    ...(version === undefined ? {} : { version }),
    ...(claimPrefix === '' ? {} : { claimPrefix }),
  };
}

function serviceOf(object: unknown): LoadedService {
  return { name: textAt(object, 'metadata', 'name'), selector: textsAt(object, 'spec', 'selector') };
}

function textsAt(value: unknown, ...path: readonly string[]): Record<string, string> {
  const found = at(value, ...path);
  return isFields(found)
    ? Object.fromEntries(Object.entries(found).map(([key, inner]) => [key, typeof inner === 'string' ? inner : '']))
    : {};
}
