/** Restarts what the server runs on, by the group's own Job, and waits until its node is Ready again. Source: 001-138. */
import { formatInstant, parseInstant } from '../../shared/instant.ts';
import type { RebootRequest } from '../effects.ts';
import { workloadsOf } from '../members.ts';
import { workloadKey, type RebootObservation } from '../observed.ts';
import { done, fail, listSome, targetOf, wait, waitOrFail, type StepContext, type StepVerdict } from '../verdict.ts';
import { bootKey, listOf, nodesKey, rebootFailedKey } from './rebuild-keys.ts';

/** A Job that reboots its own node dies with it; the node tells a little later that it has booted. */
const graceMs = 60_000;

export function evaluateReboot(context: StepContext): StepVerdict {
  const requests = rebootRequests(context);
  if (requests.length === 0)
    return { kind: 'skip', message: `no pod of ${context.step.server ?? ''} was on a node when it was stopped` };
  for (const request of requests) {
    const verdict = reboot(context, request);
    if (verdict !== undefined) return verdict;
  }
  return done(`rebooted, ready again: ${listSome(requests.map(({ node }) => node))}`);
}

/** One for each node of the server, sorted. */
export function rebootRequests(context: Pick<StepContext, 'run' | 'step' | 'entry' | 'handles'>): RebootRequest[] {
  const { run, step, entry, handles } = context;
  const group = targetOf(run.spec, step);
  const job = group.rebuild?.reboot?.job;
  const [server] = group.servers;
  const [workload] = workloadsOf(group);
  if (job === undefined || server === undefined || workload === undefined) return [];
  return listOf(handles[nodesKey(workload)]).map((node, index) => ({
    id: `${entry.operation}/reboot-${index}`,
    group: group.name,
    server: server.name,
    workload,
    node,
    job,
    parameters: { FROM_VERSION: run.spec.from.version ?? '', TO_VERSION: run.spec.to.version },
  }));
}

/** Undefined: this node is done. */
function reboot(context: StepContext, request: RebootRequest): StepVerdict | undefined {
  const { entry, handles } = context;
  const seen = context.observed.reboots?.get(request.id);
  if (seen === undefined || seen.bootID === '')
    return stillWaiting(context, request, `node ${request.node} cannot be read`);
  const before = handles[bootKey(entry.operation, request.node)];
  if (seen.state === 'absent' && (before === undefined || before === seen.bootID)) return begin(context, request, seen);
  const isNode = restartsNode(context);
  const hasBooted = before !== undefined && before !== seen.bootID;
  if (!seen.nodeReady) return stillWaiting(context, request, `node ${request.node} is not Ready`);
  if (hasBooted || (!isNode && seen.state === 'succeeded')) return undefined;
  if (seen.state === 'failed' || (isNode && seen.state === 'succeeded')) return ended(context, request, seen);
  return stillWaiting(context, request, `the Job on ${request.node} runs`);
}

function begin(context: StepContext, request: RebootRequest, seen: RebootObservation): StepVerdict {
  const others = restartsNode(context) ? serversOn(context, request) : [];
  if (others.length > 0) {
    const message = `node ${request.node} also runs ${listSome(others)}, which would stop with it: move them away`;
    const blocker = { type: 'Capacity', object: `node/${request.node}` };
    return waitOrFail(context, { reason: 'NodeShared', message, blocker }, 'NodeShared');
  }
  return {
    kind: 'act',
    effect: { kind: 'RebootServer', request },
    because: `${request.server} is uninstalled and starts from scratch`,
    record: { [bootKey(context.entry.operation, request.node)]: seen.bootID },
  };
}

function restartsNode({ run, step }: StepContext): boolean {
  return targetOf(run.spec, step).rebuild?.reboot?.restarts === 'Node';
}

/** Other servers of the run with a pod there. */
function serversOn({ run, step, observed }: StepContext, { node }: RebootRequest): string[] {
  return run.spec.groups
    .flatMap((group) => group.servers.filter(({ name }) => group.name !== step.group || name !== step.server))
    .filter(({ workload }) => observed.workloads.get(workloadKey(workload))?.pods.some((pod) => pod.node === node))
    .map(({ name }) => name);
}

/** Over without a sign of a boot: believed once the node had time to say otherwise. */
function ended(context: StepContext, request: RebootRequest, seen: RebootObservation): StepVerdict {
  const key = rebootFailedKey(context.entry.operation, request.node);
  const since = context.handles[key];
  if (since === undefined)
    return { kind: 'record', record: { [key]: formatInstant(context.now) }, because: 'the Job of the reboot is over' };
  const leftMs = parseInstant(since) + graceMs - context.now;
  const words = seen.state === 'failed' ? `its Job failed: ${seen.message}` : 'its Job succeeded, and it did not boot';
  if (leftMs <= 0) return fail('RebootFailed', `node ${request.node}: ${words}`);
  const verdict = wait('Rebooting', `node ${request.node}: ${words}`);
  return verdict.kind === 'wait' ? { ...verdict, afterMs: leftMs } : verdict;
}

function stillWaiting(context: StepContext, request: RebootRequest, message: string): StepVerdict {
  const blocker = { type: 'Node', object: `node/${request.node}` };
  return waitOrFail(context, { reason: 'Rebooting', message, blocker }, 'RebootTimeout');
}
