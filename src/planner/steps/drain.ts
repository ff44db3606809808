/** Takes a group out of its pools: held, out of rotation, connections gone. Feeds `Drained`. Source: design 4.1, 001-98. */
import { formatInstant, parseInstant } from '../../shared/instant.ts';
import type { MemberRef } from '../effects.ts';
import { capacityProblem, membersOf, seeMembers, type SeenMember } from '../members.ts';
import {
  act,
  done,
  fail,
  listSome,
  targetOf,
  wait,
  waitOrFail,
  type HeldEffect,
  type StepContext,
  type StepVerdict,
} from '../verdict.ts';
import { waivedKey } from '../preflight/waivers.ts';
import { cutKey, drainedKey, forcedKey, outKey, thinKey } from './keys.ts';

export function evaluateDrain(context: StepContext): StepVerdict {
  const group = targetOf(context.run.spec, context.step);
  const members = membersOf(group);
  const { seen, missing } = seeMembers(context.observed, members);
  if (missing.length > 0) {
    const blocker = { type: 'Pool', object: `pool/${members[0]?.pool ?? ''}` };
    return waitOrFail(context, { reason: 'PoolUnobservable', message: listSome(missing), blocker }, 'PoolUnobservable');
  }
  return holdFirst(context, seen) ?? leaveRotation(context, seen) ?? letGo(context, seen);
}

/** Written down before the first touch: a member that was already out by somebody's hand is not ours to put back. */
function holdFirst(context: StepContext, members: readonly SeenMember[]): StepVerdict | undefined {
  const personal = members.filter(
    ({ ref, seen }) =>
      context.handles[drainedKey(ref)] === undefined &&
      seen.foreign !== '' &&
      (seen.state === 'Drained' || seen.state === 'Draining'),
  );
  const lost = personal.find(({ ref }) => forgetsPersons(context, ref));
  if (lost !== undefined) {
    const { pool, member } = lost.ref;
    const message = `${member}: ${lost.seen.foreign}; its new pods would join pool ${pool} again, so put it back first, or take the server out of the group`;
    const blocker = { type: 'Foreign', object: `pool/${pool}` };
    return waitOrFail(context, { reason: 'ForeignPoolState', message, blocker }, 'ForeignPoolState');
  }
  if (personal.length > 0) {
    return {
      kind: 'record',
      record: Object.fromEntries(personal.map(({ ref }) => [drainedKey(ref), 'person'])),
      because: `${personal.length} members were taken out by somebody else and stay out`,
    };
  }
  const loose = ours(context, members).find((member) => member.pool.canHold && !member.seen.held);
  if (loose === undefined) return undefined;
  const foreign = heldByOthers(context, loose);
  if (foreign !== undefined) return foreign;
  const problem = mayLeave(context, members) ?? neverLeaves(context, loose);
  if (problem !== undefined) return problem;
  const because = `${loose.ref.member} must not rejoin by itself`;
  return {
    ...act({ kind: 'HoldMember', member: loose.ref }, because, acceptedRecord(context, members)),
    ...asked(context, loose),
  };
}

/** Nobody is asked to do anything to a member that somebody else has set; undefined: nobody has. */
function heldByOthers(context: StepContext, { ref, seen }: SeenMember): StepVerdict | undefined {
  if (seen.foreign === '') return undefined;
  const blocker = { type: 'Foreign', object: `pool/${ref.pool}` };
  const message = `${ref.member}: ${seen.foreign}`;
  return waitOrFail(context, { reason: 'ForeignPoolState', message, blocker }, 'ForeignPoolState');
}

/** A label that a person took off a pod is back on the next one; what a load balancer was told outlives its servers. */
function forgetsPersons({ run }: StepContext, { pool }: MemberRef): boolean {
  return run.spec.pools.find((candidate) => candidate.name === pool)?.driver === 'service';
}

function ours(context: StepContext, members: readonly SeenMember[]): SeenMember[] {
  return members.filter((member) => context.handles[drainedKey(member.ref)] !== 'person');
}

