/** How a rehearsal ended, in words that do not read better than it was. */
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { journalOf } from '../planner/journal.ts';
import { noticeOf } from '../planner/notice.ts';
import { formatDuration } from '../shared/duration.ts';
import { isEnded } from '../status/summarize-run.ts';
import { isBeyondWindow, windowWarningOf } from './agreed-window.ts';
import type { Outage } from './outage.ts';
import type { SceneObjects } from '../simulation/scene.ts';
import type { World } from '../simulation/world.ts';

export interface Ending {
  /** How each set ended. */
  readonly sentence: string;
  /** What users had of it. */
  readonly users: string;
  readonly outage: Outage;
  /** Promises of Belay that were not kept. */
  readonly broken: readonly string[];
  /** Users who get no answer when everything has ended, and what is left to people; empty where they do. */
  readonly unserved: readonly string[];
  /** Plans that cannot be made, with why. */
  readonly refused: readonly string[];
  /** Why it is no success, although every promise was kept. */
  readonly failed: readonly string[];
}

export interface Ended {
  readonly objects: SceneObjects;
  readonly world: World;
  readonly runs: readonly UpgradeRun[];
  readonly settled: Readonly<Record<string, string>>;
  readonly violations: readonly string[];
  readonly refused: readonly string[];
  readonly outage: Outage;
  /** Checks before the start that had to be overridden. */
  readonly waived: readonly string[];
  /** Somebody asked for a failure or decided to end it: going back is what was to be seen. */
  readonly isAskedFor: boolean;
}

export function endingOf(ended: Ended): Ending {
  const { runs, refused, world, outage } = ended;
  const open = runs
    .filter((run) => !isEnded(run.status?.phase))
    .map((run) => `${run.metadata.name} did not end: ${whyOpen(run)}`);
  const unannounced =
    outage.unannouncedMs === 0
      ? []
      : [`users were without service for ${lasted(outage.unannouncedMs)} that no run had announced`];
  const upgrades = runs.filter((run) => run.spec.purpose === 'Upgrade');
  return {
    sentence: sentenceOf(ended, upgrades),
    users: usersOf(world, outage, upgrades),
    outage,
    broken: [...kept(ended, upgrades), ...unannounced, ...open],
    unserved: outage.isUnservedAtEnd ? unservedOf(runs) : [],
    refused,
    failed: [
      ...ended.waived,
      ...upgrades.filter(isBeyondWindow).map(windowWarningOf),
      ...upgrades.flatMap((run) => whyNoSuccess(run, ended.isAskedFor)),
      ...(world.traffic.unproven > 0
        ? [`${counted(world.traffic.unproven, 'request')} met a release that no test had passed`]
        : []),
      ...upgrades.flatMap(whyNotProved),
    ],
  };
}

/** Promises about what was tested, which nobody can keep where the files name no test. */
const aboutTests = ['usersMeetProvenReleases:', 'servesOnlyProven:', 'oneBrokenAtMost:'];

/** Without those that only repeat that there is no test, and without outages, which are told with how long they were. */
function kept({ violations }: Ended, upgrades: readonly UpgradeRun[]): string[] {
  const isTestless = upgrades.some((run) => run.spec.groups.some(({ probes }) => probes === undefined));
  return violations.filter(
    (text) =>
      !text.startsWith('requestsAreAnswered:') && !(isTestless && aboutTests.some((name) => text.startsWith(name))),
  );
}

function unservedOf(runs: readonly UpgradeRun[]): string[] {
  const left = runs
    .flatMap(({ status }) => status?.handedOver ?? [])
    .map(({ object, message }) => `${object}: ${message}`);
  return ['users get no answer at the end', ...new Set(left)];
}

