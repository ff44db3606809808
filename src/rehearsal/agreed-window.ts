/** Whether a run fits into its agreed window: by its estimates, because simulated times are no forecast. */
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { estimateOf } from '../planner/estimate.ts';
import { noticeOf } from '../planner/notice.ts';
import { windowOf } from '../planner/window.ts';
import { parseInstant } from '../shared/instant.ts';

/** What the plan warns of, as "portal-1: 30m left of …"; empty where it warns of nothing. */
export function windowWarningOf({ metadata, spec }: UpgradeRun): string {
  const { window: warning } = spec.facts;
  return warning === undefined ? '' : `${metadata.name}: ${warning}`;
}

export function isBeyondWindow({ metadata, spec, status }: UpgradeRun): boolean {
  const window = windowOf(spec);
  const began = status?.started ?? metadata.creationTimestamp;
  if (window === undefined || began === undefined) return false;
  return parseInstant(began) + Math.max(estimateOf(spec.steps), noticeOf(spec).atRiskMs) > window.until;
}
