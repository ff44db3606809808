/** The promise of the preflight, told from what people see and not from what the gate says of itself. */
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { Effect } from '../planner/effects.ts';

/** What finds something out, takes back what was found out, or gives back what was taken. */
const harmless: ReadonlySet<Effect['kind']> = new Set([
  'RunCheck',
  'EndCheck',
  'RunProbes',
  'UnlockGroup',
  'UnlockGroups',
  'UnlockWorkload',
  'UnlockWorkloads',
] as Effect['kind'][]);
const harmlessVerbs: readonly string[] = ['backup', 'verify', 'drill'];

/** 001-45, 001-69: nothing is locked or changed while a check that holds is neither met nor overridden, or before there was one. */
export function checkGate(run: UpgradeRun | undefined, effect: Effect): string | undefined {
  const isHook = effect.kind === 'RunCheck' && effect.request.kind === 'Hook';
  if (run === undefined || run.spec.purpose !== 'Upgrade' || (harmless.has(effect.kind) && !isHook)) return undefined;
  if (effect.kind === 'RunDatabaseJob' && harmlessVerbs.includes(effect.job.verb)) return undefined;
  const checks = run.status?.preflight ?? [];
  if (checks.length === 0) return `preflightFirst: ${effect.kind} of ${run.metadata.name} before any check`;
  const unmet = checks.find(
    ({ severity, verdict, waivedBy }) => severity === 'Hold' && verdict !== 'Pass' && waivedBy === undefined,
  );
  return unmet === undefined
    ? undefined
    : `preflightFirst: ${effect.kind} of ${run.metadata.name} although ${unmet.check} is not met`;
}
