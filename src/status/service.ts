/** What users have now: which groups serve them, on which schema, and what they would lose by going back (001-118). */
import type { RunGroup, StepEntry, UpgradeRun, UpgradeRunStatus } from '../api/upgrade-run.ts';
import { hasBegun, isIntact, isSchemaChanged, journalOf, mergeHandles, recordOf } from '../planner/journal.ts';
import { membersOf } from '../planner/members.ts';
import type { Move } from '../planner/move.ts';
import { heldMembers } from '../planner/scope.ts';
import { databaseAtStake, groupsAtStake } from '../planner/stake.ts';
import { leftOutKey, schemaBeforeKey, schemaNowKey } from '../planner/steps/keys.ts';

type Service = NonNullable<UpgradeRunStatus['service']>;

export function serviceOf(run: UpgradeRun, entries: readonly StepEntry[], move: Move): Service {
  const { spec } = run;
  const held = heldMembers(spec, entries).map((member) => `${member.pool}/${member.member}`);
  const putBack = arePutBack(run, move);
  const handles = mergeHandles(spec, entries);
  const serves = (group: RunGroup): boolean => {
    const members = membersOf(group);
    if (members.length === 0) return isUp(run, entries, group);
    const record = recordOf(spec, entries, group.name);
    if (putBack && isIntact(record)) return members.every((member) => handles[leftOutKey(member)] === undefined);
    return !record.out && !members.some((member) => held.includes(`${member.pool}/${member.member}`));
  };
  const journalled = { run: { name: run.metadata.name, uid: run.metadata.uid ?? '', spec }, entries };
  const database = databaseAtStake(journalled);
  const atStake = [
    ...(database === undefined ? [] : [`writes to the database since ${database}`]),
    ...groupsAtStake(journalled).map(({ group, since }) => `writes to ${group} since ${since}`),
  ];
  const before = handles[schemaBeforeKey] ?? (spec.purpose === 'Upgrade' ? spec.from : spec.to).schema;
  const schema = isSchemaChanged(handles) ? (handles[schemaNowKey] ?? 'unknown') : before;
  return {
    serving: spec.groups.filter(serves).map((group) => group.name),
    ...(schema === undefined ? {} : { schema }),
    atStake: atStake.length === 0 ? 'none' : atStake.join(', ').slice(0, 512),
  };
}

/** "group-2 serves, schema 41, at stake: none", for events and messages. */
export function tellService({ serving, schema, atStake = 'none' }: Service): string {
  const groups =
    serving.length === 0 ? 'nobody serves' : `${serving.join(', ')} ${serving.length === 1 ? 'serves' : 'serve'}`;
  return [groups, ...(schema === undefined ? [] : [`schema ${schema}`]), `at stake: ${atStake}`].join('; ');
}

/** In no pool it serves as long as it runs. */
function isUp({ spec }: UpgradeRun, entries: readonly StepEntry[], group: RunGroup): boolean {
  const last = journalOf(spec, entries).findLast(
    ({ step, entry }) =>
      step.group === group.name && (step.action === 'Stop' || step.action === 'Start') && hasBegun(entry),
  );
  if (last === undefined) return !(spec.handles['held/groups'] ?? '').split(',').includes(group.name);
  return last.step.action === 'Start' && last.entry.state === 'Succeeded';
}

/** Whoever was out although intact serves again before anybody is asked, and before the way back or the end. */
function arePutBack({ spec }: UpgradeRun, move: Move): boolean {
  if (spec.purpose !== 'Upgrade') return false;
  if (move.kind === 'await' || move.kind === 'finish') return move.reason !== 'JournalLost';
  return move.kind === 'rollBack';
}
