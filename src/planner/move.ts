import type { Answered, Choice, RunPhase, StepState } from '../api/upgrade-run.ts';
import type { Effect } from './effects.ts';
import type { PreflightReport } from './preflight/report.ts';
import type { BlockerSubject, HeldEffect } from './verdict.ts';

/** The database goes back first, if and only if its schema was changed: that is in the journal, not in the method. */
export type RollbackMethod = 'Snapshots' | 'PreviousTemplate';

/** One change of a step's state, for the journal. */
export interface StepChange {
  readonly id: string;
  readonly state: StepState;
  readonly reason?: string;
  readonly message: string;
  readonly record?: Readonly<Record<string, string>>;
  /** Of a test in isolation: what each server told of its components. */
  readonly components?: readonly Answered[];
}

/** What a rollback run is to do. */
export interface RollbackOrder {
  readonly method: RollbackMethod;
  /** Of groups that served: are writes since the snapshot thrown away? Others lost nothing. */
  readonly data: 'Discard' | 'Keep';
  readonly because: string;
  /** Who allowed it: "policy Automatic", or a name. */
  readonly authorisedBy: string;
  /** When everything is back, the same package is installed from step 1 again. */
  readonly next?: 'Restart';
}

/** What a rebuild run is to do. */
export interface RebuildOrder {
  readonly group: string;
  readonly server: string;
  readonly because: string;
  /** Who asked for it. */
  readonly authorisedBy: string;
}

/** The planner's one answer to one pass. */
export type Move =
  | {
      readonly kind: 'act';
      readonly step: string;
      readonly effect: Effect;
      readonly because: string;
      readonly record?: Readonly<Record<string, string>>;
      readonly after?: Readonly<Record<string, string>>;
      readonly preflight?: PreflightReport;
      /** Asked for again and again, past its time: what is in the way is shown meanwhile. */
      readonly held?: HeldEffect;
    }
  | {
      readonly kind: 'record';
      readonly step: string;
      readonly record: Readonly<Record<string, string>>;
      readonly because: string;
      readonly preflight?: PreflightReport;
    }
  /** Steps change their state; nothing is done to the world. */
  | { readonly kind: 'advance'; readonly changes: readonly StepChange[] }
  | {
      readonly kind: 'wait';
      readonly step?: string;
      readonly afterMs: number;
      readonly reason: string;
      readonly message: string;
      readonly blocker?: BlockerSubject;
      /** The step's deadline does not run meanwhile. */
      readonly untimed?: boolean;
      readonly paused?: boolean;
      /** What a Decision may say now: the run shows that it awaits one. */
      readonly choices?: readonly Choice[];
      /** Before anything is touched: the checks, and what is missing. */
      readonly preflight?: PreflightReport;
    }
  /** A person has to choose. */
  | {
      readonly kind: 'await';
      readonly reason: string;
      readonly message: string;
      readonly choices: readonly Choice[];
      /** When what may be chosen changes by itself; undefined: it does not. */
      readonly afterMs?: number;
    }
  | { readonly kind: 'rollBack'; readonly order: RollbackOrder }
  | { readonly kind: 'rebuild'; readonly order: RebuildOrder }
  | { readonly kind: 'finish'; readonly phase: RunPhase; readonly reason: string; readonly message: string };
