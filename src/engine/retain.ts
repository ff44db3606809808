/** After its end a run lets go of what it kept as the way back, when the time for that is over. */
import type { StepEntry, UpgradeRun } from '../api/upgrade-run.ts';
import { decideRetention } from '../planner/retention.ts';
import { releasedKey } from '../planner/steps/keys.ts';
import { RetryError } from '../shared/errors.ts';
import { parseInstant } from '../shared/instant.ts';
import { summarizeRelease } from '../status/summarize-run.ts';
import { executeEffect } from './execute.ts';
import { note } from './journal.ts';
import { asStored, type PassInput, type PassOutcome } from './input.ts';
import { contextOf } from './run-context.ts';

/** Longest sleep: timers end at 2^31 ms. */
const dayMs = 24 * 3_600_000;

export async function retainPass(input: PassInput): Promise<PassOutcome> {
  const { run, drivers, logger, signal } = input;
  const finished = run.status?.finished;
  if (run.status?.retained === undefined || finished === undefined) return { kind: 'ended', run };
  const entries: readonly StepEntry[] = run.status.steps;
  const next = decideRetention({ spec: run.spec, entries }, parseInstant(finished), input.now());
  if (next === undefined) return { kind: 'ended', run };
  if ('afterMs' in next) return { kind: 'wait', run, afterMs: Math.min(next.afterMs, dayMs) };
  if (!input.mayAct()) throw new RetryError('NotLeader', 'the lease is over');
  const { kind, name, until } = next.release;
  logger.info('Releasing what was kept', { object: `${kind}/${name}`, until });
  const operation = { ...contextOf(run), operation: `${run.metadata.uid ?? ''}/retention/1` };
  const effect = { kind: 'ReleaseRetained', object: { kind, name } } as const;
  await executeEffect(drivers, operation, effect, run.spec, signal);
  return { kind: 'again', ...asStored(await writeRelease(input, name)) };
}

async function writeRelease({ run, store }: PassInput, name: string): Promise<UpgradeRun> {
  const entries = run.status?.steps ?? [];
  const last = entries.at(-1)?.id ?? '';
  const status = summarizeRelease(run, note(entries, last, { [releasedKey(name)]: 'yes' }));
  return status === undefined ? run : store.writeStatus(run, status);
}
