/** What dashboards for controller-runtime and client-go know, under the names they know. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { createWorkqueueMetrics, type WorkqueueRecorder } from './workqueue-metrics.ts';

const seconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120];
const results = ['success', 'requeue_after', 'error'] as const;

/** Told by one controller about its reconciles, and by its queue. */
export interface ControllerRecorder {
  reconciled(result: (typeof results)[number], durationMs: number): void;
  terminalError(): void;
  activeWorkers(count: number): void;
  readonly queue: WorkqueueRecorder;
}

export function createControllerMetrics(registers: Registry[]): (controller: string) => ControllerRecorder {
  const queues = createWorkqueueMetrics(registers);
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
  return (controller) => {
    for (const result of results) reconciles.inc({ controller, result }, 0);
    terminal.inc({ controller }, 0);
    durations.zero({ controller });
    workers.set({ controller }, 0);
    return {
      reconciled(result, durationMs) {
        reconciles.inc({ controller, result });
        durations.observe({ controller }, durationMs / 1000);
      },
      terminalError: () => terminal.inc({ controller }),
      activeWorkers: (count) => workers.set({ controller }, count),
      queue: queues(controller),
    };
  };
}
