/** Whether people can be told, as the set shows it: a condition that is there from the first message that was given up. */
import { findCondition, mergeConditions } from '../api/conditions.ts';
import { decodeUpgradeSet } from '../api/decode.ts';
import { upgradeSets } from '../api/resources.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { isConflict } from '../kube/kube-error.ts';
import { patchStatus } from '../kube/status.ts';
import type { Resource } from '../kube/types.ts';
import { formatInstant } from '../shared/instant.ts';
import type { Logger } from '../shared/logger.ts';
import { notifiedCondition } from '../status/summarize-set.ts';
import type { ControllerContext } from './context.ts';

export type LineState =
  | { readonly line: string; readonly isWell: true }
  | { readonly line: string; readonly isWell: false; readonly message: string };

const sets: Resource<UpgradeSet> = upgradeSets;
/** The set has another writer: it is read again this often. */
const mostTries = 3;

/** A message that was given up is an event, always, and what the set says of its lines follows. Never fails. */
export async function sayDelivery(
  context: Pick<ControllerContext, 'client' | 'caches' | 'now' | 'announcer'>,
  run: UpgradeRun,
  states: readonly LineState[],
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  const { namespace } = run.metadata;
  const at = { name: run.spec.upgradeSet, ...(namespace === undefined ? {} : { namespace }) };
  const cached = context.caches.upgradeSets.get(at);
  if (states.length === 0 || cached === undefined || cached.metadata.uid !== run.spec.upgradeSetUID) return;
  const bad = states.flatMap((state) => (state.isWell ? [] : [state.message]));
  for (const message of bad)
    context.announcer.announce(cached, 'Warning', 'NotifyFailed', 'Notify', `UpgradeSet ${at.name}: ${message}`);
  if (bad.length === 0 && findCondition(cached.status?.conditions, notifiedCondition)?.status !== 'False') return;
  try {
    await write(context, at, bad, signal);
  } catch (error) {
    logger.error('Cannot say whether people are told', { err: error });
  }
}

async function write(
  { client, now }: Pick<ControllerContext, 'client' | 'now'>,
  at: { readonly name: string; readonly namespace?: string },
  bad: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const found = await client.find(sets, at, signal);
    if (found === undefined) return;
    const set = decodeUpgradeSet(found);
    const said = {
      type: notifiedCondition,
      status: bad.length === 0 ? ('True' as const) : ('False' as const),
      reason: bad.length === 0 ? 'MessagesDelivered' : 'NotifyFailed',
      message: bad.length === 0 ? 'the last message got through' : bad.join('; '),
      observedGeneration: set.metadata.generation ?? 1,
    };
    const [ours, ...others] = mergeConditions(set.status?.conditions, [said], formatInstant(now()));
    // Last, where the controller of sets keeps it: another order would be another write.
    const conditions = [...others, ...(ours === undefined ? [] : [ours])];
    try {
      await patchStatus(client, sets, found, { ...found.status, conditions }, { signal });
      return;
    } catch (error) {
      if (!isConflict(error) || tries === mostTries) throw error;
    }
  }
}
