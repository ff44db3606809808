import { controllerRevisions, secrets } from '../../kube/resources.ts';
import type { KubeClient } from '../../kube/types.ts';
import { assertNever } from '../../shared/assert.ts';
import type { Logger } from '../../shared/logger.ts';
import { call, userClient } from '../access.ts';
import type { Operation, WorkloadDriver } from '../contract.ts';
import { lockWorkloads, unlockWorkloads } from './locks.ts';
import { observeObject, observeWorkload } from './observe.ts';
import { observeReboot, requestReboot, resetWorkload } from './rebuild.ts';
import { applySettings, observeSettings, restoreSettings, saveSettings } from './settings.ts';
import { applyImages, deletePods, restoreTemplate, saveRevision, scale } from './template.ts';

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
    observeObject: (context, workload, signal) =>
      call(`looking at ${workload.kind}/${workload.name}`, signal, () =>
        observeObject(userClient(client, context), context, workload, signal),
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
    observeReboot: (context, reboot, signal) =>
      call(`looking at the reboot of ${reboot.server}`, signal, () => observeReboot(client, context, reboot, signal)),
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
    case 'LockWorkloads':
      return lockWorkloads(client, operation, effect, signal);
    case 'UnlockWorkloads':
      return unlockWorkloads(client, operation, effect, signal);
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
    case 'ResetWorkload':
      return resetWorkload(client, operation, effect, signal);
    case 'RebootServer':
      return requestReboot(client, operation, effect.request, signal);
    default:
      return assertNever(effect);
  }
}
