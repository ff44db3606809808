import type { ProbeSuiteSpec } from '../../api/probe-suite.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { ProbeObservation } from '../../planner/observed.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import type { EffectOf, Evidence, Operation, ProbeDriver, RunContext } from '../contract.ts';
import { ProbeNotWanted } from './not-wanted.ts';
import { SuiteRun } from './suite-run.ts';

export interface ProbeDriverOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Runs that are over are known for so long as there are not more of them; asked for again, a forgotten one starts afresh. */
const keptRuns = 500;

interface Entry {
  readonly run: SuiteRun;
  readonly stop: AbortController;
}

export function createProbeDriver(options: ProbeDriverOptions): ProbeDriver {
  return new Driver(options);
}

class Driver implements ProbeDriver {
  readonly #options: ProbeDriverOptions;
  readonly #runs = new Map<string, Entry>();
  readonly #listeners: ((id: string) => void)[] = [];
  /** Also of runs that were forgotten: a request on its way has to come back before `close` may say that all is over. */
  readonly #working = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: ProbeDriverOptions) {
    this.#options = options;
  }

  observe(_context: RunContext, id: string): ProbeObservation {
    return this.#runs.get(id)?.run.observe() ?? { id, state: 'absent', message: '', results: [] };
  }

  readLog(_context: RunContext, id: string): readonly Evidence[] {
    return this.#runs.get(id)?.run.readLog() ?? [];
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
    if (this.#isClosed) throw new Error('the probe driver is closed');
    const { id, scope } = request;
    if (this.#runs.has(id)) return;
    this.#forgetOldest();
    const { client, clock } = this.#options;
    const logger = this.#options.logger.child({ probeRun: id, suite: request.suite, scope });
    const stop = new AbortController();
    const onChange = (): void => {
      if (!stop.signal.aborted) this.#tell(id, logger);
    };
    const run = new SuiteRun({ operation, request, suite, client, clock, onChange, signal: stop.signal });
    this.#runs.set(id, { run, stop });
    logger.info('Starting probes', { run: operation.run, probes: suite.probes.length });
    const working = run.run().then(
      () => logger.info('Probes are over', { state: run.observe().state, message: run.observe().message }),
      // The name only: what is said by an error nobody foresaw may hold a secret.
      (error: unknown) => logger.error('Probe run broke', { error: error instanceof Error ? error.name : 'unknown' }),
    );
    this.#working.add(working);
    void working.then(() => this.#working.delete(working));
  }

  end(isOver: (id: string) => boolean): void {
    for (const [id, { stop }] of this.#runs) {
      if (!isOver(id)) continue;
      this.#runs.delete(id);
      stop.abort(new ProbeNotWanted(`nobody waits for ${id} any more`));
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { stop } of this.#runs.values()) stop.abort(new Error('the probe driver is closed'));
    await Promise.all(this.#working);
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
