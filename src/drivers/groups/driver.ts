import { serverGroups } from '../../api/resources.ts';
import type { ServerGroup } from '../../api/server-group.ts';
import type { KubeClient } from '../../kube/types.ts';
import { assertNever } from '../../shared/assert.ts';
import { PauseError, RetryError, call, writeOnEach } from '../access.ts';
import type { EffectOf, GroupDriver, Operation, RunContext } from '../contract.ts';
import { briefList } from '../marks.ts';

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
      call(`${effect.kind} ${briefList(effect.groups)}`, signal, () => {
        switch (effect.kind) {
          case 'LockGroups':
            return lock(client, operation, effect, signal);
          case 'UnlockGroups':
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

/** Looks at all of them at once and takes one after the other, in the order given: see the driver of workloads. */
async function lock(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'LockGroups'>,
  signal: AbortSignal,
): Promise<void> {
  const look = (name: string): Promise<ServerGroup | undefined> => findGroup(client, operation, name, signal);
  const take = async (name: string, group: ServerGroup | undefined): Promise<void> => {
    if (group === undefined)
      throw new PauseError('GroupMissing', `ServerGroup ${name} does not exist; create it again or abort the run`);
    const holder = group.status?.lock?.uid ?? '';
    if (holder === operation.runUID) return;
    if (holder !== '' && holder !== effect.takeFrom) {
      throw new RetryError(
        'LockHeld',
        `ServerGroup ${name} is locked by run ${group.status?.lock?.run ?? holder}; wait for it or abort it`,
      );
    }
    await write(client, operation, group, { run: operation.run, uid: operation.runUID }, signal);
  };
  await writeOnEach(effect.groups, look, take);
}

async function unlock(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'UnlockGroups'>,
  signal: AbortSignal,
): Promise<void> {
  const look = (name: string): Promise<ServerGroup | undefined> => findGroup(client, operation, name, signal);
  const release = async (_name: string, group: ServerGroup | undefined): Promise<void> => {
    if (group?.status?.lock?.uid === operation.runUID) await write(client, operation, group, null, signal);
  };
  await writeOnEach(effect.groups, look, release);
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
