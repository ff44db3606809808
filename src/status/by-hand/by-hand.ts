/** How to finish a run without the operator, from its journal alone: forward, or back to what was. Pure. */
import type { Step, StepEntry, UpgradeRun, UpgradeRunSpec } from '../../api/upgrade-run.ts';
import { currentStep } from '../../planner/decision.ts';
import { hasBegun, isIntact, isSchemaChanged, journalOf, mergeHandles, recordOf } from '../../planner/journal.ts';
import { membersOf } from '../../planner/members.ts';
import { computeRollbackRun } from '../../planner/plan.ts';
import { retainedObjects } from '../../planner/retention.ts';
import { heldMembers } from '../../planner/scope.ts';
import {
  backupAtKey,
  backupByKey,
  backupKey,
  isAbandoned,
  readOnlyKey,
  schemaBeforeKey,
} from '../../planner/steps/keys.ts';
import { commandsOf, helperLines, serveCommands } from './commands.ts';
import { databaseCommands, lookCommands } from './database.ts';
import { endingOf, endLines, tellEnded } from './ending.ts';
import type { Place } from './place.ts';
import { oneLine } from './text.ts';
import { isEnded, runOf } from '../summarize-run.ts';

/** Steps that a person would take, with the place they are told for. */
interface Way {
  readonly title: string;
  readonly place: Place;
  readonly steps: readonly Step[];
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** Lines of a shell script with comments. Nothing in it is run by anybody but its reader. */
export function computeByHand(run: UpgradeRun): string[] {
  const entries = run.status?.steps ?? [];
  const place = placeOf(run, run.spec, entries);
  const ending = endingOf(run);
  if (ending !== 'ByHand') return [titleOf(run), ...tellEnded(run, ending)];
  const ways = [forward(run, place, entries), ...back(run, place, entries)];
  const lines = [
    ...section('First: keep the operator from acting on it', pause(place)),
    ...section('Out of their pools by the hand of this run', outOfPools(place, entries, ways)),
    ...section('What there is to go back to', wayBackOf(place, run, entries, ways)),
    ...ways.flatMap(tellWay),
    ...endLines(
      place,
      run,
      ways.flatMap(({ steps }) => steps),
    ),
  ];
  return [titleOf(run), ...whereItStands(run, entries), ...section('Used below', helperLines(place, lines)), ...lines];
}

function placeOf(run: UpgradeRun, spec: UpgradeRunSpec, entries: readonly StepEntry[]): Place {
  const { namespace = 'default', name, uid = '' } = run.metadata;
  const handles = mergeHandles(spec, entries);
  // Not cleared at the end of the run: still to be done, by hand.
  const isLeft = handles[readOnlyKey] === 'left';
  return { namespace, run: name, uid, spec, handles: isLeft ? { ...handles, [readOnlyKey]: 'ours' } : handles };
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `## ${title}`, ...lines];
}

function titleOf({ metadata, spec, status }: UpgradeRun): string {
  return `# ${spec.purpose} ${metadata.name}: ${spec.from.version ?? 'unknown'} to ${spec.to.version}, ${status?.phase ?? 'not begun'}`;
}

function whereItStands({ spec, status }: UpgradeRun, entries: readonly StepEntry[]): string[] {
  const current = currentStep(spec, entries);
  const { failure, service, phase, handedOver = [], conditions = [] } = status ?? {};
  const said = isEnded(phase) ? conditions.find(({ type }) => type === 'Ready') : undefined;
  return [
    ...(current === undefined
      ? []
      : [
          `# ${isEnded(phase) ? 'ended' : 'stands'} at step ${current.step.number} ${current.step.title} (${current.entry.state})`,
        ]),
    ...(failure === undefined ? [] : [`# failed in ${failure.step}: ${failure.reason}: ${oneLine(failure.message)}`]),
    ...(said === undefined ? [] : [`# ended with ${said.reason}: ${oneLine(said.message)}`]),
    // Members are told of below, with when to put them back.
    ...handedOver
      .filter(({ reason }) => reason !== 'NotVerified')
      .map(({ object, message }) => `# handed over: ${object}: ${oneLine(message)}`),
    ...entries.flatMap(({ id, log }) => (log === undefined ? [] : [`# log of ${id}: configmap ${log}`])),
    `# serving: ${service === undefined || service.serving.length === 0 ? 'nobody' : service.serving.join(', ')}`,
    ...(service?.schema === undefined ? [] : [`# schema of the database: ${service.schema}`]),
    `# at stake when going back: ${service?.atStake ?? 'unknown'}`,
  ];
}

