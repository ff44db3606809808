import type { Probe, ProbeAttempts, ProbeSuiteSpec } from '../api/probe-suite.ts';
import type { EpochMs } from '../shared/clock.ts';
import { parseDuration } from '../shared/duration.ts';
import type { ProbeRequest } from '../planner/effects.ts';
import type { ProbeObservation, ProbeState } from '../planner/observed.ts';
import { workloadKey } from '../planner/observed.ts';
import { judge, type ProbeScript } from './probing.ts';
import { changed, provenKey, type World } from './world.ts';

interface ProbeRun {
  readonly request: ProbeRequest;
  readonly suite: ProbeSuiteSpec;
  readonly pools: readonly string[];
  readonly results: { probe: string; state: ProbeState; message: string }[];
  state: ProbeState;
  message: string;
  /** In a row. */
  streak: { passes: number; failures: number; errors: number };
  attempt: number;
  firstTryAt: EpochMs;
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
    return { id, state: run.state, message: run.message, results: run.results.map((result) => ({ ...result })) };
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
      streak: { passes: 0, failures: 0, errors: 0 },
      attempt: 0,
      firstTryAt: this.#world.clock.now(),
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
    const judgement = judge(this.#world, {
      request: run.request,
      probe,
      attempt: run.attempt,
      pools: run.pools,
      script: this.#script,
    });
    const streak = run.streak;
    streak.passes = judgement.answer === 'pass' ? streak.passes + 1 : 0;
    streak.failures = judgement.answer === 'fail' ? streak.failures + 1 : 0;
    streak.errors = judgement.answer === 'none' ? streak.errors + 1 : 0;
    const rules = rulesOf(run.suite, probe);
    result.message = judgement.message;
    result.state = 'running';
    run.message = `${probe.name}: ${judgement.message}`;
    if (streak.passes >= rules.success) {
      result.state = 'passed';
      run.streak = { passes: 0, failures: 0, errors: 0 };
      run.firstTryAt = this.#world.clock.now();
      return index + 1 === run.suite.probes.length
        ? this.#end(run, 'passed', '')
        : this.#tryLater(run, index + 1, this.#world.timings.probeMs);
    }
    const overdue = this.#world.clock.now() - run.firstTryAt >= parseDuration(rules.deadline);
    const isOver = overdue || streak.failures >= rules.failure || streak.errors >= rules.errors;
    if (!isOver) return this.#tryLater(run, index, parseDuration(rules.interval));
    if (probe.severity === 'Warn') {
      result.state = 'failed';
      run.streak = { passes: 0, failures: 0, errors: 0 };
      return this.#tryLater(run, index + 1, this.#world.timings.probeMs);
    }
    const verdict = judgement.answer === 'none' ? 'unknown' : 'failed';
    result.state = verdict;
    this.#end(run, verdict, `${run.message} (${Math.max(streak.failures, streak.errors)} in a row)`);
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

function rulesOf({ attempts }: ProbeSuiteSpec, { attempts: own }: Probe): ProbeAttempts {
  return {
    interval: own?.interval ?? attempts.interval,
    success: own?.success ?? attempts.success,
    failure: own?.failure ?? attempts.failure,
    errors: own?.errors ?? attempts.errors,
    deadline: own?.deadline ?? attempts.deadline,
  };
}
