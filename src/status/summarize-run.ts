/** The status of a run from its journal and the planner's answer. The only writer of its phase and conditions. */
import { mergeConditions, type WantedCondition } from '../api/conditions.ts';
import type {
  Blocker,
  Choice,
  DecisionRecord,
  HandedOver,
  RunPhase,
  StepEntry,
  UpgradeRun,
  UpgradeRunStatus,
} from '../api/upgrade-run.ts';
import { currentStep } from '../planner/decision.ts';
import { waysBack, withEstimates } from '../planner/choices.ts';
import { mergeHandles, recordOf, type Handles } from '../planner/journal.ts';
import { membersOf } from '../planner/members.ts';
import type { MemberRef } from '../planner/effects.ts';
import type { Move } from '../planner/move.ts';
import { summaryOf } from '../planner/preflight/gate.ts';
import type { PreflightReport } from '../planner/preflight/report.ts';
import { retainedObjects } from '../planner/retention.ts';
import { heldMembers } from '../planner/scope.ts';
import { drainedKey, leftOutKey, readOnlyKey, schemaChangedKey } from '../planner/steps/keys.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatInstant, parseInstant } from '../shared/instant.ts';
import { computeClocks, computeProgress } from './clocks.ts';
import { leftByRebuild } from './rebuilt.ts';
import { mergeDecisions } from './decisions.ts';
import { withNextMove } from './next-move.ts';
import { serviceOf } from './service.ts';

export interface SummaryInput {
  readonly run: UpgradeRun;
  /** When a run that follows this one let its users in again. */
  readonly restoredAt?: EpochMs | undefined;
  readonly entries: readonly StepEntry[];
  readonly move: Move;
  readonly epoch: number;
  readonly now: EpochMs;
  /** The run that follows this one; what users have is as it says. */
  readonly follower?: { readonly name: string; readonly service?: UpgradeRunStatus['service'] } | undefined;
  /** What people decided so far. */
  readonly decided?: readonly DecisionRecord[] | undefined;
}

const ended: ReadonlySet<RunPhase> = new Set([
  'Completed',
  'RolledBack',
  'Rebuilt',
  'Failed',
  'Cancelled',
  'Superseded',
]);

export function isEnded(phase: RunPhase | undefined): boolean {
  return phase !== undefined && ended.has(phase);
}

export function summarizeRun(input: SummaryInput): UpgradeRunStatus {
  const { run, now } = input;
  const entries = [...input.entries];
  const previous = run.status;
  const phase = phaseOf(input);
  const current = currentStep(run.spec, entries);
  const moved =
    previous === undefined ||
    JSON.stringify(previous.steps.map((entry) => entry.state)) !== JSON.stringify(entries.map((entry) => entry.state));
  const blockers = blockersOf(input);
  const started = previous?.started ?? entries.find((entry) => entry.started !== undefined)?.started;
  const failed = entries.find((entry) => entry.state === 'Failed');
  return {
    observedGeneration: run.metadata.generation ?? 1,
    conditions: mergeConditions(previous?.conditions, conditionsOf(input, phase), formatInstant(now)),
    phase,
    epoch: input.epoch,
    ...(current === undefined || isEnded(phase)
      ? {}
      : {
          step: current.step.id,
          stepTitle: `${current.step.number}/${lastNumber(run)} ${current.step.title}`.slice(0, 256),
        }),
    steps: entries,
    // Written on transitions only: an ETA that moves with every pass would be a write with every pass.
    progress: moved || previous.progress === undefined ? computeProgress(run.spec, entries, now) : previous.progress,
    clocks:
      moved || isEnded(phase) || previous.clocks === undefined
        ? computeClocks(run.spec, entries, now, input.restoredAt)
        : previous.clocks,
    ...preflightOf(input),
    ...(blockers.length === 0 ? {} : { blockers }),
    ...(mergeHandles(run.spec, entries)[schemaChangedKey] === undefined ? {} : { schemaChanged: true }),
    service: input.follower?.service ?? serviceOf(run, entries, input.move),
    ...followedByOf(input),
    ...choicesOf(input, phase),
    ...mergeDecisions(previous?.decisions, input.decided),
    ...handedOverOf(input, phase),
    ...retainedOf(run, entries, isEnded(phase) ? (previous?.finished ?? formatInstant(now)) : undefined),
    ...(failed === undefined
      ? {}
      : {
          failure: {
            step: failed.id,
            reason: failed.reason ?? 'Failed',
            message: failed.message ?? '',
            at: failed.finished ?? formatInstant(now),
          },
        }),
    ...(started === undefined ? {} : { started }),
    ...(isEnded(phase) ? { finished: previous?.finished ?? formatInstant(now) } : {}),
  };
}

/** What a Decision may say now; at the sign-off a rollback may be asked for as well. */
function choicesOf(input: SummaryInput, phase: RunPhase): Pick<UpgradeRunStatus, 'choices'> {
  const journalled = { run: runOf(input.run), entries: input.entries };
  const choices = withEstimates(journalled, openChoices(input, phase));
  return choices.length === 0 ? {} : { choices };
}