function pause({ namespace, spec }: Place): string[] {
  return [
    `kubectl -n ${namespace} patch upgradeset ${spec.upgradeSet} --type=merge -p '{"spec":{"paused":true}}'`,
    '# and where the operator runs but does not obey: scale its Deployment to 0 until you have finished',
  ];
}

/** Whoever is not whole has a step below that lets it in, after its start and its tests. */
function outOfPools(place: Place, entries: readonly StepEntry[], ways: readonly Way[]): string[] {
  const { spec } = place;
  const members = heldMembers(spec, entries);
  if (members.length === 0) return ['# nobody'];
  return members.flatMap((member) => {
    const group = spec.groups.find((one) =>
      membersOf(one).some((other) => other.workload.name === member.workload.name),
    );
    const who = `# ${member.member} of pool ${member.pool} (${member.workload.kind} ${member.workload.name})`;
    const isWhole = spec.purpose === 'Upgrade' && group !== undefined && isIntact(recordOf(spec, entries, group.name));
    const joins = ways.flatMap(({ steps, title }) =>
      steps
        .filter(({ action, group: name }) => action === 'Undrain' && name === group?.name)
        .slice(0, 1)
        .map(({ number, title: what }) => `${title.slice(0, 3)} step ${number} ${what}`),
    );
    if (!isWhole && joins.length > 0) return [`${who}: only after its start and its tests, in ${joins.join(', or ')}`];
    return [
      `${who}; ${isWhole ? 'it is whole, and serves again by' : 'mend, start and test it; then it serves again by'}:`,
      ...serveCommands(place, member).map((line) => `#   ${line}`),
    ];
  });
}

function wayBackOf(place: Place, run: UpgradeRun, entries: readonly StepEntry[], ways: readonly Way[]): string[] {
  const { handles, spec } = place;
  const backup = handles[backupKey];
  const retained = run.status?.retained ?? retainedObjects({ spec, entries }, undefined);
  const kept = retained.filter(({ name }) => !isAbandoned(handles, name));
  const revisions = Object.entries(handles).flatMap(([key, value]) =>
    key.startsWith('revision/')
      ? [`# ControllerRevision ${value}: the template of ${key.slice('revision/'.length)} before`]
      : [],
  );
  return [
    ...(backup === undefined
      ? []
      : [
          `# database backup ${backup}, ${handles[backupByKey] === undefined ? 'verified' : `attested by ${handles[backupByKey]}`} ${handles[backupAtKey] ?? ''}`,
        ]),
    ...(isSchemaChanged(handles)
      ? [
          `# the schema was ${handles[schemaBeforeKey] ?? 'unknown'} before; a migration was begun: whether it is done, the database says`,
          ...lookCommands(place),
        ]
      : []),
    ...readOnlyLines(place, ways),
    ...revisions.toSorted(),
    ...kept.map(
      ({ kind, name, until }) =>
        `# ${kind} ${name}${until === undefined ? '' : `, kept until ${until}: then the operator deletes it`}`,
    ),
    ...(spec.purpose !== 'Upgrade' || spec.from.package === undefined ? [] : [`# Package ${spec.from.package}`]),
  ];
}

/** Where it is cleared: by a step below, or here where no step does. */
function readOnlyLines(place: Place, ways: readonly Way[]): string[] {
  if (place.handles[readOnlyKey] !== 'ours') return [];
  const steps = ways.flatMap((way) =>
    way.steps
      .filter(({ action }) => action === 'ClearGuard')
      .map(({ number, title }) => `${way.title.slice(0, 3)} step ${number} ${title}`),
  );
  if (steps.length > 0) return [`# the database is read-only by this run, until ${steps.join(', or ')}`];
  const [first] = place.spec.steps;
  if (first === undefined) return [];
  const step: Step = { ...first, id: 'read-write', action: 'ClearGuard' };
  return [
    '# the database is read-only by this run; before anybody is started, when the schema is right:',
    ...databaseCommands(place, step),
  ];
}

