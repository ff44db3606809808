/** Who has overridden which check, and who may. Source: A-13, 001-45. Pure. */
import type { PreflightCheck, UpgradeRun } from '../../api/upgrade-run.ts';
import type { Handles } from '../journal.ts';
import type { ValidDecision } from '../verdict.ts';
import type { CheckDefinition } from './check.ts';
import { definitionsOf } from './definitions.ts';

/** By whom a check was overridden, and why; written when the waiver is first used, and valid from then on. */
export const waivedKey = (check: string): string => `waived/${check}`;

/** Who has said that a check is met. */
export const attestedKey = (check: string): string => `attested/${check}`;

/** The check that a key of the journal is about; undefined where it is about none. */
export function overriddenCheck(key: string): string | undefined {
  return /^(?:waived|attested)\/(.+)$/.exec(key)?.[1];
}

export interface Override {
  readonly kind: 'Waive' | 'Attest';
  readonly by: string;
}

/** As the journal says. */
export function overrideOf(handles: Handles, check: string): Override | undefined {
  const attested = handles[attestedKey(check)];
  if (attested !== undefined) return { kind: 'Attest', by: attested };
  const waived = handles[waivedKey(check)];
  return waived === undefined ? undefined : { kind: 'Waive', by: waived };
}

/** What a decision about this check adds to the journal; undefined where there is none that counts. */
export function useDecision(
  decisions: readonly ValidDecision[],
  { name, isAttestable, isWaivable }: CheckDefinition,
): Record<string, string> | undefined {
  const about = decisions.filter(({ check, approved }) => check === name && approved);
  const attest = isAttestable ? about.find(({ choice }) => choice === 'Attest') : undefined;
  if (attest !== undefined) return { [attestedKey(name)]: wordsOf(attest) };
  const waive = isWaivable ? about.find(({ choice }) => choice === 'Waive') : undefined;
  return waive === undefined ? undefined : { [waivedKey(name)]: wordsOf(waive) };
}

function wordsOf({ by, reason }: ValidDecision): string {
  return `${by}: ${reason}`.slice(0, 500);
}

/**
 * Why a Decision Waive (or Attest) about this check does not count; empty where it does.
 * @param check `Decision.spec.check`
 */
export function waiveProblem(
  run: Pick<UpgradeRun, 'spec' | 'status'> & { readonly metadata: { readonly name: string } },
  check: string,
  choice: 'Waive' | 'Attest' = 'Waive',
): string {
  const definitions = definitionsOf(run.spec);
  const found = definitions.find(({ name }) => name === check);
  const listed = run.status?.preflight?.find((one) => one.check === check);
  if (found === undefined)
    return `run ${run.metadata.name} has no check ${check}: name one of ${definitions.map(({ name }) => name).join(', ')}`;
  if (choice === 'Attest' && !found.isAttestable)
    return `${check} is not a matter of a person's word: ${remedyOf(listed)}${found.isWaivable ? ', or waive it' : ''}`;
  if (choice === 'Waive' && !found.isWaivable) return `${check} cannot be waived: ${remedyOf(listed)}`;
  return '';
}

function remedyOf(check: PreflightCheck | undefined): string {
  return check?.remedy === undefined || check.remedy === '' ? 'meet it' : check.remedy;
}
