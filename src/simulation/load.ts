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
import { TerminalError } from '../shared/errors.ts';
import type { KnownWorkload, SceneObjects } from './scene.ts';

export interface Manifest {
  readonly file: string;
  readonly text: string;
}

export interface Loaded {
  readonly objects: SceneObjects;
  readonly workloads: readonly KnownWorkload[];
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

/** @throws TerminalError InvalidObject - names the file, the object, the field and the next move */
export function loadManifests(manifests: readonly Manifest[]): Loaded {
  const objects: SceneObjects = { packages: [], pools: [], suites: [], databases: [], groups: [], sets: [] };
  const workloads: KnownWorkload[] = [];
  const ignored = new Map<string, number>();
  for (const { file, text } of manifests) {
    for (const object of objectsIn(file, text)) {
      const kind = textAt(object, 'kind');
      try {
        if (!take(objects, workloads, kind, object)) ignored.set(kind, (ignored.get(kind) ?? 0) + 1);
      } catch (error) {
        if (error instanceof TerminalError)
          throw new TerminalError(error.reason, `${file}: ${error.message}`, { cause: error });
        throw error;
      }
    }
  }
  return { objects, workloads, ignored };
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
function take(objects: SceneObjects, workloads: KnownWorkload[], kind: string, object: unknown): boolean {
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
    case 'StatefulSet':
    case 'Deployment':
      workloads.push(workloadOf(kind, object));
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

function workloadOf(kind: KnownWorkload['kind'], object: unknown): KnownWorkload {
  const images: Record<string, string> = {};
  for (const container of listAt(object, 'spec', 'template', 'spec', 'containers'))
    images[textAt(container, 'name')] = textAt(container, 'image');
  const replicas = at(object, 'spec', 'replicas');
  const [claim] = listAt(object, 'spec', 'volumeClaimTemplates');
  const claimPrefix = textAt(claim, 'metadata', 'name');
  return {
    kind,
    name: textAt(object, 'metadata', 'name'),
    images,
    replicas: typeof replicas === 'number' ? replicas : 1,
    ...(claimPrefix === '' ? {} : { claimPrefix }),
  };
}
