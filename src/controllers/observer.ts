import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { RunContext } from '../drivers/contract.ts';
import { mergeHandles } from '../planner/journal.ts';

/** Looks at what a run did, by the operator's own rights: for what is shown, never for what is changed. */
export function observerOf(run: UpgradeRun): RunContext {
  const { namespace = '', name, uid = '' } = run.metadata;
  return {
    namespace,
    run: name,
    runUID: uid,
    upgradeSet: run.spec.upgradeSet,
    user: undefined,
    handles: mergeHandles(run.spec, run.status?.steps ?? []),
  };
}
