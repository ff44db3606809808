/** The workqueue_* metrics, with the names, labels and buckets of client-go and controller-runtime. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** From 10 ns to 1000 s by factors of ten. */
const buckets = Array.from({ length: 12 }, (_, index) => 10 ** (index - 8));
const labelNames = ['name', 'controller'] as const;

/** Told by one queue; times in milliseconds. */
export interface WorkqueueRecorder {
  /** Read at each scrape: how long each key under way has been there. */
  attached(workingForMs: () => readonly number[]): void;
  depth(depth: number): void;
  added(): void;
  retried(): void;
  started(waitedMs: number): void;
  finished(workedMs: number): void;
}

export function createWorkqueueMetrics(registers: Registry[]): (name: string) => WorkqueueRecorder {
  const working = new Map<string, () => readonly number[]>();
  const depth = new Gauge({ name: 'workqueue_depth', help: 'Keys that wait for a worker', labelNames, registers });
  const adds = new Counter({ name: 'workqueue_adds_total', help: 'Keys added', labelNames, registers });
  const retries = new Counter({
    name: 'workqueue_retries_total',
    help: 'Keys added after a failure',
    labelNames,
    registers,
  });
  const waited = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long keys waited for a worker',
    labelNames,
    buckets,
    registers,
  });
  const worked = new Histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'How long workers had keys',
    labelNames,
    buckets,
    registers,
  });
  const underWay = (name: string, help: string, value: (seconds: readonly number[]) => number): void => {
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        for (const [queue, read] of working)
          this.set({ name: queue, controller: queue }, value(read().map((ms) => ms / 1000)));
      },
    });
  };
  underWay('workqueue_unfinished_work_seconds', 'Work under way that no other metric shows yet, summed', (all) =>
    all.reduce((sum, one) => sum + one, 0),
  );
  underWay('workqueue_longest_running_processor_seconds', 'How long the slowest worker has had its key', (all) =>
    Math.max(0, ...all),
  );
  return (name) => {
    const labels = { name, controller: name };
    depth.set(labels, 0);
    for (const counter of [adds, retries]) counter.inc(labels, 0);
    for (const histogram of [waited, worked]) histogram.zero(labels);
    working.set(name, () => []);
    return {
      attached: (workingForMs) => working.set(name, workingForMs),
      depth: (keys) => depth.set(labels, keys),
      added: () => adds.inc(labels),
      retried: () => retries.inc(labels),
      started: (ms) => waited.observe(labels, ms / 1000),
      finished: (ms) => worked.observe(labels, ms / 1000),
    };
  };
}
