import type { Pool } from '../../api/pool.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { MemberRef } from '../../planner/effects.ts';
import { PauseError, RetryError, userClient } from '../access.ts';
import type { Operation, RunContext } from '../contract.ts';
import { briefList } from '../marks.ts';
import { findWorkload, isLive, podsOf } from '../pods.ts';
import {
  type InspectedPool,
  type InstanceLook,
  type PoolDriverOptions,
  type PoolEffect,
  type PoolKind,
  isOurs,
  unreadable,
} from './kind.ts';
import { readMembers } from './haproxy-members.ts';
import {
  type InstanceState,
  type Runtime,
  type Seen,
  type ServerState,
  adminBits,
  createRuntime,
} from './haproxy-runtime.ts';
import { type ProcessMemory, createProcessMemory } from './haproxy-memory.ts';
import { type MemberCaller, createMemberCaller, targetOf } from './member-http.ts';

interface Parts {
  readonly client: KubeClient;
  readonly runtime: Runtime;
  readonly memory: ProcessMemory;
  readonly caller: MemberCaller;
}

/** HAProxy over the Runtime API, all processes of the pool together; design 4.1. */
export function createHaproxyPools({ client, clock }: PoolDriverOptions): PoolKind {
  const parts: Parts = {
    client,
    runtime: createRuntime(clock),
    memory: createProcessMemory(clock),
    caller: createMemberCaller(clock),
  };
  return {
    observe: (context, pool, members, signal) => observe(parts, context, pool, members, signal),
    request: (operation, pool, effect, signal) => request(parts, operation, pool, effect, signal),
  };
}

/** What each process of the pool answers. */
async function lookAtInstances(runtime: Runtime, pool: Pool, signal: AbortSignal): Promise<Seen[]> {
  const { endpoints = [], backend = '' } = pool.spec.haproxy ?? {};
  return Promise.all(
    endpoints.map(async (address): Promise<Seen> => {
      try {
        const state = await runtime.read(address, backend, signal);
        if (state.level === 'admin') return { address, state };
        return { address, why: `${shortName(address)} answers at level ${state.level}; give its socket "level admin"` };
      } catch (error) {
        signal.throwIfAborted();
        return { address, why: `${shortName(address)}: ${error instanceof Error ? error.message : String(error)}` };
      }
    }),
  );
}

