/**
 * Minor release, group by group, without downtime: the fourteen rows of the vendor's table (001-97 … 001-114).
 *
 * Two deviations, both on purpose: a started group is tested in isolation before it joins its pools, so
 * rows 6 and 10 only drain the other group and it is stopped right before its own snapshot; and with more than two
 * groups no verified group leaves the pool for another's test, so rows 7 and 10 to 12 fall away.
 */
import type { RunGroup, Step } from '../../api/upgrade-run.ts';
import { Rows, withoutDatabase, type ProcedureInput } from './rows.ts';
import { isPooled, versionBefore } from './steps.ts';

export function computeRolling(input: ProcedureInput): Step[] {
  const rows = new Rows(input);
  rows.preflight();
  rows.baseline();
  rows.hooks('BeforeRun', '0c');
  for (const group of input.groups) addGroup(rows, input, group);
  rows.testSecondAlone({ drain: '10', test: '11', join: '12' });
  rows.end(13, { marker: 'AtRiskEnds' });
  const begins = rows.steps.findIndex((step) => step.action === 'Drain' || step.action === 'Stop');
  return rows.steps.map((step, index) => (index === begins ? { ...step, marker: 'AtRiskBegins' } : step));
}

function addGroup(rows: Rows, input: ProcedureInput, group: RunGroup): void {
  const index = input.groups.indexOf(group);
  const first = index === 0;
  const prefix = `g${index + 1}`;
  // Rows 1 to 5 belong to the first group, 6 to 9 to every later one; sub-rows keep the vendor's numbering.
  const [drain, test, upgrade, configure, start] = first ? ['1', '2', '3', '4', '5'] : ['6', '7', '8', '9', '9'];
  if (isPooled(group)) {
    rows.drain(group, { id: `${prefix}-drain`, number: drain });
    if (first || input.groups.length === 2) {
      // Row 2 before the first group changes; row 7, with two groups only, once the new version serves alone.
      const others = input.groups.filter((other) => other !== group);
      const want = first ? versionBefore(others.filter(isTested)) : rows.newVersion;
      rows.testThroughPool(others, group, want, { id: `${prefix}-others`, number: test });
    }
  }
  rows.stop(group, { id: `${prefix}-stop`, number: isPooled(group) ? `${test}a` : drain });
  rows.snapshot(group, { id: `${prefix}-snapshot`, number: `${test}b` });
  rows.upgrade(group, { id: `${prefix}-upgrade`, number: upgrade });
  rows.configure(group, { id: `${prefix}-configure`, number: configure });
  if (first) addDatabaseCommand(rows, input);
  rows.start(group, { id: `${prefix}-start`, number: `${start}a` });
  rows.isolated(group, { id: `${prefix}-isolated`, number: `${start}b` });
  rows.join(group, { id: `${prefix}-join`, number: `${start}c` });
}

function isTested(group: RunGroup): boolean {
  return group.probes !== undefined && isPooled(group);
}

/** it must turn out to change nothing. */
function addDatabaseCommand(rows: Rows, input: ProcedureInput): void {
  rows.list.add({
    id: 'database',
    number: '5',
    title: 'Run the database upgrade command',
    action: 'MigrateDatabase',
    ...withoutDatabase(input, 'migrate'),
  });
}
