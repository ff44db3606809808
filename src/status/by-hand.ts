/** How to finish a run without the operator, from its journal alone: forward, or back to what was. Pure. */
import type { Step, StepEntry, UpgradeRun, UpgradeRunSpec } from '../api/upgrade-run.ts';
import { currentStep } from '../planner/decision.ts';
import { isSchemaChanged, journalOf, mergeHandles, recordOf } from '../planner/journal.ts';
import { computeRollbackRun } from '../planner/plan.ts';
import { retainedObjects } from '../planner/retention.ts';
import { heldMembers } from '../planner/scope.ts';
import { backupAtKey, backupKey, readOnlyKey, schemaBeforeKey } from '../planner/steps/keys.ts';
import { commandsOf, helperLines, holdName, serveCommands, unlockCommands } from './by-hand-commands.ts';
import type { Place } from './by-hand-place.ts';
import { lookCommands } from './by-hand-database.ts';
import { isEnded, runOf } from './summarize-run.ts';

/** Lines of a shell script with comments. Nothing in it is run by anybody but its reader. */
export function computeByHand(run: UpgradeRun): string[] {
  const entries = run.status?.steps ?? [];
  const place = placeOf(run, run.spec, entries);
  const lines = [
    ...section('First: keep the operator from acting on it', pause(place)),
    ...section('Out of their pools by the hand of this run', outOfPools(place, entries)),
    ...section('What there is to go back to', wayBackOf(place, run, entries)),
    ...(isEnded(run.status?.phase) ? [] : [...forward(place, entries), ...back(run, place, entries)]),
    ...section('In the end: locks, holds, and the run itself', end(place)),
  ];
  return [...whereItStands(run, entries), ...section('Used below', helperLines(place, lines)), ...lines];
}

function placeOf(run: UpgradeRun, spec: UpgradeRunSpec, entries: readonly StepEntry[]): Place {
  const { namespace = 'default', name, uid = '' } = run.metadata;
  return { namespace, run: name, uid, spec, handles: mergeHandles(spec, entries) };
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `## ${title}`, ...lines];
}

function whereItStands({ metadata, spec, status }: UpgradeRun, entries: readonly StepEntry[]): string[] {
  const current = currentStep(spec, entries);
  const { failure, service } = status ?? {};
  return [
    `# ${spec.purpose} ${metadata.name}: ${spec.from.version ?? 'unknown'} to ${spec.to.version}, ${status?.phase ?? 'not begun'}`,
    ...(current === undefined
      ? []
      : [`# stands at step ${current.step.number} ${current.step.title} (${current.entry.state})`]),
    ...(failure === undefined ? [] : [`# failed in ${failure.step}: ${failure.reason}: ${oneLine(failure.message)}`]),
    ...entries.flatMap(({ id, log }) => (log === undefined ? [] : [`# log of ${id}: configmap ${log}`])),
    `# serving: ${service === undefined || service.serving.length === 0 ? 'nobody' : service.serving.join(', ')}`,
    ...(service?.schema === undefined ? [] : [`# schema of the database: ${service.schema}`]),
    `# at stake when going back: ${service?.atStake ?? 'unknown'}`,
  ];
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' / ');
}

function pause({ namespace, spec }: Place): string[] {
  return [
    `kubectl -n ${namespace} patch upgradeset ${spec.upgradeSet} --type=merge -p '{"spec":{"paused":true}}'`,
    '# and where the operator runs but does not obey: scale its Deployment to 0 until you have finished',
  ];
}

function outOfPools(place: Place, entries: readonly StepEntry[]): string[] {
  const members = heldMembers(place.spec, entries);
  if (members.length === 0) return ['# nobody'];
  return members.flatMap((member) => [
    `# ${member.member} of pool ${member.pool} (${member.workload.kind} ${member.workload.name}); it serves again by:`,
    ...serveCommands(place, member).map((line) => `#   ${line}`),
  ]);
}

