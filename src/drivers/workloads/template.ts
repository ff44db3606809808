import { canonicalJson } from '../../shared/json.ts';
import type { ControllerRevision, PodTemplate } from '../../kube/objects.ts';
import { isAlreadyExists, isNotFound } from '../../kube/kube-error.ts';
import { apiVersionOf, controllerRevisions, pods } from '../../kube/resources.ts';
import type { KubeClient, KubeObject } from '../../kube/types.ts';
import type { EffectOf, Operation } from '../contract.ts';
import { PauseError, RetryError, TerminalError } from '../access.ts';
import {
  fieldManagers,
  operationAnnotation,
  operationMark,
  ownLabels,
  ownedByRun,
  pointer,
  runLabel,
  sha256,
} from '../marks.ts';
import { type Workload, findWorkload, podsOf, resourceOf } from '../pods.ts';
import { imageOwners, imagesOwnedBy, reconcilersOf } from './managers.ts';
import { isAutoscaled, observeClaims, replicasBeforeAnnotation } from './observe.ts';
import type { WorkloadRef } from '../../planner/effects.ts';

/** Who owned an image before the run took it, as "container=manager,manager;…". */
export const formerOwnersAnnotation = 'belay.dev/former-image-owners';

export async function needWorkload(
  client: KubeClient,
  operation: Operation,
  ref: WorkloadRef,
  signal: AbortSignal,
): Promise<Workload> {
  const workload = await findWorkload(client, operation.namespace, ref, signal);
  if (workload === undefined)
    throw new RetryError('ObjectMissing', `${ref.kind}/${ref.name} does not exist; create it again or abort the run`);
  return workload;
}

/** Head of an apply: the UID makes the server refuse it when the object was replaced meanwhile. */
function applyHead(ref: WorkloadRef, workload: Workload, annotations: Record<string, string>): KubeObject {
  const { name, namespace, uid } = workload.metadata;
  return {
    apiVersion: apiVersionOf(resourceOf(ref)),
    kind: ref.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      annotations,
    },
  };
}

export async function scale(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'ScaleWorkload'>,
  signal: AbortSignal,
): Promise<void> {
  const workload = await needWorkload(client, operation, effect.workload, signal);
  const now = workload.spec.replicas ?? 1;
  if (now === effect.replicas) return;
  // A running autoscaler chose this count; only zero suspends it and only zero wakes nothing.
  const isRunning = now > 0 && effect.replicas > 0;
  if (isRunning && (await isAutoscaled(client, operation.namespace, effect.workload, signal))) return;
  const before = effect.replicas === 0 ? String(now) : workload.metadata.annotations?.[replicasBeforeAnnotation];
  const annotations = {
    ...operationMark(operation),
    ...(before === undefined ? {} : { [replicasBeforeAnnotation]: before }),
  };
  const change = { ...applyHead(effect.workload, workload, annotations), spec: { replicas: effect.replicas } };
  await client.apply<Workload>(resourceOf(effect.workload), change, {
    fieldManager: fieldManagers.replicas,
    force: true,
    signal,
  });
}

