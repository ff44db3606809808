/** What servers themselves have told of their components, as the runs say. Pure. Source: 001-34. */
import type { StepAction, UpgradeRun } from '../api/upgrade-run.ts';
import { hasBegun, journalOf } from '../planner/journal.ts';

export interface AnsweredComponents {
  /** By component. */
  readonly versions: Readonly<Record<string, string>>;
  readonly run: string;
  /** RFC 3339. */
  readonly at: string;
  /** Of the release that was asked; empty when it is not known. */
  readonly release: string;
}

/** After one of these the server is another, and what it told before says nothing. */
const installing: ReadonlySet<StepAction> = new Set([
  'Upgrade',
  'Configure',
  'RestoreSnapshot',
  'Reinstall',
  'Rebuild',
]);

/**
 * @param runs of the group's namespace, in any order
 * @returns `changed`: it was installed anew since it was asked; undefined: no run tells anything, so what is known stays
 */
export function findAnswered(
  runs: readonly UpgradeRun[],
  group: string,
  server: string,
): AnsweredComponents | 'changed' | undefined {
  let last: { readonly since: string; readonly told: AnsweredComponents | 'changed' } | undefined;
  for (const { metadata, spec, status } of runs) {
    // A namespace may have thousands of runs, and few are about this group.
    if (!spec.groups.some(({ name }) => name === group)) continue;
    for (const { step, entry } of journalOf(spec, status?.steps ?? [])) {
      const { started: since, finished: at } = entry;
      if (since === undefined || step.group !== group || (step.server ?? server) !== server) continue;
      if (last !== undefined && since < last.since) continue;
      const answer = entry.components?.find((one) => one.server === server);
      if (answer !== undefined && at !== undefined)
        last = { since, told: { versions: answer.versions, run: metadata.name, at, release: step.expect ?? '' } };
      else if (installing.has(step.action) && hasBegun(entry)) last = { since, told: 'changed' };
    }
  }
  return last?.told;
}

/** What a test has brought is shown with the test, not with the next lock. */
export function hasNewAnswers(run: UpgradeRun, old: UpgradeRun): boolean {
  return answersIn(run) !== answersIn(old);
}

function answersIn({ status }: UpgradeRun): string {
  const told = (status?.steps ?? []).flatMap(({ operation, components }) =>
    components === undefined ? [] : [[operation, components]],
  );
  return told.length === 0 ? '' : JSON.stringify(told);
}
