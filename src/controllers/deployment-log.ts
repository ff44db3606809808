/** The deployment log in the API server: one ConfigMap for each step attempt, owned by its run. */
import type { RunContext } from '../drivers/contract.ts';
import { operationAnnotation, ownLabels, ownedByRun } from '../drivers/marks.ts';
import { readStepEvidence } from '../drivers/step-evidence.ts';
import { DeploymentLog, type LogStore, type OtherLogs, type StoredLog } from '../engine/deployment-log.ts';
import { cutMiddle, maxStepLogBytes } from '../engine/deployment-log-text.ts';
import { withDeadline } from '../kube/deadline.ts';
import { isAlreadyExists } from '../kube/kube-error.ts';
import type { ConfigMap } from '../kube/objects.ts';
import { configMaps } from '../kube/resources.ts';
import type { KubeClient } from '../kube/types.ts';
import { PauseError } from '../shared/errors.ts';
import { attemptAnnotation, logKey, logLabel, logSelector, stepAnnotation } from '../status/deployment-log.ts';
import type { Announcer, ControllerContext } from './context.ts';

/** Of all logs of one run. */
export const maxRunLogBytes = 1_048_576;
/** With less room than this there is nothing worth writing. */
const leastBytes = 1_024;
/** Reading and writing one log together. */
const limitMs = 10_000;

export function createDeploymentLog({
  client,
  announcer,
  clock,
  now,
}: Pick<ControllerContext, 'client' | 'announcer' | 'clock' | 'now'>): DeploymentLog {
  return new DeploymentLog({
    store: createLogStore(client, announcer),
    now,
    further: (context, traces, signal) => readStepEvidence(client, context, traces, signal),
    limit: (signal, work) => withDeadline({ clock, afterMs: limitMs, signal }, work),
  });
}

export function createLogStore(client: KubeClient, announcer: Announcer): LogStore {
  return {
    write: (context, log, others, signal) => write(client, context, log, others, signal),
    tellLoss(run, step, why) {
      const note = `step ${step} has no deployment log: ${why}`;
      announcer.announce(run, 'Warning', 'DeploymentLogNotWritten', 'Log', note);
    },
  };
}

async function write(
  client: KubeClient,
  context: RunContext,
  log: StoredLog,
  others: OtherLogs,
  signal: AbortSignal,
): Promise<void> {
  const { namespace } = context;
  const room = await makeRoom(client, context, log, others, signal);
  const data = { [logKey]: cutMiddle(log.text, room) };
  const marks = {
    [operationAnnotation]: log.operation,
    [stepAnnotation]: log.step,
    [attemptAnnotation]: String(log.attempt),
  };
  const metadata = {
    namespace,
    name: log.name,
    labels: { ...ownLabels(context), [logLabel]: 'true' },
    annotations: marks,
    ownerReferences: ownedByRun(context),
  };
  try {
    await client.create<ConfigMap>(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, { signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    await overwrite(client, { namespace, name: log.name }, context, data, signal);
  }
}

/** A process that was killed before the journal knew of its log has left one: what is known now is as good. */
async function overwrite(
  client: KubeClient,
  at: { readonly namespace: string; readonly name: string },
  { runUID }: RunContext,
  data: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const { metadata } = await client.get(configMaps, at, signal);
  if (metadata.ownerReferences?.some(({ uid }) => uid === runUID) !== true)
    throw new PauseError('NameTaken', `ConfigMap ${at.name} exists and is not of this run; delete or rename it`);
  await client.mergePatch(
    configMaps,
    at,
    { metadata: { resourceVersion: metadata.resourceVersion }, data },
    { signal },
  );
}

/**
 * Bytes this log may take. Logs of attempts that the journal no longer names go for it, the oldest first.
 * @throws PauseError the run's logs are full
 */
async function makeRoom(
  client: KubeClient,
  context: RunContext,
  log: StoredLog,
  { named, atMost }: OtherLogs,
  signal: AbortSignal,
): Promise<number> {
  const wanted = Buffer.byteLength(log.text);
  // Most runs never come near: nothing is counted where nothing can be full.
  if ((atMost + 1) * maxStepLogBytes <= maxRunLogBytes) return wanted;
  const { namespace, run, runUID } = context;
  const { items } = await client.list(configMaps, { namespace, labelSelector: logSelector(run) }, signal);
  const there = items.filter(
    ({ metadata }) =>
      metadata.name !== log.name && metadata.ownerReferences?.some(({ uid }) => uid === runUID) === true,
  );
  let room = maxRunLogBytes - there.reduce((sum, other) => sum + sizeOf(other), 0);
  const unnamed = there
    .filter(({ metadata }) => !named.includes(metadata.name))
    .toSorted((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1));
  for (const other of unnamed) {
    if (room >= wanted) break;
    await client.delete(configMaps, { namespace, name: other.metadata.name }, { signal });
    room += sizeOf(other);
  }
  if (room < Math.min(wanted, leastBytes))
    throw new PauseError(
      'LogsFull',
      `the logs of run ${run} hold ${maxRunLogBytes} bytes already; delete some of them`,
    );
  return Math.min(room, wanted);
}

function sizeOf({ data = {} }: ConfigMap): number {
  return Object.values(data).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
