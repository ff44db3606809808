/** One pure question, asked on every pass: given the plan, the journal and what was seen, what now? */
import type { RunGroup, Step, StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import { contextOf, currentStep, toMove, type DecideInput } from './decision.ts';
import type { MemberRef } from './effects.ts';
import { evaluateStep } from './evaluate.ts';
import { decideAfterFailure, decideEnding } from './failure.ts';
import { endRefusedStart } from './joint.ts';
import { isIntact, recordOf } from './journal.ts';
import { membersOf, seeMembers, seeObject, workloadsOf } from './members.ts';
import type { Move } from './move.ts';
import { offerNext } from './rebuild.ts';
import { workloadKey } from './observed.ts';
import { heldMembers } from './scope.ts';
import { reportedHooks } from './steps/hook.ts';
import { templateKey } from './steps/keys.ts';
import { fail, groupOf, targetOf, waitOrFail, type StepContext, type StepVerdict } from './verdict.ts';

export function decide(input: DecideInput): Move {
  const current = currentStep(input.run.spec, input.entries);
  if (current === undefined) return finish(input.run.spec, reportedHooks(input.run.spec, input.entries));
  if (input.intent.end !== undefined) {
    const ending = decideEnding(input, current);
    if (ending !== undefined) return ending;
  }
  const refused = endRefusedStart(input, current);
  if (refused !== undefined) return refused;
  if (current.entry.state === 'Failed') return keepOut(input, current) ?? decideAfterFailure(input, current);
  if (input.intent.paused) {
    const kept = assertHeld(contextOf(input, current), heldMembers(input.run.spec, input.entries));
    if (kept?.kind === 'act') return toMove(current.step, kept);
    return {
      kind: 'wait',
      step: current.step.id,
      afterMs: 60_000,
      reason: 'Paused',
      message: 'spec.paused is true',
      untimed: true,
      paused: true,
      blocker: { type: 'Paused', object: `upgradeset/${input.run.spec.upgradeSet}` },
    };
  }
  if (current.step.skip !== undefined) {
    return {
      kind: 'advance',
      changes: [{ id: current.step.id, state: 'Skipped', reason: 'PlannedSkip', message: current.step.skip }],
    };
  }
  // Begun before it is looked at: an attempt has its own operation, and answers to the one before do not count.
  if (current.entry.state === 'Pending')
    return { kind: 'advance', changes: [{ id: current.step.id, state: 'Running', message: '' }] };
  const verdict = evaluateCurrent(input, current);
  const offered = verdict.kind === 'done' && isAfterRebuild(input, current) ? offerNext(input) : undefined;
  return offered ?? toMove(current.step, verdict);
}

/** The row that asks about the other broken servers, each of which is rebuilt by a run of its own. */
function isAfterRebuild({ run }: DecideInput, { step }: { step: Step }): boolean {
  return run.spec.purpose === 'Rebuild' && step.action === 'AwaitDecision';
}

/** The evaluator's verdict, behind the two guards that hold for every step. */
function evaluateCurrent(input: DecideInput, current: { step: Step; entry: StepEntry }): StepVerdict {
  const context = contextOf(input, current);
  const held = heldMembers(input.run.spec, input.entries);
  return assertedInTime(context, assertHeld(context, held)) ?? foreignChange(context) ?? evaluateStep(context);
}

/** While a person thinks, what failed stays out as well; whoever is intact goes back in. */
function keepOut(input: DecideInput, current: { step: Step; entry: StepEntry }): Move | undefined {
  if (current.entry.reason === 'JournalLost') return undefined;
  const { spec } = input.run;
  const broken = spec.groups.filter((group) => !isIntact(recordOf(spec, input.entries, group.name)));
  const names = new Set(broken.flatMap(membersOf).map((member) => `${member.pool}/${member.member}`));
  const held = heldMembers(spec, input.entries).filter((member) => names.has(`${member.pool}/${member.member}`));
  const kept = assertHeld(contextOf(input, current), held);
  return kept?.kind === 'act' ? toMove(current.step, kept) : undefined;
}

/** A restart of the load balancer forgets: what the journal says is out is put out again (design 4.1). */
function assertHeld(context: StepContext, held: readonly MemberRef[]): StepVerdict | undefined {
  if (context.step.action === 'Undrain' || context.step.action === 'Preflight' || context.step.action === 'Cleanup')
    return undefined;
  const { seen } = seeMembers(context.observed, held);
  const back = seen.find(
    (member) =>
      member.pool.canHold &&
      (!member.seen.held || (member.seen.state !== 'Drained' && member.seen.state !== 'Draining')),
  );
  if (back === undefined) return undefined;
  if (back.seen.foreign !== '') {
    const blocker = { type: 'Foreign', object: `pool/${back.ref.pool}` };
    return waitOrFail(
      context,
      { reason: 'ForeignPoolState', message: `${back.ref.member}: ${back.seen.foreign}`, blocker },
      'ForeignPoolState',
    );
  }
  const because = `${back.ref.member} must stay out of pool ${back.ref.pool}`;
  if (!back.seen.held) return { kind: 'act', effect: { kind: 'HoldMember', member: back.ref }, because };
  return { kind: 'act', effect: { kind: 'DrainMember', member: back.ref, force: false }, because };
}

/** A pool that does not follow is not asked for ever; a drain that holds has no end of its own. */
function assertedInTime(context: StepContext, verdict: StepVerdict | undefined): StepVerdict | undefined {
  if (verdict?.kind !== 'act' || context.consumedMs < context.timeoutMs) return verdict;
  const problem = `${verdict.because}, and is let in again`;
  const { step } = context;
  if (step.action !== 'Drain') return fail('PoolNotFollowing', `${problem}; gave up after ${step.timeout}`);
  const blocker = { type: 'Drain', object: `pool/${'member' in verdict.effect ? verdict.effect.member.pool : ''}` };
  return { ...verdict, held: { reason: 'PoolNotFollowing', message: `${problem}: mend the pool, or abort`, blocker } };
}

/** Of the end's message; the steps say all of it. */
const maxReported = 512;

const changesTemplate: ReadonlySet<string> = new Set([
  'Upgrade',
  'Reinstall',
  'Cleanup',
  'Preflight',
  'RestoreSnapshot',
  'Rebuild',
  'Reboot',
  'Hook',
  'Stop',
  'Drain',
]);

/** A template that is neither the old one nor ours was changed by somebody: named, and not fought over. */
function foreignChange(context: StepContext): StepVerdict | undefined {
  if (changesTemplate.has(context.step.action)) return undefined;
  const names = [...(context.step.group === undefined ? [] : [context.step.group]), ...(context.step.groups ?? [])];
  for (const workload of names.flatMap((name) => workloadsOf(looked(context, name)))) {
    const want = context.handles[templateKey(workload)];
    const seen = seeObject(context.observed, workload);
    if (want === undefined || seen === undefined || seen.templateHash === want) continue;
    const message = `${seen.lastWriter === '' ? 'somebody' : seen.lastWriter} changed the template of ${workloadKey(workload)} during the run; stop that, then resume or roll back`;
    return waitOrFail(
      context,
      { reason: 'ForeignChange', message, blocker: { type: 'Foreign', object: workloadKey(workload) } },
      'ForeignChange',
    );
  }
  return undefined;
}

/** Of the group that a step is about, the one server that it names where it names one. */
function looked({ run, step }: StepContext, name: string): RunGroup {
  return name === step.group ? targetOf(run.spec, step) : groupOf(run.spec, name);
}

/** @param reported what failed and changes nothing about the end, but is to be seen to */
function finish(spec: UpgradeRunSpec, reported: readonly string[]): Move {
  const more = reported
    .map((failure) => `; ${failure}`)
    .join('')
    .slice(0, maxReported);
  if (spec.purpose === 'Rollback') {
    const message = `version ${spec.to.version} is back${more}`;
    return { kind: 'finish', phase: 'RolledBack', reason: 'RolledBack', message };
  }
  if (spec.purpose === 'Rebuild') {
    const message = `${spec.rebuild?.group ?? ''}/${spec.rebuild?.server ?? ''} is rebuilt, version ${spec.to.version}`;
    return { kind: 'finish', phase: 'Rebuilt', reason: 'Rebuilt', message };
  }
  return {
    kind: 'finish',
    phase: 'Completed',
    reason: 'Completed',
    message: `version ${spec.to.version} serves${more}`,
  };
}
