import { serverGroups } from '../../api/resources.ts';
import type { ServerGroup } from '../../api/server-group.ts';
import type { KubeClient } from '../../kube/types.ts';
import { assertNever } from '../../shared/assert.ts';
import { PauseError, RetryError, call } from '../access.ts';
import type { EffectOf, GroupDriver, Operation, RunContext } from '../contract.ts';

export interface GroupDriverOptions {
  readonly client: KubeClient;
}

/** The lock in `ServerGroup.status`, taken under resourceVersion with the operator's own identity. */
export function createGroupDriver({ client }: GroupDriverOptions): GroupDriver {
  return {
    observe: (context, name, signal) =>
      call(`looking at ServerGroup ${name}`, signal, async () => {
        const group = await findGroup(client, context, name, signal);
        return { group: name, exists: group !== undefined, lockedBy: group?.status?.lock?.uid ?? '' };
      }),
    request: (operation, effect, signal) =>
      call(`${effect.kind} of ${effect.group}`, signal, () => {
        switch (effect.kind) {
          case 'LockGroup':
            return lock(client, operation, effect, signal);
          case 'UnlockGroup':
            return unlock(client, operation, effect, signal);
          default:
            return assertNever(effect);
        }
      }),
  };
}

function findGroup(
  client: KubeClient,
  { namespace }: RunContext,
  name: string,
  signal: AbortSignal,
): Promise<ServerGroup | undefined> {
  return client.find<ServerGroup>(serverGroups, { namespace, name }, signal);
}

async function lock(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'LockGroup'>,
  signal: AbortSignal,
): Promise<void> {
  const group = await findGroup(client, operation, effect.group, signal);
  if (group === undefined)
    throw new PauseError(
      'GroupMissing',
      `ServerGroup ${effect.group} does not exist; create it again or abort the run`,
    );
  const holder = group.status?.lock?.uid ?? '';
  if (holder === operation.runUID) return;
  if (holder !== '' && holder !== effect.takeFrom) {
    throw new RetryError(
      'LockHeld',
      `ServerGroup ${effect.group} is locked by run ${group.status?.lock?.run ?? holder}; wait for it or abort it`,
    );
  }
  await write(client, operation, group, { run: operation.run, uid: operation.runUID }, signal);
}

async function unlock(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'UnlockGroup'>,
  signal: AbortSignal,
): Promise<void> {
  const group = await findGroup(client, operation, effect.group, signal);
  if (group?.status?.lock?.uid === operation.runUID) await write(client, operation, group, null, signal);
}

async function write(
  client: KubeClient,
  operation: Operation,
  group: ServerGroup,
  value: { run: string; uid: string } | null,
  signal: AbortSignal,
): Promise<void> {
  await client.mergePatch<ServerGroup>(
    serverGroups,
    { namespace: operation.namespace, name: group.metadata.name },
    { metadata: { resourceVersion: group.metadata.resourceVersion }, status: { lock: value } },
    { signal, subresource: 'status' },
  );
}
