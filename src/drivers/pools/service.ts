import type { Pool } from '../../api/pool.ts';
import type { ConfigMap, EndpointSlice, Pod, Service } from '../../kube/objects.ts';
import { endpointSlices, pods, services } from '../../kube/resources.ts';
import { isInvalid, isNotFound } from '../../kube/kube-error.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { MemberRef } from '../../planner/effects.ts';
import type { MemberObservation, MemberState } from '../../planner/observed.ts';
import { assertNever } from '../../shared/assert.ts';
import type { Clock } from '../../shared/clock.ts';
import { parseDuration } from '../../shared/duration.ts';
import { PauseError, userClient } from '../access.ts';
import type { Operation, RunContext } from '../contract.ts';
import { poolLabel } from '../../planner/pool-label.ts';
import { pointer, lineageOf } from '../marks.ts';
import { type Workload, type WorkloadPods, findWorkload, isLive, isReady, podsOf } from '../pods.ts';
import { type PoolDriverOptions, type PoolKind, isOurs, unreadable } from './kind.ts';
import { type Holder, createHoldSupport, holdProblem, holderOf, readHolds, removeHold, takeHold } from './hold.ts';
import { type MemberCaller, createMemberCaller, targetOf } from './member-http.ts';

/** What we last meant for this pod, as "drain/<ms>" or "serve/<ms>": tells a half-done drain from a half-done return. */
export const intentAnnotation = 'belay.dev/pool-intent';

/** A written hold that still does not work after this time is one that never will. */
const holdBoundMs = 30_000;

/** A node asks a server that was away again after at most this long: client-go's longest pause, doubled by its jitter. */
const relearnMs = 60_000;

interface Parts {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly caller: MemberCaller;
  readonly support: ReturnType<typeof createHoldSupport>;
  /** When each hold was first seen not to work. */
  readonly doubts: Map<string, number>;
  readonly steadyForMs: () => number;
}

/** Kubernetes Services whose selector names the pool label; design 4.1. */
export function createServicePools({ client, clock, steadyForMs }: PoolDriverOptions): PoolKind {
  const parts: Parts = {
    client,
    clock,
    caller: createMemberCaller(clock),
    support: createHoldSupport(client, clock),
    doubts: new Map(),
    steadyForMs: steadyForMs ?? (() => relearnMs),
  };
  return {
    observe: (context, pool, members, signal) => observe(parts, context, pool, members, signal),
    request(operation, pool, effect, signal) {
      switch (effect.kind) {
        case 'HoldMember':
          return hold(parts, operation, pool, effect.member, signal);
        case 'DrainMember':
          return drain(parts, operation, pool, effect, signal);
        case 'ServeMember':
          return serve(parts, operation, pool, effect.member, signal);
        default:
          return assertNever(effect);
      }
    },
  };
}

/** The label's value that the Service selects by; undefined when it selects by something else. */
export function poolValueOf(service: Service | undefined): string | undefined {
  return service?.spec.selector?.[poolLabel];
}

async function readService(
  client: KubeClient,
  context: RunContext,
  pool: Pool,
  signal: AbortSignal,
): Promise<Service | undefined> {
  return client.find(services, { namespace: context.namespace, name: pool.spec.service?.name ?? '' }, signal);
}

interface Scene {
  readonly pool: Pool;
  readonly value: string;
  readonly holds: readonly ConfigMap[];
  /** UIDs of pods that the Service sends users to. */
  readonly inRotation: ReadonlySet<string>;
}

async function observe(
  parts: Parts,
  context: RunContext,
  pool: Pool,
  members: readonly MemberRef[],
  signal: AbortSignal,
): ReturnType<PoolKind['observe']> {
  const as = userClient(parts.client, context);
  const service = await readService(as, context, pool, signal);
  const value = poolValueOf(service);
  const name = pool.metadata.name;
  if (service === undefined)
    return unreadable(name, members, `Service ${pool.spec.service?.name ?? ''} does not exist`, pool.spec);
  if (value === undefined)
    return unreadable(name, members, `Service ${service.metadata.name} does not select by ${poolLabel}`, pool.spec);
  const labelSelector = `kubernetes.io/service-name=${service.metadata.name}`;
  const [slices, holds, support] = await Promise.all([
    as.list(endpointSlices, { namespace: context.namespace, labelSelector }, signal),
    readHolds(parts.client, context.namespace, signal),
    parts.support(signal),
  ]);
  const scene: Scene = { pool, value, holds, inRotation: readyTargets(slices.items) };
  const seen = await Promise.all(members.map((member) => observeMember(parts, context, scene, member, signal)));
  const doubted = support === 'unknown' && seen.some((member) => member.doubted);
  return {
    pool: name,
    canHold: support !== 'no' && !doubted,
    reachable: { known: true, value: true },
    members: seen.map(({ doubted: _, ...member }) => member),
    minServing: pool.spec.minServing,
    settleMs: parseDuration(pool.spec.drain.settle),
    countsConnections: pool.spec.drain.connections !== undefined,
    lagMs: Math.max(0, relearnMs - parts.steadyForMs()),
  };
}

