/** Snapshots every volume of a stopped group, and goes on only when each is verified. Source: design 4.3, 001-58, 001-131. */
import { seeWorkload, workloadsOf } from '../members.ts';
import { act, done, fail, groupOf, listSome, waitOrFail, type StepContext, type StepVerdict } from '../verdict.ts';
import type { SnapshotObservation } from '../observed.ts';
import { abandonedKey, claimsKey, snapshotKey } from './keys.ts';

/** Of an object in the API server. */
const maxName = 253;

export function evaluateSnapshot(context: StepContext): StepVerdict {
  const group = groupOf(context.run.spec, context.step.group);
  const className = group.snapshot?.volumeSnapshotClassName;
  if (className === undefined) return fail('SnapshotClassMissing', `group ${group.name} names no snapshot class`);
  const recorded = context.handles[claimsKey(group.name)];
  if (recorded === undefined) {
    return {
      kind: 'record',
      record: { [claimsKey(group.name)]: claimsOf(context).join(',') },
      because: 'the volumes that are about to change',
    };
  }
  const claims = recorded.split(',').filter((claim) => claim !== '');
  if (claims.length === 0) return done('no volumes');
  const waiting: string[] = [];
  for (const claim of claims) {
    const name = context.handles[snapshotKey(claim)] ?? snapshotName(context, claim);
    const seen = context.observed.snapshots.get(name);
    if (seen === undefined || !seen.exists) {
      if (wasVerified(context, claim)) return fail('SnapshotLost', `snapshot ${name} of ${claim} was deleted`);
      return act({ kind: 'CreateSnapshot', snapshot: name, claim, className }, `${claim} is about to change`, {
        [snapshotKey(claim)]: name,
      });
    }
    const fresh = snapshotName(context, claim);
    // An earlier attempt has waited its whole time for this one.
    if (context.entry.attempt > 1 && !isSound(seen) && name !== fresh && name !== formerName(context, claim)) {
      return act({ kind: 'CreateSnapshot', snapshot: fresh, claim, className }, `${name} did not become ready`, {
        [abandonedKey(claim, name)]: 'yes',
        [snapshotKey(claim)]: fresh,
      });
    }
    if (seen.error !== '') waiting.push(`${name}: ${seen.error}`);
    else if (!seen.ready) waiting.push(`${name}: not ready`);
    else if (!seen.verified) waiting.push(`${name}: ready, but its content is not verified`);
  }
  if (waiting.length === 0) return done(`${claims.length} snapshots verified`);
  return waitOrFail(context, { reason: 'SnapshotNotReady', message: listSome(waiting) }, 'SnapshotNotReady');
}

function isSound(seen: SnapshotObservation): boolean {
  return seen.error === '' && seen.ready && seen.verified;
}

function wasVerified(context: StepContext, claim: string): boolean {
  return context.entry.state === 'Succeeded' && context.handles[snapshotKey(claim)] !== undefined;
}

/** Claims of the group's workloads, sorted. */
function claimsOf(context: StepContext): string[] {
  const group = groupOf(context.run.spec, context.step.group);
  return workloadsOf(group)
    .flatMap((workload) => seeWorkload(context.observed, workload)?.claims ?? [])
    .map((claim) => claim.claim)
    .toSorted();
}

/**
 * Named by run, claim and attempt, so that a repetition finds it and a later attempt can take a fresh one. Where that
 * alone may be the name of another claim's (`data-2` for the second of `data`), or is too long, a checksum of the
 * claim tells them apart.
 */
function snapshotName({ run, entry }: StepContext, claim: string): string {
  const plain = `${run.name}-${claim}`;
  if (entry.attempt <= 1 && plain.length <= maxName) return plain;
  const suffix = `-${checksum(claim)}-${entry.attempt}`;
  return `${plain.slice(0, maxName - suffix.length).replace(/[.-]+$/, '')}${suffix}`;
}

/** As earlier releases named that of a later attempt: a run that they began waits on for it. */
function formerName({ run, entry }: StepContext, claim: string): string {
  const suffix = `-${entry.attempt}`;
  return `${`${run.name}-${claim}`.slice(0, maxName - suffix.length)}${suffix}`;
}

/** FNV-1a, eight hexadecimal digits. */
function checksum(text: string): string {
  let sum = 0x811c9dc5;
  for (const character of text) sum = Math.imul(sum ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return (sum >>> 0).toString(16).padStart(8, '0');
}
