/** Drives one run: passes until it waits for the world. */
import type { Decision } from '../api/decision.ts';
import { decodeDecision, decodeUpgradeRun, decodeUpgradeSet } from '../api/decode.ts';
import { upgradeRuns } from '../api/resources.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import type { DeploymentLog } from '../engine/deployment-log.ts';
import type { PassInput } from '../engine/input.ts';
import { asStored } from '../engine/input.ts';
import { runPass } from '../engine/pass.ts';
import type { Pacer } from '../engine/pacer.ts';
import type { Stopwatch } from '../engine/stopwatch.ts';
import { removeFinalizer } from '../kube/finalizers.ts';
import type { ReconcileResult } from '../kube/controller.ts';
import type { ObjectName, Resource } from '../kube/types.ts';
import { computeIntent, validDecisions } from '../planner/intent.ts';
import type { Logger } from '../shared/logger.ts';
import { recordDecisions } from '../status/decisions.ts';
import { isEnded } from '../status/summarize-run.ts';
import type { ControllerContext } from './context.ts';
import type { LastSeen } from './last-seen.ts';
import { createRunStore, finalizer } from './run-store.ts';

/** After this many passes other runs get their turn. */
const passesPerTurn = 50;

const runs: Resource<UpgradeRun> = upgradeRuns;

export async function reconcileRun(
  context: ControllerContext,
  memory: { stopwatch: Stopwatch; pacer: Pacer; lastSeen: LastSeen; deploymentLog: DeploymentLog },
  name: ObjectName,
  signal: AbortSignal,
  logger: Logger,
): Promise<ReconcileResult> {
  const cached = context.caches.upgradeRuns.get(name);
  if (cached === undefined) return { kind: 'settled' };
  if (isEnded(cached.status?.phase)) {
    await letGo(context, cached, signal);
    if (cached.status?.retained?.some((object) => object.until !== undefined) !== true) return { kind: 'settled' };
  }
  const epoch = context.leader.epoch();
  // A cache that lags behind our own last write would repeat a step that is over.
  const isCurrent = memory.lastSeen.isShownBy(context.caches.upgradeRuns, cached, epoch);
  const found = isCurrent ? cached : await context.client.find(runs, name, signal);
  if (found === undefined) return { kind: 'settled' };
  let progress = asStored(decodeUpgradeRun(found));
  const store = createRunStore(context.client, context.announcer);
  // What is not in the journal yet would be lost with the turn.
  for (let pass = 0; pass < passesPerTurn || progress.mustWrite; pass += 1) {
    const { run } = progress;
    const set = setOf(context, run);
    const decisions = validDecisions(acceptedNear(context, run), run, context.now());
    const input: PassInput = {
      ...progress,
      store,
      ...memory,
      signal,
      logger,
      drivers: context.drivers,
      now: context.now,
      decisions,
      decided: recordDecisions(decisionsFor(context, run)),
      intent: computeIntent({ set, run, decisions, now: context.now() }),
      epoch,
      mayAct: context.leader.mayAct,
      onEffect: context.counters.effectMade,
    };
    const outcome = await runPass(input);
    if (outcome.kind === 'ended') {
      await letGo(context, outcome.run, signal);
      if (!isEnded(run.status?.phase))
        context.counters.runEnded(outcome.run.status?.phase ?? '', outcome.run.status?.failure?.reason ?? '');
      return { kind: 'settled' };
    }
    if (outcome.kind === 'wait') {
      memory.lastSeen.note(outcome.run, epoch);
      return { kind: 'requeue', afterMs: outcome.afterMs };
    }
    progress = outcome;
  }
  return { kind: 'requeue', afterMs: 1 };
}

/** A run that is over has nothing to undo: it may be deleted also where no controller is left to ask. */
async function letGo(context: ControllerContext, run: UpgradeRun, signal: AbortSignal): Promise<void> {
  if (run.metadata.finalizers?.includes(finalizer) === true)
    await removeFinalizer(context.client, runs, run, finalizer, { signal });
}

function setOf(context: ControllerContext, run: UpgradeRun): UpgradeSet | undefined {
  const { namespace } = run.metadata;
  const set = context.caches.upgradeSets.get({
    name: run.spec.upgradeSet,
    ...(namespace === undefined ? {} : { namespace }),
  });
  return set === undefined || set.metadata.uid !== run.spec.upgradeSetUID ? undefined : decodeUpgradeSet(set);
}

function decisionsFor(context: ControllerContext, { metadata }: UpgradeRun): Decision[] {
  const near = context.caches.decisions.list(metadata.namespace);
  return near.filter(({ spec }) => spec.run === metadata.name).map(decodeDecision);
}

/**
 * Decisions the controller has reviewed and accepted. The verdict stands in their status, so that it outlives the process
 * that came to it; nobody else may write there.
 */
export function acceptedNear(
  context: { readonly caches: Pick<ControllerContext['caches'], 'decisions'> },
  run: UpgradeRun,
): Decision[] {
  return context.caches.decisions
    .list(run.metadata.namespace)
    .map(decodeDecision)
    .filter((decision) => decision.status?.phase === 'Accepted');
}
