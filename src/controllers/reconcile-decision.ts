/**
 * Reviews what people decide before a run hears it: may they, is it about this plan, and has it been answered already?
 * The verdict goes to the status and is final; only an accepted decision that was not used yet can still become void.
 */
import { mergeConditions } from '../api/conditions.ts';
import type { Decision, DecisionStatus } from '../api/decision.ts';
import { decodeDecision, decodeUpgradeRun } from '../api/decode.ts';
import { decisions, upgradeRuns } from '../api/resources.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { ReconcileResult } from '../kube/controller.ts';
import { patchStatus } from '../kube/status.ts';
import type { KubeClient, ObjectName, Resource } from '../kube/types.ts';
import { createdAt, firstAnswer, inOrder, unheardReason, voidReason } from '../planner/intent.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatInstant, parseInstant } from '../shared/instant.ts';
import { isEnded } from '../status/summarize-run.ts';
import { mayDecide, subresourceOf, wasInForce } from './access-review.ts';
import { readyConditions } from './conditions.ts';
import type { ControllerContext } from './context.ts';

const kind: Resource<Decision> = decisions;
const runs: Resource<UpgradeRun> = upgradeRuns;

/** What it waits for shows in no object that wakes this controller. */
const recheckMs = 10_000;
const longestMs = 600_000;

interface Verdict {
  readonly phase: NonNullable<DecisionStatus['phase']>;
  readonly message: string;
}

type Reviewing = Pick<ControllerContext, 'client' | 'now'> & {
  readonly caches: Pick<ControllerContext['caches'], 'decisions'>;
};

/** Reviews all decisions for the run of this one, oldest first: each is judged after those that came before it. */
export async function reconcileDecision(
  context: Reviewing,
  name: ObjectName,
  signal?: AbortSignal,
): Promise<ReconcileResult> {
  const cached = context.caches.decisions.get(name);
  if (cached === undefined || cached.status?.phase === 'Void') return { kind: 'settled' };
  const { client } = context;
  const place = name.namespace === undefined ? {} : { namespace: name.namespace };
  // Live: of two decisions made at once, the cache may not know yet what became of the first.
  const found = await client.find(runs, { name: cached.spec.run, ...place }, signal);
  const run = found === undefined ? undefined : decodeUpgradeRun(found);
  const { items } = await client.list(kind, { ...place, fieldSelector: `spec.run=${cached.spec.run}` }, signal);
  let near = inOrder(items.map(decodeDecision));
  let afterMs = longestMs;
  for (const decision of near.filter(({ status }) => status?.phase !== 'Void')) {
    const verdict = await review({ client, now: context.now() }, decision, near, run, signal);
    const stored = decodeDecision(await write(context, decision, verdict, signal));
    near = near.map((other) => (other.metadata.name === stored.metadata.name ? stored : other));
    afterMs = Math.min(afterMs, nextLookMs(stored, run, context.now()));
  }
  return afterMs < longestMs ? { kind: 'requeue', afterMs } : { kind: 'settled' };
}

function nextLookMs({ spec, status }: Decision, run: UpgradeRun | undefined, now: EpochMs): number {
  if (status?.phase === 'Pending') return run === undefined ? longestMs : recheckMs;
  const isOpen = status?.phase === 'Accepted' && run !== undefined && !isEnded(run.status?.phase);
  if (!isOpen || spec.expires === undefined) return longestMs;
  const leftMs = parseInstant(spec.expires) - now;
  // One that was used stays accepted, and is not looked at for its time again.
  return leftMs > 0 ? Math.min(leftMs, longestMs - 1) : longestMs;
}

async function write(
  context: Reviewing,
  decision: Decision,
  { phase, message }: Verdict,
  signal: AbortSignal | undefined,
): Promise<Decision> {
  const { generation } = decision.metadata;
  const status: DecisionStatus = {
    observedGeneration: generation ?? 1,
    conditions: mergeConditions(
      decision.status?.conditions,
      readyConditions(phase === 'Accepted', phase, message, generation),
      formatInstant(context.now()),
    ),
    phase,
    message: message.slice(0, 512),
  };
  return patchStatus(context.client, kind, decision, status, signal === undefined ? {} : { signal });
}

interface Asking {
  readonly client: KubeClient;
  readonly now: EpochMs;
}

