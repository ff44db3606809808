/** Reads a user's manifests into objects and workloads, as strictly as the API server would take them. */
import {
  decodeDatabase,
  decodeDecision,
  decodePackage,
  decodePool,
  decodeProbeSuite,
  decodeServerGroup,
  decodeUpgradeSet,
} from '../api/decode.ts';
import type { Decision } from '../api/decision.ts';
import { apiGroup, apiVersion } from '../api/kind.ts';
import { kinds } from '../api/kinds.ts';
import { TerminalError } from '../shared/errors.ts';
import { at, isFields, keysOf, serviceOf, templateOf, textAt, workloadOf } from './core-objects.ts';
import type { LoadedService, LoadedTemplate, LoadedWorkload } from './core-objects.ts';
import { invalid, objectsIn } from './read-yaml.ts';
import { nearest, unknownFields } from '../simulation/fields.ts';
import { Rules } from './rules.ts';
import type { SceneObjects } from '../simulation/scene.ts';

export interface Manifest {
  readonly file: string;
  readonly text: string;
}

/** One object of the manifests, which the API server would take. */
export interface Entry {
  readonly file: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Ours decoded, others as they were written. */
  readonly object: unknown;
}

/** What one namespace holds. */
export interface Loaded {
  readonly namespace: string;
  readonly objects: SceneObjects;
  readonly decisions: readonly Decision[];
  readonly workloads: readonly LoadedWorkload[];
  readonly services: readonly LoadedService[];
  readonly templates: readonly LoadedTemplate[];
  /** Keys of Secrets and ConfigMaps, by "Kind/name". */
  readonly keys: ReadonlyMap<string, ReadonlySet<string>>;
  readonly entries: readonly Entry[];
  /** The file each object came from, by "Kind/name". */
  readonly files: ReadonlyMap<string, string>;
  /** Other namespaces in which there is such an object, by "Kind/name". */
  readonly elsewhere: ReadonlyMap<string, readonly string[]>;
  /** Kinds that mean nothing to the simulator, with how many there were. */
  readonly ignored: ReadonlyMap<string, number>;
}

/**
 * @param namespace of the objects that name none, as kubectl applies them
 * @throws TerminalError InvalidObject - names the file, the object, the field and the next move
 */
export function readEntries(manifests: readonly Manifest[], namespace = 'default'): Entry[] {
  const rules = new Rules();
  const entries = manifests
    .flatMap(({ file, text }) => objectsIn(file, text).map((object) => ({ file, object })))
    .map(({ file, object }, i) => entryOf(file, withName(object, i + 1), { namespace, rules }));
  const seen = new Map<string, Entry>();
  for (const entry of entries) {
    const key = `${entry.namespace}/${entry.kind}/${entry.name}`;
    if (!isRead(entry)) continue;
    const earlier = seen.get(key);
    if (earlier !== undefined)
      throw invalid(entry.file, `${entry.kind} "${entry.name}" is in ${earlier.file} too; keep one of them`);
    seen.set(key, entry);
  }
  return entries;
}

/** What of it is in one namespace. */
export function loadNamespace(all: readonly Entry[], namespace: string): Loaded {
  const entries = all.filter((entry) => entry.namespace === namespace);
  const of = (kind: string): unknown[] =>
    entries.filter((entry) => entry.kind === kind && isRead(entry)).map(({ object }) => object);
  const ours = <T>(kind: string): T[] =>
    entries.filter((entry) => entry.kind === kind && isDecoded(entry)).map(({ object }) => object as T);
  const workloads = (['StatefulSet', 'Deployment'] as const).flatMap((kind) =>
    of(kind).map((object) => workloadOf(kind, object)),
  );
  const known = entries.filter((entry) => !isNamesake(entry));
  const keyed = known.filter(({ kind }) => kind === 'Secret' || kind === 'ConfigMap');
  return {
    namespace,
    objects: {
      packages: ours('Package'),
      pools: ours('Pool'),
      suites: ours('ProbeSuite'),
      databases: ours('Database'),
      groups: ours('ServerGroup'),
      sets: ours('UpgradeSet'),
    },
    decisions: ours('Decision'),
    workloads,
    services: of('Service').map(serviceOf),
    templates: of('PodTemplate').map(templateOf),
    keys: new Map(keyed.map(({ kind, name, object }) => [`${kind}/${name}`, keysOf(object)])),
    entries,
    files: new Map(known.map(({ kind, name, file }) => [`${kind}/${name}`, file])),
    elsewhere: elsewhereOf(all, namespace),
    ignored: ignoredIn(entries),
  };
}

function elsewhereOf(all: readonly Entry[], here: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const entry of all) {
    const { kind, name, namespace } = entry;
    if (namespace === here || isNamesake(entry)) continue;
    const key = `${kind}/${name}`;
    found.set(key, [...(found.get(key) ?? []), namespace]);
  }
  return found;
}

