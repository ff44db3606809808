/** The checks of one run, those that hold it first: what is always looked at, what the set requires, and its suites. */
import type { RequiredCheck, UpgradeRunSpec } from '../../api/upgrade-run.ts';
import { membersOf, membersOfPool, workloadsOf } from '../members.ts';
import { checkBackups } from './backups.ts';
import { channelChecks } from './channel.ts';
import type { CheckDefinition, CheckPlace } from './check.ts';
import { expressionChecks } from './expressions.ts';
import { accessCheck, drillCheck, machineCheck, stagingCheck } from './jobs.ts';
import { checkContacts, checkTestAccount, checkTopology } from './people.ts';
import { suiteChecks } from './suites.ts';
import { checkCapacity, findingOf, worstOf } from './world.ts';

/** Only an upgrade is held: a way back must not wait for a contact. */
export function definitionsOf(spec: UpgradeRunSpec): CheckDefinition[] {
  if (spec.purpose !== 'Upgrade') return [];
  const required = new Set<RequiredCheck>(spec.policy.preflight?.require ?? []);
  const isAsked = (name: RequiredCheck): boolean => required.has(name);
  const all = [
    ...(isAsked('Contacts') ? [contacts] : []),
    ...channelChecks(spec, isAsked('Channel')),
    ...(isAsked('TestAccount') ? [testAccount] : []),
    ...(isAsked('TestMachine') ? [machineCheck(spec)] : []),
    ...(isAsked('RemoteAccess') ? [accessCheck(spec)] : []),
    stagingCheck(spec, isAsked('Staging')),
    backups(spec, isAsked('Backups')),
    snapshots(spec),
    ...(isAsked('RestoreDrill') ? [drillCheck(spec)] : []),
    capacity(spec),
    budgets(spec),
    space(spec),
    topology,
    ...expressionChecks(spec),
    ...suiteChecks(spec),
  ];
  return all.toSorted((a, b) => Number(a.severity === 'Warn') - Number(b.severity === 'Warn'));
}

const nothing = (): Record<string, never> => ({});

const contacts: CheckDefinition = {
  name: 'Contacts',
  severity: 'Hold',
  isWaivable: true,
  isAttestable: false,
  scope: nothing,
  evaluate: ({ run }) => checkContacts(run.spec.policy),
};

const testAccount: CheckDefinition = {
  name: 'TestAccount',
  severity: 'Hold',
  isWaivable: true,
  isAttestable: true,
  scope: nothing,
  evaluate: ({ run }) => checkTestAccount(run.spec),
};

const topology: CheckDefinition = {
  name: 'Topology',
  severity: 'Warn',
  isWaivable: true,
  isAttestable: false,
  scope: nothing,
  evaluate: ({ run }) => checkTopology(run.spec),
};

/** Where the plan announces an interruption anyway, too few members are what was announced. */
function capacity(spec: UpgradeRunSpec): CheckDefinition {
  const pools = [...new Set(spec.groups.flatMap(membersOf).map(({ pool }) => pool))].toSorted();
  return {
    name: 'Capacity',
    severity: spec.facts['loadBalanced'] === 'Yes' ? 'Hold' : 'Warn',
    isWaivable: true,
    isAttestable: false,
    scope: () => ({
      workloads: pools.length === 0 ? [] : spec.groups.flatMap(workloadsOf),
      pools: pools.map((pool) => ({ pool, members: membersOfPool(spec, pool) })),
    }),
    evaluate: ({ observed }) => checkCapacity(spec, observed),
  };
}

function budgets(spec: UpgradeRunSpec): CheckDefinition {
  const id = (place: CheckPlace): string => `${place.entry.operation}/PodDisruptionBudgets`;
  return {
    name: 'PodDisruptionBudgets',
    severity: 'Hold',
    isWaivable: true,
    isAttestable: false,
    scope: (place) => ({
      checks: [{ id: id(place), kind: 'Budgets', workloads: spec.groups.flatMap(workloadsOf) }],
    }),
    evaluate: (input) => findingOf(input.observed.checks.get(id(input))),
  };
}

/** The class is there, fits the claims, and there is room. What cannot be known about room is only reported. */
function snapshots(spec: UpgradeRunSpec): CheckDefinition {
  const kept = spec.groups.flatMap((group) =>
    group.snapshot === undefined ? [] : [{ group, snapshot: group.snapshot }],
  );
  const id = (place: CheckPlace, group: string): string => `${place.entry.operation}/Snapshots/${group}`;
  return {
    name: 'Snapshots',
    severity: 'Hold',
    isWaivable: true,
    isAttestable: false,
    scope: (place) => ({
      checks: kept.map(({ group, snapshot }) => ({
        id: id(place, group.name),
        kind: 'Snapshots',
        className: snapshot.volumeSnapshotClassName,
        workloads: workloadsOf(group),
      })),
    }),
    evaluate: (input) =>
      worstOf(
        kept.map(({ group }) => findingOf(input.observed.checks.get(id(input, group.name)))),
        'no group takes snapshots',
      ),
  };
}

/** Where no quota tells, nobody knows what room is left: that is only reported. */
function space(spec: UpgradeRunSpec): CheckDefinition {
  const kept = spec.groups.flatMap(({ name, snapshot }) => (snapshot === undefined ? [] : [{ name, snapshot }]));
  const classes = [...new Set(kept.map(({ snapshot }) => snapshot.volumeSnapshotClassName))].toSorted();
  const id = (place: CheckPlace, className: string): string => `${place.entry.operation}/SnapshotSpace/${className}`;
  return {
    name: 'SnapshotSpace',
    severity: 'Warn',
    isWaivable: true,
    isAttestable: false,
    scope: (place) => ({
      checks: classes.map((className) => ({
        id: id(place, className),
        kind: 'Space',
        className,
        workloads: spec.groups
          .filter(({ snapshot }) => snapshot?.volumeSnapshotClassName === className)
          .flatMap(workloadsOf),
      })),
    }),
    evaluate: (input) =>
      worstOf(
        classes.map((className) => findingOf(input.observed.checks.get(id(input, className)))),
        'no group takes snapshots',
      ),
  };
}

/** Never waivable: the backup of the database before a Major (A-13, 001-60). */
function backups(spec: UpgradeRunSpec, isRequired: boolean): CheckDefinition {
  const isMandatory =
    spec.procedure === 'downtime' && spec.database !== undefined && spec.database.spec.backup === undefined;
  const bare = spec.groups.filter(({ snapshot }) => snapshot === undefined);
  const id = (place: CheckPlace, group: string): string => `${place.entry.operation}/Backups/${group}`;
  return {
    name: 'Backups',
    severity: isRequired || isMandatory ? 'Hold' : 'Warn',
    isWaivable: !isMandatory,
    isAttestable: !isMandatory,
    scope: (place) => ({
      checks: bare.map((group) => ({ id: id(place, group.name), kind: 'Volumes', workloads: workloadsOf(group) })),
    }),
    evaluate: (input) =>
      checkBackups(
        spec,
        bare.map((group) => findingOf(input.observed.checks.get(id(input, group.name)))),
      ),
  };
}
