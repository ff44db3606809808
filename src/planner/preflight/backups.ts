/** Provision for a way back: a snapshot class for every group with volumes, and a backup of the database. Source: 001-52, 001-53, 001-60, 001-61. Pure. */
import type { UpgradeRunSpec } from '../../api/upgrade-run.ts';
import { isByPeople } from '../steps/by-people.ts';
import { notMet, pass, type Finding } from './check.ts';
import { worstOf } from './world.ts';

/** @param bare what was seen of the volumes of each group without a snapshot class; it passes where there are none */
export function checkBackups(
  { database, groups, procedure, steps }: Pick<UpgradeRunSpec, 'database' | 'groups' | 'procedure' | 'steps'>,
  bare: readonly Finding[],
): Finding {
  const kept = groups.filter(({ snapshot }) => snapshot !== undefined).map(({ name }) => name);
  const volumes = kept.length === 0 ? [] : [pass(`${kept.join(', ')}: snapshots right before the change`)];
  return worstOf([...databaseFindings(database, procedure, steps), ...volumes, ...bare], 'nothing keeps data');
}

function databaseFindings(
  database: UpgradeRunSpec['database'],
  procedure: UpgradeRunSpec['procedure'],
  steps: UpgradeRunSpec['steps'],
): Finding[] {
  if (database === undefined) return [];
  const { name, spec } = database;
  if (spec.backup?.takenBy !== undefined) {
    const row = steps.find((step) => step.action === 'BackupDatabase' && isByPeople(step));
    if (row === undefined) return [pass(`Database ${name}: people take its backups, and this run asks for none`)];
    const back = spec.restore === undefined ? 'people put it back too' : 'its restore Job puts it back';
    return [
      pass(
        `Database ${name}: people take the backup in row ${row.number}, while nobody is served: have them ready, for about ${row.estimate}; ${back}`,
      ),
    ];
  }
  if (spec.backup !== undefined) {
    const verified = spec.backup.verify === undefined ? 'not verified' : 'verified';
    return [pass(`Database ${name}: backup by its Job, ${verified}`)];
  }
  const why = procedure === 'downtime' ? 'a Major never starts without one' : 'nothing brings its data back';
  return [
    notMet(
      `Database ${name} has no backup: ${why}`,
      `fill in spec.backup of Database ${name}, then ask for another run`,
    ),
  ];
}