function ignoredIn(entries: readonly Entry[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const entry of entries) {
    const isWorkload = entry.kind === 'StatefulSet' || entry.kind === 'Deployment';
    if (isDecoded(entry) || (isWorkload && isRead(entry))) continue;
    counts.set(entry.kind, (counts.get(entry.kind) ?? 0) + 1);
  }
  return counts;
}

/** An UpgradeRun among them is what a controller wrote, and means nothing to a rehearsal. */
function isDecoded({ kind, object }: Entry): boolean {
  return kind !== 'UpgradeRun' && isOurs(object);
}

function isOurs(object: unknown): boolean {
  return groupOf(object) === apiGroup;
}

/** Empty: the core of Kubernetes. */
function groupOf(object: unknown): string {
  const [group = '', version] = textAt(object, 'apiVersion').split('/');
  return version === undefined ? '' : group;
}

/** Kinds of Kubernetes that are looked into, with their group. */
const coreKinds: ReadonlyMap<string, string> = new Map([
  ...['StatefulSet', 'Deployment'].map((kind) => [kind, 'apps'] as const),
  ...['Service', 'Secret', 'ConfigMap', 'PodTemplate'].map((kind) => [kind, ''] as const),
]);

function isRead(entry: Entry): boolean {
  return isDecoded(entry) || coreKinds.get(entry.kind) === groupOf(entry.object);
}

/** Of a kind that is called like one that is read, and is another: the Service of Knative, the Database of some operator. */
function isNamesake(entry: Entry): boolean {
  return !isRead(entry) && (coreKinds.has(entry.kind) || (!isOurs(entry.object) && isKindOfOurs(entry.kind)));
}

function isKindOfOurs(name: string): boolean {
  return kinds.some(({ kind }) => kind === name);
}

/** Where `generateName` leaves the end of the name to the cluster, it is the number of the object. */
function withName(object: unknown, number: number): unknown {
  const start = textAt(object, 'metadata', 'generateName');
  if (!isFields(object) || start === '' || at(object, 'metadata', 'name') !== undefined) return object;
  const metadata = at(object, 'metadata');
  return { ...object, metadata: { ...(isFields(metadata) ? metadata : {}), name: `${start}${number}` } };
}

interface Place {
  /** Of objects that name none. */
  readonly namespace: string;
  readonly rules: Rules;
}

function entryOf(file: string, object: unknown, place: Place): Entry {
  const kind = textAt(object, 'kind');
  const name = textAt(object, 'metadata', 'name');
  for (const field of ['name', 'namespace']) {
    const read = at(object, 'metadata', field);
    if (typeof read !== 'string' && read !== undefined && read !== null)
      throw invalid(file, `${kind}: metadata.${field} is read as ${JSON.stringify(read)}: put it in quotes`);
  }
  const written = textAt(object, 'metadata', 'namespace');
  const namespace = written === '' ? place.namespace : written;
  for (const field of ['apiVersion', 'kind'])
    if (textAt(object, field) === '') throw invalid(file, `${kind} "${name}" has no ${field}: every object needs one`);
  if (!isOurs(object)) return { file, kind, namespace, name, object };
  try {
    assertKnown(kind, object);
    const decoded = decode(kind, object);
    if (decoded === undefined) return { file, kind, namespace, name, object };
    assertRules(place.rules, kind, decoded);
    return { file, kind, namespace, name, object: asStored(decoded, namespace) };
  } catch (error) {
    if (error instanceof TerminalError)
      throw new TerminalError(error.reason, `${file}: ${error.message}`, { cause: error });
    throw error;
  }
}

type Ours = NonNullable<ReturnType<typeof decode>>;

function decode(kind: string, object: unknown) {
  switch (kind) {
    case 'Package':
      return decodePackage(object);
    case 'Pool':
      return decodePool(object);
    case 'Database':
      return decodeDatabase(object);
    case 'ProbeSuite':
      return decodeProbeSuite(object);
    case 'ServerGroup':
      return decodeServerGroup(object);
    case 'UpgradeSet':
      return decodeUpgradeSet(object);
    case 'Decision':
      return decodeDecision(object);
    default:
      return undefined;
  }
}

/** What the API server would have added, and without what it would have dropped: the status is the controller's. */
function asStored(object: Ours, namespace: string): unknown {
  const { status: _, ...rest } = object;
  const { name } = object.metadata;
  const uid = `${object.kind.toLowerCase()}-${name}`;
  return { ...rest, metadata: { ...object.metadata, namespace, uid, generation: 1 } };
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

const maxRules = 3;

function assertRules(rules: Rules, kind: string, object: Ours): void {
  const definition = kinds.find((candidate) => candidate.kind === kind);
  const broken = definition === undefined ? [] : rules.broken(definition, object);
  if (broken.length === 0) return;
  const more = broken.length > maxRules ? `; and ${broken.length - maxRules} more` : '';
  throw new TerminalError(
    'InvalidObject',
    `${kind} "${object.metadata.name}" is not valid: ${broken.slice(0, maxRules).join('; ')}${more}; mend it and apply it again`,
  );
}
