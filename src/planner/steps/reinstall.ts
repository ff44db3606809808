/** Puts the previous template and settings of a stopped group back. Source: 001-132, design 2.2. */
import { seeWorkload, workloadsOf } from '../members.ts';
import { settingKey, workloadKey } from '../observed.ts';
import { act, done, fail, targetOf, type StepContext, type StepVerdict } from '../verdict.ts';
import { settingChanges } from './configure.ts';
import { restorableClaims } from './restore-snapshot.ts';
import { beforeKey, reattachKey, revisionKey, settingsKey, templateKey } from './keys.ts';

export function evaluateReinstall(context: StepContext): StepVerdict {
  const group = targetOf(context.run.spec, context.step);
  const reattach = volumesToReattach(context);
  if (reattach !== undefined) return reattach;
  for (const workload of workloadsOf(group)) {
    const revision = context.handles[revisionKey(workload)];
    if (revision === undefined) continue;
    const seen = seeWorkload(context.observed, workload);
    if (seen === undefined) return fail('WorkloadNotFound', `${workloadKey(workload)} is gone`);
    const before = context.handles[beforeKey(workload)];
    if (seen.templateHash !== before) {
      // Written down before it is saved, and saved before it is changed: an upgrade that ended in between has changed nothing.
      if (before === undefined || !context.observed.saved.has(revision))
        return fail('RevisionMissing', `the saved template ${revision} of ${workload.name} is gone`);
      return act(
        { kind: 'RestoreTemplate', workload, revision },
        `${workload.name} goes back to its previous template`,
      );
    }
    if (context.handles[templateKey(workload)] !== seen.templateHash) {
      return {
        kind: 'record',
        record: { [templateKey(workload)]: seen.templateHash },
        because: `what ${workload.name} should stay like`,
      };
    }
  }
  const saved = context.handles[settingsKey(group.name)];
  const restored = `${settingsKey(group.name)}/restored`;
  if (saved !== undefined && context.handles[restored] === undefined) {
    if (!context.observed.saved.has(saved)) {
      if (hasSettings(context)) return fail('RevisionMissing', `the saved settings ${saved} of ${group.name} are gone`);
      return done('previous template is back; the settings were not changed yet');
    }
    const because = `${group.name} goes back to its previous settings`;
    return { kind: 'act', effect: { kind: 'RestoreSettings', name: saved }, because, after: { [restored]: 'yes' } };
  }
  return done('previous template and settings are back');
}

/** Is any setting of the release there? They are changed only after the values before were saved. */
function hasSettings({ run, step, observed }: StepContext): boolean {
  const changes = settingChanges(targetOf(run.spec, step));
  return changes.some((change) => observed.settings.get(settingKey(change)) === 'as-wanted');
}

/** After a restore that failed, the volumes from before it go back under their names: new data is better than none. */
function volumesToReattach(context: StepContext): StepVerdict | undefined {
  if (context.handles[reattachKey(context.step.group ?? '')] === undefined) return undefined;
  const next = restorableClaims(context).find(
    (claim) => context.observed.restores.get(claim.claim)?.state !== 'absent',
  );
  if (next === undefined) return undefined;
  const seen = context.observed.restores.get(next.claim);
  if (context.consumedMs >= context.timeoutMs)
    return fail('ReattachTimeout', `${next.claim}: ${seen?.message ?? 'not seen'}`);
  return act(
    { kind: 'ReattachVolume', claim: next.claim, manifest: next.manifest },
    `the restore of ${next.claim} failed; its volume from before goes back`,
  );
}
