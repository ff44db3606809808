/** What going back would cost: writes that users were told are stored, and what is there to restore from. */
import type { DecideInput } from './decision.ts';
import { isSchemaChanged, mergeHandles, recordOf } from './journal.ts';
import { retainedSnapshots } from './retention.ts';
import { backupAtKey, backupKey, claimsKey, snapshotKey } from './steps/keys.ts';

/** A run with what is written down of it so far. */
export type Journalled = Pick<DecideInput, 'run' | 'entries'>;

/** Groups whose volumes would lose writes that were acknowledged to users. */
export function groupsAtStake(input: Journalled): { group: string; since: string }[] {
  const { spec } = input.run;
  const handles = mergeHandles(spec, input.entries);
  return spec.groups.flatMap((group) => {
    const record = recordOf(spec, input.entries, group.name);
    const claims = (handles[claimsKey(group.name)] ?? '')
      .split(',')
      .filter((claim) => handles[snapshotKey(claim)] !== undefined);
    return record.fate === 'Changed' && record.servedSince !== '' && claims.length > 0
      ? [{ group: group.name, since: record.servedSince }]
      : [];
  });
}

/**
 * Since when writes that users were told are stored are in no backup; undefined where the database need not go back, or
 * nobody has written since.
 */
export function databaseAtStake(input: Journalled): string | undefined {
  const { spec } = input.run;
  const handles = mergeHandles(spec, input.entries);
  if (!isSchemaChanged(handles)) return undefined;
  // In a rolling run the other groups have never stopped writing.
  if (spec.procedure === 'rolling') return handles[backupAtKey] ?? spec.from.version ?? 'the beginning';
  const since = spec.groups.map((group) => recordOf(spec, input.entries, group.name).servedSince);
  return since.filter((at) => at !== '').toSorted()[0];
}

/** After a migration there is no way back that keeps what was written since: the point of no return. */
export function needsDataChoice(input: Journalled): boolean {
  const { onServed } = input.run.spec.policy.rollback;
  if (databaseAtStake(input) !== undefined) return onServed !== 'DiscardWrites';
  return onServed === 'Ask' && groupsAtStake(input).length > 0;
}

/** What becomes of the data where nobody says it. */
export function automaticData(input: Journalled): 'Discard' | 'Keep' {
  return input.run.spec.policy.rollback.onServed === 'DiscardWrites' ? 'Discard' : 'Keep';
}

export function hasSnapshots({ run, entries }: Journalled): boolean {
  return retainedSnapshots(run.spec, mergeHandles(run.spec, entries)).length > 0;
}

/** A changed schema can be put back by nobody but a person where there is no verified backup. */
export function lacksBackup({ run, entries }: Journalled): boolean {
  const handles = mergeHandles(run.spec, entries);
  return isSchemaChanged(handles) && handles[backupKey] === undefined;
}