function openChoices({ run, entries, move }: SummaryInput, phase: RunPhase): readonly Choice[] {
  if (move.kind === 'await') return move.choices;
  const report = reportOf(move);
  if (report !== undefined && report.choices.length > 0) return report.choices;
  const asked = move.kind === 'wait' ? (move.choices ?? []) : [];
  if (phase !== 'AwaitingDecision' || currentStep(run.spec, entries)?.step.action !== 'AwaitDecision') return asked;
  return [...asked, ...waysBack({ run: runOf(run), entries })];
}

function followedByOf({ run, follower }: SummaryInput): Pick<UpgradeRunStatus, 'followedBy'> {
  const followedBy = follower?.name ?? run.status?.followedBy;
  return followedBy === undefined ? {} : { followedBy };
}

function lastNumber(run: UpgradeRun): string {
  return run.spec.steps.findLast((step) => step.number !== '')?.number ?? '';
}

function phaseOf(input: SummaryInput): RunPhase {
  const { move, run, entries } = input;
  if (move.kind === 'finish') return move.phase;
  if (move.kind === 'rollBack' || move.kind === 'rebuild') return 'RollingBack';
  if (move.kind === 'await') return 'AwaitingDecision';
  if (move.kind === 'wait' && move.paused === true) return 'Paused';
  if (move.kind === 'wait' && move.choices !== undefined) return 'AwaitingDecision';
  const current = currentStep(run.spec, entries);
  if (current?.step.action === 'AwaitDecision' && current.step.skip === undefined) return 'AwaitingDecision';
  return current?.step.action === 'Preflight' ? 'Preflight' : 'Running';
}

function reportOf(move: Move): PreflightReport | undefined {
  return 'preflight' in move ? move.preflight : undefined;
}

/** While a check is made anew its last answer stands. */
function preflightOf({ run, move }: SummaryInput): Pick<UpgradeRunStatus, 'preflight'> {
  const before = run.status?.preflight;
  const now = reportOf(move)?.checks;
  if (now === undefined) return before === undefined ? {} : { preflight: before };
  return {
    preflight: now.map(({ isPending, ...check }) => {
      const last = isPending ? before?.find((other) => other.check === check.check) : undefined;
      return last === undefined ? check : last;
    }),
  };
}

/** One for each check that holds; while it is asked anew, what it said last. */
function unmetBlockers({ run, move, now }: SummaryInput): Blocker[] {
  const report = reportOf(move);
  return (report?.unmet ?? []).slice(0, 16).map(({ check, message }) => {
    const object = `check/${check}`;
    const before = run.status?.blockers?.find((blocker) => blocker.object === object);
    const isAgain = report?.checks.find((one) => one.check === check)?.isPending === true;
    const since = before?.since ?? formatInstant(now);
    return { type: 'Preflight', object, since, message: isAgain ? (before?.message ?? message) : message };
  });
}

function blockersOf(input: SummaryInput): Blocker[] {
  const { move, run, now } = input;
  const unmet = unmetBlockers(input);
  if (unmet.length > 0) return unmet;
  const subject = blockerSubject(input);
  if (subject === undefined) return [];
  const before = run.status?.blockers?.find(
    (blocker) => blocker.type === subject.type && blocker.object === subject.object,
  );
  const since = before?.since ?? formatInstant(now);
  const choices = move.kind === 'await' ? move.choices : [];
  const message = withNextMove(saidOf(move)?.message ?? '', run.metadata.name, choices);
  return [{ type: subject.type, object: subject.object, since, message }];
}

/** Why the run does not go on, in words. */
function saidOf(move: Move): { readonly reason: string; readonly message: string } | undefined {
  if (move.kind === 'act') return move.held;
  return move.kind === 'wait' || move.kind === 'await' || move.kind === 'finish' ? move : undefined;
}

function blockerSubject({ move, run }: SummaryInput): { type: string; object: string } | undefined {
  if (move.kind === 'await') return { type: 'Decision', object: `upgraderun/${run.metadata.name}` };
  if (move.kind === 'act') return move.held?.blocker;
  return move.kind === 'wait' ? move.blocker : undefined;
}

function conditionsOf(input: SummaryInput, phase: RunPhase): WantedCondition[] {
  const { move, run } = input;
  const current = currentStep(run.spec, input.entries);
  const unmet = reportOf(move)?.unmet ?? [];
  const { reason, message } = saidOf(move) ?? { reason: phase, message: current?.step.title ?? '' };
  const usual = { reason, message };
  const said = unmet.length === 0 ? usual : { reason: 'PreflightFailed', message: summaryOf(unmet) };
  const good = phase === 'Completed' || phase === 'RolledBack' || phase === 'Rebuilt';
  const stalled = phase === 'Failed' || phase === 'AwaitingDecision';
  const generation = { observedGeneration: run.metadata.generation ?? 1 };
  return [
    { type: 'Ready', status: good ? 'True' : 'False', ...said, ...generation },
    { type: 'Reconciling', status: isEnded(phase) || stalled ? 'False' : 'True', ...said, ...generation },
    { type: 'Stalled', status: stalled ? 'True' : 'False', ...said, ...generation },
    { type: 'AwaitingDecision', status: phase === 'AwaitingDecision' ? 'True' : 'False', ...said, ...generation },
  ];
}

