import type { StepEntry, UpgradeRunSpec, UpgradeRunStatus } from '../api/upgrade-run.ts';
import { journalOf } from '../planner/journal.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatDuration, parseDuration } from '../shared/duration.ts';
import { formatInstant, parseInstant } from '../shared/instant.ts';

/** The vendor's rule for the announced time at risk (001-27, 001-30, 001-33). */
const atRiskPerServerMs = 10 * 60_000;

/** At-risk time announced and passed; a rolling upgrade has no downtime of its own. */
export function computeClocks(
  spec: UpgradeRunSpec,
  entries: readonly StepEntry[],
  now: EpochMs,
): NonNullable<UpgradeRunStatus['clocks']> {
  const servers = spec.groups.reduce((sum, group) => sum + group.servers.length, 0);
  const rows = journalOf(spec, entries);
  const begins = rows.find((row) => row.step.marker === 'AtRiskBegins')?.entry.started;
  const ends = rows.find((row) => row.step.marker === 'AtRiskEnds')?.entry.finished;
  const actualMs =
    begins === undefined ? undefined : (ends === undefined ? now : parseInstant(ends)) - parseInstant(begins);
  return {
    atRisk: {
      planned: formatDuration(servers * atRiskPerServerMs),
      ...(actualMs === undefined ? {} : { actual: wholeSeconds(actualMs) }),
    },
    downtime: { planned: '0s' },
  };
}

export function computeProgress(
  spec: UpgradeRunSpec,
  entries: readonly StepEntry[],
  now: EpochMs,
): NonNullable<UpgradeRunStatus['progress']> {
  const rows = journalOf(spec, entries);
  const over = rows.filter((row) => row.entry.state === 'Succeeded' || row.entry.state === 'Skipped');
  const sum = (list: typeof rows): number =>
    list.reduce((total, row) => total + (row.step.skip === undefined ? parseDuration(row.step.estimate) : 0), 0);
  const all = sum(rows);
  const left = all - sum(over);
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
