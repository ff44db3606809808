/** One upgrade of somebody's manifests from beginning to end, with people who answer when they are asked. */
import { decisionSpec, type Decision } from '../api/decision.ts';
import type { ServerGroup } from '../api/server-group.ts';
import type { Choice, UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { parseVersion } from '../api/version.ts';
import { journalOf } from '../planner/journal.ts';
import { workloadKey } from '../planner/observed.ts';
import { findProblems } from '../planner/validate.ts';
import { isEnded } from '../status/summarize-run.ts';
import { applyFault, assertPossible, placeOf, scriptOf } from './faults.ts';
import type { Loaded } from './load.ts';
import { crashPlan, type CrashPlan } from './process.ts';
import type { ProbeScript } from './probing.ts';
import { assertReferences } from './references.ts';
import { preflightAnswers, preflightNotes } from './rehearse-preflight.ts';
import { createScene, type SceneObjects } from './scene.ts';
import { planInput } from './set-controller.ts';
import { Simulation, type SimulationResult, type StoryEvent } from './simulation.ts';
import type { World } from './world.ts';

export interface RehearsalOptions {
  readonly package?: string;
  readonly set?: string;
  readonly from?: string;
  readonly fail: readonly string[];
  readonly crashAfter: readonly number[];
  readonly seed?: number;
}

export interface Rehearsal {
  readonly result: SimulationResult;
  readonly world: World;
  /** Promises that were not kept; empty when everything ended as it should. */
  readonly broken: readonly string[];
  /** Plans that cannot be made, with why. */
  readonly refused: readonly string[];
  /** What else a reader has to know. */
  readonly notes: readonly string[];
  /** How it ended, in words. */
  readonly sentence: string;
}

/** How long a simulated person takes to answer. */
const answerMs = 60_000;
/** So many questions are answered; then a rehearsal that asks on and on is left as it is. */
const maxAnswers = 16;
const limitMs = 7 * 24 * 3_600_000;

/**
 * @throws RangeError the manifests hold nothing that can be upgraded or name what they do not hold, or a failure that
 *   means nothing or never came about
 */
export async function rehearse(loaded: Loaded, options: RehearsalOptions): Promise<Rehearsal> {
  const objects = chosen(loaded, options);
  const groups = groupsOf(objects);
  for (const text of options.fail) assertPossible({ ...objects, groups }, text);
  const world = createScene(objects, {
    workloads: loaded.workloads,
    ...(options.from === undefined ? {} : { from: options.from }),
  });
  assertVersionsKnown(world, groups);
  // Agreed to beforehand.
  if (objects.sets.some(({ spec }) => spec.rollback.onServed === 'DiscardWrites')) world.promises.mayLose = true;
  const faults = watchFaults(world, options.fail);
  const crash = crashPlan(options.crashAfter);
  const simulation = new Simulation({
    world,
    objects,
    script: faults.script,
    crash,
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    events: [...Array.from({ length: maxAnswers }, answerEvent), ...preflightAnswers()],
    limitMs,
  });
  const result = await simulation.run();
  const open = result.runs
    .filter((run) => !isEnded(run.status?.phase))
    .map((run) => `${run.metadata.name} did not end: ${whyOpen(run)}`);
  const refused = refusals(world, objects, result);
  const notes = [
    ...inventedNote(loaded, groups),
    ...windowNotes(loaded, objects),
    ...preflightNotes(result.runs),
    ...(refused.length > 0 ? [] : neverFired(result, faults.firedProbes, options.fail, crash)),
  ];
  const sentence = sentenceOf(objects, result, refused);
  return { result, world, broken: [...result.violations, ...open], refused, notes, sentence };
}

function chosen(loaded: Loaded, options: RehearsalOptions): SceneObjects {
  const { objects } = loaded;
  if (options.from !== undefined && parseVersion(options.from) === undefined)
    throw new RangeError(`--from wants a version such as 1.2.0, not "${options.from}"`);
  const sets = objects.sets
    .filter((set) => options.set === undefined || set.metadata.name === options.set)
    .map((set) => (options.package === undefined ? set : { ...set, spec: { ...set.spec, package: options.package } }))
    .map(withoutWindow);
  const known = objects.sets.map((set) => set.metadata.name).join(', ');
  if (sets.length === 0)
    throw new RangeError(
      `there is no UpgradeSet${options.set === undefined ? '' : ` "${options.set}"`} in the manifests${known === '' ? '' : `; there are ${known}`}`,
    );
  const result = { ...objects, sets };
  assertReferences(loaded, result, options.package !== undefined);
  return result;
}

/** A rehearsal has no time of day, so it cannot tell how much of an agreed window is left. */
function withoutWindow(set: UpgradeSet): UpgradeSet {
  const { schedule: _, ...spec } = set.spec;
  // It changes nothing anyway.
  return { ...set, spec: { ...spec, dryRun: false } };
}

function windowNotes({ objects }: Loaded, { sets }: SceneObjects): string[] {
  return sets.flatMap(({ metadata: { name } }) => {
    const until = objects.sets.find((set) => set.metadata.name === name)?.spec.schedule?.until;
    return until === undefined ? [] : [`The agreed window of ${name} is not rehearsed: it ends ${until}.`];
  });
}

function groupsOf({ sets, groups }: SceneObjects): ServerGroup[] {
  return groups.filter((group) => sets.some((set) => set.spec.serverGroups.includes(group.metadata.name)));
}

function assertVersionsKnown(world: World, groups: readonly ServerGroup[]): void {
  for (const { workload: ref } of groups.flatMap(({ spec }) => spec.servers)) {
    const workload = world.workloads.get(workloadKey(ref));
    const image = Object.values(workload?.template.images ?? {})[0];
    if (image === undefined) throw new RangeError(`${ref.kind} "${ref.name}" has no container in its pod template`);
    if (!world.releases.has(image))
      throw new RangeError(
        `no Package holds the image that ${ref.name} runs (${image}): write one for today's release, or pass --from`,
      );
  }
}

/** Lets the world misbehave, and remembers which probes were made to. */
function watchFaults(world: World, texts: readonly string[]): { script: ProbeScript; firedProbes: Set<string> } {
  const firedProbes = new Set<string>();
  const scripts = texts.flatMap((text) => {
    const fault = applyFault(world, text);
    return fault === undefined ? [] : [{ text, judge: scriptOf([fault]) }];
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

/**
 * What was to go wrong and did not.
 * @returns what another failure came before, as a note
 * @throws RangeError what nothing came before: whoever asked for it believes that it was rehearsed
 */
function neverFired(
  { runs }: SimulationResult,
  firedProbes: ReadonlySet<string>,
  fail: readonly string[],
  crash: CrashPlan,
): string[] {
  const late = [...crash.at].filter((number) => number > crash.passed);
  if (late.length > 0)
    throw new RangeError(
      `--crash-after ${late.join(', ')} never came: the controller made ${crash.passed} effects and writes in all`,
    );
  const unfired = fail.filter((text) => (text.startsWith('probe:') ? !firedProbes.has(text) : !isReached(runs, text)));
  if (unfired.length === 0) return [];
  const what = unfired.map((text) => `--fail ${text}`).join(', ');
  if (unfired.length < fail.length) return [`Never came about, because the run ended before: ${what}.`];
  throw new RangeError(
    `${what} never came about: ${runs.length === 0 ? 'nothing was planned' : 'no step came to where it happens'}`,
  );
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

/** Sets that a plan cannot be made for, with why. */
function refusals(world: World, objects: SceneObjects, { runs, settled }: SimulationResult): string[] {
  return objects.sets.flatMap((set) => {
    const { name } = set.metadata;
    if (runs.some((run) => run.spec.upgradeSet === name)) return [];
    const [problem] = findProblems(planInput({ world, objects }, set));
    if (problem === undefined || settled[name]?.startsWith(`${problem.reason}: `) !== true) return [];
    return [
      `The plan of ${name} is refused: ${problem.reason}: ${problem.object}, ${problem.field}: ${problem.message}.`,
    ];
  });
}

function inventedNote(loaded: Loaded, groups: readonly ServerGroup[]): string[] {
  if (loaded.workloads.length > 0) return [];
  const names = [...new Set(groups.flatMap(({ spec }) => spec.servers).map(({ workload }) => workload.name))];
  return [
    `The manifests hold no StatefulSet and no Deployment, so these are invented, with one pod each: ${names.join(', ')}.`,
  ];
}

/** The run a person is asked about and has not answered yet, long enough after the question. */
function askedRun(simulation: Simulation): UpgradeRun | undefined {
  return simulation.store.runs.find((run) => {
    if (run.status?.phase !== 'AwaitingDecision') return false;
    const asked = Math.max(
      0,
      ...run.status.steps
        .flatMap((entry) => [Date.parse(entry.started ?? ''), Date.parse(entry.finished ?? '')])
        .filter((at) => !Number.isNaN(at)),
    );
    const answered = Math.max(
      0,
      ...simulation.store.decisions
        .filter(({ spec }) => spec.run === run.metadata.name && isAnswer(spec, run))
        .map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? '')),
    );
    return answered < asked && simulation.world.clock.now() - asked >= answerMs;
  });
}

function answerEvent(): StoryEvent {
  return {
    what: (simulation) => {
      const run = askedRun(simulation);
      return run === undefined ? '' : `a simulated person decides ${tellAnswer(answerOf(run))}`;
    },
    when: (simulation) => askedRun(simulation) !== undefined,
    act: (simulation) => {
      const run = askedRun(simulation);
      if (run === undefined) return;
      // What somebody gives up by name is not lost silently.
      if (answerOf(run).data === 'Discard') simulation.world.promises.mayLose = true;
      simulation.store.decide(answerTo(run, simulation.store.decisions.length));
    },
  };
}

/** The first way back that is offered, and the end where none is; where nothing has failed, whatever is to be agreed to. */
function answerOf(run: UpgradeRun): Partial<Choice> & Pick<Choice, 'choice'> {
  const choices = run.status?.choices ?? [];
  const hasFailed = run.status?.steps.some((entry) => entry.state === 'Failed') === true;
  const wanted = hasFailed ? ['Rollback', 'Abort'] : ['Approve', 'SignOff'];
  const found = wanted.flatMap((want) => choices.find(({ choice }) => choice === want) ?? []);
  return found[0] ?? { choice: 'SignOff' };
}

/** "Rollback by DatabaseAndSnapshots, data Discard: writes to the database since … are given up". */
function tellAnswer({ choice, method, data, step, as: role, loss }: Partial<Choice>): string {
  const about = [
    ...(step === undefined ? [] : [`of ${step}`]),
    ...(role === undefined ? [] : [`as ${role}`]),
    ...(method === undefined ? [] : [`by ${method}`]),
  ];
  const what = [choice, ...about].join(' ');
  const given = loss === undefined || loss === 'none' ? '' : `: ${loss} are given up`;
  return `${what}${data === undefined ? '' : `, data ${data}`}${given}`;
}

function isAnswer(spec: Decision['spec'], run: UpgradeRun): boolean {
  const { choice, step, as: role } = answerOf(run);
  return spec.choice === choice && spec.step === step && spec.as === role;
}

function answerTo(run: UpgradeRun, count: number): Decision {
  const { choice, method, data, step, as: role } = answerOf(run);
  return {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Decision',
    metadata: { name: `${run.metadata.name}-${count + 1}` },
    spec: decisionSpec.parse({
      run: run.metadata.name,
      planHash: run.spec.planHash,
      choice,
      method,
      data,
      step,
      as: role,
      decidedBy: `a simulated ${role?.toLowerCase() ?? 'person'}`,
      reason: 'rehearsal',
    }),
  };
}

function whyOpen(run: UpgradeRun): string {
  return run.status?.blockers?.[0]?.message ?? `it is ${run.status?.phase ?? 'not begun'}`;
}

function sentenceOf(objects: SceneObjects, { runs, settled }: SimulationResult, refused: readonly string[]): string {
  const upgrades = runs.filter((run) => run.spec.purpose === 'Upgrade');
  const untouched = Object.entries(settled)
    .filter(([set]) => !upgrades.some((run) => run.spec.upgradeSet === set))
    .filter(([set]) => !refused.some((text) => text.startsWith(`The plan of ${set} is refused: `)))
    .map(([set, why]) => `Nothing was done for ${set}: ${why}.${otherReleases(objects, set)}`);
  return [...upgrades.map(endOf), ...refused, ...untouched].join(' ');
}

/** What could be named instead of the release that runs already. */
function otherReleases({ sets, packages }: SceneObjects, name: string): string {
  const wanted = sets.find(({ metadata }) => metadata.name === name)?.spec.package;
  const product = packages.find(({ metadata }) => metadata.name === wanted)?.spec.product;
  const others = packages
    .filter(({ metadata, spec }) => metadata.name !== wanted && spec.product === product)
    .map(({ metadata }) => metadata.name);
  return others.length === 0 ? '' : ` To rehearse another release, name it with --package: ${others.join(', ')}.`;
}

function endOf(run: UpgradeRun): string {
  const { from, to } = run.spec;
  const why = run.status?.failure?.message ?? '';
  const because = why === '' ? '' : `, because ${why}`;
  switch (run.status?.phase) {
    case 'Completed':
      return `${run.metadata.name} completed: version ${to.version} serves.`;
    case 'RolledBack':
      return `${run.metadata.name} went back to version ${from.version ?? 'before'}${because}.`;
    case 'Failed':
      return `${run.metadata.name} failed${because}.`;
    default:
      return `${run.metadata.name} is ${run.status?.phase ?? 'not begun'}${because}.`;
  }
}
