/** Label values known beforehand: their counters stand at zero before the first event, so that the first is seen. */
import type { Reason } from '../api/reasons.ts';
import type { RunPhase } from '../api/upgrade-run.ts';
import type { Effect } from '../planner/effects.ts';

const everyEffect: Readonly<Record<Effect['kind'], true>> = {
  LockWorkloads: true,
  UnlockWorkloads: true,
  LockGroups: true,
  UnlockGroups: true,
  HoldMember: true,
  DrainMember: true,
  ServeMember: true,
  ScaleWorkload: true,
  DeletePods: true,
  SaveRevision: true,
  ApplyImages: true,
  RestoreTemplate: true,
  SaveSettings: true,
  ApplySettings: true,
  RestoreSettings: true,
  CreateSnapshot: true,
  RestoreClaim: true,
  ReattachVolume: true,
  ReleaseRetained: true,
  RunProbes: true,
  RunDatabaseJob: true,
  RunCheck: true,
  EndCheck: true,
  KeepVolume: true,
  RebootServer: true,
  ReplaceClaim: true,
  ResetWorkload: true,
};

export const effectKinds: readonly string[] = Object.keys(everyEffect);

/** The usual ones; `RollingBack`: nothing failed, somebody asked for it. */
export const rollbackReasons: readonly (Reason | RunPhase)[] = [
  'ProbeFailed',
  'ProbeUnanswered',
  'ProbeTimeout',
  'StartTimeout',
  'NotServing',
  'RollingBack',
];
