import type { KubeObject, ManagedFields } from '../../kube/types.ts';
import { isOwnManager } from '../marks.ts';

/** Field managers of tools that put their own state back whenever it differs. */
export const knownReconcilers: readonly string[] = [
  'argocd-controller',
  'argocd-application-controller',
  'argocd-applicationset-controller',
  'kustomize-controller',
  'helm-controller',
  'flux',
  'flux-client-side-apply',
  'fleetagent',
  'fleet-agent',
  'kapp-controller',
  'configsync.gke.io',
  'config-sync',
  'rollouts-controller',
  'kruise-manager',
];

interface FieldTree {
  readonly [key: string]: unknown;
}

function subtree(tree: unknown, ...path: readonly string[]): FieldTree | undefined {
  let node: unknown = tree;
  for (const key of path) {
    if (typeof node !== 'object' || node === null || !(key in node)) return undefined;
    node = Object.entries(node).find(([name]) => name === key)?.[1];
  }
  return typeof node === 'object' && node !== null ? Object.fromEntries(Object.entries(node)) : undefined;
}

function ownsTemplate(entry: ManagedFields): boolean {
  return entry.subresource === undefined && subtree(entry.fieldsV1, 'f:spec', 'f:template') !== undefined;
}

function ownsReplicas(entry: ManagedFields): boolean {
  return entry.subresource === undefined && subtree(entry.fieldsV1, 'f:spec', 'f:replicas') !== undefined;
}

/**
 * Who puts the workload back by itself: a known reconciler that owns part of what a run changes, or the
 * controller that owns the whole object. Sorted; empty when none.
 */
export function reconcilersOf(object: KubeObject): string[] {
  const managers = (object.metadata.managedFields ?? [])
    .filter((entry) => knownReconcilers.includes(entry.manager) && (ownsTemplate(entry) || ownsReplicas(entry)))
    .map((entry) => entry.manager);
  const owners = (object.metadata.ownerReferences ?? [])
    .filter((owner) => owner.controller === true)
    .map((owner) => `${owner.kind}/${owner.name}`);
  return [...new Set([...managers, ...owners])].toSorted();
}

/** The manager with the latest write to the template; empty when nobody is known. Ours counts too. */
export function lastWriterOf(object: KubeObject): string {
  const latest = (object.metadata.managedFields ?? [])
    .filter(ownsTemplate)
    .toSorted((a, b) => Date.parse(a.time ?? '') - Date.parse(b.time ?? ''))
    .at(-1);
  return latest?.manager ?? '';
}

/** Containers whose image the manager owns, by the server's record of applied fields. */
export function imagesOwnedBy(object: KubeObject, manager: string, list: 'containers' | 'initContainers'): string[] {
  const entry = (object.metadata.managedFields ?? []).find(
    (fields) => fields.manager === manager && fields.operation === 'Apply',
  );
  const items = subtree(entry?.fieldsV1, 'f:spec', 'f:template', 'f:spec', `f:${list}`) ?? {};
  return Object.entries(items).flatMap(([key, value]) => {
    const name = /^k:\{"name":"([^"]+)"\}$/.exec(key)?.[1];
    return name !== undefined && subtree({ value }, 'value', 'f:image') !== undefined ? [name] : [];
  });
}

/** Who else owns an image now, so that the former owner can be written down; ours left out. */
export function imageOwners(object: KubeObject, container: string): string[] {
  const key = `k:{"name":"${container}"}`;
  return (object.metadata.managedFields ?? [])
    .filter((entry) => !isOwnManager(entry.manager))
    .filter((entry) =>
      ['f:containers', 'f:initContainers'].some(
        (list) => subtree(entry.fieldsV1, 'f:spec', 'f:template', 'f:spec', list, key, 'f:image') !== undefined,
      ),
    )
    .map((entry) => entry.manager);
}
