import type { Marker, StepEntry, UpgradeRunSpec, UpgradeRunStatus } from '../api/upgrade-run.ts';
import { journalOf } from '../planner/journal.ts';
import { noticeOf } from '../planner/notice.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatDuration, parseDuration } from '../shared/duration.ts';
import { formatInstant, parseInstant } from '../shared/instant.ts';

/**
 * Time at risk and declared downtime, announced and passed; a rolling upgrade has no downtime of its own.
 * @param restoredAt when a run that follows this one let users in again, where this one had left them outside
 */
export function computeClocks(
  spec: UpgradeRunSpec,
  entries: readonly StepEntry[],
  now: EpochMs,
  restoredAt?: EpochMs,
): NonNullable<UpgradeRunStatus['clocks']> {
  const rows = journalOf(spec, entries);
  const down = downtimeOf(rows);
  return {
    atRisk: {
      planned: formatDuration(noticeOf(spec).atRiskMs),
      ...actualOf(between(rows, 'AtRiskBegins', ['AtRiskEnds', 'FullServiceRestored']), now),
    },
    downtime: { planned: formatDuration(plannedDowntimeMs(spec, down)), ...actualOf(down, restoredAt ?? now) },
  };
}

function downtimeOf(rows: Rows): Rows {
  return between(rows, 'DowntimeBegins', ['LimitedServiceRestored', 'FullServiceRestored']);
}

/** Has the run begun a downtime that it did not end itself? */
export function hasOpenDowntime(spec: UpgradeRunSpec, entries: readonly StepEntry[]): boolean {
  const down = downtimeOf(journalOf(spec, entries));
  return down[0]?.entry.started !== undefined && endOf(down) === undefined;
}

/** When users of a run that had nobody serving were let in again; undefined where they were not, or not by this run. */
export function restoredBy(spec: UpgradeRunSpec, entries: readonly StepEntry[]): EpochMs | undefined {
  const back = journalOf(spec, entries).find(({ step }) => step.marker === 'LimitedServiceRestored');
  const at = back?.entry.state === 'Succeeded' ? back.entry.finished : undefined;
  return at === undefined ? undefined : parseInstant(at);
}

/** As announced to users; what no notice speaks of, such as a way back, is estimated by its steps. */
function plannedDowntimeMs(spec: UpgradeRunSpec, down: Rows): number {
  const announced = spec.purpose === 'Upgrade' ? noticeOf(spec).downtime : undefined;
  return announced?.lengthMs ?? estimateOf(down);
}

type Rows = ReturnType<typeof journalOf>;

/** From the step that begins it to the step that ends it, both included; to the last one where none does. */
function between(rows: Rows, begin: Marker, ends: readonly Marker[]): Rows {
  const first = rows.findIndex(({ step }) => step.marker === begin);
  if (first < 0) return [];
  const last = rows.findIndex(({ step }, index) => index >= first && step.marker && ends.includes(step.marker));
  return rows.slice(first, last < 0 ? undefined : last + 1);
}

function actualOf(rows: Rows, now: EpochMs): { actual?: string } {
  const begun = rows[0]?.entry.started;
  if (begun === undefined) return {};
  const ended = endOf(rows);
  return { actual: wholeSeconds((ended === undefined ? now : parseInstant(ended)) - parseInstant(begun)) };
}

/** A step that failed has ended nothing. */
function endOf(rows: Rows): string | undefined {
  const last = rows.at(-1)?.entry;
  return last?.state === 'Failed' ? undefined : last?.finished;
}

function estimateOf(rows: Rows): number {
  return rows.reduce((sum, { step }) => sum + (step.skip === undefined ? parseDuration(step.estimate) : 0), 0);
}

export function computeProgress(
  spec: UpgradeRunSpec,
  entries: readonly StepEntry[],
  now: EpochMs,
): NonNullable<UpgradeRunStatus['progress']> {
  const rows = journalOf(spec, entries);
  const over = rows.filter((row) => row.entry.state === 'Succeeded' || row.entry.state === 'Skipped');
  const all = estimateOf(rows);
  const left = all - estimateOf(over);
  const percent =
    all === 0 ? Math.trunc((100 * over.length) / Math.max(1, rows.length)) : Math.trunc((100 * (all - left)) / all);
  return {
    done: over.length,
    total: rows.length,
    percent,
    ...(left > 0 ? { eta: formatInstant(Math.ceil((now + left) / 1000) * 1000) } : {}),
  };
}

function wholeSeconds(ms: number): string {
  return formatDuration(Math.max(0, Math.trunc(ms / 1000) * 1000));
}
