/** The API server of a simulation, as far as runs and decisions go: versions, conflicts, and a record of every write. */
import type { Decision } from '../api/decision.ts';
import {
  upgradeRunSpec,
  upgradeRunStatus,
  type UpgradeRun,
  type UpgradeRunSpec,
  type UpgradeRunStatus,
} from '../api/upgrade-run.ts';
import type { RunStore } from '../engine/input.ts';
import { RetryError } from '../shared/errors.ts';
import { formatInstant } from '../shared/instant.ts';
import type { SimProcess } from './process.ts';
import { must, nextNumber, type World } from './world.ts';

export interface StatusWrite {
  readonly run: UpgradeRun;
  readonly before: UpgradeRunStatus | undefined;
}

export class SimStore {
  readonly #world: World;
  readonly #runs = new Map<string, UpgradeRun>();
  readonly #onWrite: (write: StatusWrite) => void;
  readonly #validates: boolean;
  readonly decisions: Decision[] = [];
  /** Writes of status so far. */
  writes = 0;
  /** So many writes to come meet a newer version. */
  conflicts = 0;

  /** @param validates check every write against the schema, as the API server would */
  constructor(world: World, onWrite: (write: StatusWrite) => void, validates: boolean) {
    this.#world = world;
    this.#validates = validates;
    this.#onWrite = onWrite;
  }

  /** In the order of their creation. */
  runsOf(set: string): UpgradeRun[] {
    return [...this.#runs.values()].filter((run) => run.spec.upgradeSet === set);
  }

  get runs(): UpgradeRun[] {
    return [...this.#runs.values()];
  }

  get(name: string): UpgradeRun {
    return must(this.#runs.get(name), `run ${name}`);
  }

  /** Creates a run once; again under the same name, it is the one that is there. */
  create(
    name: string,
    spec: UpgradeRunSpec,
    process: SimProcess,
    annotations: Readonly<Record<string, string>> = {},
  ): UpgradeRun {
    process.assertAlive();
    this.#refuse();
    if (!this.#runs.has(name)) {
      // What the API server would refuse must not pass here.
      if (this.#validates) assertAccepted(name, spec);
      const number = nextNumber(this.#world);
      this.#runs.set(name, {
        apiVersion: 'belay.dev/v1alpha1',
        kind: 'UpgradeRun',
        metadata: {
          name,
          namespace: 'shop',
          uid: `run-${name}`,
          generation: 1,
          resourceVersion: String(number),
          creationTimestamp: formatInstant(this.#world.clock.now()),
          annotations,
        },
        spec: frozen(spec),
      });
    }
    process.point(`after run ${name} is made`);
    return this.get(name);
  }

  /** The store as one process of the controller has it. */
  for(process: SimProcess): RunStore {
    return {
      createRun: async (_, name, spec) => this.create(name, spec, process),
      findRun: async (_, name) => {
        process.assertAlive();
        this.#refuse();
        return this.#runs.has(name) ? this.get(name) : undefined;
      },
      writeStatus: async (run, status) => {
        process.assertAlive();
        this.#refuse();
        const written = this.#write(run, status);
        process.point(`after status of ${run.metadata.name}`);
        return written;
      },
    };
  }

  /** Somebody's kubectl, not the controller. */
  decide(decision: Decision): void {
    const at = formatInstant(this.#world.clock.now());
    this.decisions.push({ ...decision, metadata: { ...decision.metadata, creationTimestamp: at } });
  }

  /** The runs were restored from an older copy: the journal is `older`, or gone where there is none; the world is not. */
  loseJournal(name: string, older?: UpgradeRunStatus): void {
    const { status: _lost, ...rest } = this.get(name);
    this.#runs.set(name, {
      ...rest,
      metadata: { ...rest.metadata, resourceVersion: String(nextNumber(this.#world)) },
      ...(older === undefined ? {} : { status: older }),
    });
  }

  /** Does the journal know the operation? Asked before an effect is made. */
  isJournalled(runUID: string, operation: string): boolean {
    const run = [...this.#runs.values()].find((candidate) => candidate.metadata.uid === runUID);
    return run?.status?.steps.some((entry) => entry.operation === operation && entry.state !== 'Pending') === true;
  }

  #validate(name: string, status: UpgradeRunStatus): void {
    const [issue] = upgradeRunStatus.safeParse(status).error?.issues ?? [];
    if (issue !== undefined)
      this.#world.violations.push(`statusIsValid: ${issue.path.join('.')} of ${name}: ${issue.message}`);
  }

  #refuse(): void {
    if (this.#world.faults.apiDown) throw new RetryError('ApiUnavailable', 'the API server does not answer');
  }

  #write(run: UpgradeRun, status: UpgradeRunStatus): UpgradeRun {
    const { name } = run.metadata;
    const stored = must(this.#runs.get(name), `run ${name}`);
    if (this.conflicts > 0) {
      this.conflicts -= 1;
      throw new RetryError('Conflict', `run ${name} was written by somebody else`, { afterMs: 100 });
    }
    if (stored.metadata.resourceVersion !== run.metadata.resourceVersion) {
      throw new RetryError('Conflict', `run ${name} has a newer version`, { afterMs: 100 });
    }
    if (this.#validates) this.#validate(name, status);
    this.writes += 1;
    const next: UpgradeRun = {
      ...stored,
      metadata: { ...stored.metadata, resourceVersion: String(nextNumber(this.#world)) },
      status: frozen(status),
    };
    this.#runs.set(name, next);
    this.#onWrite({ run: next, before: stored.status });
    return this.get(name);
  }
}

/** @throws RangeError a plan that does not fit the schema, with the field that does not */
function assertAccepted(name: string, spec: UpgradeRunSpec): void {
  const [issue] = upgradeRunSpec.safeParse(spec).error?.issues ?? [];
  if (issue !== undefined)
    throw new RangeError(
      `the API server would refuse the plan of ${name}: spec.${issue.path.join('.')}: ${issue.message}`,
    );
}

/** Nobody changes what is stored by changing what was read: it throws. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}
