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
import { unheardReason } from '../planner/decisions/hearing.ts';
import { firstAnswer, sameHand } from '../planner/decisions/precedence.ts';
import { createdAt, inOrder } from '../planner/decisions/time.ts';
import { validUntil, voidReason } from '../planner/decisions/void.ts';
import { followsAnnotation } from '../planner/follow-up.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatInstant, parseInstant } from '../shared/instant.ts';
import { isEnded } from '../status/summarize-run.ts';
import { mayDecide, rightsFor, wasInForce } from './access-review.ts';
import { readyConditions } from './conditions.ts';
import type { ControllerContext } from './context.ts';
import { setLabel } from './run-store.ts';

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
  signal: AbortSignal,
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

function nextLookMs(decision: Decision, run: UpgradeRun | undefined, now: EpochMs): number {
  const phase = decision.status?.phase;
  if (phase === 'Pending') return run === undefined ? longestMs : recheckMs;
  if (phase !== 'Accepted' || run === undefined) return longestMs;
  if (isEnded(run.status?.phase) && decision.spec.choice !== 'Retry') return longestMs;
  const until = validUntil(decision, run);
  // One that was used stays accepted, and is not looked at for its time again.
  return until === undefined || until <= now ? longestMs : Math.min(until - now, longestMs - 1);
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
  if (decision.status?.phase === 'Accepted')
    return (await expiredRetry(asking, decision, run, signal)) ?? stillAccepted(asking, decision, run);
  if (run === undefined) return { phase: 'Pending', message: runMissing(decision) };
  const reason = voidReason(decision, run, asking.now);
  if (reason !== '') return { phase: 'Void', message: reason };
  if (isEnded(run.status?.phase) && !isForEnded(decision, run)) return { phase: 'Void', message: runOver(run) };
  const permitted = await permit(asking, decision, run, signal);
  if (permitted.phase !== 'Accepted') return permitted;
  const unheard = unheardReason(decision, run);
  if (unheard !== undefined) return { phase: unheard.kind === 'early' ? 'Pending' : 'Void', message: unheard.why };
  const first = firstAnswer(decision, near, run, asking.now);
  if (first !== undefined) return { phase: 'Void', message: cameFirst(first) };
  const other = sameHand(decision, near, run, asking.now);
  if (other !== undefined) return { phase: 'Void', message: twoPeople(decision, other) };
  return permitted;
}

function runMissing({ metadata, spec }: Decision): string {
  const place = metadata.namespace === undefined ? '' : ` in namespace ${metadata.namespace}`;
  return `UpgradeRun "${spec.run}" does not exist${place}: it waits for that run; where the name is wrong, create another Decision`;
}

function runOver({ status }: UpgradeRun): string {
  const phase = status?.phase ?? '';
  const left = [
    ...(phase === 'Completed' || phase === 'Superseded' ? [] : ['Retry']),
    ...((status?.choices ?? []).some(({ choice }) => choice === 'Rebuild') ? ['Rebuild'] : []),
  ];
  const what =
    left.length === 0 ? 'there is nothing left to decide' : `only ${left.join(' and ')} can still be decided`;
  return `the run is over: ${phase}; ${what}`;
}

/** What may be decided once a run is over. */
function isForEnded({ spec }: Decision, run: UpgradeRun): boolean {
  if (spec.choice === 'Retry') return true;
  return spec.choice === 'Rebuild' && (run.status?.choices ?? []).some((choice) => choice.choice === 'Rebuild');
}

/** The list of what was decided must not change when the run goes on; what can no longer be used says so. */
function stillAccepted({ now }: Asking, decision: Decision, run: UpgradeRun | undefined): Verdict {
  const same: Verdict = { phase: 'Accepted', message: decision.status?.message ?? '' };
  if (run === undefined || isEnded(run.status?.phase)) return same;
  const unheard = unheardReason(decision, run);
  const reason = voidReason(decision, run, now) || (unheard?.kind === 'void' ? unheard.why : '');
  return reason === '' ? same : { phase: 'Void', message: reason };
}

