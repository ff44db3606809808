/** What Jobs and tests of the simulated cluster leave behind, and where the deployment log of its runs is kept. */
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { Evidence } from '../drivers/contract.ts';
import { DeploymentLog, type LogStore, type StoredLog } from '../engine/deployment-log.ts';
import type { DatabaseJob } from '../planner/effects.ts';
import type { ProbeObservation } from '../planner/observed.ts';
import { RetryError } from '../shared/errors.ts';
import { seeJobNow } from './databases.ts';
import type { SimProcess } from './process.ts';
import type { SimDatabase, World } from './world.ts';

export function evidenceOfJob(database: SimDatabase | undefined, job: DatabaseJob): Evidence | undefined {
  const seen = seeJobNow(database, job);
  if (seen.state === 'absent') return undefined;
  const code = seen.exitCode === undefined ? 'none: it did not end' : String(seen.exitCode);
  return { title: `Job ${job.id} (${job.verb})`, facts: [['exit code', code]], output: seen.message };
}

export function evidenceOfProbes({ results }: ProbeObservation): Evidence[] {
  return results
    .filter(({ state }) => state === 'failed' || state === 'unknown')
    .map(({ probe, state, message }) => ({ title: `probe ${probe}`, facts: [['verdict', state]], output: message }));
}

/** Logs of all runs by name; they outlive the process. */
export class SimLogs {
  readonly #world: World;
  readonly #texts = new Map<string, string>();
  /** Writes so far. */
  writes = 0;
  /** Whoever wants to write is refused. */
  refuses = false;
  /** Told of each write, before whatever follows it. */
  onWrite: (name: string) => void = () => {};
  /** Steps that were said to have no log. */
  readonly losses: string[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  get(name: string): string | undefined {
    return this.#texts.get(name);
  }

  get names(): string[] {
    return [...this.#texts.keys()];
  }

  /** The journal names a log only when it is there. */
  check({ metadata, status }: UpgradeRun): void {
    for (const { id, log } of status?.steps ?? [])
      if (log !== undefined && !this.#texts.has(log))
        this.#world.violations.push(`logFirst: ${id} of ${metadata.name} names log ${log}, which is not there`);
  }

  /** As one process of the controller has it. */
  for(process: SimProcess): DeploymentLog {
    const store: LogStore = {
      write: (_, log) => Promise.resolve().then(() => this.#write(log, process)),
      tellLoss: (run, step) => this.losses.push(`${run.metadata.name}/${step}`),
    };
    return new DeploymentLog({ store, now: () => this.#world.clock.now(), limit: (signal, work) => work(signal) });
  }

  #write({ name, text }: StoredLog, process: SimProcess): void {
    process.assertAlive();
    if (this.refuses || this.#world.faults.apiDown) throw new RetryError('Forbidden', 'configmaps cannot be created');
    this.#texts.set(name, text);
    this.writes += 1;
    this.onWrite(name);
    process.point(`after log ${name}`);
  }
}