function mayLeave(context: StepContext, members: readonly SeenMember[]): StepVerdict | undefined {
  const { problem, pool } = shortage(context, members);
  if (problem === '') return undefined;
  const blocker = { type: 'Capacity', object: `pool/${pool}` };
  return waitOrFail(context, { reason: 'CapacityTooLow', message: problem, blocker }, 'CapacityTooLow');
}

interface Shortage {
  /** What keeps them in; empty: they may leave. */
  readonly problem: string;
  readonly pool: string;
  /** Who has waived that fewer serve than the pool asks for; undefined: nobody had to. */
  readonly accepted?: string;
}

/** A waiver of the check before the start counts for all of this run and its way back, but never down to nobody. */
function shortage(context: StepContext, members: readonly SeenMember[]): Shortage {
  const { run, observed, handles, step } = context;
  const leaving = ours(context, members).filter(({ seen }) => seen.state === 'Serving');
  const refs = step.interrupts === true ? [] : leaving.map(({ ref }): MemberRef => ref);
  const pool = refs[0]?.pool ?? '';
  const problem = capacityProblem(run.spec, observed, refs);
  const waiver = handles[waivedKey('Capacity')];
  if (problem === '' || waiver === undefined) return { problem, pool };
  const pools = [...observed.pools].map(
    ([name, seen]) => [name, { ...seen, minServing: Math.min(1, seen.minServing) }] as const,
  );
  const rest = capacityProblem(run.spec, { ...observed, pools: new Map(pools) }, refs);
  if (rest === '') return { problem: '', pool, accepted: `${problem}; waived by ${waiver}` };
  return { problem: `${rest}; the waiver of Capacity does not cover that nobody serves`, pool };
}

/** Said when the drain is over. */
function acceptedRecord(context: StepContext, members: readonly SeenMember[]): Record<string, string> | undefined {
  const { accepted } = shortage(context, members);
  return accepted === undefined ? undefined : { [thinKey(context.entry.operation)]: accepted };
}

function leaveRotation(context: StepContext, members: readonly SeenMember[]): StepVerdict | undefined {
  const serving = ours(context, members).filter(
    (member) => member.seen.state === 'Serving' || (member.seen.state === 'Down' && !isRecorded(context, member)),
  );
  const next = serving[0];
  if (next === undefined) return undefined;
  const foreign = heldByOthers(context, next);
  if (foreign !== undefined) return foreign;
  const problem = mayLeave(context, members) ?? neverLeaves(context, next);
  if (problem !== undefined) return problem;
  const accepted = acceptedRecord(context, members);
  const record = isRecorded(context, next) ? accepted : { [drainedKey(next.ref)]: 'ours', ...accepted };
  return {
    ...act(
      { kind: 'DrainMember', member: next.ref, force: false },
      `${next.ref.member} serves in pool ${next.ref.pool}`,
      record,
    ),
    ...asked(context, next),
  };
}

/** Accepted and not done. Where the policy is to hold, it is asked on: a process that forgot has to be told again. */
function neverLeaves(context: StepContext, { ref }: SeenMember): StepVerdict | undefined {
  const isOver = context.consumedMs >= context.timeoutMs;
  if (!isOver || targetOf(context.run.spec, context.step).drain.onTimeout === 'Hold') return undefined;
  return fail('DrainTimeout', `${notLetGo(ref)}; gave up after ${context.step.timeout}`);
}

function notLetGo({ pool, member }: MemberRef): string {
  return `pool ${pool} does not let go of ${member}`;
}

/** What is shown when the time is over and the pool is asked on. */
function asked({ step, consumedMs, timeoutMs }: StepContext, { ref }: SeenMember): { held?: HeldEffect } {
  if (consumedMs < timeoutMs) return {};
  const message = `${notLetGo(ref)} after ${step.timeout}; the policy is Hold, so it is asked on: mend the pool, or abort`;
  return { held: { reason: 'DrainHeld', message, blocker: { type: 'Drain', object: `pool/${ref.pool}` } } };
}

