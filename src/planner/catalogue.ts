/** Which releases of a product can be installed over what runs, by which others they are reached, and which to offer. */
import type { Package, PackageSpec, UpgradeType } from '../api/package.ts';
import {
  compareVersions,
  inRange,
  parseRange,
  parseVersion,
  upgradeTypeOf,
  type Version,
  type VersionRange,
} from '../api/version.ts';
import { describeUnmet, findUnmet, type Installed } from './prerequisites.ts';

/** Why a package cannot be installed over a version, judged by the versions alone. */
export type Misfit =
  | { readonly kind: 'NotNewer' }
  /** The package says another type than the versions do. */
  | { readonly kind: 'Type'; readonly type: UpgradeType }
  | { readonly kind: 'Range' };

export interface CatalogueInput {
  /** Those of other products are left out of account (001-02). */
  readonly packages: readonly Package[];
  readonly product: string;
  /** Name of the Package the set asks for. */
  readonly asked: string;
  /** Version that each group runs; empty where it is not known. */
  readonly running: readonly string[];
  readonly installed: readonly Installed[];
}

/** As `UpgradeSet.status.available` shows it. */
export interface Offer {
  readonly package: string;
  readonly version: string;
  /** Major when any package on the way is one (001-05). */
  readonly type: UpgradeType;
  /** Packages to install one after the other, the offered one last; absent where it can be installed at once. */
  readonly path?: string[];
  /** Where the offered one can be fetched from, as its notes say (001-50). */
  readonly download?: string;
  readonly message?: string;
}

/** A release that can be reached from what runs, by the fewest others. */
interface Reached {
  readonly release: Release;
  readonly path: readonly Release[];
}

interface Release {
  readonly name: string;
  readonly spec: PackageSpec;
  readonly version: Version;
  readonly range: VersionRange | undefined;
}

/** A release comes every three to four months (001-04): further behind than a year of them is old. */
const releasesBehind = 3;
const monthsBehind = 12;
const monthMs = (365.25 / 12) * 24 * 3_600_000;
const maxMessage = 512;
/** As long as any way gets; a list of more steps is no advice. */
const maxSteps = 16;

/** 001-12, 001-16, 001-20, 000-07: what stands against installing a package over this version. */
export function misfitOf(
  { upgradeType, upgradesFrom }: Pick<PackageSpec, 'upgradeType' | 'upgradesFrom'>,
  from: Version,
  to: Version,
): Misfit | undefined {
  return judge(upgradeType, upgradesFrom === undefined ? undefined : parseRange(upgradesFrom), from, to);
}

function judge(declared: UpgradeType, range: VersionRange | undefined, from: Version, to: Version): Misfit | undefined {
  const type = upgradeTypeOf(from, to);
  if (type === 'NotNewer') return { kind: 'NotNewer' };
  if (type !== declared) return { kind: 'Type', type };
  return range === undefined || inRange(from, range) ? undefined : { kind: 'Range' };
}

/**
 * Names of the packages that lead from `from` to `target`, which is the last of them; empty when none do. The fewest
 * steps, then the newest releases. Withdrawn ones, and those whose prerequisites are not there, are no step.
 */
export function findPath(
  packages: readonly Package[],
  installed: readonly Installed[],
  from: string,
  target: Package,
): string[] {
  const start = parseVersion(from);
  if (start === undefined) return [];
  const others = packages.filter(
    (candidate) =>
      candidate.metadata.name !== target.metadata.name && isOfferable(candidate, target.spec.product, installed),
  );
  const found = reach(releasesOf([...others, target]), [start]);
  const reached = found.find(({ release }) => release.name === target.metadata.name);
  return (reached?.path ?? []).map(({ name }) => name);
}

/** "install portal-1.9.0 first, then portal-2.0.0"; empty for a way of one step. */
export function describePath(path: readonly string[]): string {
  if (path.length < 2) return '';
  const [first, ...rest] = path;
  return `install ${first} first, then ${rest.join(', then ')}`;
}

/** The newest release that fits what every group runs, unless it is the one asked for; undefined where there is none (001-01). */
export function computeOffer(input: CatalogueInput): Offer | undefined {
  const running = input.running.flatMap((text) => parseVersion(text) ?? []).toSorted(compareVersions);
  const oldest = running[0];
  const newest = running.at(-1);
  // One group of which nobody knows what it runs, and nobody knows what fits it.
  if (oldest === undefined || newest === undefined || running.length < input.running.length) return undefined;
  const listed = input.packages.filter(
    (candidate) => candidate.spec.product === input.product && !candidate.spec.withdrawn,
  );
  const newer = newestFirst(releasesOf(listed)).filter(({ version }) => compareVersions(version, newest) > 0);
  const offerable = listed.filter((candidate) => isOfferable(candidate, input.product, input.installed));
  const [best] = reach(releasesOf(offerable), running)
    .filter(({ release }) => compareVersions(release.version, newest) > 0)
    .toSorted((a, b) => compareReleases(a.release, b.release));
  if (best === undefined || isAsked(best.release, input)) return undefined;
  const { release, path } = best;
  const message = [
    describePath(path.map(({ name }) => name)),
    hiddenMajor(best),
    tooOld(releasesOf(input.packages.filter(({ spec }) => spec.product === input.product)), newer, oldest),
    outOfReach(newer, release, listed, input.installed),
  ].filter((part) => part !== '');
  return {
    package: release.name,
    version: release.spec.version,
    type: path.some(({ spec }) => spec.upgradeType === 'Major') ? 'Major' : 'Minor',
    ...(path.length < 2 ? {} : { path: path.map(({ name }) => name) }),
    ...(release.spec.notes?.download === undefined ? {} : { download: release.spec.notes.download }),
    ...(message.length === 0 ? {} : { message: message.join('; ').slice(0, maxMessage) }),
  };
}