/** What is left of the plan; of one that has ended without what the operator did for its end. */
function forward(run: UpgradeRun, place: Place, entries: readonly StepEntry[]): Way {
  const { spec } = place;
  const over = isEnded(run.status?.phase);
  const rows = journalOf(spec, entries);
  const lifted =
    spec.purpose === 'Upgrade' && entries.some(({ state }) => state === 'Failed') ? liftedDrains(spec, entries) : [];
  const steps = rows
    .filter(
      ({ step, entry }) =>
        lifted.includes(step) || (step.skip === undefined && entry.state !== 'Succeeded' && entry.state !== 'Skipped'),
    )
    .filter(({ step }) => !over || step.action !== 'Cleanup')
    .map(({ step }) => step);
  const titles = {
    Upgrade: '(a) Finish forward',
    Rollback: `(a) Finish the way back to ${spec.to.version}`,
    Rebuild: `(a) Finish the rebuild of ${spec.rebuild?.server ?? 'the server'}`,
  };
  const after = !over || spec.purpose !== 'Rollback' ? [] : askBefore(place);
  return { title: titles[spec.purpose], place, steps, before: [], after };
}

/** Drains of groups that are whole: after a failure those were put back, and have to leave once more. */
function liftedDrains(spec: UpgradeRunSpec, entries: readonly StepEntry[]): Step[] {
  const rows = journalOf(spec, entries).filter(({ entry }) => hasBegun(entry));
  return spec.groups.flatMap(({ name }) => {
    const record = recordOf(spec, entries, name);
    const last = rows.findLast(
      ({ step }) => step.group === name && (step.action === 'Drain' || step.action === 'Stop'),
    );
    return record.out && isIntact(record) && last?.step.action === 'Drain' ? [last.step] : [];
  });
}

function askBefore({ spec }: Place): string[] {
  return [
    `# UpgradeSet ${spec.upgradeSet} still asks for Package ${spec.package}: ask for the one of ${spec.to.version} there, or it is upgraded again`,
  ];
}

/** The plan of a rollback as the operator would make it now; only an upgrade has one. */
function back(run: UpgradeRun, place: Place, entries: readonly StepEntry[]): Way[] {
  if (run.spec.purpose !== 'Upgrade') return [];
  const none = { place, steps: [], after: [] };
  const isTouched = run.spec.groups.some(({ name }) => recordOf(run.spec, entries, name).fate !== 'Untouched');
  if (!isTouched) return [{ ...none, title: '(b) Go back', before: ['# nothing was changed'] }];
  const origin = { ...runOf(run), entries };
  const order = { method: 'Snapshots', data: 'Discard', because: 'by hand', authorisedBy: 'whoever does it' } as const;
  const spec = computeRollbackRun(origin, [], order, () => '');
  const loss = run.status?.service?.atStake ?? 'unknown';
  const { from, upgradeSet } = run.spec;
  return [
    {
      title: `(b) Go back to ${spec.to.version}`,
      place: { ...place, spec, handles: spec.handles },
      steps: spec.steps.filter(({ skip }) => skip === undefined),
      before: [
        `# restoring loses: ${loss}${loss === 'none' ? '' : '. To keep it, leave out the restoring of volumes (never that of a changed schema)'}`,
      ],
      after:
        from.package === undefined
          ? [`# ask for the version before in UpgradeSet ${upgradeSet}, or it is upgraded again`]
          : [
              `kubectl -n ${place.namespace} patch upgradeset ${upgradeSet} --type=merge -p '{"spec":{"package":"${from.package}"}}'`,
            ],
    },
  ];
}

function tellWay({ title, place, steps, before, after }: Way): string[] {
  return section(title, [...before, ...steps.flatMap((step) => tellStep(place, step)), ...after]);
}

function tellStep(place: Place, step: Step): string[] {
  const marker = step.marker === undefined ? '' : ` [${step.marker}]`;
  return [`# ${step.number} ${step.title}${marker}`, ...commandsOf(place, step)];
}
