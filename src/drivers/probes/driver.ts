import type { ProbeSuiteSpec } from '../../api/probe-suite.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { ProbeObservation } from '../../planner/observed.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import type { EffectOf, Operation, ProbeDriver, RunContext } from '../contract.ts';
import { SuiteRun } from './suite-run.ts';

export interface ProbeDriverOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A driver whose runs go on in the background until `close`. */
export interface ClosableProbeDriver extends ProbeDriver {
  /** Ends all runs and resolves when they are over; nothing can be asked for afterwards. */
  close(): Promise<void>;
}

/** Runs that are over are known for so long as there are not more of them; asked for again, a forgotten one starts afresh. */
const keptRuns = 500;

interface Entry {
  readonly run: SuiteRun;
  readonly finished: Promise<void>;
}

export function createProbeDriver(options: ProbeDriverOptions): ClosableProbeDriver {
  return new Driver(options);
}

class Driver implements ClosableProbeDriver {
  readonly #options: ProbeDriverOptions;
  readonly #runs = new Map<string, Entry>();
  readonly #listeners: ((id: string) => void)[] = [];
  readonly #stop = new AbortController();

  constructor(options: ProbeDriverOptions) {
    this.#options = options;
  }

  observe(_context: RunContext, id: string): ProbeObservation {
    return this.#runs.get(id)?.run.observe() ?? { id, state: 'absent', message: '', results: [] };
  }

  onChange(listener: (id: string) => void): void {
    this.#listeners.push(listener);
  }

  async request(
    operation: Operation,
    { request }: EffectOf<'RunProbes'>,
    suite: ProbeSuiteSpec,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    this.#stop.signal.throwIfAborted();
    const { id, scope } = request;
    if (this.#runs.has(id)) return;
    this.#forgetOldest();
    const { client, clock } = this.#options;
    const logger = this.#options.logger.child({ probeRun: id, suite: request.suite, scope });
    const onChange = (): void => this.#tell(id, logger);
    const run = new SuiteRun({ operation, request, suite, client, clock, onChange, signal: this.#stop.signal });
    logger.info('Starting probes', { run: operation.run, probes: suite.probes.length });
    const finished = run.run().then(
      () => logger.info('Probes are over', { state: run.observe().state, message: run.observe().message }),
      // The name only: what is said by an error nobody foresaw may hold a secret.
      (error: unknown) => logger.error('Probe run broke', { error: error instanceof Error ? error.name : 'unknown' }),
    );
    this.#runs.set(id, { run, finished });
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the probe driver is closed'));
    await Promise.all([...this.#runs.values()].map(({ finished }) => finished));
  }

  #tell(id: string, logger: Logger): void {
    for (const listener of this.#listeners) {
      try {
        listener(id);
      } catch (error) {
        // A listener is somebody else's code: its fault must not become the verdict of the probes.
        logger.error('Listener of probes failed', { error: error instanceof Error ? error.message : String(error) });
      }
    }
  }

  #forgetOldest(): void {
    for (const [id, { run }] of this.#runs) {
      if (this.#runs.size < keptRuns) return;
      if (run.isOver) this.#runs.delete(id);
    }
  }
}
