/** From a spec and the facts to a run: an ordered list of steps that can be printed, approved and never changes. */
import type { Database } from '../api/database.ts';
import type { Package } from '../api/package.ts';
import type { Pool } from '../api/pool.ts';
import type { ProbeSuite } from '../api/probe-suite.ts';
import type { ServerGroup } from '../api/server-group.ts';
import type { RunGroup, RunPool, UpgradeRunSpec } from '../api/upgrade-run.ts';
import { runFormat } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import type { PastRun } from './journal.ts';
import type { RollbackOrder } from './move.ts';
import { preflightOf } from './preflight/gate.ts';
import { computeDowntime } from './procedures/downtime.ts';
import { computeRollback } from './procedures/rollback.ts';
import { computeRolling } from './procedures/rolling.ts';
import type { Installed } from './prerequisites.ts';
import type { EpochMs } from '../shared/clock.ts';
import { canonicalJson } from '../shared/json.ts';
import { changesOf } from './settings.ts';
import { originKey, previousUIDKey, nextFact } from './steps/keys.ts';
import { windowWarning } from './window.ts';
import { describeUnevenRoles, whyUnbalanced } from './topology.ts';

export interface PlanInput {
  readonly set: UpgradeSet;
  readonly package: Package;
  /** In the order of `spec.serverGroups`. */
  readonly groups: readonly ServerGroup[];
  readonly pools: readonly Pool[];
  readonly suites: readonly ProbeSuite[];
  /** The one under all groups; undefined where none names one. */
  readonly database?: Database | undefined;
  /** What was found out about the world, by workload key: containers and replicas. */
  readonly workloads: ReadonlyMap<
    string,
    { readonly images: Readonly<Record<string, string>>; readonly replicas: number }
  >;
  /** Version all groups run; empty when unknown. */
  readonly from: string;
  readonly fromPackage: string;
  /** Version each group runs, by its name; groups differ after a run that was superseded. Default: `from`. */
  readonly versions?: ReadonlyMap<string, string>;
  /** Package each group runs, by its name; a group is left out where no Package has its images. Default: none is known. */
  readonly installedPackages?: ReadonlyMap<string, Package>;
  /** Pools that cannot keep started members from their users. */
  readonly cannotHold: readonly string[];
  /** Number of members each pool has, ours and others. */
  readonly members: ReadonlyMap<string, number>;
  /** Packages there are, for the way to the one asked for. Default: none are known. */
  readonly catalogue?: readonly Package[];
  /** What runs of other products, for the prerequisites of the package. Default: nothing does. */
  readonly installed?: readonly Installed[];
  /** Groups of the namespace that are not in the set. Default: none are known. */
  readonly neighbours?: readonly Pick<ServerGroup, 'metadata' | 'spec'>[];
  /** What time it is, for the agreed window. Default: it is not looked at. */
  readonly now?: EpochMs;
}

export type Hash = (text: string) => string;

