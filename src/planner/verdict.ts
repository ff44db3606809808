import type { EpochMs } from '../shared/clock.ts';
import type { Answered, Choice, RunGroup, Step, StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { Effect } from './effects.ts';
import type { Handles } from './journal.ts';
import type { Observed } from './observed.ts';
import type { PreflightReport } from './preflight/report.ts';

/** A person's valid word on this run and plan. */
export interface ValidDecision {
  readonly name: string;
  readonly choice: string;
  readonly approved: boolean;
  readonly by: string;
  readonly reason: string;
  /** A link or a reference; empty where none was given. */
  readonly evidence: string;
  readonly method: string;
  readonly data: 'Discard' | 'Keep' | undefined;
  /** What the choice is about: a check (Waive, Attest), a step (Approve, Attest), a server of a group (Rebuild); empty for others. */
  readonly check: string;
  readonly step: string;
  readonly group: string;
  readonly server: string;
  /** The role it was decided in; empty where none was named. */
  readonly as: 'Engineer' | 'Administrator' | '';
  readonly createdAt: EpochMs;
}

/** What a step evaluator may know. */
export interface StepContext {
  readonly run: { readonly name: string; readonly uid: string; readonly spec: UpgradeRunSpec };
  readonly step: Step;
  readonly entry: StepEntry;
  readonly handles: Handles;
  readonly observed: Observed;
  readonly decisions: readonly ValidDecision[];
  readonly now: EpochMs;
  /** Time this attempt has had, without pauses and waits for people. */
  readonly consumedMs: number;
  readonly timeoutMs: number;
  /** Checks are made and shown, and nothing is changed. */
  readonly dryRun?: boolean;
}

export interface BlockerSubject {
  readonly type: string;
  readonly object: string;
}

export interface HeldEffect {
  readonly reason: string;
  readonly message: string;
  readonly blocker: BlockerSubject;
}

/** What a step needs now. `record` goes to the journal before the effect is made. */
export type StepVerdict =
  | { readonly kind: 'done'; readonly message: string; readonly components?: readonly Answered[] }
  | { readonly kind: 'skip'; readonly message: string }
  | {
      readonly kind: 'act';
      readonly effect: Effect;
      readonly because: string;
      readonly record?: Readonly<Record<string, string>>;
      /** Written after the effect was made: its absence makes a later pass repeat the effect, never skip it. */
      readonly after?: Readonly<Record<string, string>>;
      readonly preflight?: PreflightReport;
      /** Asked for again and again, past its time: what is in the way is shown meanwhile. */
      readonly held?: HeldEffect;
    }
  | {
      readonly kind: 'record';
      readonly record: Readonly<Record<string, string>>;
      readonly because: string;
      readonly preflight?: PreflightReport;
    }
  | {
      readonly kind: 'wait';
      readonly afterMs: number;
      readonly reason: string;
      readonly message: string;
      /** Something or somebody outside has to move: shown in `status.blockers`. */
      readonly blocker?: BlockerSubject;
      /** The deadline does not run: a person was asked. */
      readonly untimed?: boolean;
      /** What a Decision may say now: shown in `status.choices`. */
      readonly choices?: readonly Choice[];
      /** Before anything is touched: the checks, and what is missing. */
      readonly preflight?: PreflightReport;
    }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly message: string;
      readonly components?: readonly Answered[];
    };

export const done = (message: string): StepVerdict => ({ kind: 'done', message });

export function act(effect: Effect, because: string, record?: Readonly<Record<string, string>>): StepVerdict {
  return record === undefined ? { kind: 'act', effect, because } : { kind: 'act', effect, because, record };
}

export function fail(reason: string, message: string): StepVerdict {
  return { kind: 'failed', reason, message };
}

export function wait(reason: string, message: string, blocker?: BlockerSubject): StepVerdict {
  const base = { kind: 'wait', afterMs: 5_000, reason, message } as const;
  return blocker === undefined ? base : { ...base, blocker };
}

/** Waits while there is time, then fails with the same words. */
export function waitOrFail(
  context: StepContext,
  waiting: { reason: string; message: string; blocker?: BlockerSubject },
  failure: string,
): StepVerdict {
  if (context.consumedMs >= context.timeoutMs) {
    return fail(failure, `${waiting.message}; gave up after ${context.step.timeout}`);
  }
  const verdict = wait(waiting.reason, waiting.message, waiting.blocker);
  const left = context.timeoutMs - context.consumedMs;
  return verdict.kind === 'wait' ? { ...verdict, afterMs: Math.max(1, Math.min(verdict.afterMs, left)) } : verdict;
}

/** @throws RangeError the plan names a group the run does not carry */
export function groupOf(spec: UpgradeRunSpec, name: string | undefined): RunGroup {
  const group = spec.groups.find((candidate) => candidate.name === name);
  if (group === undefined) throw new RangeError(`the plan names group "${name ?? ''}", which the run does not have`);
  return group;
}

/** The group a step works on, with the one server it names where it names one. */
export function targetOf(spec: UpgradeRunSpec, step: Pick<Step, 'group' | 'server'>): RunGroup {
  const group = groupOf(spec, step.group);
  if (step.server === undefined) return group;
  return { ...group, servers: group.servers.filter(({ name }) => name === step.server) };
}

/** "a, b, c and 2 more": sorted, so that the same world gives the same message and no write. */
export function listSome(items: readonly string[], most = 3): string {
  const sorted = items.toSorted();
  const shown = sorted.slice(0, most).join(', ');
  return sorted.length > most ? `${shown} and ${sorted.length - most} more` : shown;
}
