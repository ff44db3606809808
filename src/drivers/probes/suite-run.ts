import { maxVersionLength } from '../../api/component.ts';
import type { Probe, ProbeSuiteSpec } from '../../api/probe-suite.ts';
import { sleep, withDeadline } from '../../kube/deadline.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { ProbeRequest } from '../../planner/effects.ts';
import type { ProbeObservation, ProbeState } from '../../planner/observed.ts';
import type { Clock } from '../../shared/clock.ts';
import { userClient } from '../access.ts';
import type { Evidence, Operation } from '../contract.ts';
import { shownEvidence } from '../jobs/job-evidence.ts';
import { Redactor } from '../jobs/redaction.ts';
import { count, decideVerdict, noTries, rulesOf, type TryResult } from './attempts.ts';
import { mergeVersions, type Versions } from './components.ts';
import { resolveParameters } from './parameters.ts';
import type { SecretReader, Values } from './secrets.ts';
import { newSession, type Session } from './session.ts';
import { tryEverywhere } from './try-probe.ts';

export interface SuiteRunOptions {
  readonly operation: Operation;
  readonly request: ProbeRequest;
  readonly suite: ProbeSuiteSpec;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly onChange: () => void;
  /** Ends the run without a verdict. */
  readonly signal: AbortSignal;
}

interface Outcome {
  readonly kind: 'passed' | 'failed' | 'unknown';
  readonly message: string;
}

const longestMessage = 2_000;
const longestOutput = 16_384;

/** One run of a suite from its first probe to its verdict. */
export class SuiteRun {
  readonly #options: SuiteRunOptions;
  readonly #secrets: SecretReader;
  readonly #parameters: Values;
  readonly #sessions = new Map<string, Session>();
  readonly #results: { probe: string; state: ProbeState; message: string }[];
  readonly #evidence = new Map<string, Omit<Evidence, 'title'>>();
  /** By probe, as its last try was answered. */
  readonly #components = new Map<string, Versions>();
  #state: ProbeState = 'running';
  #message = '';

