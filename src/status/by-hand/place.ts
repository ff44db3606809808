import type { UpgradeRunSpec } from '../../api/upgrade-run.ts';
import type { Handles } from '../../planner/journal.ts';

/** What commands are made from: a plan, whoever wrote it, and what the journal knows by now. */
export interface Place {
  readonly namespace: string;
  readonly run: string;
  readonly uid: string;
  readonly spec: UpgradeRunSpec;
  readonly handles: Handles;
}
