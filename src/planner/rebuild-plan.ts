/** The plan of a Rebuild run, from the runs before it: one server, on the database as it is (001-137 … 001-141). */
import type { RunGroup, UpgradeRunSpec } from '../api/upgrade-run.ts';
import { canonicalJson } from '../shared/json.ts';
import { mergeHandles, recordAfter, type Handles, type PastRun } from './journal.ts';
import type { RebuildOrder } from './move.ts';
import type { Hash } from './plan.ts';
import { computeRebuild } from './procedures/rebuild.ts';
import { brokenServers, fittingRelease, type ServerName } from './rebuild.ts';
import { heldMembers } from './scope.ts';
import { isGuarded } from './steps/guards.ts';
import { originKey, previousUIDKey } from './steps/keys.ts';
import { hookPrefix } from './steps/hook.ts';
import { heldMembersKey, othersKey, rebuildPrefix } from './steps/rebuild-keys.ts';
import { groupOf } from './verdict.ts';

/**
 * @param attempts rollbacks and rebuilds since, oldest first
 * @throws RangeError no release is known to fit the schema: that is looked at before a rebuild is offered
 */
export function computeRebuildRun(
  origin: PastRun,
  attempts: readonly PastRun[],
  order: RebuildOrder,
  hash: Hash,
): UpgradeRunSpec {
  const { spec } = origin;
  const previous = attempts.at(-1) ?? origin;
  const past = handlesOf(origin, attempts);
  const release = fittingRelease(past, spec.to.schema);
  if (release === undefined) throw new RangeError('no release is known to fit the schema of the database');
  const group = groupOf(spec, order.group);
  const broken = brokenServers(previous.spec, previous.entries);
  const others = broken.filter(({ group: name, server }) => name !== order.group || server !== order.server);
  const serving = versionsServing(origin, attempts, broken);
  const version = release === 'New' ? spec.to.version : (group.from ?? spec.from.version ?? 'before');
  const { components } = release === 'New' ? spec.to : group;
  const { planHash: _, ...rest } = spec;
  const draft: Omit<UpgradeRunSpec, 'planHash'> = {
    ...rest,
    purpose: 'Rebuild',
    previous: previous.name,
    rebuild: { group: order.group, server: order.server },
    from: fromOf(spec),
    to: release === 'New' ? spec.to : { version, ...(components === undefined ? {} : { components }) },
    facts: {
      ...spec.facts,
      authorisedBy: order.authorisedBy,
      because: order.because.slice(0, 512),
      release,
      volumes: group.rebuild?.volumes ?? 'Keep',
      versions: serving.every((other) => other === version) ? 'One' : 'Mixed',
    },
    handles: {
      ...past,
      [previousUIDKey]: previous.uid,
      [originKey]: origin.name,
      [heldMembersKey]: heldMembers(previous.spec, previous.entries)
        .map(({ pool, member }) => `${pool}/${member}`)
        .join(','),
      [othersKey]: others.map(({ group: name, server }) => `${name}/${server}`).join(','),
    },
    steps: computeRebuild({
      spec,
      group,
      server: order.server,
      version,
      components,
      release,
      others,
      nobodyServes: serving.length === 0,
      isGuarded: isGuarded(past),
      mixed: serving.some((other) => other !== version),
    }),
  };
  return { ...draft, planHash: hash(canonicalJson(draft)) };
}

/** What ran before a way back: the release of the upgrade. */
function fromOf({ to: { version, schema }, package: name }: UpgradeRunSpec): UpgradeRunSpec['from'] {
  return { version, package: name, ...(schema === undefined ? {} : { schema }) };
}

/** Notes of all runs so far; what an earlier rebuild did to its own server is no note for this one. */
function handlesOf(origin: PastRun, attempts: readonly PastRun[]): Handles {
  const all = Object.assign(
    {},
    mergeHandles(origin.spec, origin.entries),
    ...attempts.flatMap((attempt) => attempt.entries.map((entry) => entry.handles ?? {})),
  ) as Handles;
  return Object.fromEntries(
    Object.entries(all).filter(
      ([key]) => !key.startsWith(rebuildPrefix) && !key.startsWith(hookPrefix) && key !== 'held/groups',
    ),
  );
}

/** The versions users meet now, of groups with a server that is not broken. */
function versionsServing(origin: PastRun, attempts: readonly PastRun[], broken: readonly ServerName[]): string[] {
  const rollbacks = attempts.filter((attempt) => attempt.spec.purpose === 'Rollback');
  const rebuilds = attempts.filter((attempt) => attempt.spec.purpose === 'Rebuild');
  const isWhole = (group: RunGroup): boolean =>
    group.servers.some(({ name }) => !broken.some((other) => other.group === group.name && other.server === name));
  return origin.spec.groups.filter(isWhole).map((group) => {
    const rebuilt = rebuilds.find((run) => run.spec.rebuild?.group === group.name);
    if (rebuilt !== undefined) return rebuilt.spec.to.version;
    const { fate } = recordAfter(origin, rollbacks, group.name);
    return fate === 'Changed' ? origin.spec.to.version : (group.from ?? origin.spec.from.version ?? 'before');
  });
}
