/**
 * One server from scratch, the vendor's four rows (001-137 … 001-140): uninstall, reboot, reinstall, connect to the
 * existing database. No row of it backs up, migrates or restores: what the database holds is what is served.
 */
import type { RunGroup, Step, UpgradeRunSpec } from '../../api/upgrade-run.ts';
import type { ServerName } from '../rebuild.ts';
import { listNames, StepList } from './steps.ts';

export interface RebuildInput {
  /** Of the upgrade. */
  readonly spec: UpgradeRunSpec;
  readonly group: RunGroup;
  readonly server: string;
  /** Installed anew: the one that knows the schema as it is. */
  readonly version: string;
  /** Of that version, as its Package names them. */
  readonly components?: Readonly<Record<string, string>> | undefined;
  readonly release: 'Previous' | 'New';
  /** Other servers that are broken. */
  readonly others: readonly ServerName[];
  readonly nobodyServes: boolean;
  /** The database refuses writes since a run before. */
  readonly isGuarded: boolean;
  /** Others serve another version. */
  readonly mixed: boolean;
}

export function computeRebuild(input: RebuildInput): Step[] {
  const list = new StepList(input.spec.policy.timeouts);
  const names = input.spec.groups.map((group) => group.name);
  const groups = { groups: names };
  const title = `Take over the locks of ${listNames(names)}`;
  list.add({ id: 'preflight', number: '0', title, action: 'Preflight', ...groups });
  addUninstall(list, input);
  addReboot(list, input);
  addReinstall(list, input);
  if (input.isGuarded)
    list.add({
      id: 'read-write',
      number: '3b',
      title: 'Let the database be written to again',
      action: 'ClearGuard',
      interrupts: true,
    });
  addReturn(list, input);
  const { others } = input;
  list.add({
    id: 'others',
    number: '5',
    title: 'Decide about the other broken servers',
    action: 'AwaitDecision',
    ...(others.length === 0 ? { skip: 'no other server is broken' } : {}),
  });
  list.add({ id: 'cleanup', number: '6', title: 'Release locks', action: 'Cleanup', ...groups });
  return input.nobodyServes ? withDowntime(list.steps) : list.steps;
}

function at({ group, server }: RebuildInput): Pick<Step, 'group' | 'server'> {
  return { group: group.name, server };
}

function isPooled({ group, server }: RebuildInput): boolean {
  return group.servers.some(({ name, pools }) => name === server && pools.length > 0);
}

function addUninstall(list: StepList, input: RebuildInput): void {
  const { group, server, nobodyServes } = input;
  const interrupts = nobodyServes || input.spec.facts['loadBalanced'] === 'No';
  if (isPooled(input))
    list.add({
      ...at(input),
      id: 'drain',
      number: '1',
      title: `Take ${server} out of its pools`,
      action: 'Drain',
      timeout: group.drain.timeout,
      interrupts,
    });
  list.add({ ...at(input), id: 'stop', number: '1a', title: `Stop ${server}`, action: 'Stop', interrupts });
  const volumes = group.rebuild?.volumes === 'Replace' ? 'its volumes are made anew' : 'its volumes stay';
  list.add({
    ...at(input),
    id: 'uninstall',
    number: '1b',
    title: `Uninstall ${server}; ${volumes}`,
    action: 'Rebuild',
    timeout: '30m',
  });
}

function addReboot(list: StepList, input: RebuildInput): void {
  const { group, server } = input;
  const hook = group.rebuild?.reboot;
  const what = hook?.restarts === 'Node' ? `the node of ${server}` : server;
  list.add({
    ...at(input),
    id: 'reboot',
    number: '2',
    title: `Reboot ${what}`,
    action: 'Reboot',
    timeout: '30m',
    ...(hook === undefined ? { skip: 'its pods are made anew; spec.rebuild.reboot of the group names no Job' } : {}),
  });
}

function addReinstall(list: StepList, input: RebuildInput): void {
  const { group, server, version, release } = input;
  const title = `Reinstall version ${version} on ${server}`;
  if (release === 'Previous') {
    list.add({ ...at(input), id: 'reinstall', number: '3', title, action: 'Reinstall' });
    return;
  }
  list.add({ ...at(input), id: 'reinstall', number: '3', title, action: 'Upgrade' });
  list.add({
    ...at(input),
    id: 'configure',
    number: '3a',
    title: `Configure ${server}`,
    action: 'Configure',
    ...(group.settings.length > 0 ? {} : { skip: 'the package changes no settings of this group' }),
  });
}

function addReturn(list: StepList, input: RebuildInput): void {
  const { spec, group, server, version, components, mixed } = input;
  const onto = spec.database === undefined ? '' : ` on the existing database ${spec.database.name}`;
  const expect = { expect: version };
  const wanted = { ...expect, ...(components === undefined ? {} : { components }) };
  list.add({ ...at(input), id: 'start', number: '4', title: `Start ${server}${onto}`, action: 'Start', ...expect });
  const held = spec.facts['hold'] !== 'AsStarted';
  if (group.probes !== undefined)
    list.add({
      ...at(input),
      id: 'isolated',
      number: '4a',
      title: `Test ${server} in isolation, version ${version}`,
      action: 'Probe',
      scope: 'Isolated',
      groups: [group.name],
      ...wanted,
      ...(isPooled(input) && !held
        ? { skip: 'the pool cannot hold started members back; the server joins as it starts' }
        : {}),
    });
  if (!isPooled(input)) return;
  list.add({
    ...at(input),
    id: 'join',
    number: '4b',
    title: `Put ${server} back into its pools`,
    action: 'Undrain',
    ...expect,
  });
  if (group.probes === undefined) return;
  list.add({
    ...at(input),
    id: 'final',
    number: '4c',
    title: `Tests through the load balancer, version ${version}`,
    action: 'Probe',
    scope: 'Pool',
    groups: [group.name],
    ...wanted,
    ...(mixed ? { skip: 'others serve another version; a test through the pool would meet both' } : {}),
  });
}

/** Nobody serves until this server does. */
function withDowntime(steps: readonly Step[]): Step[] {
  const leaves = steps.find((step) => step.action === 'Drain' || step.action === 'Stop');
  const back = steps.find((step) => step.action === 'Undrain') ?? steps.find((step) => step.action === 'Start');
  return steps.map((step) => {
    if (step === leaves) return { ...step, marker: 'DowntimeBegins' };
    return step === back ? { ...step, marker: 'LimitedServiceRestored' } : step;
  });
}