export async function deletePods(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'DeletePods'>,
  signal: AbortSignal,
): Promise<void> {
  const workload = await findWorkload(client, operation.namespace, effect.workload, signal);
  if (workload === undefined) return;
  const owned = (await podsOf(client, workload, signal)).pods.filter((pod) =>
    effect.uids.includes(pod.metadata.uid ?? ''),
  );
  for (const pod of owned.filter((candidate) => candidate.metadata.deletionTimestamp === undefined)) {
    try {
      await client.delete(
        pods,
        { namespace: operation.namespace, name: pod.metadata.name },
        { signal, uid: pod.metadata.uid ?? '' },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

interface SavedTemplate {
  readonly kind: string;
  readonly name: string;
  readonly replicas: number;
  readonly claims: readonly string[];
  readonly template: PodTemplate;
}

/** Keeps the template before the change. Labels stay outside the workload's selector, or its controller would adopt the revision. */
export async function saveRevision(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'SaveRevision'>,
  signal: AbortSignal,
): Promise<void> {
  const at = { namespace: operation.namespace, name: effect.revision };
  const [existing, workload] = await Promise.all([
    client.find(controllerRevisions, at, signal),
    needWorkload(client, operation, effect.workload, signal),
  ]);
  if (existing !== undefined) return requireOurs(existing, operation);
  const claims = await observeClaims(client, operation, workload, signal);
  const data: SavedTemplate = {
    kind: effect.workload.kind,
    name: effect.workload.name,
    replicas: workload.spec.replicas ?? 1,
    claims: claims.map(({ claim }) => claim),
    template: workload.spec.template,
  };
  const revision: ControllerRevision = {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      ...at,
      labels: ownLabels(operation),
      annotations: {
        ...operationMark(operation),
        'belay.dev/workload': `${effect.workload.kind}/${effect.workload.name}`,
      },
      ownerReferences: ownedByRun(operation),
    },
    data,
    revision: 1,
  };
  try {
    await client.create(controllerRevisions, revision, { signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

function requireOurs(
  object: { metadata: { name: string; labels?: Record<string, string> } },
  operation: Operation,
): void {
  if (object.metadata.labels?.[runLabel] === operation.run) return;
  throw new PauseError(
    'NameTaken',
    `${object.metadata.name} exists and was not made by run ${operation.run}; delete or rename it`,
  );
}

/** Images go in under our own manager; a tool that reconciles is not overridden unless asked. */
export async function applyImages(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'ApplyImages'>,
  signal: AbortSignal,
): Promise<void> {
  const workload = await needWorkload(client, operation, effect.workload, signal);
  const spec = workload.spec.template.spec;
  const unknown = Object.keys(effect.images).filter(
    (name) => ![...spec.containers, ...(spec.initContainers ?? [])].some((container) => container.name === name),
  );
  if (unknown.length > 0) {
    throw new TerminalError(
      'ContainerMissing',
      `${effect.workload.kind}/${effect.workload.name} has no container ${unknown.join(', ')}; correct the images of the package`,
    );
  }
  const reconcilers = reconcilersOf(workload);
  if (!effect.takeOwnership && reconcilers.length > 0) throw foughtOver(effect.workload, reconcilers);
  const wanted = (list: 'containers' | 'initContainers'): { name: string; image: string }[] =>
    (spec[list] ?? []).flatMap(({ name, image }) => {
      // What our manager owns must be named again, or the server takes the image away.
      const next =
        effect.images[name] ?? (imagesOwnedBy(workload, fieldManagers.images, list).includes(name) ? image : undefined);
      return next === undefined ? [] : [{ name, image: next }];
    });
  const current = [...spec.containers, ...(spec.initContainers ?? [])];
  if (
    Object.entries(effect.images).every(([name, image]) =>
      current.some((container) => container.name === name && container.image === image),
    )
  )
    return;
  const init = wanted('initContainers');
  const containers = wanted('containers');
  const change = {
    ...applyHead(effect.workload, workload, {
      ...operationMark(operation),
      ...formerOwners(workload, Object.keys(effect.images)),
    }),
    spec: {
      template: {
        spec: {
          ...(containers.length === 0 ? {} : { containers }),
          ...(init.length === 0 ? {} : { initContainers: init }),
        },
      },
    },
  };
  await client.apply<Workload>(resourceOf(effect.workload), change, {
    fieldManager: fieldManagers.images,
    force: true,
    signal,
  });
}

function foughtOver(ref: WorkloadRef, reconcilers: readonly string[]): PauseError {
  return new PauseError(
    'ManagedByOther',
    `${ref.kind}/${ref.name} is put back by ${reconcilers.join(', ')}; suspend it for the run, let it ignore images and replicas, or set takeOwnership: true`,
  );
}

function formerOwners(workload: Workload, containers: readonly string[]): Record<string, string> {
  const known = workload.metadata.annotations?.[formerOwnersAnnotation];
  const found = containers
    .map((name) => [name, imageOwners(workload, name)] as const)
    .filter(([, owners]) => owners.length > 0);
  const text = found.map(([name, owners]) => `${name}=${owners.toSorted().join(',')}`).join(';');
  if (text !== '') return { [formerOwnersAnnotation]: text };
  return known === undefined ? {} : { [formerOwnersAnnotation]: known };
}

/** The whole template back, unless it is there already. */
export async function restoreTemplate(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'RestoreTemplate'>,
  signal: AbortSignal,
): Promise<void> {
  const at = { namespace: operation.namespace, name: effect.revision };
  const revision = await client.find(controllerRevisions, at, signal);
  if (revision === undefined)
    throw new PauseError(
      'RevisionMissing',
      `ControllerRevision ${effect.revision} is gone; put the template of ${effect.workload.kind}/${effect.workload.name} back by hand`,
    );
  const saved = decodeSaved(revision);
  if (saved.kind !== effect.workload.kind || saved.name !== effect.workload.name) {
    throw new TerminalError(
      'RevisionForeign',
      `ControllerRevision ${effect.revision} is of ${saved.kind}/${saved.name}, not of ${effect.workload.kind}/${effect.workload.name}`,
    );
  }
  const workload = await needWorkload(client, operation, effect.workload, signal);
  if (sha256(canonicalJson(workload.spec.template)) === sha256(canonicalJson(saved.template))) return;
  await client.jsonPatch<Workload>(
    resourceOf(effect.workload),
    { namespace: operation.namespace, name: effect.workload.name },
    [
      { op: 'test', path: '/metadata/resourceVersion', value: workload.metadata.resourceVersion },
      { op: 'replace', path: '/spec/template', value: saved.template },
      ...(workload.metadata.annotations === undefined
        ? [{ op: 'add' as const, path: '/metadata/annotations', value: {} }]
        : []),
      { op: 'add', path: `/metadata/annotations${pointer(operationAnnotation)}`, value: operation.operation },
    ],
    { signal },
  );
}

function decodeSaved(revision: ControllerRevision): SavedTemplate {
  const data = revision.data;
  if (typeof data !== 'object' || data === null || !('template' in data) || !('kind' in data) || !('name' in data)) {
    throw new TerminalError(
      'RevisionUnreadable',
      `ControllerRevision ${revision.metadata.name} holds no saved template`,
    );
  }
  return data as SavedTemplate;
}
