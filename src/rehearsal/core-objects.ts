/** What a rehearsal reads of objects that are not ours: workloads, Services, Secrets, ConfigMaps, PodTemplates. */
import type { KnownWorkload } from '../simulation/scene.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface LoadedWorkload extends KnownWorkload {
  /** Keys by which the workload finds its own pods. */
  readonly selectorKeys: readonly string[];
  /** Labels of the pod template. */
  readonly labels: Readonly<Record<string, string>>;
  /** Claims that its pod template names. */
  readonly claims: readonly string[];
  /** Its spec as it was written. */
  readonly spec: unknown;
}

export interface LoadedService {
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
}

export interface LoadedTemplate {
  readonly name: string;
  readonly containers: readonly { readonly name: string; readonly image: string }[];
  readonly initContainers: readonly { readonly name: string; readonly image: string }[];
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isFields(inner) ? inner[key] : undefined), value);
}

export function textAt(value: unknown, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

export function textsAt(value: unknown, ...path: readonly string[]): Record<string, string> {
  const found = at(value, ...path);
  return isFields(found)
    ? Object.fromEntries(Object.entries(found).map(([key, inner]) => [key, typeof inner === 'string' ? inner : '']))
    : {};
}

export function workloadOf(kind: KnownWorkload['kind'], object: unknown): LoadedWorkload {
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
    claims: listAt(object, 'spec', 'template', 'spec', 'volumes')
      .map((volume) => textAt(volume, 'persistentVolumeClaim', 'claimName'))
      .filter((claim) => claim !== ''),
    spec: at(object, 'spec'),
    ...(version === undefined ? {} : { version }),
    ...(claimPrefix === '' ? {} : { claimPrefix }),
  };
}

export function serviceOf(object: unknown): LoadedService {
  return { name: textAt(object, 'metadata', 'name'), selector: textsAt(object, 'spec', 'selector') };
}

/** Keys of a Secret or ConfigMap. */
export function keysOf(object: unknown): Set<string> {
  return new Set(['data', 'stringData', 'binaryData'].flatMap((field) => Object.keys(textsAt(object, field))));
}

export function templateOf(object: unknown): LoadedTemplate {
  const containers = (field: string): { name: string; image: string }[] =>
    listAt(object, 'template', 'spec', field).map((one) => ({
      name: textAt(one, 'name'),
      image: textAt(one, 'image'),
    }));
  return {
    name: textAt(object, 'metadata', 'name'),
    containers: containers('containers'),
    initContainers: containers('initContainers'),
  };
}
