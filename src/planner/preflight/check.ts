/** What a check of the preflight is: a name, who may override it, where it looks, and a pure verdict. */
import type { PreflightCheck } from '../../api/upgrade-run.ts';
import type { Effect } from '../effects.ts';
import type { Observed, ObservationScope } from '../observed.ts';
import type { StepContext } from '../verdict.ts';

/** What is known before anything is looked at. */
export type CheckPlace = Pick<StepContext, 'run' | 'entry' | 'handles'>;

export interface CheckInput extends CheckPlace {
  readonly observed: Observed;
}

export interface Finding {
  readonly verdict: PreflightCheck['verdict'];
  readonly evidence: string;
  readonly remedy: string;
  /** Its answer is on the way: nobody has to do anything yet. */
  readonly isPending?: boolean;
  /** What brings the answer nearer. */
  readonly effect?: Effect;
  /** Written after the effect was made. */
  readonly after?: Readonly<Record<string, string>>;
  /** Written down before anything else is done. */
  readonly record?: Readonly<Record<string, string>>;
}

export interface CheckDefinition {
  readonly name: string;
  readonly severity: PreflightCheck['severity'];
  /** May a Decision Waive override it? */
  readonly isWaivable: boolean;
  /** May a Decision Attest say that it is met? */
  readonly isAttestable: boolean;
  readonly scope: (place: CheckPlace) => Partial<ObservationScope>;
  readonly evaluate: (input: CheckInput) => Finding;
  /** What it takes to find out, where a look does not do; checks may share one. */
  readonly task?: CheckTask;
}

/** Something that is begun anew for every answer. Its rounds are in the journal: see `rounds.ts`. */
export interface CheckTask {
  readonly name: string;
  /** After an answer that was no pass it is begun anew after this long. */
  readonly retryMs: number;
  /** An older pass is begun anew before the first change. */
  readonly freshMs: number;
}

export const pass = (evidence: string): Finding => ({ verdict: 'Pass', evidence, remedy: '' });

export const notMet = (evidence: string, remedy: string): Finding => ({ verdict: 'Fail', evidence, remedy });

export const notKnown = (evidence: string, remedy: string): Finding => ({ verdict: 'Unknown', evidence, remedy });

export const pending = (evidence: string, effect?: Effect): Finding => ({
  verdict: 'Unknown',
  evidence,
  remedy: '',
  isPending: true,
  ...(effect === undefined ? {} : { effect }),
});
