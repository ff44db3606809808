import type { Marker, StepEntry, UpgradeRunSpec, UpgradeRunStatus } from '../api/upgrade-run.ts';
import { journalOf } from '../planner/journal.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatDuration, parseDuration } from '../shared/duration.ts';
import { formatInstant, parseInstant } from '../shared/instant.ts';

/** The vendor's rule for the announced time at risk (001-27, 001-30, 001-33). */
const atRiskPerServerMs = 10 * 60_000;

/** And for the announced downtime of a major release (001-28). */
const downtimeMs = 15 * 60_000;

/** Time at risk and declared downtime, announced and passed; a rolling upgrade has no downtime of its own. */
export function computeClocks(
  spec: UpgradeRunSpec,
  entries: readonly StepEntry[],
  now: EpochMs,
): NonNullable<UpgradeRunStatus['clocks']> {
  const servers = spec.groups.reduce((sum, group) => sum + group.servers.length, 0);
  const rows = journalOf(spec, entries);
  const down = between(rows, 'DowntimeBegins', ['LimitedServiceRestored', 'FullServiceRestored']);
  return {
    atRisk: {
      planned: formatDuration(servers * atRiskPerServerMs),
      ...actualOf(between(rows, 'AtRiskBegins', ['AtRiskEnds', 'FullServiceRestored']), now),
    },
    downtime: { planned: formatDuration(plannedDowntimeMs(spec, down)), ...actualOf(down, now) },
  };
}

/** A rolling upgrade has none; a way back is estimated by its steps, since the vendor announces none for it. */
function plannedDowntimeMs(spec: UpgradeRunSpec, down: Rows): number {
  return spec.procedure === 'downtime' && spec.purpose === 'Upgrade' ? downtimeMs : estimateOf(down);
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
  const ended = rows.at(-1)?.entry.finished;
  return { actual: wholeSeconds((ended === undefined ? now : parseInstant(ended)) - parseInstant(begun)) };
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
