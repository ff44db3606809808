import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { sleep, withDeadline } from './deadline.ts';
import { isAlreadyExists, isConflict } from './kube-error.ts';
import { toMicroTime } from './micro-time.ts';
import type { Lease } from './objects.ts';
import { leases } from './resources.ts';
import type { KubeClient, ObjectName } from './types.ts';

export interface ElectorOptions {
  /** Not fenced by this elector, and best with connections of its own. */
  client: KubeClient;
  lease: ObjectName;
  /** Unique per process, e.g. the pod's name and a random part. */
  identity: string;
  clock: Clock;
  logger: Logger;
  /** In [0, 1). */
  random: () => number;
  /** Others may take over this long after the last renewal they saw. Default 15 s. */
  leaseDurationMs?: number;
  /** The leader stops being one this long after its last renewal. Default 10 s. */
  renewDeadlineMs?: number;
  /** Default 2 s, up to 1.2 times longer by jitter. */
  retryPeriodMs?: number;
  /** Called once per term; `epoch` grows with every term, over all processes. */
  onElected?: (epoch: number) => void;
  /** Called once, when a term ended other than by `release`. The process should end. */
  onLost?: () => void;
}

export interface Elector {
  /** Campaigns, then renews until the signal aborts or the term is lost. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * True only while nobody else can be the leader, judged by the present time: a process that was stopped and
   * goes on finds false here before any timer of it has run.
   */
  isLeader(): boolean;
  /** Resolves when a term begins; false when the signal aborts before. */
  whenElected(signal: AbortSignal): Promise<boolean>;
  /** `leaseTransitions` of this term; undefined when not the leader. */
  epoch(): number | undefined;
  /** Gives the lease to whoever asks next. Call it when nothing of this process writes any more. */
  release(): Promise<void>;
}

interface Term {
  lease: Lease;
  /** Monotonic time right before the last renewal was sent. */
  renewedAt: number;
  epoch: number;
}

/** What another holder's lease looked like, and since when by our own clock. */
interface Sighting {
  resourceVersion: string | undefined;
  at: number;
}

const jitter = 1.2;

