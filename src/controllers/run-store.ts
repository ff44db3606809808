import type { Resource } from '../kube/types.ts';
import { decodeUpgradeRun } from '../api/decode.ts';
import { apiGroup, apiVersion } from '../api/kind.ts';
import { upgradeRuns } from '../api/resources.ts';
import type { UpgradeRun, UpgradeRunSpec, UpgradeRunStatus } from '../api/upgrade-run.ts';
import type { RunStore } from '../engine/input.ts';
import { isAlreadyExists, isConflict, isNamespaceTerminating } from '../kube/kube-error.ts';
import type { KubeClient, OwnerReference } from '../kube/types.ts';
import { RetryError, TerminalError } from '../shared/errors.ts';
import { newDecisions, tellDecision } from '../status/decisions.ts';
import { tellService } from '../status/service.ts';
import type { Announcer } from './context.ts';

/** On sets and runs: what they did is undone before they go. */
export const finalizer = 'belay.dev/finalize';

/** Label on runs: the set they belong to. */
export const setLabel = 'belay.dev/upgradeset';

const runs: Resource<UpgradeRun> = upgradeRuns;

/** The journal in the API server. */
export function createRunStore(client: KubeClient, announcer: Announcer): RunStore {
  return {
    async writeStatus(run, status) {
      const stored = await replaceStatus(client, run, status);
      announceChanges(announcer, run, stored);
      return stored;
    },
    async createRun(previous, name, spec) {
      const { namespace, ownerReferences = [], labels = {} } = previous.metadata;
      return createRun(client, { namespace, name, spec, labels, ownerReferences });
    },
    async findRun(beside, name) {
      const { namespace } = beside.metadata;
      const found = await client.find(runs, { name, ...(namespace === undefined ? {} : { namespace }) });
      return found === undefined ? undefined : decodeUpgradeRun(found);
    },
  };
}

async function replaceStatus(client: KubeClient, run: UpgradeRun, status: UpgradeRunStatus): Promise<UpgradeRun> {
  try {
    return decodeUpgradeRun(await client.replace(runs, { ...run, status }, { subresource: 'status' }));
  } catch (error) {
    if (isConflict(error))
      throw new RetryError('Conflict', `UpgradeRun "${run.metadata.name}" was written by somebody else`, {
        cause: error,
        afterMs: 50,
      });
    throw error;
  }
}

interface NewRun {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly spec: UpgradeRunSpec;
  readonly labels: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly ownerReferences: OwnerReference[];
}

/** The run of that name: made now, or by a pass that was stopped before it could say so. */
export async function createRun(
  client: KubeClient,
  { namespace, name, spec, labels, annotations = {}, ownerReferences }: NewRun,
): Promise<UpgradeRun> {
  const place = { name, ...(namespace === undefined ? {} : { namespace }) };
  const object = {
    apiVersion: `${apiGroup}/${apiVersion}`,
    kind: 'UpgradeRun',
    metadata: { ...place, labels, annotations, ownerReferences, finalizers: [finalizer] },
    spec,
  };
  try {
    return decodeUpgradeRun(await client.create(runs, object));
  } catch (error) {
    if (isNamespaceTerminating(error))
      throw new TerminalError(
        'NamespaceTerminating',
        `namespace ${namespace ?? ''} is being deleted: nothing new can be made in it`,
      );
    if (!isAlreadyExists(error)) throw error;
    return decodeUpgradeRun(await client.get(runs, place));
  }
}

/** One event for each step that ended and each change of phase: the history people read with `kubectl describe`. */
function announceChanges(announcer: Announcer, before: UpgradeRun, after: UpgradeRun): void {
  const old = new Map((before.status?.steps ?? []).map((entry) => [entry.id, entry.state]));
  for (const entry of after.status?.steps ?? []) {
    if (old.get(entry.id) === entry.state) continue;
    const title = after.spec.steps.find((step) => step.id === entry.id)?.title ?? entry.id;
    if (entry.state === 'Succeeded')
      announcer.announce(after, 'Normal', 'StepSucceeded', 'Step', `${title}: ${entry.message ?? ''}`);
    if (entry.state === 'Failed')
      announcer.announce(after, 'Warning', 'StepFailed', 'Step', `${title}: ${entry.message ?? ''}`);
  }
  for (const decision of newDecisions(before.status?.decisions, after.status?.decisions))
    announcer.announce(after, 'Normal', 'DecisionTaken', 'Decision', tellDecision(decision));
  const { phase, service } = after.status ?? {};
  if (phase === undefined) return;
  const ready = readyOf(after);
  // A window that runs down changes what is asked, and nothing else.
  const isNew = phase !== before.status?.phase;
  if (!isNew && (phase !== 'AwaitingDecision' || ready?.reason === readyOf(before)?.reason)) return;
  const bad = phase === 'Failed' || phase === 'RollingBack' || phase === 'AwaitingDecision';
  const message = ready?.message ?? phase;
  const told = bad && service !== undefined ? `${message}. Service: ${tellService(service)}` : message;
  announcer.announce(after, bad ? 'Warning' : 'Normal', isNew ? phase : (ready?.reason ?? phase), 'Run', told);
}

function readyOf({ status }: UpgradeRun): { reason: string; message: string } | undefined {
  return status?.conditions?.find((condition) => condition.type === 'Ready');
}
