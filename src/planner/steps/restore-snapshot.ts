/** Puts the volumes of a stopped group back to their snapshots, under the same claim names. Source: design 4.3, 001-131. */
import { seeWorkload, workloadsOf } from '../members.ts';
import { act, done, fail, listSome, targetOf, waitOrFail, type StepContext, type StepVerdict } from '../verdict.ts';
import { claimsKey, manifestKey, snapshotKey } from './keys.ts';

export interface RestorableClaim {
  readonly claim: string;
  readonly snapshot: string;
  readonly manifest: string;
}

export function evaluateRestoreSnapshot(context: StepContext): StepVerdict {
  const claims = restorableClaims(context);
  if (claims.length === 0) return { kind: 'skip', message: 'no volume of this group has a snapshot' };
  const pods = workloadsOf(targetOf(context.run.spec, context.step)).flatMap(
    (workload) => seeWorkload(context.observed, workload)?.pods ?? [],
  );
  if (pods.length > 0)
    return fail('NotStopped', `pods still use the volumes: ${listSome(pods.map((pod) => pod.name))}`);
  // Every snapshot is looked at before the first claim is touched: half a restore is worse than none.
  const untouched = claims.every((claim) => context.observed.restores.get(claim.claim)?.state === 'absent');
  const lost = untouched
    ? claims.filter((claim) => context.observed.snapshots.get(claim.snapshot)?.exists !== true)
    : [];
  if (lost.length > 0)
    return fail('SnapshotLost', `gone: ${listSome(lost.map((claim) => `${claim.snapshot} of ${claim.claim}`))}`);
  const unusable = untouched ? claims.flatMap((claim) => unusableSnapshot(context, claim)) : [];
  if (unusable.length > 0) {
    return waitOrFail(context, { reason: 'SnapshotUnusable', message: listSome(unusable) }, 'SnapshotUnusable');
  }
  for (const claim of claims) {
    const seen = context.observed.restores.get(claim.claim);
    if (seen?.state === 'restored') continue;
    if (seen?.state === 'blocked') {
      const blocker = { type: 'Foreign', object: `persistentvolumeclaim/${claim.claim}` };
      return waitOrFail(context, { reason: 'ClaimTaken', message: seen.message, blocker }, 'ClaimTaken');
    }
    if (context.consumedMs >= context.timeoutMs)
      return fail('RestoreTimeout', `${claim.claim}: ${seen?.message ?? 'not seen'}`);
    return act({ kind: 'RestoreClaim', ...claim }, seen?.message ?? `${claim.claim} goes back to ${claim.snapshot}`);
  }
  return done(`${claims.length} volumes restored; the volumes before are kept`);
}

function unusableSnapshot(context: StepContext, claim: RestorableClaim): string[] {
  const seen = context.observed.snapshots.get(claim.snapshot);
  return seen?.ready === true && seen.verified ? [] : [`snapshot ${claim.snapshot} of ${claim.claim} is not verified`];
}

/** Claims of the group with the snapshot and manifest the way back names, sorted. */
export function restorableClaims(context: Pick<StepContext, 'run' | 'step' | 'handles'>): RestorableClaim[] {
  const group = context.step.group ?? '';
  const names = (context.handles[claimsKey(group)] ?? '').split(',').filter((name) => name !== '');
  return names.flatMap((claim) => {
    const snapshot = context.handles[snapshotKey(claim)];
    return snapshot === undefined ? [] : [{ claim, snapshot, manifest: context.handles[manifestKey(claim)] ?? '' }];
  });
}
