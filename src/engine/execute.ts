import type { UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { Drivers, Operation } from '../drivers/contract.ts';
import type { Effect } from '../planner/effects.ts';
import { TerminalError } from '../shared/errors.ts';

/** One effect, one driver call. */
export async function executeEffect(
  drivers: Drivers,
  operation: Operation,
  effect: Effect,
  spec: UpgradeRunSpec,
  signal: AbortSignal,
): Promise<void> {
  switch (effect.kind) {
    case 'LockGroups':
    case 'UnlockGroups':
      return drivers.groups.request(operation, effect, signal);
    case 'HoldMember':
    case 'DrainMember':
    case 'ServeMember':
      return drivers.pools.request(operation, effect, signal);
    case 'CreateSnapshot':
    case 'RestoreClaim':
    case 'ReattachVolume':
    case 'KeepVolume':
    case 'ReplaceClaim':
    case 'ReleaseRetained':
      return drivers.snapshots.request(operation, effect, signal);
    case 'RunProbes':
      return drivers.probes.request(operation, effect, suiteOf(spec, effect.request.suite), signal);
    case 'RunCheck':
    case 'EndCheck':
      return drivers.checks.request(operation, effect, signal);
    case 'RunDatabaseJob':
      if (spec.database === undefined) throw new TerminalError('ReferenceNotFound', 'the run carries no Database');
      return drivers.databases.request(operation, effect, spec.database.spec, signal);
    case 'LockWorkloads':
    case 'UnlockWorkloads':
    case 'ScaleWorkload':
    case 'DeletePods':
    case 'SaveRevision':
    case 'ApplyImages':
    case 'RestoreTemplate':
    case 'SaveSettings':
    case 'ApplySettings':
    case 'RestoreSettings':
    case 'ResetWorkload':
    case 'RebootServer':
      return drivers.workloads.request(operation, effect, signal);
  }
}

function suiteOf(spec: UpgradeRunSpec, name: string): UpgradeRunSpec['suites'][number]['spec'] {
  const suite = spec.suites.find((candidate) => candidate.name === name);
  if (suite === undefined) throw new TerminalError('ReferenceNotFound', `the run carries no ProbeSuite "${name}"`);
  return suite.spec;
}
