import { getRuns, timelineOf, waitForOutcome } from '../../test/e2e/outcome.ts';
import type { TimelineRow } from '../../test/e2e/outcome.ts';
import type { Example } from '../../test/e2e/example.ts';
import { startLoad } from '../../test/e2e/load.ts';
import type { LoadReport } from '../../test/e2e/load.ts';

/** What `--json` prints of one upgrade. */
export interface UpgradeResult {
  readonly phase: string;
  readonly seconds: number;
  readonly requests: number;
  readonly failed: number;
  /** How many steps were done, rollback included. */
  readonly steps: number;
  readonly rolledBack: boolean;
  readonly dataIdentical: boolean;
  readonly acknowledgedWritesLost: number;
}

export interface UpgradeStory {
  readonly result: UpgradeResult;
  readonly timeline: readonly TimelineRow[];
  readonly load: LoadReport;
  /** Why it was rolled back, in the run's own words; empty when it was not. */
  readonly failure: string;
}

export interface UpgradeOptions {
  readonly example: Example;
  readonly packageName: string;
  readonly loadName: string;
  readonly rate: number;
  readonly log: (line: string) => void;
}

/** Names another package in the UpgradeSet while users keep coming, and tells how it went. */
export async function upgradeUnderLoad(options: UpgradeOptions): Promise<UpgradeStory> {
  const { example, log } = options;
  const earlier = await getRuns(example);
  const load = await startLoad(example, { name: options.loadName, rate: options.rate });
  const startedAt = performance.now();
  await example.upgradeTo(options.packageName);
  let shown = '';
  const outcome = await waitForOutcome(example, {
    earlier,
    timeoutMs: 600_000,
    onChange: ({ status }) => {
      const line = `${status?.phase ?? ''} ${status?.step ?? ''}`;
      if (line !== shown) log(`  ${line}`);
      shown = line;
    },
  });
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  const report = await load.stop();
  const timeline = timelineOf(outcome.runs);
  const failure = outcome.runs.map((run) => run.status?.failure).find((found) => found !== undefined);
  return {
    result: {
      phase: outcome.phase,
      seconds,
      requests: report.requests,
      failed: report.failed,
      steps: timeline.filter((row) => row.state === 'Succeeded').length,
      rolledBack: outcome.phase === 'RolledBack',
      dataIdentical: report.dataIdentical,
      acknowledgedWritesLost: report.acknowledgedWritesLost,
    },
    timeline,
    load: report,
    failure: failure === undefined ? '' : `${failure.reason}: ${failure.message}`,
  };
}