export function computeRun(input: PlanInput, hash: Hash): UpgradeRunSpec {
  const groups = input.groups.map((group) => freezeGroup(input, group));
  const unbalanced = whyUnbalanced(input.pools, groups, input.members);
  const uneven = describeUnevenRoles(groups);
  const canHold = input.cannotHold.length === 0;
  const { spec } = input.set;
  const isMajor = input.package.spec.upgradeType === 'Major';
  const { database } = input;
  const steps = (isMajor ? computeDowntime : computeRolling)({
    groups,
    to: input.package.spec.version,
    components: input.package.spec.components,
    canHold,
    loadBalanced: unbalanced === '',
    database:
      database === undefined
        ? undefined
        : {
            backup: database.spec.backup !== undefined,
            ...(database.spec.backup?.takenBy === undefined ? {} : { takenBy: database.spec.backup }),
            migrate: database.spec.migrate !== undefined,
            readOnly: database.spec.readOnly !== undefined,
          },
    signOff: spec.signOff,
    timeouts: spec.timeouts ?? {},
  });
  const draft: Omit<UpgradeRunSpec, 'planHash'> = {
    format: runFormat,
    upgradeSet: input.set.metadata.name,
    upgradeSetUID: input.set.metadata.uid ?? '',
    purpose: 'Upgrade',
    procedure: isMajor ? 'downtime' : 'rolling',
    package: input.package.metadata.name,
    from: {
      ...(input.from === '' ? {} : { version: input.from }),
      ...(input.fromPackage === '' ? {} : { package: input.fromPackage }),
      ...(database?.status?.schemaVersion === undefined ? {} : { schema: database.status.schemaVersion }),
    },
    to: {
      version: input.package.spec.version,
      ...(input.package.spec.schema === undefined ? {} : { schema: input.package.spec.schema.version }),
      ...(input.package.spec.components === undefined ? {} : { components: input.package.spec.components }),
    },
    facts: {
      loadBalanced: unbalanced === '' ? 'Yes' : 'No',
      interruption: interruptionOf(isMajor, unbalanced),
      hold: canHold ? 'Policy' : 'AsStarted',
      ...(uneven === '' ? {} : { topology: uneven }),
    },
    policy: {
      signOff: spec.signOff,
      rollback: spec.rollback,
      timeouts: spec.timeouts ?? {},
      ...(spec.serviceAccountName === undefined ? {} : { serviceAccountName: spec.serviceAccountName }),
      ...(spec.schedule === undefined ? {} : { schedule: spec.schedule }),
      ...(spec.preflight === undefined ? {} : { preflight: preflightOf(spec.preflight) }),
      ...(spec.contacts === undefined ? {} : { contacts: spec.contacts }),
      ...(spec.notify === undefined ? {} : { notify: spec.notify }),
      ...approvalsOf(input.set),
    },
    groups,
    ...(database === undefined
      ? {}
      : { database: { name: database.metadata.name, uid: database.metadata.uid ?? '', spec: database.spec } }),
    suites: input.suites.map((suite) => ({ name: suite.metadata.name, spec: suite.spec })),
    pools: input.pools.map(freezePool),
    ...(input.package.spec.checks === undefined ? {} : { expressions: input.package.spec.checks }),
    handles: {},
    steps,
  };
  const warned = withWarning(draft, input.now);
  return { ...warned, planHash: hash(canonicalJson(warned)) };
}

/** Of a window that is short, whoever reads the plan is told. */
function withWarning(draft: Omit<UpgradeRunSpec, 'planHash'>, now: EpochMs | undefined): typeof draft {
  const warning = now === undefined ? '' : windowWarning(draft, now);
  if (warning === '') return draft;
  const [first, ...rest] = draft.steps;
  const note = [first?.note, warning]
    .filter((part) => part !== undefined)
    .join('; ')
    .slice(0, 512);
  return {
    ...draft,
    facts: { ...draft.facts, window: warning },
    steps: first === undefined ? [] : [{ ...first, note }, ...rest],
  };
}

/** Set by the admission policy: who last changed what the set asks for. */
const askedByAnnotation = 'belay.dev/asked-by';

function approvalsOf({ metadata, spec }: UpgradeSet): Pick<UpgradeRunSpec['policy'], 'approvals'> {
  if (spec.approvals === undefined) return {};
  const askedBy = metadata.annotations?.[askedByAnnotation];
  return { approvals: { ...spec.approvals, ...(askedBy === undefined ? {} : { askedBy }) } };
}

