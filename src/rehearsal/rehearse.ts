/** One upgrade of somebody's manifests from beginning to end, with people who answer when they are asked. */
import type { ServerGroup } from '../api/server-group.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { parseVersion } from '../api/version.ts';
import { findProblems } from '../planner/validate.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatInstant } from '../shared/instant.ts';
import { isBeyondWindow, windowWarningOf } from './agreed-window.ts';
import { componentNotes } from './asked-components.ts';
import { isCheckToFail } from './check-faults.ts';
import { givenAnswers, isGiven } from './given.ts';
import { type Entry, type Loaded, loadNamespace } from './load.ts';
import { watchOutage } from './outage.ts';
import { crashPlan } from '../simulation/process.ts';
import type { ProbeScript } from '../simulation/probing.ts';
import { assertReferences } from './references.ts';
import { answerEvent } from './answers.ts';
import { type Ending, endingOf } from './ending.ts';
import { assertPossibleFaults, neverFired, watchFaults } from './faults.ts';
import { heldBefore, preflightAnswers } from './preflight.ts';
import { resourceProbes } from './resource-probes.ts';
import { tellRunning } from './running.ts';
import { createScene, type SceneObjects } from '../simulation/scene.ts';
import { planInput } from '../simulation/set-controller.ts';
import { Simulation, type SimulationResult } from '../simulation/simulation.ts';
import type { World } from '../simulation/world.ts';

export interface RehearsalOptions {
  readonly package?: string;
  /** NAME, or NAMESPACE/NAME where several namespaces have one. */
  readonly set?: string;
  readonly from?: string;
  /** When it begins, such as the agreed evening. */
  readonly at?: EpochMs;
  /** The time of day outside: only for sets with an agreed window, and where `at` says nothing. */
  readonly now: EpochMs;
  readonly fail: readonly string[];
  readonly crashAfter: readonly number[];
  readonly seed?: number;
}

export interface Rehearsal extends Ending {
  readonly loaded: Loaded;
  readonly result: SimulationResult;
  readonly world: World;
  /** Decisions of the files that did not count, with why: what they say was not rehearsed. */
  readonly ungiven: readonly string[];
  /** What else a reader has to know. */
  readonly notes: readonly string[];
  /** What the files name and do not hold: a cluster must have it. */
  readonly absent: readonly string[];
}

/** So many questions are answered; then a rehearsal that asks on and on is left as it is. */
const maxAnswers = 16;
const limitMs = 7 * 24 * 3_600_000;

/**
 * @throws RangeError the manifests hold nothing that can be upgraded or name what they do not hold, or a failure that
 *   means nothing or never came about
 */
export async function rehearse(entries: readonly Entry[], options: RehearsalOptions): Promise<Rehearsal> {
  const { loaded, sets } = chosen(entries, options);
  const objects = { ...loaded.objects, sets };
  const absent = assertReferences(loaded, objects, options.package !== undefined);
  assertPossibleFaults({ ...objects, groups: groupsOf(objects) }, options.fail);
  const running = [...new Set(sets.flatMap((set) => tellRunning(loaded, set, options.from)))];
  const start = options.at ?? (sets.some(({ spec }) => spec.schedule?.until !== undefined) ? options.now : undefined);
  const world = createScene(objects, {
    workloads: loaded.workloads,
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(start === undefined ? {} : { start }),
  });
  // Agreed to beforehand.
  if (sets.some(({ spec }) => spec.rollback.onServed === 'DiscardWrites')) world.promises.mayLose = true;
  const faults = watchFaults(world, objects, options.fail);
  const crash = crashPlan(options.crashAfter);
  const resources = resourceProbes(loaded);
  const given = givenAnswers(loaded.decisions);
  const simulation = new Simulation({
    world,
    objects,
    script: firstOf(faults.script, resources.script),
    crash,
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    events: [...given.events, ...Array.from({ length: maxAnswers }, answerEvent), ...preflightAnswers()],
    limitMs,
  });
  const outageUntilNow = watchOutage(world);
  const result = await simulation.run();
  const refused = refusals(world, objects, result);
  const held = heldBefore(simulation.store, (check) => isCheckToFail(check, options.fail));
  const ending = endingOf({
    ...result,
    waived: held.waived,
    objects,
    world,
    refused,
    outage: outageUntilNow(),
    isAskedFor: options.fail.length > 0 || endsByDecision(simulation, loaded),
  });
  const notes = [
    ...running,
    ...timeNotes(sets, options, start),
    ...windowNotes(result.runs),
    ...dryRunNotes(entries, sets),
    ...held.notes,
    ...resources.notes(),
    ...componentNotes(objects),
    ...(refused.length > 0 ? [] : neverFired(result.runs, faults, options.fail, crash)),
    ...elsewhereNote(entries, loaded),
  ];
  return { ...ending, loaded, result, world, notes, absent, ungiven: given.notes(simulation) };
}