function shortName(address: string): string {
  return address.replace(/^tcp:\/\//, '');
}

async function observe(
  parts: Parts,
  context: RunContext,
  pool: Pool,
  members: readonly MemberRef[],
  signal: AbortSignal,
): Promise<InspectedPool> {
  const seen = await lookAtInstances(parts.runtime, pool, signal);
  parts.memory.note(context, pool, seen);
  const away = seen.flatMap((instance) => ('why' in instance ? [instance.why] : []));
  const known = {
    minServing: pool.spec.minServing,
    // The load balancer itself acts at once; there are no nodes that have to hear of it.
    settleMs: 0,
    countsConnections: true,
    instances: seen.map(toLook),
  };
  if (away.length > 0) return { ...unreadable(pool.metadata.name, members, briefList(away), pool.spec), ...known };
  return {
    pool: pool.metadata.name,
    canHold: true,
    reachable: { known: true, value: true },
    members: members.map((member) => readMembers({ context, pool, member, seen, memory: parts.memory })),
    ...known,
  };
}

function toLook(seen: Seen): InstanceLook {
  const { address } = seen;
  return 'why' in seen
    ? { address, reachable: false, version: '', message: seen.why }
    : { address, reachable: true, version: seen.state.version, message: '' };
}

interface Change {
  readonly operation: Operation;
  readonly pool: Pool;
  readonly effect: PoolEffect;
  readonly want: Want;
  readonly signal: AbortSignal;
}

async function request(
  parts: Parts,
  operation: Operation,
  pool: Pool,
  effect: PoolEffect,
  signal: AbortSignal,
): Promise<void> {
  // HAProxy keeps a member out by itself. But one that the journal says is out, and a restarted process has let in, goes out again.
  if (effect.kind === 'HoldMember' && !isOurs(operation, effect.member)) return;
  const want =
    effect.kind === 'ServeMember' ? 'ready' : effect.kind === 'DrainMember' && effect.force ? 'maint' : 'drain';
  const change: Change = { operation, pool, effect, want, signal };
  const seen = await lookAtInstances(parts.runtime, pool, signal);
  const states = seen.flatMap((instance) =>
    'state' in instance ? [{ address: instance.address, state: instance.state }] : [],
  );
  for (const state of states) refuseForeign(parts, change, state);
  const differing = states.filter(({ state }) => needsChange(state.servers.get(effect.member.member), want));
  if (differing.length > 0) await callHook(parts, change);
  for (const { address } of differing) await setState(parts, change, address);
  // Draining leaves maintenance in place, so that is still what we set.
  if (want !== 'drain' || parts.memory.lastSet(operation, effect.member) !== 'maint')
    parts.memory.set(operation, effect.member, want);
  const away = seen.flatMap((instance) => ('why' in instance ? [instance.why] : []));
  if (away.length > 0)
    throw new RetryError('PoolUnobservable', `not told everywhere: ${briefList(away)}`, { afterMs: 2_000 });
}

type Want = 'ready' | 'drain' | 'maint';

/** `drain` on a server in maintenance would let sticky users in again: what is out further already stays so. */
function needsChange(server: ServerState | undefined, want: Want): boolean {
  if (server === undefined) return true;
  const maint = (server.admin & adminBits.forcedMaint) !== 0;
  if (want === 'ready') return (server.admin & (adminBits.forcedMaint | adminBits.forcedDrain)) !== 0;
  return want === 'maint' ? !maint : !maint && (server.admin & adminBits.forcedDrain) === 0;
}

function refuseForeign(
  { memory }: Parts,
  { operation, pool, effect }: Change,
  instance: { readonly address: string; readonly state: InstanceState },
): void {
  const { foreign } = readMembers({ context: operation, pool, member: effect.member, seen: [instance], memory });
  // The next look shows it to the planner, which names it as what the run waits for.
  if (foreign !== '')
    throw new RetryError(
      'ForeignPoolState',
      `${effect.member.member} in pool ${pool.metadata.name}: ${foreign}; take it back or abort`,
    );
}

async function setState({ runtime }: Parts, { pool, effect, want, signal }: Change, address: string): Promise<void> {
  const server = `${pool.spec.haproxy?.backend ?? ''}/${effect.member.member}`;
  let answer: string;
  try {
    answer = await runtime.command(address, `set server ${server} state ${want}`, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new RetryError(
      'PoolUnobservable',
      `${shortName(address)}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error, afterMs: 2_000 },
    );
  }
  if (answer !== '')
    throw new PauseError(
      'PoolRefused',
      `${shortName(address)} refuses to set ${server} to ${want}: ${answer.slice(0, 120)}`,
    );
}

/** Members that are pods of a workload are told one by one; others have to notice by themselves. */
async function callHook({ client, caller }: Parts, { operation, pool, effect, want, signal }: Change): Promise<void> {
  if (pool.spec.drain.hook === undefined) return;
  const { member, workload: ref } = effect.member;
  const as = userClient(client, operation);
  const workload = await findWorkload(as, operation.namespace, ref, signal);
  const pods = workload === undefined ? [] : (await podsOf(as, workload, signal)).pods.filter(isLive);
  for (const pod of pods) {
    const told = caller.hook(pool, targetOf(member, ref.name, pod), want === 'ready' ? 'undrain' : 'drain', {
      operation: operation.operation,
      signal,
    });
    await (want === 'maint' ? told.catch(() => {}) : told);
  }
}
