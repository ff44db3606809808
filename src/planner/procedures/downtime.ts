/**
 * Major release with a change of the schema: the fifteen rows of the vendor's table (001-76 … 001-96).
 *
 * Deviations, on purpose (ADR 3): the other groups leave the pool and stop before the command of row 5 and not after it,
 * and the backup that a way back restores is made in between, when nobody writes: what users were told is stored is in
 * it, and old code never meets the new schema. A started group is tested in isolation before it joins, and is
 * stopped again for another's test only where there are two groups.
 */
import type { RunGroup, Step } from '../../api/upgrade-run.ts';
import { Rows, withoutDatabase, type ProcedureInput } from './rows.ts';
import { isPooled, versionBefore } from './steps.ts';

export function computeDowntime(input: ProcedureInput): Step[] {
  const [first, ...others] = input.groups;
  if (first === undefined) return [];
  const rows = new Rows(input);
  rows.preflight();
  addFirstBackup(rows, input);
  rows.baseline();
  rows.hooks('BeforeRun', '0c');
  addFirst(rows, first, others);
  addDowntime(rows, input, first, others);
  others.forEach((group, index) => addOther(rows, group, `g${index + 2}`));
  rows.testSecondAlone({ drain: '11', test: '12', join: '13' });
  rows.end(14, { marker: 'FullServiceRestored' });
  return withMarkers(rows.steps);
}

/** Rows 1 to 4: the first group is changed, and stays stopped. */
function addFirst(rows: Rows, first: RunGroup, others: readonly RunGroup[]): void {
  if (isPooled(first)) {
    rows.drain(first, { id: 'g1-drain', number: '1' });
    const tested = others.filter((group) => group.probes !== undefined && isPooled(group));
    rows.testThroughPool(others, first, versionBefore(tested), { id: 'g1-others', number: '2' });
  }
  rows.stop(first, { id: 'g1-stop', number: isPooled(first) ? '2a' : '1' });
  rows.snapshot(first, { id: 'g1-snapshot', number: '2b' });
  rows.upgrade(first, { id: 'g1-upgrade', number: '3' });
  rows.configure(first, { id: 'g1-configure', number: '4' });
}

/** Rows 5 to 7: nobody serves. */
function addDowntime(rows: Rows, input: ProcedureInput, first: RunGroup, others: readonly RunGroup[]): void {
  for (const [index, group] of others.entries()) {
    const prefix = `g${index + 2}`;
    if (isPooled(group)) rows.drain(group, { id: `${prefix}-drain`, number: '6', interrupts: true });
    rows.stop(group, { id: `${prefix}-stop`, number: isPooled(group) ? '6a' : '6', interrupts: true });
  }
  if (input.database?.readOnly === true)
    rows.list.add({
      id: 'read-only',
      number: '5.1',
      title: 'Make the database read-only',
      action: 'SetGuard',
      undo: 'ClearGuard',
      interrupts: true,
    });
  addLastBackup(rows, input);
  rows.list.add({
    id: 'migrate',
    number: '5',
    title: 'Run the database upgrade command',
    action: 'MigrateDatabase',
    undo: 'RestoreDatabase',
    interrupts: true,
    ...withoutDatabase(input, 'migrate'),
  });
  if (input.database?.readOnly === true)
    rows.list.add({
      id: 'read-write',
      number: '5.2',
      title: 'Let the database be written to again',
      action: 'ClearGuard',
      interrupts: true,
    });
  rows.start(first, { id: 'g1-start', number: '6b', interrupts: true });
  rows.isolated(first, { id: 'g1-isolated', number: '6c', interrupts: true });
  rows.join(first, { id: 'g1-join', number: '6d', interrupts: true });
  rows.testThroughPool([first], undefined, rows.newVersion, { id: 'g1-alone', number: '7', interrupts: true });
}

/** Rows 8 to 10, for every other group. */
function addOther(rows: Rows, group: RunGroup, prefix: string): void {
  rows.snapshot(group, { id: `${prefix}-snapshot`, number: '7a' });
  rows.upgrade(group, { id: `${prefix}-upgrade`, number: '8' });
  rows.configure(group, { id: `${prefix}-configure`, number: '9' });
  rows.start(group, { id: `${prefix}-start`, number: '10' });
  rows.isolated(group, { id: `${prefix}-isolated`, number: '10a' });
  rows.join(group, { id: `${prefix}-join`, number: '10b' });
}

/** Row 0b: proves that backups work. People are asked once, in row 5a; that the schema can be read is found out here. */
function addFirstBackup(rows: Rows, input: ProcedureInput): void {
  const id = { id: 'backup', number: '0b' };
  if (input.database?.takenBy === undefined)
    addBackup(rows, input, { ...id, title: 'Back up the database, and verify the backup' });
  else addBackup(rows, input, { ...id, title: 'Read the schema; people take the backup in row 5a', estimate: '10s' });
}

/** Row 5a: the one that a way back restores. Source: 001-61. */
function addLastBackup(rows: Rows, input: ProcedureInput): void {
  const takenBy = input.database?.takenBy;
  const row = { id: 'backup-last', number: '5a' };
  if (takenBy === undefined) addBackup(rows, input, { ...row, title: 'Back up the database while nobody writes' });
  else
    addBackup(rows, input, {
      ...row,
      title: 'People back up the database while nobody writes',
      actor: 'Customer',
      ...(takenBy.estimate === undefined ? {} : { estimate: takenBy.estimate }),
    });
}

type BackupRow = Pick<Step, 'id' | 'number' | 'title'> & Pick<Partial<Step>, 'actor' | 'estimate'>;

function addBackup(rows: Rows, input: ProcedureInput, row: BackupRow): void {
  rows.list.add({
    ...row,
    action: 'BackupDatabase',
    ...withoutDatabase(input, 'backup'),
  });
}

/** 001-76, 81, 86, 95: who is out, who is down, who is back. */
function withMarkers(steps: readonly Step[]): Step[] {
  const ids = (find: (step: Step) => boolean): string | undefined => steps.find(find)?.id;
  const atRisk = ids((step) => step.action === 'Drain' || step.action === 'Stop');
  const down = ids((step) => step.number.startsWith('6')) ?? 'migrate';
  const limited = steps.findLast((step) => ['g1-start', 'g1-isolated', 'g1-join', 'g1-alone'].includes(step.id))?.id;
  return steps.map((step) => {
    if (step.id === atRisk) return { ...step, marker: 'AtRiskBegins' };
    if (step.id === down) return { ...step, marker: 'DowntimeBegins' };
    return step.id === limited ? { ...step, marker: 'LimitedServiceRestored' } : step;
  });
}
