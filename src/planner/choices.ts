/** What a person may choose after a failure: in the order in which it is advised, with how long and with what loss. */
import type { Choice } from '../api/upgrade-run.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatDuration } from '../shared/duration.ts';
import { estimateOf, estimateOfRest, estimateOfWayBack } from './estimate.ts';
import { isSchemaChanged, mergeHandles } from './journal.ts';
import { computeRebuild } from './procedures/rebuild.ts';
import { databaseAtStake, groupsAtStake, hasSnapshots, type Journalled } from './stake.ts';
import { backupKey } from './steps/keys.ts';
import { groupOf } from './verdict.ts';
import { whyNoRestart } from './window.ts';

/**
 * After a failed step of an upgrade.
 * @param isBackAdvised there may be no time for anything else: the ways back come first
 */
export function choicesAfter(input: Journalled, now: EpochMs, isBackAdvised: boolean): Choice[] {
  const resume = resumeChoice(input);
  const back = waysBack(input);
  if (isBackAdvised) {
    const warning = 'the window may end before the upgrade does, and a further problem finds less time to go back';
    return [...back, { ...resume, message: `${resume.message}; ${warning}` }];
  }
  return [resume, ...restarts(input, back, now), ...back];
}

/** Where a person only says which way back it is. */
export function waysBack(input: Journalled): Choice[] {
  return waysOf(input).map((choice) => ({
    ...choice,
    estimate: formatDuration(estimateOfWayBack(input, choice.data ?? 'Keep')),
  }));
}

/** Nothing is open but to mend and go on, or to leave it to people. */
export function choicesAfterRollback(input: Journalled): Choice[] {
  const abort: Choice = { choice: 'Abort', message: 'end here; what is still out is handed over to you' };
  return [resumeChoice(input), abort];
}

/** The same choices, each with how long it would take: to go on takes the rest of the plan. */
export function withEstimates(input: Journalled, choices: readonly Choice[]): Choice[] {
  return choices.map((choice) => {
    if (choice.estimate !== undefined) return choice;
    return { ...choice, estimate: formatDuration(estimateOfChoice(input, choice)) };
  });
}

function estimateOfChoice(input: Journalled, { choice, group, server = '' }: Choice): number {
  const { spec } = input.run;
  if (choice === 'Abort') return estimateOf(spec.steps.filter((step) => step.action === 'Cleanup'));
  if (choice !== 'Rebuild') return estimateOfRest(input);
  const version = spec.from.version ?? '';
  const alone = { others: [], nobodyServes: false, isGuarded: false, mixed: false };
  return estimateOf(
    computeRebuild({ spec, group: groupOf(spec, group), server, version, release: 'Previous', ...alone }),
  );
}

function resumeChoice(input: Journalled): Choice {
  return {
    choice: 'Resume',
    estimate: formatDuration(estimateOfRest(input)),
    message: 'mend the cause, then try the failed step again',
  };
}

/** Everything back as by a rollback, with the same loss, and then all steps again (001-123, 001-124). */
function restarts(input: Journalled, back: readonly Choice[], now: EpochMs): Choice[] {
  const again = estimateOf(input.run.spec.steps);
  return back.flatMap(({ data = 'Keep', loss, message = '' }): Choice[] => {
    if (whyNoRestart(input, data, now) !== '') return [];
    const estimate = formatDuration(estimateOfWayBack(input, data) + again);
    return [
      {
        choice: 'Restart',
        data,
        estimate,
        ...(loss === undefined ? {} : { loss }),
        message: `then again from step 1; before that: ${message}`,
      },
    ];
  });
}

function waysOf(input: Journalled): Choice[] {
  if (isSchemaChanged(mergeHandles(input.run.spec, input.entries))) return [databaseChoice(input)];
  const stake = groupsAtStake(input);
  if (stake.length === 0) {
    return [
      {
        choice: 'Rollback',
        method: 'Snapshots',
        data: 'Keep',
        loss: 'none',
        message: hasSnapshots(input)
          ? 'volumes back to their snapshots: they never served users'
          : 'the previous release; no volume has a snapshot, so none is touched',
      },
    ];
  }
  const since = stake.map(({ group, since: at }) => `${group} since ${at}`).join(', ');
  return [
    {
      choice: 'Rollback',
      method: 'Snapshots',
      data: 'Keep',
      loss: 'none',
      message: `previous release on today's data; volumes that served stay: ${since}`,
    },
    {
      choice: 'Rollback',
      method: 'Snapshots',
      data: 'Discard',
      loss: `writes of ${since}`,
      message: 'every volume back to its snapshot',
    },
  ];
}

/** Old code cannot run on the new schema: the database goes back, and with it what was written since. */
function databaseChoice(input: Journalled): Choice {
  const since = databaseAtStake(input);
  const { database } = input.run.spec;
  const backup = mergeHandles(input.run.spec, input.entries)[backupKey];
  const by = database?.spec.restore === undefined ? 'by people from' : 'from';
  const how = backup === undefined ? 'after you have put the schema back by hand' : `${by} ${backup}`;
  const volumes = groupsAtStake(input).map(({ group, since: at }) => `writes to volumes of ${group} since ${at}`);
  const lost = since === undefined ? [] : [`writes to the database since ${since}`, ...volumes];
  const restored = volumes.length === 0 ? '' : ', and volumes go back to their snapshots';
  return {
    choice: 'Rollback',
    method: 'DatabaseAndSnapshots',
    data: since === undefined ? 'Keep' : 'Discard',
    loss: lost.length === 0 ? 'none' : lost.join('; ').slice(0, 512),
    message: `everything stops, database ${database?.name ?? ''} is restored ${how}${restored}, then the previous release starts`,
  };
}
