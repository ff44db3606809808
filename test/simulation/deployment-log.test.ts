/** The deployment log over whole stories: it is there before the journal names it, and its absence stops nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StepEntry } from '../../src/api/upgrade-run.ts';
import { crashPlan, type CrashPlan } from '../../src/simulation/process.ts';
import { Simulation } from '../../src/simulation/simulation.ts';
import { majorSetting } from './major.ts';

interface Told {
  readonly simulation: Simulation;
  readonly entries: readonly StepEntry[];
  readonly phases: readonly string[];
  readonly violations: readonly string[];
}

async function tell(
  before: (simulation: Simulation) => void = () => {},
  crash: CrashPlan = crashPlan(),
): Promise<Told> {
  const simulation = new Simulation({ ...majorSetting(), crash });
  before(simulation);
  const { runs, violations } = await simulation.run();
  return {
    simulation,
    entries: runs.flatMap(({ status }) => status?.steps ?? []),
    phases: runs.map(({ metadata, status }) => `${metadata.name} ${status?.phase ?? ''}`),
    violations,
  };
}

const failMigration = ({ world }: Simulation): void => {
  world.faults.databases.set('migrate', 'fails');
};

describe('the deployment log of a whole run', () => {
  it('holds the Jobs of every step that ran some, and nothing of steps that ran none (001-119, 001-120)', async () => {
    const { simulation, entries } = await tell();
    const named = entries.flatMap(({ id, log }) => (log === undefined ? [] : [id]));
    const ran = entries.flatMap(({ id }) => (/^backup|^migrate/.test(id) ? [id] : []));
    assert.deepEqual(named, ran);
    assert.ok(named.length > 1);
    assert.equal(simulation.logs.writes, named.length);
  });

  it('of a failed migration says what was asked, the exit code and what came back (001-119, 001-120)', async () => {
    const { simulation, entries, violations } = await tell(failMigration);
    const failed = entries.find(({ state }) => state === 'Failed');
    const text = simulation.logs.get(failed?.log ?? '') ?? '';
    assert.match(text, /asked: RunDatabaseJob migrate, because the schema is 41/);
    assert.match(text, /\(migrate\)\n {2}exit code: 3\n {2}output:\n {2}\| exit 3: migrate was refused/);
    assert.match(text, /Failed MigrationFailed: /);
    assert.deepEqual(violations, []);
  });

  it('ends the run as it would without one, where nothing may be written', async () => {
    const usual = await tell(failMigration);
    const refused = await tell((simulation) => {
      failMigration(simulation);
      simulation.logs.refuses = true;
    });
    assert.deepEqual([refused.phases, refused.violations], [usual.phases, []]);
    assert.deepEqual(
      refused.entries.flatMap(({ log }) => log ?? []),
      [],
    );
    assert.ok(refused.simulation.logs.losses.some((loss) => loss.endsWith('/migrate')));
  });

  it('is the same one after a kill between the log and the journal that names it', async () => {
    const points: number[] = [];
    const plan = crashPlan();
    const watched = await tell((simulation) => {
      failMigration(simulation);
      simulation.logs.onWrite = (name) => {
        if (name.includes('-log-migrate-')) points.push(plan.passed + 1);
      };
    }, plan);
    const killed = await tell(failMigration, crashPlan(points));
    const names = ({ simulation }: Told): string[] => simulation.logs.names.toSorted();
    assert.deepEqual([names(killed), killed.phases, killed.violations], [names(watched), watched.phases, []]);
    assert.equal(killed.simulation.logs.writes, watched.simulation.logs.writes + 1);
  });
});
