/** One upgrade of somebody's manifests from beginning to end, with people who answer when they are asked. */
import type { Choice, UpgradeRun } from '../api/upgrade-run.ts';
import { decisionSpec, type Decision } from '../api/decision.ts';
import { isEnded } from '../status/summarize-run.ts';
import { applyFault, scriptOf } from './faults.ts';
import type { Loaded } from './load.ts';
import { crashPlan } from './process.ts';
import { createScene, type SceneObjects } from './scene.ts';
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
  /** How it ended, in words. */
  readonly sentence: string;
}

/** How long a simulated person takes to answer. */
const answerMs = 60_000;
/** So many questions are answered; then a rehearsal that asks on and on is left as it is. */
const maxAnswers = 16;
const limitMs = 7 * 24 * 3_600_000;

/** @throws RangeError the manifests hold nothing that can be upgraded, or a failure that means nothing */
export async function rehearse(loaded: Loaded, options: RehearsalOptions): Promise<Rehearsal> {
  const objects = chosen(loaded.objects, options);
  const world = createScene(objects, {
    workloads: loaded.workloads,
    ...(options.from === undefined ? {} : { from: options.from }),
  });
  const faults = options.fail.flatMap((text) => applyFault(world, text) ?? []);
  const simulation = new Simulation({
    world,
    objects,
    script: scriptOf(faults),
    crash: crashPlan(options.crashAfter),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    events: Array.from({ length: maxAnswers }, answerEvent),
    limitMs,
  });
  const result = await simulation.run();
  const open = result.runs
    .filter((run) => !isEnded(run.status?.phase))
    .map((run) => `${run.metadata.name} did not end: ${whyOpen(run)}`);
  return { result, world, broken: [...result.violations, ...open], sentence: sentenceOf(result) };
}

function chosen(objects: SceneObjects, options: RehearsalOptions): SceneObjects {
  const sets = objects.sets
    .filter((set) => options.set === undefined || set.metadata.name === options.set)
    .map((set) => (options.package === undefined ? set : { ...set, spec: { ...set.spec, package: options.package } }));
  const known = objects.sets.map((set) => set.metadata.name).join(', ');
  if (sets.length === 0)
    throw new RangeError(
      `there is no UpgradeSet${options.set === undefined ? '' : ` "${options.set}"`} in the manifests${known === '' ? '' : `; there are ${known}`}`,
    );
  for (const set of sets) {
    const missing = [
      ...absent('Package', [set.spec.package], objects.packages),
      ...absent('ServerGroup', set.spec.serverGroups, objects.groups),
    ];
    if (missing.length > 0)
      throw new RangeError(
        `UpgradeSet "${set.metadata.name}" names ${missing.join(' and ')}, which the manifests do not hold`,
      );
  }
  for (const { metadata, spec } of objects.groups) {
    const pools = spec.servers.flatMap((server) => server.pools ?? []).map((pool) => pool.name);
    const missing = [
      ...absent('Pool', [...new Set(pools)], objects.pools),
      ...absent('ProbeSuite', spec.probes === undefined ? [] : [spec.probes], objects.suites),
    ];
    if (missing.length > 0)
      throw new RangeError(
        `ServerGroup "${metadata.name}" names ${missing.join(' and ')}, which the manifests do not hold`,
      );
  }
  return { ...objects, sets };
}

function absent(
  kind: string,
  names: readonly string[],
  there: readonly { readonly metadata: { readonly name: string } }[],
): string[] {
  return names
    .filter((name) => !there.some((object) => object.metadata.name === name))
    .map((name) => `${kind} "${name}"`);
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
        .filter(({ spec }) => spec.run === run.metadata.name)
        .map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? '')),
    );
    return answered < asked && simulation.world.clock.now() - asked >= answerMs;
  });
}

function answerEvent(): StoryEvent {
  return {
    what: 'a simulated person answers',
    when: (simulation) => askedRun(simulation) !== undefined,
    act: (simulation) => {
      const run = askedRun(simulation);
      if (run !== undefined) simulation.store.decide(answerTo(run, simulation.store.decisions.length));
    },
  };
}

/** The first way back that is offered; the end where none is; else the sign-off. */
function answerTo(run: UpgradeRun, count: number): Decision {
  const choices = run.status?.choices ?? [];
  const hasFailed = run.status?.steps.some((entry) => entry.state === 'Failed') === true;
  const picked = hasFailed
    ? (choices.find((choice) => choice.choice === 'Rollback') ?? choices.find((choice) => choice.choice === 'Abort'))
    : undefined;
  return {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Decision',
    metadata: { name: `${run.metadata.name}-${count + 1}` },
    spec: decisionSpec.parse({
      run: run.metadata.name,
      planHash: run.spec.planHash,
      ...wordsOf(picked),
      decidedBy: 'a simulated person',
      reason: 'rehearsal',
    }),
  };
}

function wordsOf(choice: Choice | undefined): { choice: string; method?: string; data?: string } {
  if (choice === undefined) return { choice: 'SignOff' };
  return {
    choice: choice.choice,
    ...(choice.method === undefined ? {} : { method: choice.method }),
    ...(choice.data === undefined ? {} : { data: choice.data }),
  };
}

function whyOpen(run: UpgradeRun): string {
  return run.status?.blockers?.[0]?.message ?? `it is ${run.status?.phase ?? 'not begun'}`;
}

function sentenceOf({ runs, settled }: SimulationResult): string {
  const upgrades = runs.filter((run) => run.spec.purpose === 'Upgrade');
  if (upgrades.length === 0)
    return Object.entries(settled)
      .map(([set, why]) => `Nothing was done for ${set}: ${why}.`)
      .join(' ');
  return upgrades.map(endOf).join(' ');
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