function isOfferable({ spec }: Package, product: string, installed: readonly Installed[]): boolean {
  return spec.product === product && !spec.withdrawn && findUnmet(spec.requires, installed).length === 0;
}

/** By its name, or by its version under another name. */
function isAsked(release: Release, { asked, packages }: CatalogueInput): boolean {
  if (release.name === asked) return true;
  const wanted = packages.find(({ metadata }) => metadata.name === asked);
  return (
    wanted !== undefined && !wanted.spec.withdrawn && compareTexts(wanted.spec.version, release.spec.version) === 0
  );
}

function compareTexts(a: string, b: string): number | undefined {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  return left === undefined || right === undefined ? undefined : compareVersions(left, right);
}

function releasesOf(packages: readonly Package[]): Release[] {
  return packages.flatMap(({ metadata, spec }) => {
    const version = parseVersion(spec.version);
    const range = spec.upgradesFrom === undefined ? undefined : parseRange(spec.upgradesFrom);
    return version === undefined ? [] : [{ name: metadata.name, spec, version, range }];
  });
}

/** Newest first; of the same release under two names, the first by name. */
function compareReleases(a: Release, b: Release): number {
  return compareVersions(b.version, a.version) || (a.name < b.name ? -1 : 1);
}

function newestFirst(releases: readonly Release[]): Release[] {
  return releases.toSorted(compareReleases);
}

/** Breadth first, so that the first way found to a release is one of the fewest steps, by the newest releases. */
function reach(releases: readonly Release[], running: readonly Version[]): Reached[] {
  const found: Reached[] = [];
  let left = newestFirst(releases);
  let level: { readonly at: readonly Version[]; readonly path: readonly Release[] }[] = [{ at: running, path: [] }];
  for (let step = 0; step < maxSteps && level.length > 0 && left.length > 0; step += 1) {
    const next = left.flatMap((release) => {
      const before = level.find(({ at }) => fitsAll(release, at));
      return before === undefined ? [] : [{ release, path: [...before.path, release] }];
    });
    found.push(...next);
    left = left.filter((release) => !next.some((reached) => reached.release === release));
    level = next.map(({ release, path }) => ({ at: [release.version], path }));
  }
  return found;
}

/** Groups that run it already have nothing to do; all others can have it installed. */
function fitsAll(release: Release, at: readonly Version[]): boolean {
  const behind = at.filter((version) => compareVersions(version, release.version) !== 0);
  const { spec, range, version: to } = release;
  return behind.length > 0 && behind.every((from) => judge(spec.upgradeType, range, from, to) === undefined);
}

function hiddenMajor({ release, path }: Reached): string {
  if (release.spec.upgradeType === 'Major') return '';
  const majors = path.filter(({ spec }) => spec.upgradeType === 'Major').map(({ name }) => name);
  return majors.length === 0 ? '' : `${majors.join(' and ')} on the way is a Major, with downtime`;
}

/** 001-04: patches come at any time and are no release of the rhythm, so first and second numbers are counted. */
function tooOld(all: readonly Release[], newer: readonly Release[], oldest: Version): string {
  const rhythm = ({ numbers }: Version): string => `${numbers[0] ?? 0}.${numbers[1] ?? 0}`;
  const ahead = new Set(newer.map(({ version }) => rhythm(version)));
  ahead.delete(rhythm(oldest));
  const running = all.find(({ version }) => compareVersions(version, oldest) === 0);
  const [latest] = newer.flatMap((release) => releasedAt(release) ?? []).toSorted((a, b) => b - a);
  const since = running === undefined ? undefined : releasedAt(running);
  const months = latest === undefined || since === undefined ? 0 : Math.trunc((latest - since) / monthMs);
  if (ahead.size <= releasesBehind && months <= monthsBehind) return '';
  const behind = [
    ...(ahead.size > releasesBehind ? [`${ahead.size} releases`] : []),
    ...(months > monthsBehind ? [`${months} months`] : []),
  ];
  return `version ${running?.spec.version ?? oldest.numbers.join('.')} is ${behind.join(' and ')} behind: plan the upgrade`;
}

function releasedAt({ spec }: Release): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(spec.notes?.released ?? '');
  return match === null ? undefined : Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
}

/** The newest of all, where something keeps it from being offered. */
function outOfReach(
  newer: readonly Release[],
  offered: Release,
  listed: readonly Package[],
  installed: readonly Installed[],
): string {
  const [first] = newer;
  if (first === undefined || compareVersions(first.version, offered.version) <= 0) return '';
  const [unmet] = findUnmet(listed.find(({ metadata }) => metadata.name === first.name)?.spec.requires, installed);
  return unmet === undefined
    ? `${first.name} is newer, and no package leads there`
    : `${first.name} is newer, and waits: ${describeUnmet(unmet)}`;
}
