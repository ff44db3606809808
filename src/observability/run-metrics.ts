/** What runs did, counted. Objects stand in labels only while they live: `suite` goes with its ProbeSuite. */
import { Counter, type Registry } from 'prom-client';

const endPhases = ['Completed', 'RolledBack', 'Rebuilt', 'Failed', 'Cancelled', 'Superseded'];
const probeResults = ['passed', 'failed', 'unknown'] as const;

export interface SuiteName {
  readonly namespace: string;
  readonly name: string;
}

/** Told by the controllers. */
export interface RunRecorder {
  /** An effect was made. */
  effectMade(kind: string): void;
  /** A run reached its end. */
  runEnded(phase: string, reason: string): void;
  /** A run is on its way back. */
  rolledBack(reason: string): void;
  /** A run of a suite came to a verdict. */
  probed(suite: SuiteName, result: (typeof probeResults)[number]): void;
}

export interface RunMetricsOptions {
  /** ProbeSuites that exist; read at each scrape. Default: none. */
  readonly suites?: () => readonly SuiteName[];
  /** Kinds of effects there are, so that each starts at zero. */
  readonly effectKinds?: readonly string[];
  /** Usual reasons of rollbacks, so that each starts at zero. */
  readonly rollbackReasons?: readonly string[];
}

export function createRunMetrics(registers: Registry[], options: RunMetricsOptions): RunRecorder {
  const effects = new Counter({
    name: 'belay_effects_total',
    help: 'Effects made, by kind',
    labelNames: ['kind'],
    registers,
  });
  const ended = new Counter({
    name: 'belay_runs_ended_total',
    help: 'Runs that ended, by phase and reason',
    labelNames: ['phase', 'reason'],
    registers,
  });
  const rollbacks = new Counter({
    name: 'belay_rollbacks_total',
    help: 'Ways back begun, by what the run failed with',
    labelNames: ['reason'],
    registers,
  });
  for (const kind of options.effectKinds ?? []) effects.inc({ kind }, 0);
  for (const phase of endPhases) ended.inc({ phase, reason: '' }, 0);
  for (const reason of options.rollbackReasons ?? []) rollbacks.inc({ reason }, 0);
  return {
    effectMade: (kind) => effects.inc({ kind }),
    runEnded: (phase, reason) => ended.inc({ phase, reason }),
    rolledBack: (reason) => rollbacks.inc({ reason }),
    probed: countProbes(registers, options.suites ?? (() => [])),
  };
}

/** Kept beside the metric: what is shown begins anew with every scrape, from the suites that exist. */
function countProbes(registers: Registry[], suites: () => readonly SuiteName[]): RunRecorder['probed'] {
  const counts = new Map<string, number>();
  const keyOf = ({ namespace, name }: SuiteName, result: string): string => `${namespace}/${name}/${result}`;
  new Counter({
    name: 'belay_probe_results_total',
    help: 'Verdicts of ProbeSuites',
    labelNames: ['namespace', 'suite', 'result'],
    registers,
    collect() {
      this.reset();
      const live = suites().flatMap((suite) => probeResults.map((result) => ({ suite, result })));
      const keys = new Set(live.map(({ suite, result }) => keyOf(suite, result)));
      for (const key of counts.keys()) if (!keys.has(key)) counts.delete(key);
      for (const { suite, result } of live)
        this.inc({ namespace: suite.namespace, suite: suite.name, result }, counts.get(keyOf(suite, result)) ?? 0);
    },
  });
  return (suite, result) => {
    const key = keyOf(suite, result);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  };
}
