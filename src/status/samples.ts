/** What the metrics say of each set, from the caches; nothing here is remembered. */
import type { StepEntry, UpgradeRun } from '../api/upgrade-run.ts';
import { runFormat } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { journalOf } from '../planner/journal.ts';
import { membersOf } from '../planner/members.ts';
import type { EpochMs } from '../shared/clock.ts';
import { parseDuration } from '../shared/duration.ts';
import { parseInstant } from '../shared/instant.ts';
import { computeClocks } from './clocks.ts';
import { isEnded } from './summarize-run.ts';

/** Open connections of one member as last seen by a run; undefined: not seen, or not known. */
export type ConnectionsOf = (
  runUID: string,
  member: { readonly pool: string; readonly member: string },
) => number | undefined;

export interface SampleInput {
  readonly sets: readonly UpgradeSet[];
  readonly runs: readonly UpgradeRun[];
  readonly now: EpochMs;
  readonly connectionsOf: ConnectionsOf;
}

/** One UpgradeSet; times in seconds, instants in seconds since 1970. */
export interface SetSample {
  readonly namespace: string;
  readonly name: string;
  readonly phase: string;
  readonly stepsDone: number;
  readonly stepsTotal: number;
  readonly blocked: boolean;
  readonly atRisk: ClockSample;
  readonly downtime: ClockSample;
  readonly etaSeconds: number | undefined;
  readonly decisionSinceSeconds: number | undefined;
  readonly groups: readonly GroupSample[];
}

interface ClockSample {
  readonly plannedSeconds: number;
  readonly actualSeconds: number;
}

interface GroupSample {
  readonly group: string;
  readonly stepsDone: number;
  readonly stepsTotal: number;
  readonly drainConnections: number | undefined;
}

/** A rollback of a rollback of a … is a fault; never walk in a circle for it. */
const maxChain = 8;

export function sampleSets(input: SampleInput): SetSample[] {
  const runs = new Map(input.runs.map((run) => [keyOf(run.metadata.namespace, run.metadata.name), run]));
  return input.sets.map((set) => {
    const { namespace = '', name } = set.metadata;
    const found = runs.get(keyOf(namespace, set.status?.run ?? ''));
    // A plan of another format is left alone: what its fields mean is not known.
    const run = found?.spec.format === runFormat ? found : undefined;
    const live = run !== undefined && !isEnded(run.status?.phase);
    const origin = run === undefined ? undefined : originOf(runs, run);
    const progress = set.status?.progress;
    return {
      namespace,
      name,
      phase: set.status?.phase ?? 'Pending',
      stepsDone: progress?.done ?? 0,
      stepsTotal: progress?.total ?? 0,
      blocked: (set.status?.blockers ?? []).length > 0,
      ...clocksOf(origin, input.now),
      etaSeconds: live && progress?.eta !== undefined ? parseInstant(progress.eta) / 1000 : undefined,
      decisionSinceSeconds: decisionSince(run),
      groups: run === undefined ? [] : groupsOf(run, input.connectionsOf),
    };
  });
}

function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

/** Users are at risk from the beginning of the upgrade to the end of its way back: the first run's clocks count both. */
function originOf(runs: ReadonlyMap<string, UpgradeRun>, run: UpgradeRun): UpgradeRun {
  let origin = run;
  for (let hops = 0; origin.spec.purpose !== 'Upgrade' && hops < maxChain; hops += 1) {
    const before = runs.get(keyOf(origin.metadata.namespace, origin.spec.previous ?? ''));
    if (before === undefined) return origin;
    origin = before;
  }
  return origin;
}

function clocksOf(run: UpgradeRun | undefined, now: EpochMs): { atRisk: ClockSample; downtime: ClockSample } {
  const { status } = run ?? {};
  const clocks =
    run === undefined || isEnded(status?.phase) ? status?.clocks : computeClocks(run.spec, entriesOf(run), now);
  const sample = (clock: { planned: string; actual?: string | undefined } | undefined): ClockSample => ({
    plannedSeconds: secondsOf(clock?.planned),
    actualSeconds: secondsOf(clock?.actual),
  });
  return { atRisk: sample(clocks?.atRisk), downtime: sample(clocks?.downtime) };
}

function secondsOf(duration: string | undefined): number {
  return duration === undefined ? 0 : parseDuration(duration) / 1000;
}

function entriesOf(run: UpgradeRun): readonly StepEntry[] {
  return run.status?.steps ?? [];
}

function decisionSince(run: UpgradeRun | undefined): number | undefined {
  const waiting = run?.status?.conditions?.find(({ type, status }) => type === 'AwaitingDecision' && status === 'True');
  return waiting === undefined ? undefined : parseInstant(waiting.lastTransitionTime) / 1000;
}

function groupsOf(run: UpgradeRun, connectionsOf: ConnectionsOf): GroupSample[] {
  const rows = journalOf(run.spec, entriesOf(run));
  return run.spec.groups.map((group) => {
    const own = rows.filter(
      ({ step }) => (step.group ?? (step.groups?.length === 1 ? step.groups[0] : '')) === group.name,
    );
    const draining =
      !isEnded(run.status?.phase) &&
      own.some(({ step, entry }) => step.action === 'Drain' && entry.state === 'Running');
    const counts = draining
      ? membersOf(group).map((member) => connectionsOf(run.metadata.uid ?? '', member))
      : [undefined];
    return {
      group: group.name,
      stepsDone: own.filter(({ entry }) => entry.state === 'Succeeded' || entry.state === 'Skipped').length,
      stepsTotal: own.length,
      // A count that is missing is not zero: the sum is not known then.
      drainConnections: counts.reduce(
        (sum, one) => (sum === undefined || one === undefined ? undefined : sum + one),
        0,
      ),
    };
  });
}