/** A word to try again waits at a run that is over: what proves that it was heard is the run that follows. */
async function expiredRetry(
  { client, now }: Asking,
  decision: Decision,
  run: UpgradeRun | undefined,
  signal: AbortSignal | undefined,
): Promise<Verdict | undefined> {
  if (run === undefined || decision.spec.choice !== 'Retry' || !isEnded(run.status?.phase)) return undefined;
  const until = validUntil(decision, run);
  if (until === undefined || until > now) return undefined;
  const { namespace } = decision.metadata;
  const place = namespace === undefined ? {} : { namespace };
  const { items } = await client.list(runs, { ...place, labelSelector: `${setLabel}=${run.spec.upgradeSet}` }, signal);
  const follows = `decision/${decision.metadata.name}`;
  if (items.some(({ metadata }) => metadata.annotations?.[followsAnnotation] === follows)) return undefined;
  return { phase: 'Void', message: voidReason(decision, run, now) };
}

function cameFirst({ metadata, spec }: Decision): string {
  const what = `${spec.verdict === 'Denied' ? 'denied ' : ''}${spec.choice}`;
  return `Decision ${metadata.name} of ${spec.decidedBy ?? 'somebody'} (${what}) came first`;
}

function twoPeople({ spec }: Decision, other: Decision): string {
  const { decidedBy: user = 'somebody', as: before = '' } = other.spec;
  return `Decision ${other.metadata.name} is the word of ${user} as ${before}: somebody else must decide as ${spec.as ?? ''}`;
}

/** Whether this person may decide this. */
async function permit(
  { client }: Asking,
  decision: Decision,
  run: UpgradeRun,
  signal: AbortSignal | undefined,
): Promise<Verdict> {
  const { decidedBy: user, choice, as: role } = decision.spec;
  const { namespace = '' } = decision.metadata;
  if (user === undefined)
    return { phase: 'Void', message: 'spec.decidedBy is missing: create a Decision that says who decides' };
  const isChecked = await wasInForce(client, 'decisions', { namespace, at: createdAt(decision) }, signal);
  const self = await fourEyes(client, decision, run, isChecked, signal);
  if (self !== '') return { phase: 'Void', message: self };
  const rights = rightsFor(decision.spec);
  const answers = await Promise.all(
    rights.map((subresource) => mayDecide(client, { user, namespace, run: run.metadata.name, subresource }, signal)),
  );
  const refused = rights.filter((_, index) => answers[index] !== true);
  if (refused.length === 0) return { phase: 'Accepted', message: 'first valid decision' };
  // The policy saw the groups of the user, which nobody can tell from the name.
  if (isChecked)
    return { phase: 'Accepted', message: 'first valid decision; permitted through a group, as admission found' };
  if (answers.includes('unknown')) {
    const message = `the controller may not ask who may decide: grant it create on localsubjectaccessreviews (group authorization.k8s.io) in namespace ${namespace}`;
    return { phase: 'Pending', message };
  }
  const needed = `create on ${refused.map((right) => `upgraderuns/${right}`).join(' and ')} (group belay.dev) in namespace ${namespace}`;
  return {
    phase: 'Void',
    message: `${user} may not decide ${choice}${role === undefined ? '' : ` as ${role}`} on run ${run.metadata.name}: grant ${needed} to the user by name, or install the admission policies, then decide again`,
  };
}

/** What may be neither accepted, overridden nor undone by whoever asked for it. */
function needsFourEyes({ choice, step }: Decision['spec']): boolean {
  switch (choice) {
    case 'SignOff':
    case 'Waive':
    case 'Rollback':
    case 'Restart':
    case 'Rebuild':
      return true;
    case 'Approve':
      return step === undefined;
    case 'Attest':
    case 'Resume':
    case 'Retry':
    case 'Abort':
      return false;
  }
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
  if (approvals?.fourEyes !== true || !needsFourEyes(spec)) return '';
  if (approvals.askedBy !== undefined && approvals.askedBy === spec.decidedBy)
    return `${approvals.askedBy} asked for this run: somebody else must decide ${spec.choice} (spec.approvals.fourEyes)`;
  const { namespace = '' } = metadata;
  const at = parseInstant(run.metadata.creationTimestamp ?? '1970-01-01T00:00:00Z');
  const isAskerChecked = await wasInForce(client, 'asked-by', { namespace, at }, signal);
  if (approvals.askedBy === undefined || !isAskerChecked)
    return 'four eyes cannot be kept: who asked for this run is not known; install the chart with admission.fourEyes=true, then edit the UpgradeSet to get another run';
  return isNameChecked
    ? ''
    : 'four eyes cannot be kept: no admission policy checked who made this decision; install it, then decide again';
}
