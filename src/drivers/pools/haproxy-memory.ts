import { lineageOf } from '../marks.ts';
import type { Pool } from '../../api/pool.ts';
import type { MemberRef } from '../../planner/effects.ts';
import type { Clock } from '../../shared/clock.ts';
import type { RunContext } from '../contract.ts';
import type { Seen } from './haproxy-runtime.ts';

/** How long users of a process before a reload are taken to be there: set `hard-stop-after` to no more than this. */
const oldProcessMs = 600_000;
const maxEntries = 4096;

/**
 * What only watching tells, and a restart of the operator forgets: which process answered when the run first looked,
 * and what we set last. Forgetting is safe: it only makes a foreign `maint` on top of our `drain` look like ours.
 */
export interface ProcessMemory {
  note(context: RunContext, pool: Pool, seen: readonly Seen[]): void;
  /** Empty, or why connections of an earlier process may be left uncounted. */
  hiddenConnections(context: RunContext, pool: Pool): string;
  set(context: RunContext, member: MemberRef, state: 'ready' | 'drain' | 'maint'): void;
  lastSet(context: RunContext, member: MemberRef): 'ready' | 'drain' | 'maint' | undefined;
}

interface Watched {
  pid: number;
  startedAtSec: number;
  /** It did not answer since: the process after is a restart, not a reload, and the users before are gone. */
  wasAway: boolean;
  reloadedAt: number | undefined;
}

export function createProcessMemory(clock: Clock): ProcessMemory {
  const processes = new Map<string, Watched>();
  const states = new Map<string, 'ready' | 'drain' | 'maint'>();
  const poolKey = (context: RunContext, pool: Pool): string =>
    `${context.namespace}/${lineageOf(context)}/${pool.metadata.name}`;
  const memberKey = (context: RunContext, member: MemberRef): string =>
    `${context.namespace}/${lineageOf(context)}/${member.pool}/${member.member}`;
  return {
    note(context, pool, seen) {
      for (const instance of seen) {
        const key = `${poolKey(context, pool)} ${instance.address}`;
        const before = processes.get(key);
        if ('why' in instance) {
          if (before !== undefined) before.wasAway = true;
          continue;
        }
        remember(processes, key, watch(before, instance.state, clock.monotonic()));
      }
    },
    hiddenConnections(context, pool) {
      const prefix = `${poolKey(context, pool)} `;
      const reloaded = [...processes].filter(
        ([key, { reloadedAt }]) =>
          key.startsWith(prefix) && reloadedAt !== undefined && clock.monotonic() - reloadedAt < oldProcessMs,
      );
      const [first] = reloaded;
      return first === undefined
        ? ''
        : `${first[0].slice(prefix.length).replace('tcp://', '')} was reloaded; connections of the process before are not counted`;
    },
    set(context, member, state) {
      remember(states, memberKey(context, member), state);
    },
    lastSet: (context, member) => states.get(memberKey(context, member)),
  };
}

function watch(before: Watched | undefined, now: { pid: number; startedAtSec: number }, at: number): Watched {
  const same = before === undefined || (before.pid === now.pid && before.startedAtSec === now.startedAtSec);
  // The same process id at another start is the first process of a new container: the one before is gone with its users.
  const isReload = !same && !before.wasAway && before.pid !== now.pid;
  return {
    pid: now.pid,
    startedAtSec: now.startedAtSec,
    wasAway: false,
    reloadedAt: isReload ? at : before?.reloadedAt,
  };
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= maxEntries) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
