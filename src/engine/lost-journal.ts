/**
 * Signs that the journal is older than the world (design 5.9): the cluster was restored from a backup, or the runs
 * alone were, while workloads and volumes went on.
 *
 * The journal is written before each effect. So an effect that can be seen, and of which the journal says that it
 * was not even begun, was made by a later journal. Only what a pass looks at anyway is judged, and only what nobody
 * but the run does: what a person may have done as well is no sign.
 */
import type { RunGroup, StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { RunIntent } from '../planner/decision.ts';
import { currentStep } from '../planner/decision.ts';
import { journalOf, mergeHandles } from '../planner/journal.ts';
import { seeObject, seeWorkload, workloadsOf } from '../planner/members.ts';
import { workloadKey, type Observed, type WorkloadObject, type WorkloadObservation } from '../planner/observed.ts';
import { replicasKey } from '../planner/steps/keys.ts';

export interface JournalInput {
  readonly run: { readonly name: string; readonly uid: string; readonly spec: UpgradeRunSpec };
  readonly entries: readonly StepEntry[];
  readonly observed: Observed;
  readonly intent: RunIntent;
}

/** What shows that the journal is older than the world, for people; empty when nothing does. */
export function signOfLostJournal(input: JournalInput): string {
  // A failure or a wish to end is judged by what follows it; whoever ends a run with a lost journal must be able to.
  if (input.intent.end !== undefined || input.entries.some((entry) => entry.state === 'Failed')) return '';
  const sign = input.entries.every((entry) => entry.attempt === 0)
    ? heldAtTheBeginning(input)
    : laterThanWritten(input);
  return sign === ''
    ? ''
    : `${sign}: the journal was restored from a backup, or somebody did that by hand; compare the objects with it, then abort`;
}

/** Nothing has begun, and the run holds locks. */
function heldAtTheBeginning({ run, observed }: JournalInput): string {
  const locked = [
    ...[...observed.groups.values()]
      .filter((group) => group.lockedBy === run.uid)
      .map((group) => `servergroup/${group.group}`),
    ...[...observed.workloads.values()].filter((seen) => seen.lockedBy === run.uid).map(workloadKey),
  ].toSorted();
  return locked.length === 0
    ? ''
    : `nothing has begun as the journal says, but this run holds ${locked.slice(0, 3).join(', ')}`;
}

function laterThanWritten(input: JournalInput): string {
  const action = currentStep(input.run.spec, input.entries)?.step.action;
  if (action === undefined || action === 'Preflight' || action === 'Cleanup') return '';
  const preflight = input.run.spec.steps.find((step) => step.action === 'Preflight');
  for (const group of input.run.spec.groups.filter(({ name }) => preflight?.groups?.includes(name) === true)) {
    for (const ref of workloadsOf(group)) {
      const seen = seeObject(input.observed, ref);
      if (seen === undefined) continue;
      const full = seeWorkload(input.observed, ref);
      const sign =
        changedLater(input, seen) ||
        unlocked(input, seen) ||
        (full === undefined ? '' : stopped(input, group, full) || restored(input, group, full));
      if (sign !== '') return sign;
    }
  }
  return '';
}

/** Every change of ours is stamped with its operation, RUN-UID/STEP/ATTEMPT, which the journal has before it is made. */
function changedLater({ run, entries }: JournalInput, seen: WorkloadObject): string {
  const [uid, step, attempt] = seen.operation.split('/');
  if (uid !== run.uid) return '';
  const known = entries.find((entry) => entry.id === step)?.attempt ?? 0;
  if (known >= Number(attempt)) return '';
  return `${workloadKey(seen)} was changed by ${seen.operation}, and the journal knows ${known} attempts of ${step ?? ''}`;
}

/** A lock that somebody's manifest has swept away is no sign; one of another run is. */
function unlocked({ run }: JournalInput, seen: WorkloadObject): string {
  if (seen.lockedBy === run.uid || seen.lockedBy === '') return '';
  return `${workloadKey(seen)} is locked by run ${seen.lockedBy} and should be by this run`;
}

/** The count before is written down before anything is scaled to zero; without it the group would be "started" with none. */
function stopped({ run, entries }: JournalInput, group: RunGroup, seen: WorkloadObservation): string {
  if (run.spec.purpose !== 'Upgrade' || seen.replicas > 0 || seen.autoscaled) return '';
  const planned = group.servers.find(({ workload }) => workloadKey(workload) === workloadKey(seen))?.replicas ?? 0;
  if (planned === 0 || mergeHandles(run.spec, entries)[replicasKey(seen)] !== undefined) return '';
  return `${workloadKey(seen)} has no replicas, ran ${planned} when this was planned, and was not stopped yet`;
}

/** A claim bears the mark of this run's restore, and no restore was begun. */
function restored({ run, entries }: JournalInput, group: RunGroup, seen: WorkloadObservation): string {
  const claim = seen.claims.find(({ restoredFrom }) => restoredFrom !== '');
  if (claim === undefined) return '';
  const begun = journalOf(run.spec, entries).some(
    ({ step, entry }) => step.action === 'RestoreSnapshot' && step.group === group.name && entry.attempt > 0,
  );
  if (begun) return '';
  return `claim ${claim.claim} was restored from ${claim.restoredFrom} by this run, which has not begun to restore`;
}
