/** In a rehearsal whoever attests has done what a step asks of people (001-61). */
import type { DecisionSpec } from '../api/decision.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { backupKey } from '../planner/steps/keys.ts';
import { attestBackup, putBack, takeBackup } from '../simulation/databases.ts';
import type { World } from '../simulation/world.ts';

/** What a simulated person names. */
export const rehearsedReference = 'rehearsal/done-by-people';

type Word = Pick<DecisionSpec, 'choice' | 'step' | 'verdict' | 'evidence'>;

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
