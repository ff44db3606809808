/** How a run has ended, and what is left to a person; the last lines of every way by hand. Pure. */
import type { RunPhase, Step, UpgradeRun } from '../../api/upgrade-run.ts';
import { isSchemaChanged, mergeHandles, recordOf } from '../../planner/journal.ts';
import { workloadsOf } from '../../planner/members.ts';
import { backupKey, claimsKey, originKey, revisionKey, settingsKey, snapshotKey } from '../../planner/steps/keys.ts';
import { holdName, unlockCommands } from './commands.ts';
import type { Place } from './place.ts';
import { oneLine } from './text.ts';
import { isEnded } from '../summarize-run.ts';

/**
 * `Well`: nothing is left to do. `Followed`: another run goes on where this one stopped. `Lost`: the journal is not
 * its own. `ByHand`: whatever is not done yet, a person can do.
 */
export type Ending = 'Well' | 'Followed' | 'Lost' | 'ByHand';

const good: ReadonlySet<RunPhase | undefined> = new Set([
  'Completed',
  'RolledBack',
  'Rebuilt',
  'Cancelled',
  'Superseded',
]);

export function endingOf(run: UpgradeRun): Ending {
  const { phase, handedOver = [], followedBy, steps = [] } = run.status ?? {};
  if (steps.some(({ state, reason }) => state === 'Failed' && reason === 'JournalLost')) return 'Lost';
  if (good.has(phase) && handedOver.length === 0) return 'Well';
  if (followedBy !== undefined) return 'Followed';
  return isEnded(phase) && handedOver.length === 0 && !isTouched(run) ? 'Well' : 'ByHand';
}

/** Is anything not as it was before the run? A rollback or a rebuild that failed has left something in any case. */
function isTouched({ spec, status }: UpgradeRun): boolean {
  const steps = status?.steps ?? [];
  if (spec.purpose !== 'Upgrade' || isSchemaChanged(mergeHandles(spec, steps))) return true;
  return spec.groups.some(({ name }) => ['Stopped', 'Changed'].includes(recordOf(spec, steps, name).fate));
}

/** What there is to say of a run that a person need not, or cannot, finish from this journal. */
export function tellEnded(run: UpgradeRun, ending: Exclude<Ending, 'ByHand'>): string[] {
  const { namespace = 'default', name } = run.metadata;
  const { status } = run;
  const { followedBy = '', handedOver = [] } = status ?? {};
  switch (ending) {
    case 'Well':
      return [...wellLines(run), ...retainedLines(run)];
    case 'Followed':
      return [
        `# it is finished from the run that follows it, whose journal goes on where this one stops:`,
        `#   belay by-hand ${followedBy} -n ${namespace}`,
        `# until that is done UpgradeRun ${name} must stay: its saved templates and settings go with it`,
        ...retainedLines(run),
      ];
    case 'Lost':
      return [
        '# the journal was lost, so it cannot tell what was done: compare what there is with what you expect',
        ...handedOver.map(({ object, message }) => `# ${object}: ${oneLine(message)}`),
        `kubectl -n ${namespace} get controllerrevisions,secrets,configmaps,jobs,volumesnapshots -l belay.dev/run=${name}`,
        `# delete UpgradeRun ${name} only when nothing of these is needed any more`,
      ];
  }
}

function wellLines({ status, spec }: UpgradeRun): string[] {
  const { phase, followedBy, conditions = [] } = status ?? {};
  const said = conditions.find(({ type }) => type === 'Ready')?.message ?? '';
  const because = said === '' ? [] : [`# ${oneLine(said)}`];
  if (phase === 'RolledBack' && spec.purpose === 'Upgrade') {
    const by = followedBy === undefined ? '' : ` by ${followedBy}`;
    return [
      `# it has ended well: taken back${by}, version ${spec.from.version ?? 'before'} serves`,
      ...because,
      nothing,
    ];
  }
  if (phase === 'Completed' || phase === 'RolledBack' || phase === 'Rebuilt')
    return ['# it has ended well', ...because, nothing];
  return ['# it has ended, and nothing is changed that was not put back', ...because, nothing];
}

const nothing = '# nothing is left to do by hand';

function retainedLines({ status }: UpgradeRun): string[] {
  return (status?.retained ?? []).map(
    ({ kind, name, until }) => `# kept: ${kind} ${name}${until === undefined ? '' : ` until ${until}`}`,
  );
}

/** Locks, holds and the run itself: after everything else. */
export function endLines(place: Place, run: UpgradeRun, steps: readonly Step[]): string[] {
  const { namespace, spec } = place;
  const name = place.run;
  const isOver = isEnded(run.status?.phase);
  const needed = neededBy(place, steps);
  return [
    '',
    '## In the end, when everybody serves and has passed the tests: locks and holds',
    ...(isOver
      ? [
          `# the locks were given back as the run ended; where one names ${place.uid} still:`,
          ...unlockCommands(place).map((line) => `#   ${line}`),
        ]
      : unlockCommands(place)),
    `kubectl -n ${namespace} delete configmap ${holdName(place)} --ignore-not-found  # label belay.dev/held: new pods join their pools again`,
    '',
    '## Last: the run itself',
    ...(needed.length === 0
      ? []
      : [
          `# until then nothing of this goes: UpgradeRun ${place.handles[originKey] ?? name} holds what it saved`,
          ...needed.map((line) => `#   ${line}`),
        ]),
    `kubectl -n ${namespace} get upgraderun ${name} -o yaml > ${name}.yaml  # its record`,
    ...(isOver
      ? [`# ${name} has ended and need not be deleted: spec.historyLimit sees to that`]
      : [
          `kubectl -n ${namespace} patch upgraderun ${name} --type=merge -p '{"metadata":{"finalizers":null}}'`,
          `kubectl -n ${namespace} delete upgraderun ${name}  # only now: its saved templates and settings go with it`,
        ]),
    `kubectl -n ${namespace} patch upgradeset ${spec.upgradeSet} --type=merge -p '{"spec":{"paused":false}}'`,
  ];
}

/** What the steps of a way back read: "step 4 needs ControllerRevision portal-1-statefulset-web-1". */
function neededBy({ spec, handles }: Place, steps: readonly Step[]): string[] {
  return steps.flatMap(({ action, number, group: name, title }) => {
    const group = spec.groups.find((one) => one.name === name);
    const claims = (handles[claimsKey(name ?? '')] ?? '').split(',');
    const [settings, backup] = [handles[settingsKey(name ?? '')], handles[backupKey]];
    const read = [
      ...(action === 'RestoreDatabase' && backup !== undefined
        ? [`backup ${backup} of Database ${spec.database?.name ?? ''}`]
        : []),
      ...(action === 'RestoreSnapshot' ? claims.flatMap((claim) => handles[snapshotKey(claim)] ?? []) : []).map(
        (one) => `VolumeSnapshot ${one}`,
      ),
      ...(action === 'Reinstall' && group !== undefined ? workloadsOf(group) : [])
        .flatMap((workload) => handles[revisionKey(workload)] ?? [])
        .map((one) => `ControllerRevision ${one}`),
      ...(action === 'Reinstall' && settings !== undefined ? [`Secret ${settings}`] : []),
    ];
    return read.map((object) => `step ${number} ${title} needs ${object}`);
  });
}
