/**
 * Takes what is installed off a stopped server: settings as they were saved, volumes kept or made empty. Before that the
 * database is asked for its schema: a server is made anew for the schema there is, never for the one that is remembered.
 * Source: 001-137, 001-140, invariant 2 of the requirements.
 */
import type { RunGroup } from '../../api/upgrade-run.ts';
import type { DatabaseJob } from '../effects.ts';
import type { Handles } from '../journal.ts';
import { seeWorkload, workloadsOf } from '../members.ts';
import type { ObservationScope } from '../observed.ts';
import { act, done, fail, listSome, targetOf, waitOrFail, type StepContext, type StepVerdict } from '../verdict.ts';
import { answerOf, databaseJob, noSchemaVersion, type JobContext } from './database-jobs.ts';
import { claimsKey, manifestKey, schemaBeforeKey, settingsKey, snapshotKey } from './keys.ts';
import { listOf, replacedClaimsKey, replacedManifestKey, settingsResetKey, workloadResetKey } from './rebuild-keys.ts';

export function evaluateRebuild(context: StepContext): StepVerdict {
  const group = targetOf(context.run.spec, context.step);
  const pods = workloadsOf(group).flatMap((workload) => seeWorkload(context.observed, workload)?.pods ?? []);
  if (pods.length > 0) return fail('NotStopped', `pods still run: ${listSome(pods.map((pod) => pod.name))}`);
  const unfinished = checkSchema(context) ?? resetWorkload(context, group) ?? resetSettings(context, group);
  if (unfinished !== undefined) return unfinished;
  return group.rebuild?.volumes === 'Replace' ? replaceVolumes(context, group) : keepVolumes(context, group);
}

function checkSchema(context: StepContext): StepVerdict | undefined {
  if (rebuildJobs(context).length === 0) return undefined;
  const { spec } = context.run;
  const isNew = spec.facts['release'] === 'New';
  const needed = isNew ? spec.to.schema : context.handles[schemaBeforeKey];
  const read = answerOf(context, schemaJob(context), 'the schema decides which release fits', 'SchemaUnknown');
  if ('verdict' in read) return read.verdict;
  const now = read.answer.output['schemaVersion'] ?? '';
  if (now === '') return fail('SchemaUnknown', noSchemaVersion);
  if (now === needed) return undefined;
  const message = `version ${spec.to.version} needs schema ${needed ?? ''}, the database has ${now}; nothing was uninstalled: put the schema right, then resume`;
  return fail('SchemaMismatch', message);
}

/** Reads only: a rebuild neither backs up, nor migrates, nor restores. */
export function rebuildJobs(context: JobContext): DatabaseJob[] {
  const isKnown = context.run.spec.database !== undefined && context.handles[schemaBeforeKey] !== undefined;
  return isKnown ? [schemaJob(context)] : [];
}

function schemaJob(context: JobContext): DatabaseJob {
  return databaseJob(context, 'schemaVersion', 'now');
}

function resetWorkload({ handles }: StepContext, group: RunGroup): StepVerdict | undefined {
  const [workload] = workloadsOf(group);
  if (workload === undefined || handles[workloadResetKey] !== undefined) return undefined;
  const because = `${workload.name} is uninstalled`;
  return { kind: 'act', effect: { kind: 'ResetWorkload', workload }, because, after: { [workloadResetKey]: 'yes' } };
}

function resetSettings(context: StepContext, group: RunGroup): StepVerdict | undefined {
  const name = context.handles[settingsKey(group.name)];
  // A new release is configured anew: its servers share the document, and others may serve with it.
  const isDone = name === undefined || context.run.spec.facts['release'] === 'New';
  if (isDone || context.handles[settingsResetKey] !== undefined) return undefined;
  if (!context.observed.saved.has(name))
    return fail('RevisionMissing', `the saved settings ${name} of ${group.name} are gone`);
  const because = `the settings of ${group.name} go back to what they were`;
  return { kind: 'act', effect: { kind: 'RestoreSettings', name }, because, after: { [settingsResetKey]: 'yes' } };
}

export interface KeptClaim {
  readonly claim: string;
  /** Empty where the volume is replaced by an empty one. */
  readonly snapshot: string;
  readonly manifest: string;
}

