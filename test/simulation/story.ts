/** How a story is told: a cluster, what happens to it, and how it must end. */
import assert from 'node:assert/strict';
import type { Database } from '../../src/api/database.ts';
import type { Package } from '../../src/api/package.ts';
import type { UpgradeRun } from '../../src/api/upgrade-run.ts';
import { parseInstant } from '../../src/shared/instant.ts';
import { applyFault, scriptOf, type DriverFault } from '../../src/simulation/faults.ts';
import { fingerprintOf } from '../../src/simulation/invariants.ts';
import { crashPlan, type CrashPlan } from '../../src/simulation/process.ts';
import type { ProbeScript } from '../../src/simulation/probing.ts';
import { createScene, type SceneObjects, type SceneOptions } from '../../src/simulation/scene.ts';
import { Simulation, type SimulationResult, type StoryEvent } from '../../src/simulation/simulation.ts';
import { must, type Release, type World } from '../../src/simulation/world.ts';
import { decision, imageOf, packageOf, pool, probeSuite, serverGroup, upgradeSet } from '../builders/objects.ts';

type GroupSpec = NonNullable<Parameters<typeof serverGroup>[1]>;
type SetSpec = NonNullable<Parameters<typeof upgradeSet>[0]>;

export interface SceneDraft {
  readonly groups?: number;
  readonly pool?: 'haproxy' | 'service';
  readonly endpoints?: number;
  readonly minServing?: number;
  readonly group?: GroupSpec;
  readonly set?: SetSpec;
  readonly suite?: Parameters<typeof probeSuite>[1];
  /** What is wrong with the version that is asked for. */
  readonly release?: Partial<Release>;
  readonly packages?: readonly string[];
  /** Packages that are more than a version. */
  readonly releases?: readonly Package[];
  readonly databases?: readonly Database[];
  readonly options?: SceneOptions;
}

export interface Setting {
  readonly objects: SceneObjects;
  readonly world: World;
}

/** Groups of one server each behind the pool `web`, version 1.1.0 running, 1.2.0 asked for. */
export function setting(draft: SceneDraft = {}): Setting {
  const count = draft.groups ?? 2;
  const names = Array.from({ length: count }, (_, index) => `group-${index + 1}`);
  const driver =
    draft.pool === 'service'
      ? { service: { name: 'web' } }
      : {
          haproxy: {
            endpoints: Array.from({ length: draft.endpoints ?? 1 }, (_, index) => `tcp://haproxy-${index}:9999`),
            backend: 'web',
          },
        };
  const objects: SceneObjects = {
    packages: [...(draft.releases ?? (draft.packages ?? ['1.1.0', '1.2.0']).map((version) => packageOf(version)))],
    pools: [pool('web', { ...driver, minServing: draft.minServing ?? 1 })],
    suites: [probeSuite('web-functions', draft.suite ?? {})],
    databases: [...(draft.databases ?? [])],
    groups: names.map((_, index) => serverGroup(index + 1, draft.group ?? {})),
    sets: [upgradeSet({ serverGroups: names, rollback: { policy: 'Automatic' }, ...draft.set })],
  };
  const world = createScene(objects, { from: '1.1.0', ...draft.options });
  if (draft.release !== undefined) {
    const wanted = objects.packages.find(({ metadata }) => metadata.name === objects.sets[0]?.spec.package);
    const image = imageOf(must(wanted, 'package').spec.version);
    world.releases.set(image, { ...must(world.releases.get(image), 'release'), ...draft.release });
  }
  return { objects, world };
}

export interface Told extends Setting {
  readonly events?: readonly StoryEvent[];
  readonly fail?: readonly string[];
  readonly script?: ProbeScript;
  readonly driverFaults?: readonly DriverFault[];
  readonly limitMs?: number;
}

export interface Story {
  /** IDs of scenarios and requirements, for the test's name. */
  readonly ids: string;
  /** Name of the golden file. */
  readonly name: string;
  readonly title: string;
  /** Everything anew: a story is told many times. */
  readonly tell: () => Told;
  /** Phases of all runs, in the order they were made. */
  readonly ends: readonly string[];
  readonly check?: (ended: Ended) => void;
  /** Why another order of things may end otherwise; only the promises are asked for then. */
  readonly endsVary?: string;
  /** The part in which a sweep kills the controller, where another story has the rest; default: all of it. */
  readonly part?: StoryPart;
}

