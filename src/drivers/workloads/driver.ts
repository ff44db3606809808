import { isConflict } from '../../kube/kube-error.ts';
import { controllerRevisions, secrets } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';
import { assertNever } from '../../shared/assert.ts';
import type { Logger } from '../../shared/logger.ts';
import { RetryError, call, userClient } from '../access.ts';
import type { EffectOf, Operation, WorkloadDriver } from '../contract.ts';
import { lockAnnotation, operationMark } from '../marks.ts';
import { type Workload, findWorkload, resourceOf } from '../pods.ts';
import { observeWorkload } from './observe.ts';
import { applySettings, observeSettings, restoreSettings, saveSettings } from './settings.ts';
import { applyImages, deletePods, needWorkload, restoreTemplate, saveRevision, scale } from './template.ts';

export interface WorkloadDriverOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
}

type WorkloadEffect = Parameters<WorkloadDriver['request']>[1];

/** Deployments and StatefulSets, with what belongs to them: saved templates, settings and claims. */
export function createWorkloadDriver({ client, logger }: WorkloadDriverOptions): WorkloadDriver {
  return {
    observe: (context, workload, signal) =>
      call(`looking at ${workload.kind}/${workload.name}`, signal, () =>
        observeWorkload(userClient(client, context), context, workload, signal),
      ),
    observeSaved: (context, saved, signal) =>
      call('looking for saved templates and settings', signal, async () => {
        const as = userClient(client, context);
        const found = await Promise.all(
          saved.map(async ({ kind, name }) => {
            const at = { namespace: context.namespace, name };
            const object =
              kind === 'Revision' ? await as.find(controllerRevisions, at, signal) : await as.find(secrets, at, signal);
            return object === undefined ? [] : [name];
          }),
        );
        return new Set(found.flat());
      }),
    observeSettings: (context, changes, signal) =>
      call('looking at settings', signal, () => observeSettings(userClient(client, context), context, changes, signal)),
    request: (operation, effect, signal) =>
      call(describe(effect), signal, async () => {
        logger.debug('Requesting a change of a workload', { effect: effect.kind, operation: operation.operation });
        await perform(userClient(client, operation), operation, effect, signal);
      }),
  };
}

function describe(effect: WorkloadEffect): string {
  return 'workload' in effect ? `${effect.kind} of ${effect.workload.kind}/${effect.workload.name}` : effect.kind;
}

function perform(client: KubeClient, operation: Operation, effect: WorkloadEffect, signal: AbortSignal): Promise<void> {
  switch (effect.kind) {
    case 'LockWorkload':
      return lock(client, operation, effect, signal);
    case 'UnlockWorkload':
      return unlock(client, operation, effect, signal);
    case 'ScaleWorkload':
      return scale(client, operation, effect, signal);
    case 'DeletePods':
      return deletePods(client, operation, effect, signal);
    case 'SaveRevision':
      return saveRevision(client, operation, effect, signal);
    case 'ApplyImages':
      return applyImages(client, operation, effect, signal);
    case 'RestoreTemplate':
      return restoreTemplate(client, operation, effect, signal);
    case 'SaveSettings':
      return saveSettings(client, operation, effect, signal);
    case 'ApplySettings':
      return applySettings(client, operation, effect, signal);
    case 'RestoreSettings':
      return restoreSettings(client, operation, effect, signal);
    default:
      return assertNever(effect);
  }
}

async function lock(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'LockWorkload'>,
  signal: AbortSignal,
): Promise<void> {
  const workload = await needWorkload(client, operation, effect.workload, signal);
  const holder = workload.metadata.annotations?.[lockAnnotation] ?? '';
  if (holder === operation.runUID) return;
  if (holder !== '' && holder !== effect.takeFrom) {
    throw new RetryError(
      'LockHeld',
      `${effect.workload.kind}/${effect.workload.name} is locked by the run with UID ${holder}; wait for it or abort it`,
    );
  }
  await annotate(
    client,
    effect.workload,
    workload,
    { [lockAnnotation]: operation.runUID, ...operationMark(operation) },
    signal,
  );
}

async function unlock(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'UnlockWorkload'>,
  signal: AbortSignal,
): Promise<void> {
  const workload = await findWorkload(client, operation.namespace, effect.workload, signal);
  if (workload?.metadata.annotations?.[lockAnnotation] !== operation.runUID) return;
  await annotate(client, effect.workload, workload, { [lockAnnotation]: null, ...operationMark(operation) }, signal);
}

async function annotate(
  client: KubeClient,
  ref: EffectOf<'LockWorkload'>['workload'],
  workload: Workload,
  annotations: Record<string, string | null>,
  signal: AbortSignal,
): Promise<void> {
  const { namespace = '', name, resourceVersion } = workload.metadata;
  try {
    await client.mergePatch<Workload>(
      resourceOf(ref),
      { namespace, name },
      { metadata: { resourceVersion, annotations } },
      { signal },
    );
  } catch (error) {
    if (isConflict(error))
      throw new RetryError('Conflict', `${ref.kind}/${ref.name} changed meanwhile`, { cause: error });
    throw error;
  }
}
