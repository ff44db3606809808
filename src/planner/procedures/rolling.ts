/**
 * Minor release, group by group, without downtime: the fourteen rows of the vendor's table (001-97 … 001-114).
 *
 * Two deviations, both on purpose: a started group is tested in isolation before it joins its pools (A-14), so
 * rows 6 and 10 only drain the other group and it is stopped right before its own snapshot; and with more than two
 * groups no verified group leaves the pool for another's test (A-15), so rows 7 and 10 to 12 fall away.
 */
import type { RunGroup, Step } from '../../api/upgrade-run.ts';
import { isPooled, StepList, versionBefore } from './steps.ts';

export interface RollingInput {
  readonly groups: readonly RunGroup[];
  readonly to: string;
  /** Can every pool keep a started group from its users? Otherwise groups join as they start. */
  readonly canHold: boolean;
  /** "Yes" where at least two groups serve each pool and the pools check health (001-17, 001-19). */
  readonly loadBalanced: boolean;
  readonly signOff: 'Required' | 'NotRequired';
  readonly timeouts: Readonly<Record<string, string>>;
}

export function computeRolling(input: RollingInput): Step[] {
  const list = new StepList(input.timeouts);
  const names = input.groups.map((group) => group.name);
  list.add({ id: 'preflight', number: '0', title: `Lock ${names.join(', ')}`, action: 'Preflight', groups: names });
  if (input.groups.some((group) => group.probes !== undefined)) {
    list.add({
      id: 'baseline',
      number: '0a',
      title: 'Baseline tests of the version that runs',
      action: 'Probe',
      scope: 'Pool',
      groups: names,
      ...versionBefore(input.groups),
    });
  }
  input.groups.forEach((group, index) => addGroup(list, input, group, index));
  addFinal(list, input);
  return withMarkers(list.steps);
}

function addGroup(list: StepList, input: RollingInput, group: RunGroup, index: number): void {
  const first = index === 0;
  const prefix = `g${index + 1}`;
  // Rows 1 to 5 belong to the first group, 6 to 9 to every later one; sub-rows keep the vendor's numbering.
  const [drainRow, upgradeRow, configureRow] = first ? (['1', '3', '4'] as const) : (['6', '8', '9'] as const);
  const at = { group: group.name };
  if (isPooled(group)) {
    list.add({
      ...at,
      id: `${prefix}-drain`,
      number: drainRow,
      title: `Drain ${group.name}`,
      action: 'Drain',
      timeout: group.drain.timeout,
      undo: 'Undrain',
      interrupts: !input.loadBalanced,
    });
    if (first || input.groups.length === 2) addTestOfOthers(list, input, group, prefix);
  }
  const stopNumber = isPooled(group) ? `${first ? '2' : '7'}a` : drainRow;
  list.add({
    ...at,
    id: `${prefix}-stop`,
    number: stopNumber,
    title: `Stop ${group.name}`,
    action: 'Stop',
    undo: 'Start',
    interrupts: !input.loadBalanced,
  });
  if (group.snapshot !== undefined) {
    list.add({
      ...at,
      id: `${prefix}-snapshot`,
      number: `${first ? '2' : '7'}b`,
      title: `Snapshot the volumes of ${group.name}`,
      action: 'Snapshot',
      undo: 'RestoreSnapshot',
    });
  }
  list.add({
    ...at,
    id: `${prefix}-upgrade`,
    number: upgradeRow,
    title: `Upgrade ${group.name} to ${input.to}`,
    action: 'Upgrade',
    undo: 'Reinstall',
  });
  list.add({
    ...at,
    id: `${prefix}-configure`,
    number: configureRow,
    title: `Configure ${group.name}`,
    action: 'Configure',
    undo: 'Reinstall',
    ...(group.settings.length > 0 ? {} : { skip: 'the package changes no settings of this group' }),
  });
  if (first) {
    list.add({
      id: 'database',
      number: '5',
      title: 'Run the database upgrade command',
      action: 'MigrateDatabase',
      skip: 'no Database is named',
      estimate: '0s',
    });
  }
  addStart(list, input, group, first ? '5' : '9', prefix);
}