export interface StoryPart {
  readonly begins: (simulation: Simulation) => boolean;
  readonly ends?: (simulation: Simulation) => boolean;
}

export interface Ended {
  readonly result: SimulationResult;
  readonly simulation: Simulation;
  readonly world: World;
}

export interface Telling {
  readonly crash?: CrashPlan;
  readonly seed?: number;
  readonly validates?: boolean;
  /** Beside those of the story. */
  readonly events?: readonly StoryEvent[];
}

export async function play(story: Pick<Story, 'tell'>, telling: Telling = {}): Promise<Ended> {
  const told = story.tell();
  const faults = (told.fail ?? []).flatMap((text) => applyFault(told.world, text) ?? []);
  const byFault = scriptOf(faults);
  const simulation = new Simulation({
    world: told.world,
    objects: told.objects,
    events: [...(told.events ?? []), ...(telling.events ?? [])],
    script: (attempt) => told.script?.(attempt) ?? byFault(attempt),
    driverFaults: told.driverFaults ?? [],
    crash: telling.crash ?? crashPlan(),
    ...(telling.seed === undefined ? {} : { seed: telling.seed }),
    validates: telling.validates ?? true,
    limitMs: told.limitMs ?? 4 * 3_600_000,
  });
  const result = await simulation.run();
  return { result, simulation, world: told.world };
}

/** What must be the same however often the controller was killed on the way. */
export function endOf({ result, world }: Ended): unknown {
  return {
    runs: result.runs.map((run) => [run.metadata.name, run.spec.purpose, run.status?.phase]),
    steps: result.runs.map((run) => run.status?.steps.map((entry) => `${entry.id} ${entry.state}`)),
    world: fingerprintOf(world),
    handedOver: result.runs.flatMap((run) => run.status?.handedOver?.map((handover) => handover.object) ?? []),
  };
}

export function assertEnd(story: Story, ended: Ended, because = ''): void {
  const phases = ended.result.runs.map((run) => run.status?.phase);
  try {
    assert.deepEqual({ phases, violations: ended.result.violations }, { phases: story.ends, violations: [] });
    story.check?.(ended);
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new Error([because, what, ...ended.result.timeline.lines().slice(-40)].join('\n'), { cause });
  }
}

export function runNamed({ result }: Pick<Ended, 'result'>, name: string): UpgradeRun {
  const run = result.runs.find((candidate) => candidate.metadata.name === name);
  assert.ok(run !== undefined, `there is no run ${name}`);
  return run;
}

// Events.

const newest = (simulation: Simulation): UpgradeRun | undefined => simulation.store.runs.at(-1);

/** A person signs off as soon as it is asked for. */
export const signsOff: StoryEvent = {
  what: 'ana signs off',
  when: (simulation) => simulation.stepState('sign-off') === 'Running',
  act: (simulation) => decide(simulation, { choice: 'SignOff' }),
};

export function decide(simulation: Simulation, spec: Omit<Parameters<typeof decision>[1], 'planHash'>): void {
  const run = newest(simulation);
  assert.ok(run !== undefined);
  simulation.store.decide(decision(run.metadata.name, { planHash: run.spec.planHash, ...spec }));
}

/** Once, as soon as the newest run waits for a word after a failure, and a while to think. */
export function whenAsked(what: string, spec: Omit<Parameters<typeof decision>[1], 'planHash'>): StoryEvent {
  return {
    what,
    when: (simulation) => {
      const run = newest(simulation);
      const failed = run?.status?.steps.find((entry) => entry.state === 'Failed');
      if (run?.status?.phase !== 'AwaitingDecision' || failed === undefined) return false;
      return simulation.world.clock.now() - parseInstant(failed.finished ?? '') >= 30_000;
    },
    act: (simulation) => decide(simulation, spec),
  };
}

/** When a step is in a state for the first time. */
export function whenStep(id: string, state: string, what: string, act: (simulation: Simulation) => void): StoryEvent {
  return { what, when: (simulation) => simulation.stepState(id) === state, act };
}

export function editSet(
  simulation: Simulation,
  change: Partial<SceneObjects['sets'][number]['spec']>,
  name = 'portal',
): void {
  const { sets } = simulation.objects;
  const index = sets.findIndex((set) => set.metadata.name === name);
  const before = sets[index];
  assert.ok(before !== undefined);
  sets[index] = {
    ...before,
    metadata: { ...before.metadata, generation: (before.metadata.generation ?? 1) + 1 },
    spec: { ...before.spec, ...change },
  };
}
