import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const seconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120];

/** One live object as the gauges show it. */
export interface SetSample {
  readonly namespace: string;
  readonly name: string;
  readonly phase: string;
  readonly stepsDone: number;
  readonly stepsTotal: number;
  readonly blocked: boolean;
}

export interface Metrics {
  /** Text of one scrape. */
  scrape(): Promise<string>;
  readonly contentType: string;
  controller(name: string): {
    reconciled(result: 'success' | 'requeue_after' | 'error', durationMs: number): void;
    terminalError(): void;
    activeWorkers(count: number): void;
  };
  called(facts: { method: string; code: string; durationMs: number }): void;
  effectMade(kind: string): void;
  runEnded(phase: string, reason: string): void;
}

export interface MetricsOptions {
  /** Read at each scrape, so that the metrics of deleted objects disappear. */
  readonly sets: () => readonly SetSample[];
  readonly isLeader: () => boolean;
  readonly version: string;
}

/** Names that dashboards for controller-runtime know, and ours beside them. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 });
  const reconciles = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Reconciles by result',
    labelNames: ['controller', 'result'],
    registers,
  });
  const terminal = new Counter({
    name: 'controller_runtime_terminal_reconcile_errors_total',
    help: 'Reconciles that no retry helps',
    labelNames: ['controller'],
    registers,
  });
  const durations = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Length of a reconcile',
    labelNames: ['controller'],
    buckets: seconds,
    registers,
  });
  const workers = new Gauge({
    name: 'controller_runtime_active_workers',
    help: 'Workers with a key',
    labelNames: ['controller'],
    registers,
  });
  const calls = new Counter({
    name: 'rest_client_requests_total',
    help: 'Calls to the API server',
    labelNames: ['method', 'code'],
    registers,
  });
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
  for (const phase of ['Completed', 'RolledBack', 'Failed', 'Cancelled']) ended.inc({ phase, reason: '' }, 0);
  addGauges(registers, options);
  return {
    scrape: () => registry.metrics(),
    contentType: registry.contentType,
    controller: (controller) => ({
      reconciled(result, durationMs) {
        reconciles.inc({ controller, result });
        durations.observe({ controller }, durationMs / 1000);
      },
      terminalError: () => terminal.inc({ controller }),
      activeWorkers: (count) => workers.set({ controller }, count),
    }),
    called: ({ method, code }) => calls.inc({ method, code }),
    effectMade: (kind) => effects.inc({ kind }),
    runEnded: (phase, reason) => ended.inc({ phase, reason }),
  };
}

function addGauges(registers: Registry[], options: MetricsOptions): void {
  new Gauge({
    name: 'leader_election_master_status',
    help: '1 while this process leads',
    labelNames: ['name'],
    registers,
    collect() {
      this.set({ name: 'belay' }, options.isLeader() ? 1 : 0);
    },
  });
  new Gauge({
    name: 'belay_info',
    help: 'Version that runs',
    labelNames: ['version'],
    registers,
    collect() {
      this.set({ version: options.version }, 1);
    },
  });
  const perSet = (name: string, help: string, value: (sample: SetSample) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['namespace', 'upgradeset'],
      registers,
      collect() {
        this.reset();
        for (const sample of options.sets())
          this.set({ namespace: sample.namespace, upgradeset: sample.name }, value(sample));
      },
    });
  };
  perSet('belay_upgradeset_steps_done', 'Steps of the present run that are over', (sample) => sample.stepsDone);
  perSet('belay_upgradeset_steps', 'Steps of the present run', (sample) => sample.stepsTotal);
  perSet('belay_upgradeset_blocked', '1 while something is in the way', (sample) => (sample.blocked ? 1 : 0));
  new Gauge({
    name: 'belay_upgradeset_phase',
    help: '1 for the phase the set is in',
    labelNames: ['namespace', 'upgradeset', 'phase'],
    registers,
    collect() {
      this.reset();
      for (const sample of options.sets())
        this.set({ namespace: sample.namespace, upgradeset: sample.name, phase: sample.phase }, 1);
    },
  });
}
