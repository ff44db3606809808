import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { RunContext } from '../drivers/contract.ts';
import { mergeHandles } from '../planner/journal.ts';

/** Whose run it is, for the drivers. */
export function contextOf(run: UpgradeRun): RunContext {
  const { namespace = '', name, uid = '' } = run.metadata;
  const account = run.spec.policy.serviceAccountName;
  return {
    namespace,
    run: name,
    runUID: uid,
    upgradeSet: run.spec.upgradeSet,
    user: account === undefined ? undefined : `system:serviceaccount:${namespace}:${account}`,
    handles: mergeHandles(run.spec, run.status?.steps ?? []),
  };
}
