/** What an ended run keeps as the way back, and until when. Source: design 4.3, 001-131. */
import type { Retained, RunGroup, StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { EpochMs } from '../shared/clock.ts';
import { parseDuration } from '../shared/duration.ts';
import { formatInstant, parseInstant } from '../shared/instant.ts';
import { hasBegun, journalOf, mergeHandles, type Handles } from './journal.ts';
import { abandonedKey, claimsKey, manifestKey, releasedKey, snapshotKey } from './steps/keys.ts';
import { listOf, replacedClaimsKey, replacedManifestKey } from './steps/rebuild-keys.ts';

interface Journal {
  readonly spec: UpgradeRunSpec;
  readonly entries: readonly StepEntry[];
}

/** Snapshots that are still the way back, sorted. */
export function retainedSnapshots(spec: UpgradeRunSpec, handles: Handles): string[] {
  return spec.groups.flatMap((group) => snapshotsOf(handles, group)).toSorted();
}

/** Those, and the ones that were given up: nothing keeps any of them after the sign-off. Sorted. */
export function releasableSnapshots(spec: UpgradeRunSpec, handles: Handles): string[] {
  return spec.groups.flatMap((group) => [...snapshotsOf(handles, group), ...abandonedOf(handles, group)]).toSorted();
}

/**
 * Snapshots, and the volumes that a restore has replaced, sorted by name.
 * @param finished when the run ended; before that nothing has a date
 */
export function retainedObjects(run: Journal, finished: EpochMs | undefined): Retained[] {
  const handles = mergeHandles(run.spec, run.entries);
  const kept = run.spec.groups.flatMap((group) => {
    const keep = group.snapshot?.retainFor;
    const until =
      keep === undefined || finished === undefined ? {} : { until: formatInstant(finished + parseDuration(keep)) };
    return [
      ...[...snapshotsOf(handles, group), ...abandonedOf(handles, group)].map((name) => ({
        kind: 'VolumeSnapshot' as const,
        name,
        ...until,
      })),
      ...replacedVolumes(run, handles, group).map((name) => ({ kind: 'PersistentVolume' as const, name, ...until })),
    ];
  });
  return kept.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The object whose time is over; else how long until the next one's, in ms; undefined when nothing has a date. */
export function decideRetention(
  run: Journal,
  finished: EpochMs,
  now: EpochMs,
): { readonly release: Retained } | { readonly afterMs: number } | undefined {
  const dated = retainedObjects(run, finished).flatMap((object) =>
    object.until === undefined ? [] : [{ object, at: parseInstant(object.until) }],
  );
  const over = dated.find(({ at }) => at <= now);
  if (over !== undefined) return { release: over.object };
  return dated.length === 0 ? undefined : { afterMs: Math.min(...dated.map(({ at }) => at)) - now };
}

function claimsOf(handles: Handles, group: RunGroup): string[] {
  return (handles[claimsKey(group.name)] ?? '').split(',').filter((claim) => claim !== '');
}

function snapshotsOf(handles: Handles, group: RunGroup): string[] {
  const names = claimsOf(handles, group).flatMap((claim) => handles[snapshotKey(claim)] ?? []);
  return names.filter((name) => handles[releasedKey(name)] === undefined);
}

function abandonedOf(handles: Handles, group: RunGroup): string[] {
  const names = claimsOf(handles, group).flatMap((claim) => {
    const prefix = abandonedKey(claim, '');
    return Object.keys(handles).flatMap((key) => (key.startsWith(prefix) ? key.slice(prefix.length) : []));
  });
  return names.filter((name) => handles[releasedKey(name)] === undefined);
}

function replacedVolumes(run: Journal, handles: Handles, group: RunGroup): string[] {
  const restored = journalOf(run.spec, run.entries).some(
    ({ step, entry }) => step.action === 'RestoreSnapshot' && step.group === group.name && hasBegun(entry),
  );
  if (!restored) return volumesMadeAnew(run, handles, group);
  const names = claimsOf(handles, group).flatMap((claim) => volumeIn(handles[manifestKey(claim)]));
  return names.filter((name) => handles[releasedKey(name)] === undefined);
}

/** Of the one server that a rebuild gave empty volumes. */
function volumesMadeAnew({ spec }: Journal, handles: Handles, group: RunGroup): string[] {
  if (spec.rebuild?.group !== group.name) return [];
  const names = listOf(handles[replacedClaimsKey]).flatMap((claim) => volumeIn(handles[replacedManifestKey(claim)]));
  return names.filter((name) => handles[releasedKey(name)] === undefined);
}

/** A claim's manifest names the volume it was bound to; none where it was unbound. */
function volumeIn(manifest: string | undefined): string[] {
  const value: unknown = manifest === undefined ? undefined : JSON.parse(manifest);
  if (typeof value !== 'object' || value === null || !('volume' in value)) return [];
  return typeof value.volume === 'string' && value.volume !== '' ? [value.volume] : [];
}
