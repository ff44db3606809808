/** The status of a run from its journal and the planner's answer. The only writer of its phase and conditions. */
import { mergeConditions, type WantedCondition } from '../api/conditions.ts';
import type { Blocker, HandedOver, RunPhase, StepEntry, UpgradeRun, UpgradeRunStatus } from '../api/upgrade-run.ts';
import { currentStep } from '../planner/decision.ts';
import { choicesAfter, databaseAtStake, groupsAtStake } from '../planner/failure.ts';
import { isSchemaChanged, mergeHandles, recordOf } from '../planner/journal.ts';
import { membersOf } from '../planner/members.ts';
import type { MemberRef } from '../planner/effects.ts';
import type { Move } from '../planner/move.ts';
import { retainedObjects } from '../planner/retention.ts';
import { heldMembers } from '../planner/scope.ts';
import { drainedKey, schemaBeforeKey, schemaChangedKey, schemaNowKey } from '../planner/steps/keys.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatInstant, parseInstant } from '../shared/instant.ts';
import { computeClocks, computeProgress } from './clocks.ts';

export interface SummaryInput {
  readonly run: UpgradeRun;
  readonly entries: readonly StepEntry[];
  readonly move: Move;
  readonly epoch: number;
  readonly now: EpochMs;
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
        ? computeClocks(run.spec, entries, now)
        : previous.clocks,
    ...(blockers.length === 0 ? {} : { blockers }),
    ...(mergeHandles(run.spec, entries)[schemaChangedKey] === undefined ? {} : { schemaChanged: true }),
    service: serviceOf(input),
    ...choicesOf(input, phase),
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
function choicesOf({ run, entries, move }: SummaryInput, phase: RunPhase): Pick<UpgradeRunStatus, 'choices'> {
  if (move.kind === 'await') return { choices: [...move.choices] };
  if (phase !== 'AwaitingDecision') return {};
  const back = choicesAfter({ run: runOf(run), entries }).filter((choice) => choice.choice === 'Rollback');
  return { choices: [{ choice: 'SignOff', message: 'the release is good; its snapshots are deleted' }, ...back] };
}

function lastNumber(run: UpgradeRun): string {
  return run.spec.steps.findLast((step) => step.number !== '')?.number ?? '';
}

function phaseOf(input: SummaryInput): RunPhase {
  const { move, run, entries } = input;
  if (move.kind === 'finish') return move.phase;
  if (move.kind === 'rollBack') return 'RollingBack';
  if (move.kind === 'await') return 'AwaitingDecision';
  if (move.kind === 'wait' && move.paused === true) return 'Paused';
  const current = currentStep(run.spec, entries);
  if (current?.step.action === 'AwaitDecision' && current.step.skip === undefined) return 'AwaitingDecision';
  return current?.step.action === 'Preflight' ? 'Preflight' : 'Running';
}

function blockersOf(input: SummaryInput): Blocker[] {
  const { move, run, now } = input;
  const subject = blockerSubject(input);
  if (subject === undefined) return [];
  const before = run.status?.blockers?.find(
    (blocker) => blocker.type === subject.type && blocker.object === subject.object,
  );
  const since = before?.since ?? formatInstant(now);
  const message = move.kind === 'wait' || move.kind === 'await' ? move.message.slice(0, 1_000) : '';
  return [{ type: subject.type, object: subject.object, since, message }];
}

function blockerSubject({ move, run }: SummaryInput): { type: string; object: string } | undefined {
  if (move.kind === 'await') return { type: 'Decision', object: `upgraderun/${run.metadata.name}` };
  return move.kind === 'wait' ? move.blocker : undefined;
}

function conditionsOf(input: SummaryInput, phase: RunPhase): WantedCondition[] {
  const { move, run } = input;
  const current = currentStep(run.spec, input.entries);
  const said = {
    reason: 'reason' in move && typeof move.reason === 'string' ? move.reason : phase,
    message: 'message' in move && typeof move.message === 'string' ? move.message : (current?.step.title ?? ''),
  };
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

function serviceOf({ run, entries }: SummaryInput): NonNullable<UpgradeRunStatus['service']> {
  const out = new Set(heldMembers(run.spec, entries).map((member) => `${member.pool}/${member.member}`));
  const pooled = run.spec.groups.filter((group) => membersOf(group).length > 0);
  const isOut = (name: string): boolean => recordOf(run.spec, entries, name).out;
  const serving = pooled.filter(
    (group) => !isOut(group.name) && membersOf(group).every((member) => !out.has(`${member.pool}/${member.member}`)),
  );
  const stake = groupsAtStake({ run: runOf(run), entries });
  const database = databaseAtStake({ run: runOf(run), entries });
  const atStake = [
    ...(database === undefined ? [] : [`writes to the database since ${database}`]),
    ...stake.map(({ group, since }) => `writes to ${group} since ${since}`),
  ];
  const handles = mergeHandles(run.spec, entries);
  const schema = isSchemaChanged(handles) ? (handles[schemaNowKey] ?? 'unknown') : handles[schemaBeforeKey];
  return {
    serving: serving.map((group) => group.name),
    ...(schema === undefined ? {} : { schema }),
    atStake: atStake.length === 0 ? 'none' : atStake.join(', ').slice(0, 512),
  };
}

/** Members we drained and could not put back: they stay out, and somebody is told what to do. */
function handedOverOf({ run, entries }: SummaryInput, phase: RunPhase): { handedOver?: HandedOver[] } {
  if (phase !== 'Failed' && phase !== 'Cancelled') return {};
  const handles = mergeHandles(run.spec, entries);
  const out = new Set(heldMembers(run.spec, entries).map((member) => `${member.pool}/${member.member}`));
  const lost = entries.some((entry) => entry.state === 'Failed' && entry.reason === 'JournalLost');
  const list = run.spec.groups.flatMap((group): HandedOver[] => {
    if (lost) return membersOf(group).map((member) => handOver(group.name, member, 'JournalLost', lostMessage(member)));
    const record = recordOf(run.spec, entries, group.name);
    // A group that was only drained was put back before the end.
    if (run.spec.purpose === 'Upgrade' && record.fate === 'Drained') return [];
    return membersOf(group)
      .filter(
        (member) =>
          (record.out || out.has(`${member.pool}/${member.member}`)) && handles[drainedKey(member)] === 'ours',
      )
      .map((member) => handOver(group.name, member, 'NotVerified', notVerifiedMessage(member)));
  });
  return list.length === 0 ? {} : { handedOver: list.slice(0, 256) };
}

/** The status of a run that has ended and has let go of one more object: nothing else changes any more. */
export function summarizeRelease(run: UpgradeRun, entries: readonly StepEntry[]): UpgradeRunStatus | undefined {
  if (run.status === undefined) return undefined;
  const { retained: _, ...rest } = run.status;
  return { ...rest, steps: [...entries], ...retainedOf(run, entries, rest.finished) };
}

function handOver(group: string, member: MemberRef, reason: string, message: string): HandedOver {
  return { group, object: `pool/${member.pool}/${member.member}`, reason, message };
}

function notVerifiedMessage({ pool, member, workload }: MemberRef): string {
  return `${workload.kind} ${workload.name} did not pass its tests and stays out of pool ${pool}; mend it, then put ${member} back yourself`;
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
