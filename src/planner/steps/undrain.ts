/** Puts a group back into its pools: what we took out, and nothing a person took out. Source: design 4.1, principle 8. */
import { formatInstant } from '../../shared/instant.ts';
import { isHeldBack, membersOf, seeMembers, seeWorkload, workloadsOf } from '../members.ts';
import { act, done, listSome, targetOf, waitOrFail, type StepContext, type StepVerdict } from '../verdict.ts';
import { drainedKey, servedKey } from './keys.ts';

export function evaluateUndrain(context: StepContext): StepVerdict {
  const group = targetOf(context.run.spec, context.step);
  const ours = membersOf(group).filter((member) => context.handles[drainedKey(member)] !== 'person');
  const { seen, missing } = seeMembers(context.observed, ours);
  if (missing.length > 0) {
    const blocker = { type: 'Pool', object: `pool/${ours[0]?.pool ?? ''}` };
    return waitOrFail(context, { reason: 'PoolUnobservable', message: listSome(missing), blocker }, 'PoolUnobservable');
  }
  const served = servedKey(group.name);
  const record = context.handles[served] === undefined ? { [served]: formatInstant(context.now) } : undefined;
  const away = seen.filter((member) => member.seen.state !== 'Serving' || isHeldBack(context.run.spec, member));
  const foreign = away.find((member) => member.seen.foreign !== '');
  if (foreign !== undefined) {
    const blocker = { type: 'Foreign', object: `pool/${foreign.ref.pool}` };
    return waitOrFail(
      context,
      { reason: 'ForeignPoolState', message: `${foreign.ref.member}: ${foreign.seen.foreign}`, blocker },
      'ForeignPoolState',
    );
  }
  const held = away.find(
    (member) =>
      isHeldBack(context.run.spec, member) || member.seen.state === 'Drained' || member.seen.state === 'Draining',
  );
  const moving = held === undefined ? [] : onTheMove(context);
  if (moving.length > 0)
    return waitOrFail(
      context,
      { reason: 'NotReadyYet', message: `still rolling out: ${listSome(moving)}` },
      'NotServing',
    );
  // Whoever accepts and does not do it is not asked for ever.
  if (held !== undefined && context.consumedMs < context.timeoutMs)
    return act({ kind: 'ServeMember', member: held.ref }, `${held.ref.member} is ready to serve`, record);
  if (away.length > 0) {
    const states = away.map(
      (member) =>
        `${member.ref.member} (${member.seen.state}${member.seen.detail === '' ? '' : `, ${member.seen.detail}`})`,
    );
    return waitOrFail(
      context,
      { reason: 'NotServingYet', message: `not serving yet: ${listSome(states)}` },
      'NotServing',
    );
  }
  if (record !== undefined) return { kind: 'record', record, because: 'the group serves' };
  return done(`${seen.length} members serve`);
}

/** Workloads whose pods are being replaced: users who came now would be cut off. */
function onTheMove({ run, step, observed }: StepContext): string[] {
  return workloadsOf(targetOf(run.spec, step)).flatMap((workload) => {
    const seen = seeWorkload(observed, workload);
    return seen === undefined || (seen.current && seen.rolledOut) ? [] : [workload.name];
  });
}