function readyTargets(slices: readonly EndpointSlice[]): Set<string> {
  const ready = slices
    .flatMap((slice) => slice.endpoints ?? [])
    .filter((endpoint) => endpoint.conditions?.ready !== false);
  return new Set(ready.flatMap((endpoint) => (endpoint.targetRef?.uid === undefined ? [] : [endpoint.targetRef.uid])));
}

async function observeMember(
  parts: Parts,
  context: RunContext,
  scene: Scene,
  member: MemberRef,
  signal: AbortSignal,
): Promise<MemberObservation & { readonly doubted: boolean }> {
  const as = userClient(parts.client, context);
  const workload = await findWorkload(as, context.namespace, member.workload, signal);
  const blank = { member: member.member, doubted: false, held: false, foreign: '' };
  if (workload === undefined) {
    const why = `${member.workload.kind}/${member.workload.name} does not exist`;
    return { ...blank, state: 'Unknown', connections: { known: false, why }, detail: why };
  }
  const owned = await podsOf(as, workload, signal);
  const holder = holderOf(scene.holds, member.workload, context);
  const problem =
    holder.by === 'this-run'
      ? await holdProblem(parts.client, context, { workload, ref: member.workload, owned, pool: scene.value }, signal)
      : '';
  const seen = readMember({ scene, context, member, workload, owned, holder });
  const counted = [...owned.pods].filter((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed');
  const targets = counted.map((pod) => targetOf(member.member, member.workload.name, pod));
  return {
    ...blank,
    ...seen,
    connections: await parts.caller.count(scene.pool, targets, signal),
    detail: [seen.detail, problem].filter((text) => text !== '').join('; '),
    held: holder.by === 'this-run' && problem === '',
    doubted: isDoubted(parts, `${context.namespace}/${lineageOf(context)}/${member.workload.name}`, problem),
  };
}

function isDoubted({ doubts, clock }: Parts, key: string, problem: string): boolean {
  if (problem === '') {
    doubts.delete(key);
    return false;
  }
  const since = doubts.get(key) ?? clock.monotonic();
  doubts.set(key, since);
  return clock.monotonic() - since > holdBoundMs;
}

interface MemberScene {
  readonly scene: Scene;
  readonly context: RunContext;
  readonly member: MemberRef;
  readonly workload: Workload;
  readonly owned: WorkloadPods;
  readonly holder: Holder;
}

type Reading = Pick<MemberObservation, 'state' | 'foreign' | 'detail'>;

/** Pure: what labels, endpoints, the hold and the journal together say of one member. */
function readMember({ scene, context, member, workload, owned, holder }: MemberScene): Reading {
  const live = owned.pods.filter(isLive);
  const labelled = live.filter((pod) => pod.metadata.labels?.[poolLabel] === scene.value);
  const lagging = owned.pods.some((pod) => scene.inRotation.has(pod.metadata.uid ?? ''));
  const out: MemberState = lagging ? 'Draining' : 'Drained';
  const ours = isOurs(context, member);
  const say = (state: MemberState, foreign = '', detail = ''): Reading => ({ state, foreign, detail });
  if (holder.by !== 'nobody') {
    const foreign = holder.by === 'other' ? `held by run ${holder.run}` : '';
    return labelled.length > 0
      ? say('Serving', foreign, `${count(labelled, live)} carry the pool label although held`)
      : say(out, foreign);
  }
  if (live.length === 0) return say(lagging ? 'Draining' : 'Down', '', 'no pods');
  const removed =
    workload.spec.template.metadata?.labels?.[poolLabel] === scene.value ? 'label removed by somebody else' : '';
  if (labelled.length === 0)
    return say(
      out,
      ours ? '' : removed,
      removed === '' ? `pods without label ${poolLabel}=${scene.value} in their template` : '',
    );
  const serves = labelled.some((pod) => scene.inRotation.has(pod.metadata.uid ?? ''));
  if (labelled.length < live.length) {
    const detail = `${count(labelled, live)} carry the pool label`;
    if (ours) return say(lastIntent(live) === 'serve' ? 'Draining' : 'Serving', '', detail);
    return say(serves ? 'Serving' : 'Down', removed, detail);
  }
  return serves
    ? say('Serving')
    : say('Down', '', live.some(isReady) ? 'ready, not in the endpoints yet' : 'no pod is ready');
}

function count(some: readonly Pod[], all: readonly Pod[]): string {
  return `${some.length} of ${all.length} pods`;
}

function lastIntent(live: readonly Pod[]): 'drain' | 'serve' | undefined {
  const intents = live.map((pod) => /^(drain|serve)\/(\d+)$/.exec(pod.metadata.annotations?.[intentAnnotation] ?? ''));
  const latest = intents
    .filter((intent) => intent !== null)
    .toSorted((a, b) => Number(a[2]) - Number(b[2]))
    .at(-1);
  return latest?.[1] === 'drain' || latest?.[1] === 'serve' ? latest[1] : undefined;
}

async function needValue(parts: Parts, operation: Operation, pool: Pool, signal: AbortSignal): Promise<string> {
  const value = poolValueOf(await readService(userClient(parts.client, operation), operation, pool, signal));
  if (value !== undefined) return value;
  throw new PauseError(
    'PoolMisconfigured',
    `Service ${pool.spec.service?.name ?? ''} is gone or does not select by ${poolLabel}; put that back and resume`,
  );
}

async function hold(
  parts: Parts,
  operation: Operation,
  pool: Pool,
  member: MemberRef,
  signal: AbortSignal,
): Promise<void> {
  await takeHold(parts.client, operation, member.workload, await needValue(parts, operation, pool, signal), signal);
}

async function livePods(parts: Parts, operation: Operation, member: MemberRef, signal: AbortSignal): Promise<Pod[]> {
  const as = userClient(parts.client, operation);
  const workload = await findWorkload(as, operation.namespace, member.workload, signal);
  return workload === undefined ? [] : (await podsOf(as, workload, signal)).pods.filter(isLive);
}

async function drain(
  parts: Parts,
  operation: Operation,
  pool: Pool,
  { member, force }: { readonly member: MemberRef; readonly force: boolean },
  signal: AbortSignal,
): Promise<void> {
  const value = await needValue(parts, operation, pool, signal);
  const labelled = (await livePods(parts, operation, member, signal)).filter(
    (pod) => pod.metadata.labels?.[poolLabel] === value,
  );
  for (const pod of labelled) {
    // Told before it leaves: an application that closes idle connections itself loses no request on them.
    const told = parts.caller.hook(pool, targetOf(member.member, member.workload.name, pod), 'drain', {
      operation: operation.operation,
      signal,
    });
    await (force ? told.catch(() => {}) : told);
    signal.throwIfAborted();
    await relabel(parts, operation, pod, { from: value, to: undefined, signal });
  }
}

async function serve(
  parts: Parts,
  operation: Operation,
  pool: Pool,
  member: MemberRef,
  signal: AbortSignal,
): Promise<void> {
  const value = await needValue(parts, operation, pool, signal);
  // The hold goes first: a pod made in between serves by its template, one made before gets the label here.
  await removeHold(parts.client, operation, member.workload, signal);
  for (const pod of await livePods(parts, operation, member, signal)) {
    const current = pod.metadata.labels?.[poolLabel];
    const wasDrained = pod.metadata.annotations?.[intentAnnotation]?.startsWith('drain/') === true;
    if (wasDrained)
      await parts.caller.hook(pool, targetOf(member.member, member.workload.name, pod), 'undrain', {
        operation: operation.operation,
        signal,
      });
    if (current !== value) await relabel(parts, operation, pod, { from: current, to: value, signal });
  }
}

/** One atomic change of label and intent, refused by the server when the pod is another one or the label has moved. */
async function relabel(
  parts: Parts,
  operation: Operation,
  pod: Pod,
  {
    from,
    to,
    signal,
  }: { readonly from: string | undefined; readonly to: string | undefined; readonly signal: AbortSignal },
): Promise<void> {
  const path = `/metadata/labels${pointer(poolLabel)}`;
  const intent = `${to === undefined ? 'drain' : 'serve'}/${parts.clock.now()}`;
  try {
    await userClient(parts.client, operation).jsonPatch<Pod>(
      pods,
      { namespace: operation.namespace, name: pod.metadata.name },
      [
        { op: 'test', path: '/metadata/uid', value: pod.metadata.uid },
        ...(from === undefined ? [] : [{ op: 'test' as const, path, value: from }]),
        ...(to === undefined ? [{ op: 'remove' as const, path }] : [{ op: 'add' as const, path, value: to }]),
        ...(pod.metadata.annotations === undefined
          ? [{ op: 'add' as const, path: '/metadata/annotations', value: {} }]
          : []),
        { op: 'add', path: `/metadata/annotations${pointer(intentAnnotation)}`, value: intent },
        { op: 'add', path: `/metadata/annotations${pointer('belay.dev/operation')}`, value: operation.operation },
      ],
      { signal },
    );
  } catch (error) {
    // Gone, or changed by somebody since it was listed: the next look tells.
    if (!isNotFound(error) && !isInvalid(error)) throw error;
  }
}