/** A restore that was left half-way has taken the claim away: the volume from before goes back, or a start would make an empty one. */
function keepVolumes(context: StepContext, group: RunGroup): StepVerdict {
  const claims = rebuildClaims(context);
  for (const { claim, manifest } of claims) {
    const seen = context.observed.restores.get(claim);
    if (seen?.state === 'absent' || seen?.state === 'restored') continue;
    if (seen?.state === 'blocked') return claimTaken(context, claim, seen.message);
    if (context.consumedMs >= context.timeoutMs) return fail('ReattachTimeout', `${claim}: ${seen?.message ?? ''}`);
    return act({ kind: 'ReattachVolume', claim, manifest }, `${claim} lost its volume to a restore; it goes back`);
  }
  return done(`${group.servers[0]?.name ?? ''} is uninstalled; its volumes stay`);
}

function replaceVolumes(context: StepContext, group: RunGroup): StepVerdict {
  if (context.handles[replacedClaimsKey] === undefined) {
    const names = workloadsOf(group)
      .flatMap((workload) => seeWorkload(context.observed, workload)?.claims ?? [])
      .filter((claim) => claim.uid !== '')
      .map(({ claim }) => claim);
    const record = { [replacedClaimsKey]: names.toSorted().join(',') };
    return { kind: 'record', record, because: 'these volumes are made anew' };
  }
  const names = listOf(context.handles[replacedClaimsKey]);
  const unkept = names.find((claim) => context.handles[replacedManifestKey(claim)] === undefined);
  // The engine writes the manifest with it: every claim is written down before the first one goes.
  if (unkept !== undefined) return act({ kind: 'KeepVolume', claim: unkept }, `the volume of ${unkept} is kept`);
  for (const { claim, manifest } of rebuildClaims(context)) {
    const seen = context.observed.restores.get(claim);
    if (seen?.state === 'restored') continue;
    if (seen?.state === 'blocked') return claimTaken(context, claim, seen.message);
    if (context.consumedMs >= context.timeoutMs)
      return fail('ReplaceTimeout', `${claim}: ${seen?.message ?? 'not seen'}`);
    return act({ kind: 'ReplaceClaim', claim, manifest }, seen?.message ?? `${claim} is made anew`);
  }
  const kept = names.length === 0 ? 'it has no volumes' : `${names.length} volumes are empty; those before are kept`;
  return done(`${group.servers[0]?.name ?? ''} is uninstalled; ${kept}`);
}

function claimTaken(context: StepContext, claim: string, message: string): StepVerdict {
  const blocker = { type: 'Foreign', object: `persistentvolumeclaim/${claim}` };
  return waitOrFail(context, { reason: 'ClaimTaken', message, blocker }, 'ClaimTaken');
}

/** Claims whose place has to be looked at: those that are replaced, or those that a restore before may have moved. */
export function rebuildClaims({ run, step, handles }: Pick<StepContext, 'run' | 'step' | 'handles'>): KeptClaim[] {
  const group = targetOf(run.spec, step);
  if (group.rebuild?.volumes === 'Replace')
    return listOf(handles[replacedClaimsKey]).flatMap((claim) => {
      const manifest = handles[replacedManifestKey(claim)];
      return manifest === undefined ? [] : [{ claim, snapshot: '', manifest }];
    });
  return listOf(handles[claimsKey(group.name)]).flatMap((claim) => {
    const manifest = handles[manifestKey(claim)];
    const snapshot = handles[snapshotKey(claim)];
    const isOurs = workloadsOf(group).some(({ name }) => isClaimOf(claim, name));
    return manifest === undefined || snapshot === undefined || !isOurs ? [] : [{ claim, snapshot, manifest }];
  });
}

/** Made by a StatefulSet for one of its pods: only such a claim is made again, empty, when it is missing at a start. */
function isClaimOf(claim: string, workload: string): boolean {
  const ordinal = claim.slice(claim.lastIndexOf('-') + 1);
  return claim.endsWith(`-${workload}-${ordinal}`) && /^\d+$/.test(ordinal);
}

/** What the row looks at, beside the workloads. */
export function rebuildScope(context: JobContext): Pick<ObservationScope, 'restores' | 'databaseJobs' | 'saved'> {
  const settings = (handles: Handles): string | undefined => handles[settingsKey(context.step.group ?? '')];
  const name = settings(context.handles);
  return {
    restores: rebuildClaims(context),
    databaseJobs: rebuildJobs(context),
    saved: name === undefined ? [] : [{ kind: 'Settings', name }],
  };
}
