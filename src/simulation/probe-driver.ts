import type { Probe, ProbeAttempts, ProbeSuiteSpec } from '../api/probe-suite.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatDuration, parseDuration } from '../shared/duration.ts';
import type { ProbeRequest } from '../planner/effects.ts';
import type { ProbeObservation, ProbeState } from '../planner/observed.ts';
import { workloadKey } from '../planner/observed.ts';
import { judge, type Answer, type Judgement, type ProbeScript } from './probing.ts';
import { changed, provenKey, type World } from './world.ts';

/** In a row. A try without an answer proves nothing and disproves nothing: it ends passes, and leaves failures as they are. */
interface Tally {
  readonly passes: number;
  readonly failures: number;
  readonly errors: number;
}

const noTries: Tally = { passes: 0, failures: 0, errors: 0 };

interface ProbeRun {
  readonly request: ProbeRequest;
  readonly suite: ProbeSuiteSpec;
  readonly pools: readonly string[];
  readonly results: { probe: string; state: ProbeState; message: string }[];
  state: ProbeState;
  message: string;
  tally: Tally;
  /** Versions by component, as last answered. */
  readonly components: Record<string, string>;
  attempt: number;
  /** Of the probe under way; undefined until it was tried. */
  firstTryAt: EpochMs | undefined;
}

/** Runs of suites in one process of the controller; they are gone when it dies. */
export class SimProbes {
  readonly #world: World;
  readonly #script: ProbeScript | undefined;
  readonly #runs = new Map<string, ProbeRun>();
  readonly #listeners: ((id: string) => void)[] = [];
  #stopped = false;

  constructor(world: World, script: ProbeScript | undefined) {
    this.#world = world;
    this.#script = script;
  }

  observe(id: string): ProbeObservation {
    const run = this.#runs.get(id);
    if (run === undefined) return { id, state: 'absent', message: '', results: [] };
    const { state, message, components } = run;
    const told = Object.keys(components).length === 0 ? {} : { components: { ...components } };
    return { id, state, message, results: run.results.map((result) => ({ ...result })), ...told };
  }

  /** @returns whether the run is new */
  begin(request: ProbeRequest, suite: ProbeSuiteSpec, pools: readonly string[]): boolean {
    if (this.#runs.has(request.id)) return false;
    const results = suite.probes.map(({ name }) => ({ probe: name, state: 'absent' as const, message: '' }));
    const run: ProbeRun = {
      request,
      suite,
      pools,
      results,
      state: 'running',
      message: '',
      tally: noTries,
      components: {},
      attempt: 0,
      firstTryAt: undefined,
    };
    this.#runs.set(request.id, run);
    this.#tryLater(run, 0, this.#world.timings.probeMs);
    return true;
  }

  onChange(listener: (id: string) => void): void {
    this.#listeners.push(listener);
  }

  /** The process died: its timers do nothing any more. */
  stop(): void {
    this.#stopped = true;
  }

  #tryLater(run: ProbeRun, index: number, delayMs: number): void {
    this.#world.clock.setTimer(() => {
      if (this.#stopped || run.state !== 'running') return;
      this.#try(run, index);
      for (const listener of this.#listeners) listener(run.request.id);
      changed(this.#world);
    }, delayMs);
  }

  #try(run: ProbeRun, index: number): void {
    const probe = run.suite.probes[index];
    const result = run.results[index];
    if (probe === undefined || result === undefined) return this.#end(run, 'passed', '');
    run.attempt += 1;
    run.firstTryAt ??= this.#world.clock.now();
    const judgement = judge(this.#world, {
      request: run.request,
      probe,
      attempt: run.attempt,
      pools: run.pools,
      script: this.#script,
    });
    Object.assign(run.components, judgement.components);
    run.tally = counted(run.tally, judgement.answer);
    const rules = rulesOf(run.suite, probe);
    const intervalMs = parseDuration(rules.interval);
    const spentMs = this.#world.clock.now() - run.firstTryAt;
    const verdict = verdictOf(rules, run.tally, judgement, spentMs + intervalMs);
    result.state = verdict.state;
    result.message = verdict.message;
    run.message = `${probe.name}: ${verdict.message}`;
    if (verdict.state === 'running') return this.#tryLater(run, index, intervalMs);
    const isBroken = verdict.state !== 'passed' && probe.severity !== 'Warn';
    if (isBroken && run.request.whole !== true) return this.#end(run, verdict.state, run.message);
    run.tally = noTries;
    run.firstTryAt = undefined;
    if (index + 1 === run.suite.probes.length) return this.#endWhole(run);
    this.#tryLater(run, index + 1, this.#world.timings.probeMs);
  }

  #endWhole(run: ProbeRun): void {
    const mandatory = run.results.filter(({ probe }) => !isWarning(run.suite, probe));
    const worst =
      mandatory.find(({ state }) => state === 'failed') ?? mandatory.find(({ state }) => state === 'unknown');
    if (worst === undefined) return this.#end(run, 'passed', '');
    this.#end(run, worst.state, `${worst.probe}: ${worst.message}`);
  }

  #end(run: ProbeRun, state: ProbeState, message: string): void {
    run.state = state;
    run.message = message;
    if (state !== 'passed' || run.request.scope !== 'Isolated') return;
    for (const ref of run.request.workloads) {
      const workload = this.#world.workloads.get(workloadKey(ref));
      for (const pod of workload?.pods ?? []) this.#world.traffic.proven.add(provenKey(ref, pod.template));
    }
  }
}

function isWarning({ probes }: ProbeSuiteSpec, name: string): boolean {
  return probes.find((probe) => probe.name === name)?.severity === 'Warn';
}

function counted({ passes, failures, errors }: Tally, answer: Answer): Tally {
  if (answer === 'pass') return { passes: passes + 1, failures: 0, errors: 0 };
  if (answer === 'fail') return { passes: 0, failures: failures + 1, errors: 0 };
  return { passes: 0, failures, errors: errors + 1 };
}

/** @param nextTryMs when the next try would begin, from the beginning of the first one */
function verdictOf(
  rules: ProbeAttempts,
  { passes, failures, errors }: Tally,
  last: Judgement,
  nextTryMs: number,
): { state: ProbeState; message: string } {
  if (passes >= rules.success) return { state: 'passed', message: '' };
  if (last.answer === 'fail' && failures >= rules.failure)
    return { state: 'failed', message: `${last.message} (${failures} in a row)` };
  if (errors >= rules.errors)
    return { state: 'unknown', message: `${last.message} (no answer ${errors} times in a row)` };
  const progress = last.answer === 'pass' ? `passed ${passes} of ${rules.success} in a row` : last.message;
  if (nextTryMs < parseDuration(rules.deadline)) return { state: 'running', message: progress };
  return {
    state: 'unknown',
    message: `no verdict within ${formatDuration(parseDuration(rules.deadline))}: ${progress}`,
  };
}

function rulesOf({ attempts }: ProbeSuiteSpec, { attempts: own }: Probe): ProbeAttempts {
  return {
    interval: own?.interval ?? attempts.interval,
    success: own?.success ?? attempts.success,
    failure: own?.failure ?? attempts.failure,
    errors: own?.errors ?? attempts.errors,
    deadline: own?.deadline ?? attempts.deadline,
  };
}