/** The plan of the way back from `origin`, after `attempts` that failed (oldest first). */
export function computeRollbackRun(
  origin: PastRun,
  attempts: readonly PastRun[],
  order: RollbackOrder,
  hash: Hash,
): UpgradeRunSpec {
  const { spec } = origin;
  const previous = attempts.at(-1) ?? origin;
  const { steps, handles } = computeRollback({ origin, attempts, order });
  const { planHash: _, ...rest } = spec;
  const draft: Omit<UpgradeRunSpec, 'planHash'> = {
    ...rest,
    purpose: 'Rollback',
    previous: previous.name,
    from: {
      version: spec.to.version,
      package: spec.package,
      ...(spec.to.schema === undefined ? {} : { schema: spec.to.schema }),
    },
    to: {
      version: spec.from.version ?? 'before',
      ...(spec.from.schema === undefined ? {} : { schema: spec.from.schema }),
    },
    facts: {
      ...spec.facts,
      authorisedBy: order.authorisedBy,
      because: order.because.slice(0, 512),
      method: order.method,
      data: order.data,
      ...(order.next === undefined ? {} : { [nextFact]: order.next }),
    },
    handles: { ...handles, [previousUIDKey]: previous.uid, [originKey]: origin.name },
    steps,
  };
  return { ...draft, planHash: hash(canonicalJson(draft)) };
}

function freezeGroup(input: PlanInput, group: ServerGroup): RunGroup {
  const { spec, metadata } = group;
  const images = input.package.spec.images ?? {};
  const version = input.versions?.get(metadata.name) ?? input.from;
  const components = input.installedPackages?.get(metadata.name)?.spec.components;
  const versions = { from: version, to: input.package.spec.version };
  const settings = changesOf(input.package, group, versions).map(({ unset: _, ...change }) => change);
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    ...(version === '' ? {} : { from: version }),
    ...(components === undefined ? {} : { components }),
    servers: spec.servers.map((server) => {
      const seen = input.workloads.get(`${server.workload.kind}/${server.workload.name}`);
      return {
        name: server.name,
        ...(server.role === undefined ? {} : { role: server.role }),
        ...(server.vars === undefined ? {} : { vars: server.vars }),
        workload: { kind: server.workload.kind, name: server.workload.name },
        pools: (server.pools ?? []).map((pool) => ({ name: pool.name, member: pool.member ?? server.name })),
        images: imagesFor(images, server.role, Object.keys(seen?.images ?? {})),
        replicas: seen?.replicas ?? 1,
      };
    }),
    drain: spec.drain,
    ...(spec.snapshot === undefined ? {} : { snapshot: spec.snapshot }),
    ...(spec.rebuild === undefined ? {} : { rebuild: spec.rebuild }),
    ...(spec.hooks === undefined ? {} : { hooks: spec.hooks }),
    ...(spec.probes === undefined ? {} : { probes: spec.probes }),
    ...(spec.probeParameters === undefined ? {} : { probeParameters: spec.probeParameters }),
    ...(spec.isolatedParameters === undefined ? {} : { isolatedParameters: spec.isolatedParameters }),
    takeOwnership: spec.takeOwnership,
    settings,
  };
}

/** Images of the package for the containers a server has: "role/container" before "container". */
export function imagesFor(
  images: Readonly<Record<string, string>>,
  role: string | undefined,
  containers: readonly string[],
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const container of containers) {
    const image = (role === undefined ? undefined : images[`${role}/${container}`]) ?? images[container];
    if (image !== undefined) found[container] = image;
  }
  return found;
}

function freezePool(pool: Pool): RunPool {
  const { service, haproxy, facts } = pool.spec;
  const common = { name: pool.metadata.name, ...(facts === undefined ? {} : { facts }) };
  if (service !== undefined) return { ...common, driver: 'service', target: service.name };
  return { ...common, driver: 'haproxy', target: haproxy?.backend ?? '' };
}

/** What users will notice, in the words of the notice (001-28 … 001-31). */
function interruptionOf(isMajor: boolean, unbalanced: string): string {
  if (isMajor)
    return unbalanced === ''
      ? 'Unavailable while the schema is changed and the first group comes back'
      : `Unavailable during the whole upgrade: ${unbalanced}`;
  return unbalanced === '' ? 'None' : `Intermittent during the whole upgrade: ${unbalanced}`;
}
