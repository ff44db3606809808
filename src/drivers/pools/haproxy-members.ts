import type { Pool } from '../../api/pool.ts';
import type { MemberRef } from '../../planner/effects.ts';
import type { MemberObservation, MemberState } from '../../planner/observed.ts';
import type { RunContext } from '../contract.ts';
import { isOurs } from './kind.ts';
import { type InstanceState, type Seen, type ServerState, adminBits } from './haproxy-runtime.ts';
import type { ProcessMemory } from './haproxy-memory.ts';

export interface MemberQuestion {
  readonly context: RunContext;
  readonly pool: Pool;
  readonly member: MemberRef;
  readonly seen: readonly Seen[];
  readonly memory: Pick<ProcessMemory, 'hiddenConnections' | 'lastSet'>;
}

interface Place {
  readonly where: string;
  readonly instance: InstanceState;
  readonly server: ServerState;
}

/** One member over all processes that answered: the worst news counts. Pure. */
export function readMembers(question: MemberQuestion): MemberObservation {
  const { context, pool, member, seen, memory } = question;
  const answered = seen.flatMap((instance) =>
    'state' in instance ? [{ where: instance.address.replace(/^tcp:\/\//, ''), instance: instance.state }] : [],
  );
  const places = answered.flatMap(({ where, instance }): Place[] => {
    const server = instance.servers.get(member.member);
    return server === undefined ? [] : [{ where, instance, server }];
  });
  if (places.length === 0 || places.length < answered.length) {
    const without = answered.filter(({ instance }) => !instance.servers.has(member.member)).map(({ where }) => where);
    const why = `no server ${member.member} in backend ${pool.spec.haproxy?.backend ?? ''} of ${without.join(', ')}`;
    return {
      member: member.member,
      state: 'Unknown',
      connections: { known: false, why },
      foreign: '',
      detail: why,
      held: true,
    };
  }
  const ours = isOurs(context, member);
  const count = places.reduce((sum, { server }) => sum + server.connections, 0);
  const hidden = memory.hiddenConnections(context, pool);
  const addresses = new Set(places.map(({ server }) => `${server.address}:${server.port}`));
  const details = places.map((place) => detailOf(place)).filter((text) => text !== '');
  return {
    member: member.member,
    state: addresses.size > 1 ? 'Down' : combine(places, { ours, lastSet: memory.lastSet(context, member), count }),
    connections: hidden === '' ? { known: true, value: count } : { known: false, why: hidden },
    foreign:
      places.map((place) => foreignOf(place, ours, memory.lastSet(context, member))).find((text) => text !== '') ?? '',
    detail: [
      ...(addresses.size > 1 ? [`the processes disagree on its address: ${[...addresses].toSorted().join(', ')}`] : []),
      ...details,
    ].join('; '),
    // Out by the journal, but let in by a process that restarted: not held until it is out again.
    held: !(ours && places.some(({ server }) => isInRotation(server))),
  };
}

function isInRotation(server: ServerState): boolean {
  return server.admin === 0 && server.weight !== 0;
}

function stateOf({ server }: Place, count: number): MemberState {
  if ((server.admin & adminBits.unresolved) !== 0 && (server.admin & ~adminBits.unresolved) === 0) return 'Down';
  if (!isInRotation(server)) return count > 0 ? 'Draining' : 'Drained';
  if (server.operational === 2) return 'Serving';
  return server.operational === 3 ? 'Draining' : 'Down';
}

interface Mixed {
  readonly ours: boolean;
  readonly lastSet: 'ready' | 'drain' | 'maint' | undefined;
  readonly count: number;
}

function combine(places: readonly Place[], { ours, lastSet, count }: Mixed): MemberState {
  const states = new Set(places.map((place) => stateOf(place, count)));
  const [only] = states;
  if (states.size === 1 && only !== undefined) return only;
  const everywhereIn = places.every(({ server }) => isInRotation(server));
  if (states.has('Serving')) {
    if (!ours) return everywhereIn ? 'Down' : 'Serving';
    // Some send users, some do not: seen from a drain it still serves, seen from a return it is not back yet.
    if (!isReturning(places, lastSet)) return 'Serving';
    return everywhereIn ? 'Down' : 'Draining';
  }
  if (states.has('Down') && places.some(({ server }) => isInRotation(server))) return 'Down';
  return states.has('Draining') ? 'Draining' : 'Down';
}

/** A process that let the member in after it was started was told to; one that has done so since its start forgot. */
function isReturning(places: readonly Place[], lastSet: 'ready' | 'drain' | 'maint' | undefined): boolean {
  if (lastSet !== undefined) return lastSet === 'ready';
  const serving = places.filter(({ server }) => isInRotation(server));
  return serving.every(({ server, instance }) => server.sinceChangeSec + 2 < instance.uptimeSec);
}

function foreignOf({ where, server }: Place, ours: boolean, lastSet: 'ready' | 'drain' | 'maint' | undefined): string {
  const maint = (server.admin & adminBits.forcedMaint) !== 0;
  const drain = (server.admin & adminBits.forcedDrain) !== 0;
  if (server.weight === 0) return `weight 0 set by somebody else on ${where}`;
  if (ours && maint && lastSet === 'drain') return `maint set by somebody else on ${where}`;
  if (ours || (!maint && !drain)) return '';
  if ((server.admin & adminBits.configMaint) !== 0) return `disabled in the configuration of ${where}`;
  return `${maint ? 'maint' : 'drain'} set by somebody else on ${where}`;
}

function detailOf({ where, server }: Place): string {
  if ((server.admin & adminBits.unresolved) !== 0) return `its name ${server.fqdn} is not resolved on ${where}`;
  if ((server.admin & (adminBits.inheritedMaint | adminBits.inheritedDrain)) !== 0)
    return `follows another server on ${where}`;
  if (isInRotation(server) && server.operational < 2)
    return `${server.operational === 0 ? 'health check fails' : 'starting'} on ${where}`;
  return '';
}