function wayBackOf(place: Place, run: UpgradeRun, entries: readonly StepEntry[]): string[] {
  const { handles, spec } = place;
  const backup = handles[backupKey];
  const kept = retainedObjects({ spec, entries }, undefined).map(({ kind, name }) => `# ${kind} ${name}`);
  const readOnly =
    handles[readOnlyKey] === 'ours' ? ['# the database is read-only by this run: see ClearGuard below'] : [];
  const revisions = Object.entries(handles).flatMap(([key, value]) =>
    key.startsWith('revision/')
      ? [`# ControllerRevision ${value}: the template of ${key.slice('revision/'.length)} before`]
      : [],
  );
  return [
    ...(backup === undefined ? [] : [`# database backup ${backup}, verified ${handles[backupAtKey] ?? ''}`]),
    ...(isSchemaChanged(handles)
      ? [
          `# the schema was ${handles[schemaBeforeKey] ?? 'unknown'} before; a migration was begun: whether it is done, the database says`,
          ...lookCommands(place),
        ]
      : []),
    ...readOnly,
    ...revisions.toSorted(),
    ...kept,
    ...(run.spec.purpose !== 'Upgrade' || run.spec.from.package === undefined
      ? []
      : [`# Package ${run.spec.from.package}`]),
  ];
}

/** What is left of the plan. */
function forward(place: Place, entries: readonly StepEntry[]): string[] {
  const left = journalOf(place.spec, entries).filter(
    ({ step, entry }) => step.skip === undefined && entry.state !== 'Succeeded' && entry.state !== 'Skipped',
  );
  const title =
    place.spec.purpose === 'Upgrade' ? '(a) Finish forward' : `(a) Finish the way back to ${place.spec.to.version}`;
  return section(
    title,
    left.flatMap(({ step }) => tellStep(place, step)),
  );
}

function tellStep(place: Place, step: Step): string[] {
  const marker = step.marker === undefined ? '' : ` [${step.marker}]`;
  return [`# ${step.number} ${step.title}${marker}`, ...commandsOf(place, step)];
}

/** The plan of a rollback as the operator would make it now; a rollback itself has none. */
function back(run: UpgradeRun, place: Place, entries: readonly StepEntry[]): string[] {
  if (run.spec.purpose !== 'Upgrade') return [];
  const origin = { ...runOf(run), entries };
  const isTouched = run.spec.groups.some(({ name }) => recordOf(run.spec, entries, name).fate !== 'Untouched');
  if (!isTouched) return section('(b) Go back', ['# nothing was changed']);
  const order = { method: 'Snapshots', data: 'Discard', because: 'by hand', authorisedBy: 'whoever does it' } as const;
  const spec = computeRollbackRun(origin, [], order, () => '');
  const plan: Place = { ...place, spec, handles: spec.handles };
  const loss = run.status?.service?.atStake ?? 'unknown';
  return section(`(b) Go back to ${spec.to.version}`, [
    `# restoring loses: ${loss}${loss === 'none' ? '' : '. To keep it, leave out the restoring of volumes (never that of a changed schema)'}`,
    ...spec.steps.filter(({ skip }) => skip === undefined).flatMap((step) => tellStep(plan, step)),
    ...(run.spec.from.package === undefined
      ? [`# ask for the version before in UpgradeSet ${run.spec.upgradeSet}, or it is upgraded again`]
      : [
          `kubectl -n ${place.namespace} patch upgradeset ${run.spec.upgradeSet} --type=merge -p '{"spec":{"package":"${run.spec.from.package}"}}'`,
        ]),
  ]);
}

function end(place: Place): string[] {
  const { namespace, run, spec } = place;
  return [
    ...unlockCommands(place),
    `kubectl -n ${namespace} delete configmap ${holdName(place)} --ignore-not-found  # label belay.dev/held: new pods join their pools again`,
    `kubectl -n ${namespace} patch upgraderun ${run} --type=merge -p '{"metadata":{"finalizers":null}}'`,
    `kubectl -n ${namespace} get upgraderun ${run} -o yaml > ${run}.yaml  # its record`,
    `kubectl -n ${namespace} delete upgraderun ${run}  # only now: its saved templates and settings go with it`,
    `kubectl -n ${namespace} patch upgradeset ${spec.upgradeSet} --type=merge -p '{"spec":{"paused":false}}'`,
  ];
}
