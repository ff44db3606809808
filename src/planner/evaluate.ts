import { evaluateAwaitDecision } from './steps/await-decision.ts';
import { evaluateBackupDatabase } from './steps/backup-database.ts';
import { evaluateCleanup } from './steps/cleanup.ts';
import { evaluateClearGuard, evaluateSetGuard } from './steps/guards.ts';
import { evaluateConfigure } from './steps/configure.ts';
import { evaluateDrain } from './steps/drain.ts';
import { evaluateHook } from './steps/hook.ts';
import { evaluateMigrateDatabase } from './steps/migrate-database.ts';
import { evaluatePreflight } from './steps/preflight.ts';
import { evaluateProbe } from './steps/probe.ts';
import { evaluateReboot } from './steps/reboot.ts';
import { evaluateRebuild } from './steps/rebuild.ts';
import { evaluateReinstall } from './steps/reinstall.ts';
import { evaluateRestoreDatabase } from './steps/restore-database.ts';
import { evaluateRestoreSnapshot } from './steps/restore-snapshot.ts';
import { evaluateSnapshot } from './steps/snapshot.ts';
import { evaluateStart } from './steps/start.ts';
import { evaluateStop } from './steps/stop.ts';
import { evaluateUndrain } from './steps/undrain.ts';
import { evaluateUpgrade } from './steps/upgrade.ts';
import { confirmJoint } from './joint.ts';
import type { StepAction } from '../api/upgrade-run.ts';
import { fail, type StepContext, type StepVerdict } from './verdict.ts';

const evaluators: Readonly<Partial<Record<StepAction, (context: StepContext) => StepVerdict>>> = {
  AwaitDecision: evaluateAwaitDecision,
  BackupDatabase: evaluateBackupDatabase,
  Cleanup: evaluateCleanup,
  ClearGuard: evaluateClearGuard,
  Configure: evaluateConfigure,
  Drain: evaluateDrain,
  Hook: evaluateHook,
  MigrateDatabase: evaluateMigrateDatabase,
  Preflight: evaluatePreflight,
  Probe: evaluateProbe,
  Reboot: evaluateReboot,
  Rebuild: evaluateRebuild,
  Reinstall: evaluateReinstall,
  SetGuard: evaluateSetGuard,
  RestoreDatabase: evaluateRestoreDatabase,
  RestoreSnapshot: evaluateRestoreSnapshot,
  Snapshot: evaluateSnapshot,
  Start: evaluateStart,
  Stop: evaluateStop,
  Undrain: evaluateUndrain,
  Upgrade: evaluateUpgrade,
};

/** What one step needs now. */
export function evaluateStep(context: StepContext): StepVerdict {
  const evaluate = evaluators[context.step.action];
  if (evaluate === undefined) return fail('StepUnknown', `this version cannot do the step ${context.step.action}`);
  return confirmJoint(context, evaluate(context));
}