function isRecorded(context: StepContext, member: SeenMember): boolean {
  return context.handles[drainedKey(member.ref)] !== undefined;
}

/** Out of rotation; now the connections. Unknown is not zero where something counts them. */
function letGo(context: StepContext, members: readonly SeenMember[]): StepVerdict {
  const settling = settle(context, members);
  if (settling !== undefined) return settling;
  const open = members.filter(
    (member) => context.handles[forcedKey(context.entry.operation, member.ref)] === undefined && isBusy(member),
  );
  if (open.length > 0) return connectionsLeft(context, open);
  const uncounted = members.filter((member) => !member.pool.countsConnections);
  const personal = members
    .filter((member) => context.handles[drainedKey(member.ref)] === 'person')
    .map((member) => member.ref.member);
  const note = personal.length > 0 ? `; ${listSome(personal)} had been taken out by somebody else and stays out` : '';
  const cut = members.flatMap(({ ref }) => context.handles[cutKey(context.entry.operation, ref)] ?? []);
  const forced = cut.length === 0 ? '' : `; cut off after ${context.step.timeout}: ${listSome(cut)}`;
  const thin = context.handles[thinKey(context.entry.operation)];
  const waived = thin === undefined ? '' : `; ${thin}`;
  const unknown = uncounted.length > 0 ? ', connections unknown' : '';
  return done(`${members.length} members drained${unknown}${forced}${note}${waived}`);
}

/** Out of rotation is what the API server says; whoever routes users hears of it a little later. */
function settle(context: StepContext, members: readonly SeenMember[]): StepVerdict | undefined {
  const lagMs = Math.max(0, ...members.map((member) => member.pool.lagMs ?? 0));
  if (lagMs > 0) {
    const message =
      'out of rotation; the API server has not been watched for a whole minute yet, so nodes may not have heard of it';
    return { kind: 'wait', afterMs: lagMs, reason: 'Settling', message };
  }
  const settleMs = Math.max(0, ...members.map((member) => member.pool.settleMs));
  if (settleMs === 0) return undefined;
  const key = outKey(context.entry.operation);
  const since = context.handles[key];
  if (since === undefined)
    return { kind: 'record', record: { [key]: formatInstant(context.now) }, because: 'the settle time starts' };
  const restMs = parseInstant(since) + settleMs - context.now;
  if (restMs <= 0) return undefined;
  return { kind: 'wait', afterMs: restMs, reason: 'Settling', message: 'out of rotation; open requests may end' };
}

function isBusy(member: SeenMember): boolean {
  if (!member.pool.countsConnections) return false;
  return !member.seen.connections.known || member.seen.connections.value > 0;
}

function connectionsLeft(context: StepContext, open: readonly SeenMember[]): StepVerdict {
  const counts = open.map(
    ({ ref, seen }) => `${ref.member} (${seen.connections.known ? seen.connections.value : 'unknown'})`,
  );
  const message = `${open.length} members still hold connections: ${listSome(counts)}`;
  if (context.consumedMs < context.timeoutMs) {
    return {
      kind: 'wait',
      afterMs: Math.min(2_000, context.timeoutMs - context.consumedMs),
      reason: 'Draining',
      message,
    };
  }
  const policy = targetOf(context.run.spec, context.step).drain.onTimeout;
  const next = open[0];
  if (policy === 'Force' && next !== undefined) {
    const because = `drain timeout ${context.step.timeout} is over and the policy is Force: ${message}`;
    return {
      kind: 'act',
      effect: { kind: 'DrainMember', member: next.ref, force: true },
      because,
      record: { [cutKey(context.entry.operation, next.ref)]: counts[0] ?? 'yes' },
      after: { [forcedKey(context.entry.operation, next.ref)]: counts[0] ?? 'yes' },
    };
  }
  if (policy === 'Fail') return fail('DrainTimeout', `${message} after ${context.step.timeout}`);
  return wait('DrainHeld', `${message} after ${context.step.timeout}; the policy is Hold: end them, or abort`, {
    type: 'Drain',
    object: `pool/${open[0]?.ref.pool ?? ''}`,
  });
}