function usersOf(
  { traffic }: World,
  { announcedMs, unannouncedMs, isUnservedAtEnd }: Outage,
  upgrades: readonly UpgradeRun[],
): string {
  const counts = `${counted(traffic.requests, 'request')}, ${traffic.failed} failed, ${traffic.refused} refused in an announced downtime; ${traffic.unproven} met an untested release; ${counted(traffic.cut, 'user')} cut off`;
  const lengths = upgrades.flatMap(({ spec }) => noticeOf(spec).downtime?.lengthMs ?? []);
  const announced = lengths.length === 0 ? '' : `announced: ${lengths.map(lasted).join(' and ')}; `;
  const parts = [
    ...(unannouncedMs > 0 ? [`for ${lasted(unannouncedMs)} that nobody had announced`] : []),
    ...(announcedMs > 0
      ? [`for ${lasted(announcedMs)} in the announced downtime (${announced}simulated times are no forecast)`]
      : []),
  ];
  const said =
    parts.length === 0
      ? 'Users were served all the time'
      : `Users were WITHOUT SERVICE ${[...parts, ...(isUnservedAtEnd ? ['still at the end'] : [])].join(', and ')}`;
  return `${said} (${counts}).`;
}

function lasted(ms: number): string {
  return formatDuration(Math.max(1, Math.round(ms / 1000)) * 1000);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function whyNoSuccess(run: UpgradeRun, isAskedFor: boolean): string[] {
  const { name } = run.metadata;
  const left = (run.status?.handedOver ?? []).map(({ object }) => object);
  switch (run.status?.phase) {
    case 'Failed':
      return [
        `${name} failed${left.length === 0 ? '' : `, and leaves to people: ${left.join(', ')}`}: the wanted release does not serve everywhere`,
      ];
    case 'RolledBack':
      return isAskedFor ? [] : [`${name} went back although no --fail asked for a failure`];
    case 'Cancelled':
      return isAskedFor ? [] : [`${name} was cancelled although nobody asked for that`];
    default:
      return [];
  }
}

/** A release that serves because no test was there to say no. */
function whyNotProved(run: UpgradeRun): string[] {
  if (run.status?.phase !== 'Completed') return [];
  const probed = new Set(
    journalOf(run.spec, run.status.steps).flatMap(({ step, entry }) =>
      step.action === 'Probe' && step.expect === run.spec.to.version && entry.state === 'Succeeded'
        ? [...(step.groups ?? []), ...(step.group === undefined ? [] : [step.group])]
        : [],
    ),
  );
  const unproved = run.spec.groups.filter(({ name, probes }) => probes === undefined && !probed.has(name));
  if (unproved.length === 0) return [];
  const names = unproved.map(({ name }) => name).join(', ');
  return [
    `no test has proved version ${run.spec.to.version} on ${names}: name a ProbeSuite in spec.probes of ${unproved.length === 1 ? 'that ServerGroup' : 'those ServerGroups'}`,
  ];
}

function whyOpen(run: UpgradeRun): string {
  return run.status?.blockers?.[0]?.message ?? `it is ${run.status?.phase ?? 'not begun'}`;
}

function sentenceOf({ objects, settled, refused }: Ended, upgrades: readonly UpgradeRun[]): string {
  const untouched = Object.entries(settled)
    .filter(([set]) => !upgrades.some((run) => run.spec.upgradeSet === set))
    .filter(([set]) => !refused.some((text) => text.startsWith(`The plan of ${set} is refused: `)))
    .map(([set, why]) => `Nothing was done for ${set}: ${why}.${otherReleases(objects, set)}`);
  return [...upgrades.map(endOf), ...refused, ...untouched].join(' ');
}

/** What could be named instead of the release that runs already. */
function otherReleases({ sets, packages }: SceneObjects, name: string): string {
  const wanted = sets.find(({ metadata }) => metadata.name === name)?.spec.package;
  const product = packages.find(({ metadata }) => metadata.name === wanted)?.spec.product;
  const others = packages
    .filter(({ metadata, spec }) => metadata.name !== wanted && spec.product === product)
    .map(({ metadata }) => metadata.name);
  return others.length === 0 ? '' : ` To rehearse another release, name it with --package: ${others.join(', ')}.`;
}

function endOf(run: UpgradeRun): string {
  const { from, to } = run.spec;
  const why = run.status?.failure?.message ?? '';
  const because = why === '' ? '' : `, because ${why}`;
  switch (run.status?.phase) {
    case 'Completed':
      return `${run.metadata.name} completed: version ${to.version} serves.`;
    case 'RolledBack':
      return `${run.metadata.name} went back to version ${from.version ?? 'before'}${because}.`;
    case 'Failed':
      return `${run.metadata.name} FAILED${because}.`;
    default:
      return `${run.metadata.name} is ${run.status?.phase ?? 'not begun'}${because}.`;
  }
}
