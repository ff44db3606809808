/** Turns a set into at most one run at a time, and shows what becomes of it. */
import { canonicalJson } from '../shared/json.ts';
import { findCondition } from '../api/conditions.ts';
import { decodeServerGroup, decodeUpgradeRun, decodeUpgradeSet } from '../api/decode.ts';
import { upgradeRuns, upgradeSets } from '../api/resources.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { sha256 } from '../engine/hash.ts';
import { isSameJson } from '../engine/same.ts';
import { addFinalizer, removeFinalizer } from '../kube/finalizers.ts';
import type { ReconcileResult } from '../kube/controller.ts';
import { objectKeyOf } from '../kube/object-key.ts';
import { patchStatus } from '../kube/status.ts';
import type { ObjectName, Resource } from '../kube/types.ts';
import { decideFollowUp, followsAnnotation } from '../planner/follow-up.ts';
import { computeRun, type PlanInput } from '../planner/plan.ts';
import { findProblems } from '../planner/validate.ts';
import { PauseError, RetryError, TerminalError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { isEnded } from '../status/summarize-run.ts';
import { summarizeSet, type SetState } from '../status/summarize-set.ts';
import type { ControllerContext } from './context.ts';
import { gatherFacts, observerOf, runs as runsPackage } from './facts.ts';
import { findOffer } from './offer.ts';
import { askerAnnotation } from '../status/audit-report.ts';
import { acceptedNear } from './reconcile-run.ts';
import type { Pace } from './pace.ts';
import { createRun, finalizer, setLabel } from './run-store.ts';

/** On a run: hash of what the set asked for when it was made. */
const askedAnnotation = 'belay.dev/asked';
/** Problems may go away by themselves (a class is installed, a workload appears): looked at again this often. */
const recheckMs = 30_000;

const sets: Resource<UpgradeSet> = upgradeSets;

/** @param pace of what only moves on */
export async function reconcileSet(
  context: ControllerContext,
  pace: Pace,
  name: ObjectName,
  signal: AbortSignal,
  logger: Logger,
): Promise<ReconcileResult> {
  const cached = context.caches.upgradeSets.get(name);
  if (cached === undefined) {
    pace.forget(objectKeyOf(name));
    return { kind: 'settled' };
  }
  const set = decodeUpgradeSet(cached);
  const runs = runsOf(context, set);
  if (set.metadata.deletionTimestamp !== undefined) return finalize(context, set, runs);
  const state = await findState(context, set, runs, signal, logger).catch((error: unknown) => hinderedBy(error, set));
  const available = findOffer(context.caches, set);
  const status = {
    ...summarizeSet(set, state, runs, context.now()),
    ...(available === undefined ? {} : { available }),
  };
  if (isUnderWay(state) && isSameButForProgress(set.status, status)) {
    const waitMs = pace.waitMs(objectKeyOf(name));
    if (waitMs > 0) return { kind: 'requeue', afterMs: waitMs };
  }
  await patchStatus(context.client, sets, set, status, { signal });
  if (state.kind === 'hindered' && state.error instanceof RetryError) throw state.error;
  await pruneHistory(context, set, runs);
  // The run just made may not be in the cache yet: it is asked for by itself.
  const isAtRest = [...runs, ...(state.kind === 'run' ? [state.run] : [])].every((run) => isEnded(run.status?.phase));
  if (isAtRest && runs.length > 0 && set.metadata.finalizers?.includes(finalizer) === true)
    await removeFinalizer(context.client, sets, set, finalizer, { signal });
  return state.kind === 'problems' || state.kind === 'blocked' || state.kind === 'hindered'
    ? { kind: 'requeue', afterMs: recheckMs }
    : { kind: 'settled' };
}

/** Said in the status. @throws what passes by itself, of a set that is as it should be */
function hinderedBy(error: unknown, { metadata, status }: UpgradeSet): SetState {
  const isReady = findCondition(status?.conditions, 'Ready')?.status === 'True';
  const isWell = isReady && status?.observedGeneration === metadata.generation;
  if (error instanceof PauseError || error instanceof TerminalError || (error instanceof RetryError && !isWell))
    return { kind: 'hindered', error };
  throw error;
}

function isUnderWay(state: SetState): boolean {
  return state.kind === 'run' && !isEnded((state.child ?? state.run).status?.phase);
}

/** Steps follow each other faster than anybody reads: only what people act on is worth a write at once. */
function isSameButForProgress(before: UpgradeSet['status'], after: NonNullable<UpgradeSet['status']>): boolean {
  const { step: _, progress: _progress, conditions: _conditions, ...old } = before ?? {};
  const { step: _step, progress: _now, conditions: _said, ...next } = after;
  return isSameJson(old, next);
}

/** Runs of this very set, oldest first; a set of the same name that was deleted had others. */
export function runsOf(context: Pick<ControllerContext, 'caches'>, set: UpgradeSet): UpgradeRun[] {
  return context.caches.upgradeRuns
    .byIndex('set', `${set.metadata.namespace ?? ''}/${set.metadata.name}`)
    .filter((run) => run.spec.upgradeSetUID === set.metadata.uid)
    .map(decodeUpgradeRun)
    .toSorted((a, b) => numberOf(a) - numberOf(b) || inOrderOfNames(a.metadata.name, b.metadata.name));
}

/** "portal-7-rebuild-2" before "portal-7-rebuild-10". */
function inOrderOfNames(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** The attempt's number: "portal-7" and "portal-7-back" are both of attempt 7. */
function numberOf(run: UpgradeRun): number {
  return Number(/^-(\d+)/.exec(run.metadata.name.slice(run.spec.upgradeSet.length))?.[1] ?? 0);
}

async function findState(
  context: ControllerContext,
  set: UpgradeSet,
  runs: readonly UpgradeRun[],
  signal: AbortSignal,
  logger: Logger,
): Promise<SetState> {
  const upgrades = runs.filter((run) => run.spec.purpose === 'Upgrade');
  const latest = upgrades.at(-1);
  const shown = (run: UpgradeRun, note = ''): SetState => ({
    kind: 'run',
    run,
    child: runs.findLast((other) => other !== run && numberOf(other) === numberOf(run)),
    note,
  });
  if (latest !== undefined && !isEnded(latest.status?.phase)) return shown(latest);
  const decisions = latest === undefined ? [] : acceptedNear(context, latest);
  const next = decideFollowUp({ set, runs, decisions, now: context.now() });
  if (latest !== undefined && next?.kind !== 'begin' && isSpent(set, latest)) return shown(latest, next?.message);
  const taken = groupTakenBy(context, set);
  if (taken !== undefined) return taken;
  const facts = await gatherFacts(context, set, signal);
  if (facts.kind === 'missing') return { kind: 'problems', problems: facts.problems };
  const { input } = facts;
  if (input.groups.every((group) => runsPackage(input.package, group, input.workloads))) {
    return latest?.status?.phase === 'Completed' && latest.spec.package === input.package.metadata.name
      ? shown(latest)
      : { kind: 'atTarget', version: input.package.spec.version };
  }
  const annotations = next?.kind !== 'begin' ? {} : { [followsAnnotation]: next.follows };
  return planOrRefuse(context, input, { upgrades, annotations }, signal, logger);
}

async function planOrRefuse(
  context: ControllerContext,
  input: PlanInput,
  { upgrades, annotations }: { upgrades: readonly UpgradeRun[]; annotations: Readonly<Record<string, string>> },
  signal: AbortSignal,
  logger: Logger,
): Promise<SetState> {
  const { set } = input;
  const problems = [...accountProblems(context, set), ...findProblems(input)];
  if (problems.length === 0) {
    problems.push(...(await context.preflight.findProblems(observerOf(set), input, signal)));
  }
  if (problems.length > 0) return { kind: 'problems', problems };
  const spec = computeRun(input, sha256);
  if (spec.steps.length > 512)
    throw new TerminalError('PlanTooLarge', `the plan has ${spec.steps.length} steps, at most 512 fit: split the set`);
  const guarded = (await addFinalizer(context.client, sets, set, finalizer)) ?? set;
  const { namespace, name, uid = '' } = guarded.metadata;
  const next = Math.max(0, ...upgrades.map(numberOf)) + 1;
  logger.info('Creating run', { run: `${name}-${next}`, planHash: spec.planHash, steps: spec.steps.length });
  const run = await createRun(context.client, {
    namespace,
    name: `${name}-${next}`,
    spec,
    labels: { [setLabel]: name },
    annotations: { [askedAnnotation]: askedBy(set), ...askerOf(set), ...annotations },
    ownerReferences: [
      { apiVersion: set.apiVersion, kind: set.kind, name, uid, controller: true, blockOwnerDeletion: true },
    ],
  });
  return { kind: 'run', run, child: undefined };
}

/** Has this attempt had its turn? A failed one is not repeated by itself: only an edit of the set asks again. */
function isSpent(set: UpgradeSet, latest: UpgradeRun): boolean {
  if (latest.status?.phase === 'Superseded' || latest.spec.package !== set.spec.package) return false;
  if (latest.status?.phase === 'Completed') return false;
  return latest.metadata.annotations?.[askedAnnotation] === askedBy(set);
}

/** Who asked, where it is known: kept with the run, because the set's annotation changes. */
function askerOf({ metadata }: UpgradeSet): Record<string, string> {
  const asker = metadata.annotations?.[askerAnnotation];
  return asker === undefined ? {} : { [askerAnnotation]: asker };
}

/** Pausing, housekeeping, dry runs, more time and other people to call ask for nothing new. */
function askedBy(set: UpgradeSet): string {
  const {
    paused: _paused,
    dryRun: _dryRun,
    historyLimit: _historyLimit,
    finalizeTimeout: _finalizeTimeout,
    schedule: _schedule,
    contacts: _contacts,
    notify: _notify,
    ...asked
  } = set.spec;
  return sha256(canonicalJson(asked)).slice('sha256:'.length, 'sha256:'.length + 16);
}

function accountProblems(
  context: ControllerContext,
  set: UpgradeSet,
): { reason: string; object: string; field: string; message: string }[] {
  if (!context.requireServiceAccount || set.spec.serviceAccountName !== undefined) return [];
  return [
    {
      reason: 'ServiceAccountRequired',
      object: `upgradeset/${set.metadata.name}`,
      field: 'spec.serviceAccountName',
      message: 'this installation requires one: name an account that may change these workloads',
    },
  ];
}

/** Of two sets that name a group, the older one has it. */
function groupTakenBy(context: ControllerContext, set: UpgradeSet): SetState | undefined {
  const { namespace, creationTimestamp = '', name, uid } = set.metadata;
  for (const other of context.caches.upgradeSets.list(namespace)) {
    if (other.metadata.uid === uid) continue;
    const shared = set.spec.serverGroups.find((group) => (other.spec.serverGroups ?? []).includes(group));
    if (shared === undefined) continue;
    const age =
      (other.metadata.creationTimestamp ?? '') < creationTimestamp ||
      ((other.metadata.creationTimestamp ?? '') === creationTimestamp && other.metadata.name < name);
    if (age)
      return {
        kind: 'blocked',
        object: `upgradeset/${other.metadata.name}`,
        message: `group ${shared} belongs to UpgradeSet ${other.metadata.name}, which is older: take it out of one of the two`,
      };
  }
  for (const group of set.spec.serverGroups) {
    const cached = context.caches.serverGroups.get({ name: group, ...(namespace === undefined ? {} : { namespace }) });
    const lock = cached === undefined ? undefined : decodeServerGroup(cached).status?.lock;
    if (lock === undefined) continue;
    const holder = context.caches.upgradeRuns.get({
      name: lock.run,
      ...(namespace === undefined ? {} : { namespace }),
    });
    if (
      holder !== undefined &&
      holder.metadata.uid === lock.uid &&
      holder.spec.upgradeSetUID !== uid &&
      !isEnded(holder.status?.phase)
    ) {
      return {
        kind: 'blocked',
        object: `upgraderun/${lock.run}`,
        message: `run ${lock.run} works on group ${group}: it is waited for`,
      };
    }
  }
  return undefined;
}

/** Gone only when no run of it acts any more: the run undoes what it did within finalizeTimeout, then hands over. */
async function finalize(
  context: ControllerContext,
  set: UpgradeSet,
  runs: readonly UpgradeRun[],
): Promise<ReconcileResult> {
  if (runs.some((run) => !isEnded(run.status?.phase))) return { kind: 'settled' };
  await removeFinalizer(context.client, sets, set, finalizer);
  return { kind: 'settled' };
}

async function pruneHistory(context: ControllerContext, set: UpgradeSet, runs: readonly UpgradeRun[]): Promise<void> {
  const attempts = [...new Set(runs.map(numberOf))];
  const old = new Set(attempts.slice(0, Math.max(0, attempts.length - set.spec.historyLimit)));
  // A run that still keeps something is the only one that knows when that may go.
  const [victim] = runs.filter(
    (run) => old.has(numberOf(run)) && isEnded(run.status?.phase) && run.status?.retained === undefined,
  );
  if (victim === undefined) return;
  const { namespace, name, uid } = victim.metadata;
  await context.client.delete(
    upgradeRuns,
    { name, ...(namespace === undefined ? {} : { namespace }) },
    uid === undefined ? {} : { uid },
  );
}
