/** The agreed window: how much of it is left, and what that leaves open (001-124, 001-125, A-16, A-17). */
import type { UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatDuration, parseDuration } from '../shared/duration.ts';
import { formatInstant, parseInstant } from '../shared/instant.ts';
import { estimateOf, estimateOfWayBack } from './estimate.ts';
import type { RollbackOrder } from './move.ts';
import { noticeOf } from './notice.ts';
import { lacksBackup, type Journalled } from './stake.ts';

interface AgreedWindow {
  readonly until: EpochMs;
  /** The last instant with enough left for other choices than to go back. */
  readonly border: EpochMs;
}

/** Undefined: no end was agreed. */
export function windowOf({ policy }: Pick<UpgradeRunSpec, 'policy'>): AgreedWindow | undefined {
  if (policy.schedule?.until === undefined) return undefined;
  const until = parseInstant(policy.schedule.until);
  return { until, border: until - parseDuration(policy.rollback.authorizeBelow) };
}

/** "41m left of the agreed window, which ends 2026-11-23T05:00:00.000Z", or that it is over. */
export function sayLeft({ until }: AgreedWindow, at: EpochMs): string {
  const end = formatInstant(until);
  if (at >= until) return `the agreed window ended ${end}`;
  return `${formatDuration(Math.trunc((until - at) / 1000) * 1000)} left of the agreed window, which ends ${end}`;
}

/**
 * Why there is not enough time to put everything back and begin again; empty where there is, or where no end was agreed.
 * @param at when it was, or would be, decided
 */
export function whyNoRestart(input: Journalled, data: RollbackOrder['data'], at: EpochMs): string {
  if (lacksBackup(input)) return 'there is no verified backup to put the schema back from';
  const window = windowOf(input.run.spec);
  if (window === undefined) return '';
  const { backMs, againMs } = restartMs(input, data);
  if (at <= Math.min(window.border, window.until - backMs - againMs)) return '';
  const { authorizeBelow } = input.run.spec.policy.rollback;
  const below = at > window.border ? `, and none is begun with less than ${authorizeBelow} left` : '';
  return `it needs ${formatDuration(backMs)} to go back and ${formatDuration(againMs)} for all steps again${below}`;
}

/** Why a whole run does not fit any more; empty where it does, or where no end was agreed. */
export function whyTooLate(spec: Pick<UpgradeRunSpec, 'policy' | 'steps'>, at: EpochMs): string {
  const window = windowOf(spec);
  const neededMs = estimateOf(spec.steps);
  if (window === undefined || at <= window.until - neededMs) return '';
  return `all steps need ${formatDuration(neededMs)}; ${sayLeft(window, at)}`;
}

/** What to know before a run begins; empty where the window leaves time to look at a problem. */
export function windowWarning(spec: Omit<UpgradeRunSpec, 'planHash'>, now: EpochMs): string {
  const window = windowOf(spec);
  if (window === undefined) return '';
  const neededMs = Math.max(estimateOf(spec.steps), noticeOf(spec).atRiskMs);
  const { policy, authorizeBelow } = spec.policy.rollback;
  const said = `${sayLeft(window, now)}, and the upgrade is expected to take ${formatDuration(neededMs)}`;
  if (policy === 'Automatic') return now <= window.until - neededMs ? '' : `${said}: it may end after the window`;
  return now <= window.border - neededMs
    ? ''
    : `${said}: a problem may find less than ${authorizeBelow} left, and then going back is asked for; agree on a longer window`;
}

/** Instants at which what may be chosen after a failure changes by itself; each is the last of what was before. */
export function bordersOf(input: Journalled, data: readonly RollbackOrder['data'][]): EpochMs[] {
  const window = windowOf(input.run.spec);
  if (window === undefined) return [];
  const restarts = data.map((each) => {
    const { backMs, againMs } = restartMs(input, each);
    return Math.min(window.border, window.until - backMs - againMs);
  });
  return [window.border, window.until - 1, ...restarts];
}

function restartMs(input: Journalled, data: RollbackOrder['data']): { backMs: number; againMs: number } {
  return { backMs: estimateOfWayBack(input, data), againMs: estimateOf(input.run.spec.steps) };
}
