import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { createControllerMetrics, type ControllerRecorder } from './controller-metrics.ts';
import { createRunMetrics, type RunMetricsOptions, type RunRecorder } from './run-metrics.ts';
import { addSetMetrics, type SetSample } from './set-metrics.ts';

export interface Metrics extends RunRecorder {
  /** Text of one scrape. */
  scrape(): Promise<string>;
  readonly contentType: string;
  controller(name: string): ControllerRecorder;
  /** The API server was called. */
  called(facts: { method: string; code: string; durationMs: number }): void;
}

export interface MetricsOptions extends RunMetricsOptions {
  /** Read at each scrape, so that the metrics of deleted objects disappear. */
  readonly sets: () => readonly SetSample[];
  readonly isLeader: () => boolean;
  readonly version: string;
}

/** Names that dashboards for controller-runtime know, and ours beside them; see docs/observability.md. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 });
  const calls = new Counter({
    name: 'rest_client_requests_total',
    help: 'Calls to the API server',
    labelNames: ['method', 'code'],
    registers,
  });
  addProcess(registers, options);
  // One look for all gauges of a scrape: cheaper, and they cannot disagree.
  let sets: readonly SetSample[] = [];
  addSetMetrics(registers, () => sets);
  return {
    scrape() {
      sets = options.sets();
      return registry.metrics();
    },
    contentType: registry.contentType,
    controller: createControllerMetrics(registers),
    called: ({ method, code }) => calls.inc({ method, code }),
    ...createRunMetrics(registers, options),
  };
}

function addProcess(registers: Registry[], options: MetricsOptions): void {
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
}
