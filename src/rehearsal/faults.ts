/** What is to go wrong in a rehearsal, and whether it did. */
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { journalOf } from '../planner/journal.ts';
import { applyCheckFault, isCheckFault, isCheckFaultReached, whyNoCheck } from './check-faults.ts';
import { applyFault, assertPossible, placeOf, scriptOf } from '../simulation/faults.ts';
import type { CrashPlan } from '../simulation/process.ts';
import type { ProbeScript } from '../simulation/probing.ts';
import type { SceneObjects } from '../simulation/scene.ts';
import type { World } from '../simulation/world.ts';

export interface Faults {
  readonly script: ProbeScript;
  /** Texts of probes that were made to fail. */
  readonly firedProbes: ReadonlySet<string>;
}

/** @throws RangeError it could never come about with these objects */
export function assertPossibleFaults(objects: SceneObjects, texts: readonly string[]): void {
  for (const text of texts) if (!isCheckFault(text)) assertPossible(objects, text);
}

/** Lets the world misbehave, and remembers which probes were made to. */
export function watchFaults(world: World, objects: SceneObjects, texts: readonly string[]): Faults {
  const firedProbes = new Set<string>();
  const scripts = texts.flatMap((text) => {
    const judge = isCheckFault(text) ? applyCheckFault(world, objects, text) : probeScript(world, text);
    return judge === undefined ? [] : [{ text, judge }];
  });
  const script: ProbeScript = (attempt) => {
    const judged = scripts.flatMap(({ text, judge }) => {
      const judgement = judge(attempt);
      if (judgement !== undefined) firedProbes.add(text);
      return judgement ?? [];
    });
    return judged[0];
  };
  return { script, firedProbes };
}

function probeScript(world: World, text: string): ProbeScript | undefined {
  const fault = applyFault(world, text);
  return fault === undefined ? undefined : scriptOf([fault]);
}

/**
 * What was to go wrong and did not.
 * @returns what another failure came before, as a note
 * @throws RangeError what nothing came before: whoever asked for it believes that it was rehearsed
 */
export function neverFired(
  runs: readonly UpgradeRun[],
  { firedProbes }: Faults,
  fail: readonly string[],
  crash: CrashPlan,
): string[] {
  const late = [...crash.at].filter((number) => number > crash.passed);
  if (late.length > 0)
    throw new RangeError(
      `--crash-after ${late.join(', ')} never came: the controller made ${crash.passed} effects and writes in all`,
    );
  const unfired = fail.filter((text) => !isFired(runs, firedProbes, text));
  if (unfired.length === 0) return [];
  const what = unfired.map((text) => `--fail ${text}`).join(', ');
  if (unfired.length < fail.length) return [`Never came about, because the run ended before: ${what}.`];
  const [check] = unfired.filter(isCheckFault);
  const why = check === undefined ? whyNotReached(runs, unfired[0] ?? '') : whyNoCheck(runs, check);
  throw new RangeError(`${what} never came about: ${why}`);
}

function isFired(runs: readonly UpgradeRun[], firedProbes: ReadonlySet<string>, text: string): boolean {
  if (isCheckFault(text)) return isCheckFaultReached(runs, text);
  if (text.startsWith('component:')) return isComponentMissed(runs, text);
  return text.startsWith('probe:') ? firedProbes.has(text) : isReached(runs, text);
}

function isReached(runs: readonly UpgradeRun[], text: string): boolean {
  const { actions, group } = placeOf(text);
  return runs.some(
    (run) =>
      // What ran before starts again on the way back.
      !(actions.includes('Start') && run.spec.purpose !== 'Upgrade') &&
      journalOf(run.spec, run.status?.steps ?? []).some(
        ({ step, entry }) =>
          actions.includes(step.action) && (group === undefined || step.group === group) && entry.attempt > 0,
      ),
  );
}

/** What is missing for it, by the plans. */
function whyNotReached(runs: readonly UpgradeRun[], text: string): string {
  if (runs.length === 0) return 'nothing was planned';
  const isProbe = text.startsWith('probe:') || text.startsWith('component:');
  const { actions, group } = isProbe ? { actions: ['Probe'], group: undefined } : placeOf(text);
  const isBack = actions.every((action) => action === 'RestoreSnapshot' || action === 'RestoreDatabase');
  if (isBack && runs.every(({ spec }) => spec.purpose === 'Upgrade'))
    return 'it happens on the way back, and no run went back: add a --fail that makes one';
  const rows = runs.flatMap((run) =>
    journalOf(run.spec, run.status?.steps ?? [])
      .filter(({ step }) => actions.includes(step.action) && (group === undefined || step.group === group))
      .map((row) => ({ ...row, run: run.metadata.name })),
  );
  const [first] = rows;
  if (first === undefined)
    return `no plan has a step ${actions.join(' or ')}${group === undefined ? '' : ` of ${group}`}: it belongs to another kind of upgrade, or to another way back`;
  if (isProbe) return 'no step that was reached made this test where it was to fail';
  const skipped = rows.find(({ step }) => step.skip !== undefined);
  return skipped === undefined
    ? `${first.run} did not come to its step ${first.step.id}, or asked nothing of the cluster there`
    : `step ${skipped.step.id} of ${skipped.run} is skipped: ${skipped.step.skip ?? ''}`;
}

/** A component that is the same in both releases is right although nobody upgraded it. */
function isComponentMissed(runs: readonly UpgradeRun[], text: string): boolean {
  const [what = '', group = ''] = text.slice('component:'.length).split('@');
  return runs.some((run) =>
    journalOf(run.spec, run.status?.steps ?? []).some(
      ({ step, entry }) =>
        step.groups?.includes(group) === true && entry.message?.includes(`component ${what} of `) === true,
    ),
  );
}