/** Row 2 before the first group changes; row 7, with two groups only, once the new version serves alone. */
function addTestOfOthers(list: StepList, input: RollingInput, group: RunGroup, prefix: string): void {
  const first = input.groups[0] === group;
  const tested = input.groups.filter((other) => other !== group && other.probes !== undefined && isPooled(other));
  if (tested.length === 0) return;
  const want = first ? versionBefore(tested) : { expect: input.to };
  const names = tested.map((other) => other.name);
  list.add({
    id: `${prefix}-others`,
    number: first ? '2' : '7',
    action: 'Probe',
    scope: 'Pool',
    groups: names,
    ...want,
    title: `Test ${names.join(', ')} through the load balancer${want.expect === undefined ? '' : `, version ${want.expect}`}, while ${group.name} is out`,
  });
}

function addStart(list: StepList, input: RollingInput, group: RunGroup, row: string, prefix: string): void {
  const at = { group: group.name };
  list.add({
    ...at,
    id: `${prefix}-start`,
    number: `${row}a`,
    title: `Start ${group.name}`,
    action: 'Start',
    expect: input.to,
    undo: 'Stop',
  });
  if (group.probes !== undefined) {
    list.add({
      ...at,
      id: `${prefix}-isolated`,
      number: `${row}b`,
      title: `Test ${group.name} in isolation, version ${input.to}`,
      action: 'Probe',
      scope: 'Isolated',
      groups: [group.name],
      expect: input.to,
      ...(isPooled(group) && !input.canHold
        ? { skip: 'the pool cannot hold started members back; the group joins as it starts' }
        : {}),
    });
  }
  if (isPooled(group)) {
    list.add({
      ...at,
      id: `${prefix}-join`,
      number: `${row}c`,
      title: `Put ${group.name} back into the pool`,
      action: 'Undrain',
      expect: input.to,
      undo: 'Drain',
    });
  }
}

function addFinal(list: StepList, input: RollingInput): void {
  const [first, second] = input.groups;
  const names = input.groups.map((group) => group.name);
  const probed = input.groups.some((group) => group.probes !== undefined);
  if (
    input.groups.length === 2 &&
    first !== undefined &&
    second?.probes !== undefined &&
    isPooled(first) &&
    isPooled(second)
  ) {
    list.add({
      id: 'g1-drain-again',
      number: '10',
      title: `Drain ${first.name}`,
      action: 'Drain',
      group: first.name,
      timeout: first.drain.timeout,
      undo: 'Undrain',
      interrupts: !input.loadBalanced,
    });
    list.add({
      id: 'g2-alone',
      number: '11',
      action: 'Probe',
      scope: 'Pool',
      groups: [second.name],
      expect: input.to,
      title: `Test ${second.name} through the load balancer, version ${input.to}, while ${first.name} is out`,
    });
    list.add({
      id: 'g1-join-again',
      number: '12',
      title: `Put ${first.name} back into the pool`,
      action: 'Undrain',
      group: first.name,
      expect: input.to,
      undo: 'Drain',
    });
  }
  if (probed) {
    list.add({
      id: 'final',
      number: '13',
      title: `Final tests, version ${input.to}`,
      action: 'Probe',
      scope: 'Pool',
      groups: names,
      expect: input.to,
    });
  }
  list.add({
    id: 'sign-off',
    number: '14',
    title: 'Verification and sign-off',
    action: 'AwaitDecision',
    ...(input.signOff === 'Required' ? {} : { skip: 'spec.signOff is NotRequired' }),
  });
  list.add({ id: 'cleanup', number: '15', title: 'Release locks', action: 'Cleanup', groups: names });
}

function withMarkers(steps: Step[]): Step[] {
  const begins = steps.findIndex((step) => step.action === 'Drain' || step.action === 'Stop');
  const ends = steps.findIndex((step) => step.id === 'sign-off');
  return steps.map((step, index) => {
    if (index === begins) return { ...step, marker: 'AtRiskBegins' as const };
    return index === ends ? { ...step, marker: 'AtRiskEnds' as const } : step;
  });
}