/** Members we drained and could not put back: they stay out, and somebody is told what to do. */
function handedOverOf({ run, entries, move }: SummaryInput, phase: RunPhase): { handedOver?: HandedOver[] } {
  if (phase !== 'Failed' && phase !== 'Cancelled' && phase !== 'Rebuilt') return {};
  const handles = mergeHandles(run.spec, entries);
  if (run.spec.purpose === 'Rebuild')
    return listed([...readOnlyOf(run, handles), ...leftByRebuild(run, entries, phase)]);
  // What was not rebuilt stands in the last rebuild.
  if (move.kind === 'finish' && move.reason === 'Rebuilt') return {};
  const out = new Set(heldMembers(run.spec, entries).map((member) => `${member.pool}/${member.member}`));
  const lost = entries.some((entry) => entry.state === 'Failed' && entry.reason === 'JournalLost');
  const list = run.spec.groups.flatMap((group): HandedOver[] => {
    if (lost) return membersOf(group).map((member) => handOver(group.name, member, 'JournalLost', lostMessage(member)));
    const record = recordOf(run.spec, entries, group.name);
    // A group that was only drained was put back before the end, unless its pool did not take it.
    if (run.spec.purpose === 'Upgrade' && record.fate === 'Drained')
      return membersOf(group)
        .filter((member) => handles[leftOutKey(member)] !== undefined)
        .map((member) => handOver(group.name, member, 'NotServing', leftOutMessage(member)));
    return membersOf(group)
      .filter(
        (member) =>
          (record.out || out.has(`${member.pool}/${member.member}`)) && handles[drainedKey(member)] === 'ours',
      )
      .map((member) => handOver(group.name, member, 'NotVerified', notVerifiedMessage(member)));
  });
  return listed([...readOnlyOf(run, handles), ...list]);
}

function listed(all: readonly HandedOver[]): { handedOver?: HandedOver[] } {
  return all.length === 0 ? {} : { handedOver: all.slice(0, 256) };
}

/** The status of a run whose users were let in again by the one that follows it: its downtime is over. */
export function summarizeRestored(run: UpgradeRun, restoredAt: EpochMs): UpgradeRunStatus | undefined {
  if (run.status?.clocks === undefined) return undefined;
  const { downtime } = computeClocks(run.spec, run.status.steps, restoredAt, restoredAt);
  return { ...run.status, clocks: { ...run.status.clocks, downtime } };
}

/** The status of a run that has ended and has let go of one more object: nothing else changes any more. */
export function summarizeRelease(run: UpgradeRun, entries: readonly StepEntry[]): UpgradeRunStatus | undefined {
  if (run.status === undefined) return undefined;
  const { retained: _, ...rest } = run.status;
  return { ...rest, steps: [...entries], ...retainedOf(run, entries, rest.finished) };
}

/** A guard that could not be cleared: somebody has to. */
function readOnlyOf({ spec }: UpgradeRun, handles: Handles): HandedOver[] {
  const mode = handles[readOnlyKey];
  const name = spec.database?.name;
  if (name === undefined || (mode !== 'ours' && mode !== 'left')) return [];
  const message = `the database still refuses writes: do by hand what spec.readOnly.clear of Database ${name} does`;
  return [{ object: `database/${name}`, reason: 'ReadOnly', message }];
}

function handOver(group: string, member: MemberRef, reason: string, message: string): HandedOver {
  return { group, object: `pool/${member.pool}/${member.member}`, reason, message };
}

function notVerifiedMessage({ pool, member, workload }: MemberRef): string {
  return `${workload.kind} ${workload.name} is not proven to work and stays out of pool ${pool}: read status.failure, see that it is started and tested on the database as it is, then put ${member} back yourself`;
}

function leftOutMessage({ pool, member, workload }: MemberRef): string {
  return `${workload.kind} ${workload.name} is as it was, but pool ${pool} did not take it back in time; put ${member} back yourself`;
}

function lostMessage({ pool, member, workload }: MemberRef): string {
  return `the journal was lost: compare ${workload.kind} ${workload.name} and ${member} in pool ${pool} with what you expect, by hand`;
}

function retainedOf(
  run: UpgradeRun,
  entries: readonly StepEntry[],
  finished: string | undefined,
): Pick<UpgradeRunStatus, 'retained'> {
  const retained = retainedObjects(
    { spec: run.spec, entries },
    finished === undefined ? undefined : parseInstant(finished),
  );
  return retained.length === 0 ? {} : { retained };
}

/** The run as the planner takes it. */
export function runOf(run: UpgradeRun): { name: string; uid: string; spec: UpgradeRun['spec'] } {
  return { name: run.metadata.name, uid: run.metadata.uid ?? '', spec: run.spec };
}