async function review(
  asking: Asking,
  decision: Decision,
  near: readonly Decision[],
  run: UpgradeRun | undefined,
  signal: AbortSignal | undefined,
): Promise<Verdict> {
  if (decision.status?.phase === 'Accepted') return stillAccepted(asking, decision, run);
  if (run === undefined) return { phase: 'Pending', message: `UpgradeRun "${decision.spec.run}" does not exist` };
  const reason = voidReason(decision, run, asking.now);
  if (reason !== '') return { phase: 'Void', message: reason };
  if (isEnded(run.status?.phase)) return { phase: 'Void', message: `the run is over: ${run.status?.phase ?? ''}` };
  const permitted = await permit(asking, decision, run, signal);
  if (permitted.phase !== 'Accepted') return permitted;
  const unheard = unheardReason(decision, run);
  if (unheard !== undefined) return { phase: unheard.kind === 'early' ? 'Pending' : 'Void', message: unheard.why };
  const first = firstAnswer(decision, near, run, asking.now);
  if (first !== undefined) return { phase: 'Void', message: cameFirst(first) };
  return permitted;
}

/** The list of what was decided must not change when the run goes on; what can no longer be used says so. */
function stillAccepted({ now }: Asking, decision: Decision, run: UpgradeRun | undefined): Verdict {
  const same: Verdict = { phase: 'Accepted', message: decision.status?.message ?? '' };
  if (run === undefined || isEnded(run.status?.phase)) return same;
  const unheard = unheardReason(decision, run);
  const reason = voidReason(decision, run, now) || (unheard?.kind === 'void' ? unheard.why : '');
  return reason === '' ? same : { phase: 'Void', message: reason };
}

function cameFirst({ metadata, spec }: Decision): string {
  const what = `${spec.verdict === 'Denied' ? 'denied ' : ''}${spec.choice}`;
  return `Decision ${metadata.name} of ${spec.decidedBy ?? 'somebody'} (${what}) came first`;
}

/** Whether this person may decide this. */
async function permit(
  { client }: Asking,
  decision: Decision,
  run: UpgradeRun,
  signal: AbortSignal | undefined,
): Promise<Verdict> {
  const { decidedBy: user, choice } = decision.spec;
  const { namespace = '' } = decision.metadata;
  if (user === undefined)
    return { phase: 'Void', message: 'spec.decidedBy is missing: create a Decision that says who decides' };
  const isChecked = await wasInForce(client, 'decisions', { namespace, at: createdAt(decision) }, signal);
  const self = await fourEyes(client, decision, run, isChecked, signal);
  if (self !== '') return { phase: 'Void', message: self };
  const allowed = await mayDecide(client, { user, namespace, run: run.metadata.name, choice }, signal);
  if (allowed === true) return { phase: 'Accepted', message: 'first valid decision' };
  // The policy saw the groups of the user, which nobody can tell from the name.
  if (isChecked)
    return { phase: 'Accepted', message: 'first valid decision; permitted through a group, as admission found' };
  if (allowed === 'unknown') {
    const message = `the controller may not ask who may decide: grant it create on localsubjectaccessreviews (group authorization.k8s.io) in namespace ${namespace}`;
    return { phase: 'Pending', message };
  }
  const needed = `create on upgraderuns/${subresourceOf(choice)} (group belay.dev) in namespace ${namespace}`;
  return {
    phase: 'Void',
    message: `${user} may not decide ${choice} on run ${run.metadata.name}: grant ${needed} to the user by name, or install the admission policies, then decide again`,
  };
}

/** Why the decider may not be the one to say so; empty when they may, or when nobody asks for four eyes. */
async function fourEyes(
  client: KubeClient,
  { metadata, spec }: Decision,
  run: UpgradeRun,
  isNameChecked: boolean,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { approvals } = run.spec.policy;
  const concerned = spec.choice === 'SignOff' || spec.choice === 'Rollback';
  if (approvals?.fourEyes !== true || !concerned) return '';
  if (approvals.askedBy !== undefined && approvals.askedBy === spec.decidedBy)
    return `${approvals.askedBy} asked for this run: somebody else must decide ${spec.choice} (spec.approvals.fourEyes)`;
  const { namespace = '' } = metadata;
  const at = parseInstant(run.metadata.creationTimestamp ?? '1970-01-01T00:00:00Z');
  const isAskerChecked = await wasInForce(client, 'asked-by', { namespace, at }, signal);
  if (approvals.askedBy === undefined || !isAskerChecked)
    return 'four eyes cannot be kept: who asked for this run is not known; install the admission policies, then edit the UpgradeSet to get another run';
  return isNameChecked
    ? ''
    : 'four eyes cannot be kept: no admission policy checked who made this decision; install it, then decide again';
}
