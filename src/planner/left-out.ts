/** Intact groups when a run fails or ends: back into their pools, or handed over by name (design 5.8, A-14). */
import type { Step, StepEntry } from '../api/upgrade-run.ts';
import { formatInstant, parseInstant } from '../shared/instant.ts';
import type { DecideInput } from './decision.ts';
import type { MemberRef } from './effects.ts';
import { hasBegun, isIntact, journalOf, mergeHandles, recordOf } from './journal.ts';
import { isHeldBack, membersOf, seeMembers } from './members.ts';
import type { Move } from './move.ts';
import { drainedKey, leftOutKey, returningKey } from './steps/keys.ts';
import { listSome } from './verdict.ts';

/** How long a pool is asked to take the intact back before the run goes on without them. */
const returnMs = 5 * 60_000;
/** When it is shown that one does not. */
const slowMs = 60_000;

type Current = { step: Step; entry: StepEntry };

/**
 * Drained but otherwise intact groups serve again at once, before anybody is asked: an old one that was only
 * drained, or a new one that had passed its tests and was out for another's.
 * @param since RFC 3339: when that became so; undefined: now
 * @returns undefined: everybody serves, is out by another's hand, or was written down as left out
 */
export function returnIntact(input: DecideInput, current: Current, since: string | undefined): Move | undefined {
  const askedMs = since === undefined ? 0 : input.now - parseInstant(since);
  return askedMs >= returnMs ? noteLeftOut(input) : putBack(input, current, askedMs);
}

/** The same for a run that has not failed: nothing but a note of its own says since when. */
export function returnBeforeEnd(input: DecideInput, current: Current): Move | undefined {
  const [first] = input.run.spec.steps;
  const key = returningKey(current.step.id, current.entry.attempt);
  const since = mergeHandles(input.run.spec, input.entries)[key];
  const move = returnIntact(input, current, since);
  if (move === undefined || since !== undefined || first === undefined) return move;
  const because = 'the intact serve again before the run ends';
  return { kind: 'record', step: first.id, record: { [key]: formatInstant(input.now) }, because };
}

function putBack(input: DecideInput, { step }: Current, askedMs: number): Move | undefined {
  const { seen, missing } = seeMembers(input.observed, drainedIntact(input));
  const away = seen.find(
    (member) =>
      member.seen.foreign === '' &&
      (isHeldBack(input.run.spec, member) || member.seen.state === 'Drained' || member.seen.state === 'Draining'),
  );
  if (away !== undefined) {
    const { pool, member } = away.ref;
    const owner = input.run.spec.groups.find((group) =>
      membersOf(group).some((other) => other.pool === pool && other.member === member),
    );
    const because = `${owner?.name ?? member} is intact and serves again, because ${step.title} ended`;
    const effect = { kind: 'ServeMember', member: away.ref } as const;
    // Not the next one, which a pause leaves pending: an effect begins its step, and a stop that began is no drain.
    const at = (journalOf(input.run.spec, input.entries).findLast(({ entry }) => hasBegun(entry))?.step ?? step).id;
    if (askedMs < slowMs) return { kind: 'act', step: at, effect, because };
    const message = `pool ${pool} does not take ${member} back: mend the pool; after five minutes it is left out and handed over`;
    const held = { reason: 'PoolNotFollowing', message, blocker: { type: 'Pool', object: `pool/${pool}` } };
    return { kind: 'act', step: at, effect, because, held };
  }
  if (missing.length === 0) return undefined;
  const blocker = { type: 'Pool', object: `pool/${drainedIntact(input)[0]?.pool ?? ''}` };
  const message = `${listSome(missing)}; who is intact there is to serve again first`;
  return { kind: 'wait', afterMs: 5_000, reason: 'PoolUnobservable', message, blocker };
}

/** Undefined: nobody is left out, or everybody who is has been written down. */
export function noteLeftOut(input: DecideInput): Move | undefined {
  const { spec } = input.run;
  // The first step is long over: what is noted there begins nothing.
  const [first] = spec.steps;
  const handles = mergeHandles(spec, input.entries);
  const drained = drainedIntact(input);
  const { seen } = seeMembers(input.observed, drained);
  const back = new Set(
    seen.filter((member) => member.seen.state === 'Serving' && !isHeldBack(spec, member)).map(({ ref }) => ref),
  );
  const left = drained.filter((member) => !back.has(member) && handles[leftOutKey(member)] === undefined);
  if (first === undefined || left.length === 0) return undefined;
  return {
    kind: 'record',
    step: first.id,
    record: Object.fromEntries(left.map((member) => [leftOutKey(member), 'yes'])),
    because: `${left.map(({ member }) => member).join(', ')} could not be put back`,
  };
}

/**
 * Members that are out by our hand although nothing is wrong with their group, and those that are only held: an end may
 * come between the hold and the drain, which is what is written down.
 */
function drainedIntact({ run, entries, observed }: DecideInput): MemberRef[] {
  const handles = mergeHandles(run.spec, entries);
  return run.spec.groups
    .filter(({ name }) => {
      const record = recordOf(run.spec, entries, name);
      return record.out && isIntact(record);
    })
    .flatMap(membersOf)
    .filter((member) => {
      const by = handles[drainedKey(member)];
      if (by !== undefined) return by === 'ours';
      return seeMembers(observed, [member]).seen.some((seen) => isHeldBack(run.spec, seen));
    });
}
