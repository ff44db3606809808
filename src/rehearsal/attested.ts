/** In a rehearsal whoever attests has done what a step asks of people (001-61). */
import type { DecisionSpec } from '../api/decision.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { isByPeople } from '../planner/steps/by-people.ts';
import { backupKey } from '../planner/steps/keys.ts';
import type { EpochMs } from '../shared/clock.ts';
import { parseDuration } from '../shared/duration.ts';
import { parseInstant } from '../shared/instant.ts';
import { attestBackup, putBack, takeBackup } from '../simulation/databases.ts';
import type { World } from '../simulation/world.ts';

/** What a simulated person names. */
export const rehearsedReference = 'rehearsal/done-by-people';

type Word = Pick<DecisionSpec, 'choice' | 'step' | 'verdict' | 'evidence'>;

/** Whether people have had the time that the plan announces for what a step asks of them; other steps ask for a word only. */
export function isDoneBy(run: UpgradeRun, id: string | undefined, now: EpochMs): boolean {
  const step = run.spec.steps.find((one) => one.id === id);
  const started = run.status?.steps.find((entry) => entry.id === id)?.started;
  if (step === undefined || started === undefined || !isByPeople(step)) return true;
  return now >= parseInstant(started) + parseDuration(step.estimate);
}

/** Does to the database what the word says has been done; other words do nothing. */
export function doAsAttested(world: World, run: UpgradeRun, { choice, step: id, verdict, evidence = '' }: Word): void {
  const database = world.databases.get(run.spec.database?.name ?? '');
  const step = run.spec.steps.find((one) => one.id === id);
  if (choice !== 'Attest' || verdict === 'Denied' || database === undefined) return;
  if (step?.action === 'RestoreDatabase') putBack(world, database, run.spec.handles[backupKey] ?? '');
  if (step?.action !== 'BackupDatabase') return;
  takeBackup(database, evidence);
  attestBackup(database, evidence);
}