  constructor(options: SuiteRunOptions) {
    const { operation, request, suite } = options;
    this.#options = options;
    this.#secrets = {
      client: userClient(options.client, operation),
      namespace: operation.namespace,
      redactor: new Redactor(),
    };
    this.#parameters = resolveParameters(suite.parameters ?? [], request.parameters);
    this.#results = suite.probes.map(({ name }) => ({ probe: name, state: 'absent', message: '' }));
  }

  observe(): ProbeObservation {
    return {
      id: this.#options.request.id,
      state: this.#state,
      message: this.#message,
      results: this.#results.map((result) => ({ ...result })),
      ...this.#told(),
    };
  }

  #told(): Pick<ProbeObservation, 'components'> {
    const shown = Object.entries(mergeVersions([...this.#components.values()])).map(
      // What a secret is replaced by may be longer than the secret.
      ([name, version]) => [name, this.#secrets.redactor.redact(version).slice(0, maxVersionLength)] as const,
    );
    return shown.length === 0 ? {} : { components: Object.fromEntries(shown) };
  }

  /** Of the last try of each probe: what a Job wrote, and whatever did not pass. */
  readLog(): readonly Evidence[] {
    return [...this.#evidence].map(([probe, evidence]) => {
      const { state = 'absent', message = '' } = this.#results.find((result) => result.probe === probe) ?? {};
      const facts = [['verdict', state] as const, ...(message === '' ? [] : [['message', message] as const])];
      const whole = { title: `probe ${probe}`, facts: [...facts, ...evidence.facts], output: evidence.output };
      return shownEvidence(whole, (text) => this.#secrets.redactor.redact(text), longestOutput);
    });
  }

  get isOver(): boolean {
    return this.#state !== 'running';
  }

  /**
   * Runs to the verdict; the state is always one of the last three afterwards.
   * @throws whatever is a fault of this program; the state is `unknown` then
   */
  async run(): Promise<void> {
    try {
      const { kind, message } = await this.#runProbes();
      this.#end(kind, message);
    } catch (error) {
      const isStopped = this.#options.signal.aborted;
      this.#end(
        'unknown',
        isStopped
          ? 'stopped before a verdict'
          : `the run broke: ${error instanceof Error ? error.message : String(error)}`,
      );
      if (!isStopped) throw error;
    }
  }

  async #runProbes(): Promise<Outcome> {
    const warnings: string[] = [];
    const broken: Outcome[] = [];
    for (const [index, probe] of this.#options.suite.probes.entries()) {
      const { kind, message } = await this.#runProbe(probe, index);
      if (kind === 'passed') continue;
      const told = `${probe.name}: ${message}${probe.remedy === undefined ? '' : `; ${probe.remedy}`}`;
      if (probe.severity === 'Warn') warnings.push(told);
      else if (this.#options.request.whole === true) broken.push({ kind, message: told });
      else return { kind, message: told };
    }
    const worst = broken.find(({ kind }) => kind === 'failed') ?? broken[0];
    if (worst !== undefined) return worst;
    return { kind: 'passed', message: warnings.length === 0 ? '' : `warned: ${warnings.join('; ')}` };
  }

  async #runProbe(probe: Probe, index: number): Promise<Outcome> {
    const { clock, suite, signal } = this.#options;
    const rules = rulesOf(suite, probe);
    const startedAt = clock.monotonic();
    let tally = noTries;
    for (let attempt = 1; ; attempt += 1) {
      const triedAt = clock.monotonic();
      const last = await this.#try(probe, attempt, rules.deadlineMs - (triedAt - startedAt));
      signal.throwIfAborted();
      this.#keep(probe, last);
      tally = count(tally, last.answer);
      // A try that took longer than the interval is followed by the next one at once.
      const nextAt = Math.max(clock.monotonic(), triedAt + rules.intervalMs);
      const verdict = decideVerdict(rules, tally, last, nextAt - startedAt);
      const message = this.#readable(verdict.message);
      if (verdict.kind !== 'again') {
        this.#note(index, verdict.kind, message);
        return { kind: verdict.kind, message };
      }
      this.#note(index, 'running', message);
      await sleep(clock, nextAt - clock.monotonic(), signal);
      signal.throwIfAborted();
    }
  }

  /** A test that has passed at last needs no explanation; what a Job wrote is kept whatever it said. */
  #keep({ name, job }: Probe, { answer, evidence, components }: TryResult): void {
    // Silence does not take back what was said.
    if (components !== undefined && answer !== 'none') this.#components.set(name, components);
    if (answer === 'pass' && job === undefined) this.#evidence.delete(name);
    else this.#evidence.set(name, evidence ?? { facts: [], output: '' });
  }

  #try(probe: Probe, attempt: number, leftMs: number): Promise<TryResult> {
    const { clock, operation, request, signal, suite } = this.#options;
    const { deadlineMs } = rulesOf(suite, probe);
    const round = {
      clock,
      operation,
      request,
      probe,
      attempt,
      deadlineMs,
      secrets: this.#secrets,
      parameters: this.#parameters,
    };
    const sessionOf = (key: string): Session => {
      const session = this.#sessions.get(key) ?? newSession();
      this.#sessions.set(key, session);
      return session;
    };
    return withDeadline({ clock, afterMs: leftMs, signal }, (limited) =>
      tryEverywhere({ ...round, sessionOf }, limited),
    );
  }

  #note(index: number, state: ProbeState, message: string): void {
    const result = this.#results[index];
    if (result === undefined || (result.state === state && result.message === message)) return;
    result.state = state;
    result.message = message;
    this.#message = message === '' ? '' : `${result.probe}: ${message}`;
    this.#options.onChange();
  }

  #end(state: Outcome['kind'], message: string): void {
    this.#state = state;
    this.#message = this.#readable(message);
    this.#options.onChange();
  }

  /** Without secrets and not too long, in this order: half a secret is a secret too. */
  #readable(message: string): string {
    const safe = this.#secrets.redactor.redact(message);
    return safe.length <= longestMessage ? safe : `${safe.slice(0, longestMessage)}…`;
  }
}
