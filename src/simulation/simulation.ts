/** Runs the real planner and engine against a simulated cluster until everything has ended. */
import type { Progress } from '../engine/input.ts';
import { Pacer } from '../engine/pacer.ts';
import { Stopwatch } from '../engine/stopwatch.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { hasBegun, journalOf } from '../planner/journal.ts';
import { RetryError } from '../shared/errors.ts';
import type { EpochMs } from '../shared/clock.ts';
import type { Logger, LogFields } from '../shared/logger.ts';
import { isEnded } from '../status/summarize-run.ts';
import { createSimDrivers, type SimDrivers } from './drivers.ts';
import type { DriverFault } from './faults.ts';
import type { DeploymentLog } from '../engine/deployment-log.ts';
import { SimLogs } from './deployment-log.ts';
import { checkGate } from './preflight-invariant.ts';
import { checkCalm, checkEnd, checkInstant, checkOnce } from './invariants.ts';
import { crashPlan, SimProcess, type CrashPlan } from './process.ts';
import type { ProbeScript } from './probing.ts';
import { seededRandom, shuffled, type Random } from './random.ts';
import type { SceneObjects } from './scene.ts';
import { controlSet, type SetOutcome } from './set-controller.ts';
import { SimStore, type StatusWrite } from './store.ts';
import { Timeline } from './timeline.ts';
import { serveUsers } from './traffic.ts';
import type { World } from './world.ts';

/** Something that happens once, at a time or as soon as something is so. */
export interface StoryEvent {
  /** In words; asked for right before it happens. */
  readonly what: string | ((simulation: Simulation) => string);
  /** From the beginning. */
  readonly atMs?: number;
  readonly when?: (simulation: Simulation) => boolean;
  readonly act: (simulation: Simulation) => void;
}

export interface SimulationOptions {
  readonly world: World;
  readonly objects: SceneObjects;
  readonly events?: readonly StoryEvent[];
  readonly script?: ProbeScript | undefined;
  readonly driverFaults?: readonly DriverFault[];
  readonly crash?: CrashPlan;
  /** Draws the order of passes, late watches and passes for nothing; undefined: a fixed order. */
  readonly seed?: number;
  /** How much time may pass. */
  readonly limitMs?: number;
  /** Check every object against its schema. Default true; a story told a thousand times needs it once. */
  readonly validates?: boolean;
}

export interface SimulationResult {
  readonly timeline: Timeline;
  readonly runs: readonly UpgradeRun[];
  readonly violations: readonly string[];
  /** Why nothing more happens, by set. */
  readonly settled: Readonly<Record<string, string>>;
  readonly elapsedMs: number;
}

const maxSteps = 60_000;
/** What one pass takes: reading the API server, deciding, writing. */
const passMs = 10;