/** The sets that are rehearsed, and what their namespace holds: a cluster looks nowhere else. */
function chosen(entries: readonly Entry[], options: RehearsalOptions): { loaded: Loaded; sets: UpgradeSet[] } {
  if (options.from !== undefined && parseVersion(options.from) === undefined)
    throw new RangeError(`--from wants a version such as 1.2.0, not "${options.from}"`);
  const all = entries.filter(({ kind }) => kind === 'UpgradeSet');
  const isChosen = ({ namespace, name }: Entry): boolean =>
    options.set === undefined || options.set === name || options.set === `${namespace}/${name}`;
  const found = all.filter(isChosen);
  const [first] = found;
  if (first === undefined) {
    const known = all.map(({ name }) => name).join(', ');
    throw new RangeError(
      `there is no UpgradeSet${options.set === undefined ? '' : ` "${options.set}"`} in the manifests${known === '' ? '' : `; there are ${known}`}`,
    );
  }
  const other = found.find(({ namespace }) => namespace !== first.namespace);
  if (other !== undefined) {
    const names = found.map(({ namespace, name }) => `${namespace}/${name}`).join(', ');
    throw new RangeError(
      `the manifests hold UpgradeSets of several namespaces (${names}), and one namespace is rehearsed at a time: name one with --set NAMESPACE/NAME`,
    );
  }
  const loaded = loadNamespace(entries, first.namespace);
  const sets = loaded.objects.sets
    .filter(({ metadata }) => found.some(({ name }) => name === metadata.name))
    .map((set) => (options.package === undefined ? set : { ...set, spec: { ...set.spec, package: options.package } }))
    // It changes nothing anyway.
    .map((set) => ({ ...set, spec: { ...set.spec, dryRun: false } }));
  return { loaded, sets };
}

function groupsOf({ sets, groups }: SceneObjects): ServerGroup[] {
  return groups.filter((group) => sets.some((set) => set.spec.serverGroups.includes(group.metadata.name)));
}

function firstOf(...scripts: readonly ProbeScript[]): ProbeScript {
  return (attempt) => {
    for (const script of scripts) {
      const judgement = script(attempt);
      if (judgement !== undefined) return judgement;
    }
    return undefined;
  };
}

function endsByDecision({ store }: Simulation, { decisions }: Loaded): boolean {
  const ending = new Set(['Abort', 'Rollback', 'Restart']);
  return decisions.some(
    (decision) => (ending.has(decision.spec.choice) || decision.spec.verdict === 'Denied') && isGiven(store, decision),
  );
}

/** Sets that a plan cannot be made for, with why. */
function refusals(world: World, objects: SceneObjects, { runs, settled }: SimulationResult): string[] {
  return objects.sets.flatMap((set) => {
    const { name } = set.metadata;
    if (runs.some((run) => run.spec.upgradeSet === name)) return [];
    const [problem] = findProblems(planInput({ world, objects }, set));
    if (problem === undefined || settled[name]?.startsWith(`${problem.reason}: `) !== true) return [];
    const rehearsed =
      problem.reason === 'WindowEnded' ? '. To rehearse the agreed evening, say when with --at INSTANT' : '';
    return [
      `The plan of ${name} is refused: ${problem.reason}: ${problem.object}, ${problem.field}: ${problem.message}${rehearsed}.`,
    ];
  });
}

function timeNotes(sets: readonly UpgradeSet[], { at }: RehearsalOptions, start: EpochMs | undefined): string[] {
  if (start === undefined) return [];
  const ends = sets.flatMap(({ metadata, spec }) =>
    spec.schedule?.until === undefined ? [] : [`the window of ${metadata.name} ends ${spec.schedule.until}`],
  );
  const other = at === undefined ? ', the time now; --at rehearses another, such as the agreed evening' : '';
  return [`It begins at ${formatInstant(start)}${other}${ends.length === 0 ? '' : `; ${ends.join(', ')}`}.`];
}

/** What the plan warns of where the run fits all the same: one that does not is told with how it ended. */
function windowNotes(runs: readonly UpgradeRun[]): string[] {
  return runs
    .filter((run) => run.spec.purpose === 'Upgrade' && !isBeyondWindow(run))
    .map(windowWarningOf)
    .filter((text) => text !== '')
    .map((text) => `${text}.`);
}

function dryRunNotes(entries: readonly Entry[], sets: readonly UpgradeSet[]): string[] {
  const written = new Set(entries.flatMap(({ object }) => (isDryRun(object) ? [object.metadata.name] : [])));
  return sets
    .filter(({ metadata }) => written.has(metadata.name))
    .map(
      ({ metadata: { name } }) =>
        `spec.dryRun of ${name} is true: a cluster would plan and check, and change nothing until it is false.`,
    );
}

function isDryRun(object: unknown): object is UpgradeSet {
  return (
    typeof object === 'object' &&
    object !== null &&
    'kind' in object &&
    object.kind === 'UpgradeSet' &&
    'spec' in object &&
    (object.spec as UpgradeSet['spec']).dryRun
  );
}

function elsewhereNote(entries: readonly Entry[], { namespace }: Loaded): string[] {
  const others = entries.filter((entry) => entry.namespace !== namespace && entry.kind !== 'VolumeSnapshotClass');
  if (others.length === 0) return [];
  const names = [...new Set(others.map((entry) => entry.namespace))].join(', ');
  return [
    `Left out, because ${namespace} is rehearsed: ${others.length} object${others.length === 1 ? '' : 's'} of ${names}.`,
  ];
}
