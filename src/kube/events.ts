import { randomBytes } from 'node:crypto';
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { sleep } from './deadline.ts';
import { KubeError, isNotFound } from './kube-error.ts';
import { toMicroTime } from './micro-time.ts';
import type { Event, ObjectReference } from './objects.ts';
import { events } from './resources.ts';
import type { KubeClient, KubeObject } from './types.ts';

export interface EventFacts {
  type: 'Normal' | 'Warning';
  /** CamelCase and of few values; at most 128 characters. */
  reason: string;
  /** What was done or refused, CamelCase; at most 128 characters. */
  action: string;
  /** For people; cut at 1024 characters. */
  note: string;
  related?: KubeObject;
}

export interface EventRecorder {
  /** Queues an event and returns at once. Never throws; when the queue is full the event is dropped. */
  record(regarding: KubeObject, facts: EventFacts): void;
  /** Sends what is queued until the signal aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** How many events were dropped, for a metric. */
  dropped(): number;
}

export interface EventRecorderOptions {
  client: KubeClient;
  clock: Clock;
  logger: Logger;
  /** Such as "belay.dev/controller". */
  controller: string;
  /** Such as the pod's name. */
  instance: string;
  /** Default 1000. */
  maxQueued?: number;
}

/** Events alike but for their time are one object with a count. */
interface Series {
  event: Event;
  count: number;
  lastAt: number;
  /** Count the server knows; 0 before the first write. */
  sentCount: number;
  isQueued: boolean;
}

const seriesEndsAfterMs = 6 * 60_000;
const refreshEveryMs = 30 * 60_000;
const maxTries = 12;
const retryAfterMs = 10_000;
const maxSeries = 4096;

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, logger } = options;
  const maxQueued = options.maxQueued ?? 1000;
  const series = new Map<string, Series & { refreshedAt: number }>();
  const queue: string[] = [];
  let wake = (): void => {};
  let droppedCount = 0;

  function enqueue(key: string, one: Series): void {
    if (one.isQueued) return;
    if (queue.length >= maxQueued) {
      droppedCount++;
      return;
    }
    one.isQueued = true;
    queue.push(key);
    wake();
  }

  function forgetOld(now: number): void {
    for (const [key, one] of series) {
      if (!one.isQueued && now - one.lastAt > seriesEndsAfterMs) series.delete(key);
    }
    // A flood of different events must not fill the memory; the oldest are the least likely to come again.
    for (const key of series.keys()) {
      if (series.size < maxSeries) break;
      series.delete(key);
    }
  }

  async function send(one: Series, signal: AbortSignal): Promise<void> {
    const { event, count } = one;
    if (one.sentCount === 0) {
      one.event = await client.create(events, count > 1 ? withSeries(event, count, clock) : event, { signal });
    } else {
      const { namespace = 'default', name } = event.metadata;
      const patch = { series: { count, lastObservedTime: toMicroTime(clock.now()) } };
      await client.mergePatch(events, { namespace, name }, patch, { signal });
    }
    one.sentCount = count;
  }

  async function deliver(key: string, signal: AbortSignal): Promise<void> {
    const one = series.get(key);
    if (one === undefined) return;
    one.isQueued = false;
    for (let tries = 1; tries <= maxTries && !signal.aborted; tries++) {
      try {
        await send(one, signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (isNotFound(error) && one.sentCount > 0) {
          // The event outlived its time on the server: it begins anew.
          one.sentCount = 0;
          one.event = { ...one.event, metadata: freshMetadata(one.event.regarding ?? {}) };
        } else if (!isWorthRetrying(error)) {
          logger.debug('Dropping an event', { reason: one.event.reason, error: String(error) });
          series.delete(key);
          return;
        } else await sleep(clock, retryAfterMs, signal);
      }
    }
  }

  return {
    record(regarding, facts) {
      try {
        const now = clock.monotonic();
        const event = newEvent(options, regarding, facts);
        const key = JSON.stringify([
          event.regarding,
          event.type,
          event.reason,
          event.action,
          event.note,
          event.related,
        ]);
        const present = series.get(key);
        if (present === undefined || now - present.lastAt > seriesEndsAfterMs) {
          forgetOld(now);
          const first = { event, count: 1, lastAt: now, sentCount: 0, isQueued: false, refreshedAt: now };
          series.set(key, first);
          enqueue(key, first);
          return;
        }
        present.count++;
        present.lastAt = now;
        // The second one makes it a series; after that the count is only refreshed now and then.
        if (present.count > 2 && now - present.refreshedAt < refreshEveryMs) return;
        present.refreshedAt = now;
        enqueue(key, present);
      } catch (error) {
        logger.warn('Recording an event failed', { err: error });
      }
    },
    async run(signal) {
      const onAbort = (): void => wake();
      signal.addEventListener('abort', onAbort, { once: true });
      while (!signal.aborted) {
        const key = queue.shift();
        if (key !== undefined) await deliver(key, signal);
        else await new Promise<void>((resolve) => (wake = resolve));
      }
      signal.removeEventListener('abort', onAbort);
    },
    dropped: () => droppedCount,
  };
}

function newEvent(options: EventRecorderOptions, regarding: KubeObject, facts: EventFacts): Event {
  const reference = referenceTo(regarding);
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: freshMetadata(reference),
    eventTime: toMicroTime(options.clock.now()),
    type: facts.type,
    reason: facts.reason.slice(0, 128),
    action: facts.action.slice(0, 128),
    note: cut(facts.note, 1024),
    regarding: reference,
    ...(facts.related === undefined ? {} : { related: referenceTo(facts.related) }),
    reportingController: options.controller,
    reportingInstance: options.instance.slice(0, 128),
  };
}

function freshMetadata(regarding: ObjectReference): Event['metadata'] {
  const name = `${(regarding.name ?? 'unknown').slice(0, 230)}.${randomBytes(8).toString('hex')}`;
  return { namespace: regarding.namespace ?? 'default', name };
}

/** The version is left out: with it, every event of a changing object would be a series of its own. */
function referenceTo({ apiVersion, kind, metadata }: KubeObject): ObjectReference {
  const { namespace, name, uid } = metadata;
  return {
    apiVersion,
    kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  };
}

function withSeries(event: Event, count: number, clock: Clock): Event {
  return { ...event, series: { count, lastObservedTime: toMicroTime(clock.now()) } };
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** A refusal, e.g. of a namespace that is going away, stays one. */
function isWorthRetrying(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 0 || error.status === 429 || error.status >= 500);
}
