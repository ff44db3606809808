/** The controller's process, as far as a story can kill it. */

/** Nothing after it is carried out; the next process starts from what was stored. */
export class CrashError extends Error {
  override readonly name = 'CrashError';
}

/**
 * Where the controller is killed: right after an effect or a write, so that whatever should follow it does not.
 * Right before one is right after the one that came before it, so these are all the places there are. They are
 * numbered from 1 over the whole story, all processes together.
 */
export interface CrashPlan {
  /** Numbers of the points at which the process dies. */
  readonly at: ReadonlySet<number>;
  passed: number;
  crashes: number;
}

export function crashPlan(at: Iterable<number> = []): CrashPlan {
  return { at: new Set(at), passed: 0, crashes: 0 };
}

/** One life of the controller. Dead processes do nothing: every call throws, whoever catches it. */
export class SimProcess {
  readonly #plan: CrashPlan;
  #dead = false;

  constructor(plan: CrashPlan) {
    this.#plan = plan;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  /** @throws CrashError this process is dead, or dies here */
  point(where: string): void {
    this.assertAlive();
    this.#plan.passed += 1;
    if (!this.#plan.at.has(this.#plan.passed)) return;
    this.#plan.crashes += 1;
    this.#dead = true;
    throw new CrashError(`killed ${where}`);
  }

  assertAlive(): void {
    if (this.#dead) throw new CrashError('killed');
  }
}