/** Leader election over a Lease. The clocks of other machines are never compared with ours. */
export function createElector(options: ElectorOptions): Elector {
  const { client, lease: name, identity, clock, logger } = options;
  const leaseDurationMs = options.leaseDurationMs ?? 15_000;
  const renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
  const retryPeriodMs = options.retryPeriodMs ?? 2_000;
  let term: Term | undefined;
  let sighting: Sighting | undefined;
  const waiting = new Set<() => void>();

  const isCurrent = (one: Term | undefined): one is Term =>
    one !== undefined && clock.monotonic() < one.renewedAt + renewDeadlineMs;

  function specFor(epoch: number, acquiredAt: string | undefined): NonNullable<Lease['spec']> {
    const now = toMicroTime(clock.now());
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
      acquireTime: acquiredAt ?? now,
      renewTime: now,
      leaseTransitions: epoch,
    };
  }

  /** Takes the lease when it is free, or when it did not change for its duration while we looked. */
  async function campaign(signal: AbortSignal): Promise<void> {
    const found = await client.find(leases, name, signal);
    // Before the write: the term may only seem shorter than it is.
    const renewedAt = clock.monotonic();
    if (found === undefined) {
      const lease = await client.create(leases, newLease(name, specFor(0, undefined)), { signal });
      begin({ lease, renewedAt, epoch: 0 });
      return;
    }
    if (!isFree(found)) return;
    const epoch = (found.spec?.leaseTransitions ?? 0) + 1;
    const lease = await client.replace(leases, { ...found, spec: specFor(epoch, undefined) }, { signal });
    begin({ lease, renewedAt, epoch });
  }

  function isFree(found: Lease): boolean {
    const holder = found.spec?.holderIdentity ?? '';
    if (holder === '') return true;
    const { resourceVersion } = found.metadata;
    if (sighting === undefined || sighting.resourceVersion !== resourceVersion) {
      sighting = { resourceVersion, at: clock.monotonic() };
    }
    const durationMs = (found.spec?.leaseDurationSeconds ?? 0) * 1000;
    return clock.monotonic() >= sighting.at + Math.max(durationMs, leaseDurationMs);
  }

  function begin(next: Term): void {
    term = next;
    logger.info('Became leader', { lease: name.name, identity, epoch: next.epoch });
    options.onElected?.(next.epoch);
    for (const finish of [...waiting]) finish();
  }

  async function write(current: Term, signal: AbortSignal): Promise<void> {
    const renewedAt = clock.monotonic();
    const spec = specFor(current.epoch, current.lease.spec?.acquireTime ?? undefined);
    current.lease = await client.replace(leases, { ...current.lease, spec }, { signal });
    current.renewedAt = renewedAt;
  }

  /** Renews with the lease as we know it; after a foreign change, looks who holds it. False ends the term. */
  async function renew(current: Term, signal: AbortSignal): Promise<boolean> {
    try {
      await write(current, signal);
      return true;
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
    // Somebody's label, or a renewal of ours whose answer was lost.
    const found = await client.get(leases, name, signal);
    // Equal epochs too: another process of the same identity would not be us.
    if (found.spec?.holderIdentity !== identity || found.spec.leaseTransitions !== current.epoch) return false;
    current.lease = found;
    await write(current, signal);
    return true;
  }

  /** One try, short enough that a second one fits before the deadline. */
  async function step(signal: AbortSignal): Promise<void> {
    const current = term;
    try {
      await withDeadline({ clock, afterMs: renewDeadlineMs / 2, signal }, async (inner) => {
        if (current === undefined) await campaign(inner);
        else if (!(await renew(current, inner))) term = undefined;
      });
    } catch (error) {
      const isRace = isConflict(error) || isAlreadyExists(error);
      if (signal.aborted || isRace) return;
      logger.warn('Leader election call failed', { error: String(error), isLeader: current !== undefined });
    }
  }

  return {
    async run(signal) {
      let wasLeader = false;
      while (!signal.aborted) {
        await step(signal);
        wasLeader ||= term !== undefined;
        if (wasLeader && !isCurrent(term) && !signal.aborted) {
          term = undefined;
          logger.error('Lost leadership', { lease: name.name, identity });
          options.onLost?.();
          return;
        }
        const pauseMs = retryPeriodMs * (1 + options.random() * (jitter - 1));
        await sleep(clock, pauseMs, signal);
      }
    },
    isLeader: () => isCurrent(term),
    whenElected(signal) {
      if (isCurrent(term) || signal.aborted) return Promise.resolve(isCurrent(term));
      return new Promise((resolve) => {
        const finish = (): void => {
          waiting.delete(finish);
          signal.removeEventListener('abort', finish);
          resolve(isCurrent(term));
        };
        waiting.add(finish);
        signal.addEventListener('abort', finish, { once: true });
      });
    },
    epoch: () => (isCurrent(term) ? term.epoch : undefined),
    async release() {
      const last = term;
      term = undefined;
      // Past the deadline the lease may be somebody else's already.
      if (!isCurrent(last)) return;
      const spec = { ...specFor(last.epoch, undefined), holderIdentity: '', leaseDurationSeconds: 1 };
      try {
        await withDeadline({ clock, afterMs: renewDeadlineMs / 2 }, (signal) =>
          client.replace(leases, { ...last.lease, spec }, { signal }),
        );
        logger.info('Released leadership', { lease: name.name, identity });
      } catch (error) {
        logger.warn('Releasing leadership failed, the lease runs out by itself', { error: String(error) });
      }
    },
  };
}

function newLease(name: ObjectName, spec: NonNullable<Lease['spec']>): Lease {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { ...name }, spec };
}