export class Simulation {
  readonly world: World;
  readonly objects: SceneObjects;
  readonly store: SimStore;
  readonly timeline: Timeline;
  readonly logs: SimLogs;
  readonly #options: SimulationOptions;
  readonly #crash: CrashPlan;
  readonly #random: Random | undefined;
  readonly #start: EpochMs;
  #pending: StoryEvent[];
  #process: SimProcess;
  #drivers: SimDrivers;
  #stopwatch: Stopwatch;
  #pacer = new Pacer();
  #deploymentLog: DeploymentLog;
  #progress = new Map<string, Progress>();
  #epoch = 1;
  readonly #violations = new Set<string>();

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.world = options.world;
    this.objects = options.objects;
    this.#start = this.world.clock.now();
    this.timeline = new Timeline(this.#start);
    this.#crash = options.crash ?? crashPlan();
    this.#random = options.seed === undefined ? undefined : seededRandom(options.seed);
    this.#pending = [...(options.events ?? [])];
    this.store = new SimStore(this.world, (write) => this.#tellWrite(write), options.validates ?? true);
    this.logs = new SimLogs(this.world);
    this.#process = new SimProcess(this.#crash);
    this.#deploymentLog = this.logs.for(this.#process);
    this.#drivers = this.#makeDrivers();
    this.#stopwatch = new Stopwatch(() => this.world.clock.monotonic());
    this.world.listeners.add(() => this.#look());
    this.#look();
  }

  /** From the beginning, in milliseconds. */
  get elapsedMs(): number {
    return this.world.clock.now() - this.#start;
  }

  set(name: string): UpgradeSet | undefined {
    return this.objects.sets.find((set) => set.metadata.name === name);
  }

  /** State of a step in the newest run that has it; empty when none has. */
  stepState(id: string): string {
    return (
      this.store.runs
        .findLast((run) => run.status?.steps.some((entry) => entry.id === id))
        ?.status?.steps.find((entry) => entry.id === id)?.state ?? ''
    );
  }

  /** Does the controller's process go away here and a new one come up? */
  restart(why: string): void {
    this.#drivers.stop();
    this.#say('', 'the controller is killed and starts again', why);
    this.#process = new SimProcess(this.#crash);
    this.#deploymentLog = this.logs.for(this.#process);
    this.#epoch += 1;
    this.#pacer = new Pacer();
    this.#progress = new Map();
    this.#drivers = this.#makeDrivers();
    this.#stopwatch = new Stopwatch(() => this.world.clock.monotonic());
  }

  async run(): Promise<SimulationResult> {
    const settled: Record<string, string> = {};
    for (let step = 0; step < maxSteps; step += 1) {
      this.#fireEvents();
      const outcomes = await this.#passAll(settled);
      if (outcomes.includes('again')) {
        this.world.clock.advanceTo(this.world.clock.now() + passMs);
        continue;
      }
      const next = this.#nextInstant(outcomes.filter((outcome) => outcome !== 'again'));
      if (next === undefined || next - this.#start > (this.#options.limitMs ?? 24 * 3_600_000)) break;
      this.world.clock.advanceTo(next);
    }
    return this.#result(settled);
  }

  #result(settled: Readonly<Record<string, string>>): SimulationResult {
    const runs = this.store.runs;
    const violations = [
      ...this.#violations,
      ...this.world.violations,
      ...checkOnce(this.world),
      ...checkCalm(this.world),
    ];
    if (runs.every((run) => isEnded(run.status?.phase))) {
      violations.push(
        ...checkEnd(
          this.world,
          runs.flatMap((run) => run.status?.handedOver ?? []),
        ),
      );
    }
    return { timeline: this.timeline, runs, violations, settled, elapsedMs: this.elapsedMs };
  }

  /** One pass for every set; milliseconds until the next look, or `again`. */
  async #passAll(settled: Record<string, string>): Promise<('again' | number | undefined)[]> {
    const sets = this.#random === undefined ? this.objects.sets : shuffled(this.objects.sets, this.#random);
    const outcomes: ('again' | number | undefined)[] = [];
    for (const set of sets) {
      const outcome = await this.#passSet(set);
      if (outcome.kind === 'settled') settled[set.metadata.name] = outcome.why;
      outcomes.push(outcome.kind === 'again' ? 'again' : outcome.kind === 'wait' ? outcome.afterMs : undefined);
    }
    return outcomes;
  }

  async #passSet(set: UpgradeSet): Promise<SetOutcome> {
    // A watch may be late: the pass comes a little later than what it is about.
    if (this.#random !== undefined && this.#random() < 0.1)
      return { kind: 'wait', afterMs: Math.ceil(this.#random() * 700), run: '' };
    try {
      return await controlSet(
        {
          world: this.world,
          objects: this.objects,
          store: this.store,
          process: this.#process,
          drivers: this.#drivers,
          stopwatch: this.#stopwatch,
          pacer: this.#pacer,
          deploymentLog: this.#deploymentLog,
          progress: this.#progress,
          epoch: this.#epoch,
          loggerOf: (run) => this.#loggerOf(run),
        },
        set,
      );
    } catch (error) {
      if (this.#process.isDead) {
        this.restart(error instanceof Error ? error.message : '');
        return { kind: 'again' };
      }
      if (error instanceof RetryError) return { kind: 'wait', afterMs: error.afterMs ?? 2_000, run: '' };
      throw error;
    } finally {
      if (this.#process.isDead) this.restart('killed');
    }
  }

  #nextInstant(waits: readonly (number | undefined)[]): EpochMs | undefined {
    const now = this.world.clock.now();
    const wakes = waits.flatMap((wait) => (wait === undefined ? [] : [now + Math.max(1, wait)]));
    const events = this.#pending.flatMap((event) => (event.atMs === undefined ? [] : [this.#start + event.atMs]));
    const timer = this.world.clock.nextAt();
    const instants = [...wakes, ...events, ...(timer === undefined ? [] : [timer])].map((at) => Math.max(at, now + 1));
    return instants.length === 0 ? undefined : Math.min(...instants);
  }

  #fireEvents(): void {
    for (const event of [...this.#pending]) {
      const due = event.atMs !== undefined ? this.elapsedMs >= event.atMs : event.when?.(this) === true;
      if (!due) continue;
      this.#pending = this.#pending.filter((other) => other !== event);
      this.#say('', typeof event.what === 'string' ? event.what : event.what(this), '');
      event.act(this);
      this.#look();
    }
  }

  /** Users and invariants, at every instant at which something changed. */
  #look(): void {
    serveUsers(this.world);
    for (const violation of checkInstant(this.world)) {
      // The first time says it; counts that only grow would say it again at every instant.
      const name = violation.split(':', 1)[0] ?? '';
      if (![...this.#violations].some((known) => known.startsWith(`${name}:`)))
        this.#violations.add(`${violation} (t=${this.elapsedMs / 1000}s)`);
    }
  }

  #makeDrivers(): SimDrivers {
    return createSimDrivers({
      world: this.world,
      process: this.#process,
      faults: this.#options.driverFaults ?? [],
      script: this.#options.script,
      onEffect: (operation, effect) => {
        if (!this.store.isJournalled(operation.runUID, operation.operation)) {
          this.#violations.add(`journalFirst: ${effect.kind} of ${operation.operation} is not in the journal`);
        }
        const unmet = checkGate(
          this.store.runs.find(({ metadata }) => metadata.uid === operation.runUID),
          effect,
        );
        if (unmet !== undefined) this.#violations.add(unmet);
      },
    });
  }

  #tellWrite({ run, before }: StatusWrite): void {
    this.world.declaredDowntime = isDown(this.store.runs);
    this.logs.check(run);
    const name = run.metadata.name;
    for (const [index, entry] of (run.status?.steps ?? []).entries()) {
      const old = before?.steps[index];
      if (old?.state === entry.state && (old?.attempt ?? 0) === entry.attempt) continue;
      if (entry.state === 'Pending' && entry.attempt === 0) continue;
      const step = run.spec.steps.find((other) => other.id === entry.id);
      const told = entry.state === 'Running' ? 'begins' : entry.state.toLowerCase();
      this.#say(
        name,
        `${step?.number ?? ''} ${step?.title ?? entry.id}: ${told}`,
        entry.state === 'Running' ? '' : (entry.message ?? ''),
      );
    }
    const blocker = run.status?.blockers?.[0];
    if (blocker !== undefined && blocker.type !== before?.blockers?.[0]?.type)
      this.#say(name, `waits for ${blocker.type} ${blocker.object}`, blocker.message);
    if (run.status?.phase !== before?.phase)
      this.#say(name, `is ${run.status?.phase ?? ''}`, run.status?.failure?.message ?? '');
  }

  #say(subject: string, what: string, because: string): void {
    this.timeline.add({ at: this.world.clock.now(), subject, what, because });
  }

  /** Effects are told as the engine logs them, right before it makes them. */
  #loggerOf(subject: string): Logger {
    const info = (message: string, fields: LogFields = {}): void => {
      if (message === 'Requesting effect')
        this.#say(subject, `  ${String(fields['effect'])}`, String(fields['because']));
    };
    const logger: Logger = { debug() {}, info, warn() {}, error() {}, child: () => logger };
    return logger;
  }
}

/** From a step that announces the downtime to one that ends it, over a run and its way back. */
function isDown(runs: readonly UpgradeRun[]): boolean {
  let down = false;
  for (const run of runs) {
    for (const { step, entry } of journalOf(run.spec, run.status?.steps ?? [])) {
      if (step.marker === 'DowntimeBegins' && hasBegun(entry)) down = true;
      const isBack = step.marker === 'LimitedServiceRestored' || step.marker === 'FullServiceRestored';
      if (isBack && entry.state === 'Succeeded') down = false;
    }
  }
  return down;
}
