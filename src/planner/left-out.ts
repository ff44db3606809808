/** Intact groups that a pool did not take back in time: written down, so that they are handed over by name (design 5.8). */
import type { DecideInput } from './decision.ts';
import { isIntact, mergeHandles, recordOf } from './journal.ts';
import { isHeldBack, membersOf, seeMembers } from './members.ts';
import type { Move } from './move.ts';
import { drainedKey, leftOutKey } from './steps/keys.ts';

/** Undefined: nobody is left out, or everybody who is has been written down. */
export function noteLeftOut({ run, entries, observed }: DecideInput): Move | undefined {
  const { spec } = run;
  // The first step is long over: what is noted there begins nothing.
  const [first] = spec.steps;
  const handles = mergeHandles(spec, entries);
  const drained = spec.groups
    .filter(({ name }) => {
      const record = recordOf(spec, entries, name);
      return record.out && isIntact(record);
    })
    .flatMap(membersOf)
    .filter((member) => handles[drainedKey(member)] === 'ours');
  const { seen } = seeMembers(observed, drained);
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
