import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { createBackoff } from './backoff.ts';
import { sleep, withDeadline } from './deadline.ts';
import { KubeError } from './kube-error.ts';
import type { KubeClient, KubeObject, KubeWatcher, ListOptions, Resource } from './types.ts';

/** Where a reflector writes. Calls come one at a time and must not throw. */
export interface ReflectorSink<T extends KubeObject> {
  /** Everything there is; what is not in `items` is gone. */
  replaced(items: readonly T[], resourceVersion: string): void;
  changed(object: T): void;
  deleted(object: T): void;
  /** Nothing changed up to this version. */
  progressed(resourceVersion: string): void;
}

export interface ReflectorOptions<T extends KubeObject> {
  resource: Resource<T>;
  selection: ListOptions;
  client: Pick<KubeClient, 'list'>;
  watcher: KubeWatcher;
  sink: ReflectorSink<T>;
  clock: Clock;
  logger: Logger;
  /** In [0, 1). */
  random: () => number;
}

const halfOpenAfterMs = 30_000;
const shortWatchMs = 1_000;

/**
 * Keeps a sink equal to the server until the signal aborts; no error ends it before. Never rejects, and when it
 * has resolved no request of it is left.
 */
export async function runReflector<T extends KubeObject>(
  options: ReflectorOptions<T>,
  signal: AbortSignal,
): Promise<void> {
  const { resource, clock, random } = options;
  const logger = options.logger.child({ resource: resource.plural });
  const backoff = createBackoff({ clock, firstMs: 800, maxMs: 30_000, resetAfterMs: 120_000, random });
  const position: Position = { resourceVersion: undefined };

  while (!signal.aborted) {
    const pauseMs = await followOnce(options, position, logger, () => backoff.next(), signal);
    if (pauseMs > 0 && !signal.aborted) await sleep(clock, pauseMs, signal);
  }
}

/** Where the next watch begins; undefined asks for a list. */
interface Position {
  resourceVersion: string | undefined;
}

/** Lists if needed and follows one watch to its end. Returns the pause before the next one. */
async function followOnce<T extends KubeObject>(
  options: ReflectorOptions<T>,
  position: Position,
  logger: Logger,
  backoffMs: () => number,
  signal: AbortSignal,
): Promise<number> {
  const { clock } = options;
  let startedAt = clock.monotonic();
  let isWatching = false;
  try {
    position.resourceVersion ??= await listOnce(options, signal);
    if (signal.aborted) return 0;
    isWatching = true;
    startedAt = clock.monotonic();
    const events = await watchOnce(options, position, position.resourceVersion, signal);
    const isTooShort = events === 0 && clock.monotonic() - startedAt < shortWatchMs;
    return isTooShort ? backoffMs() : 0;
  } catch (error) {
    if (signal.aborted) return 0;
    const pauseMs = Math.max(backoffMs(), error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0);
    const isLost = isWatching && mustListAgain(error);
    if (isLost) position.resourceVersion = undefined;
    logger.warn(isWatching ? 'Watch failed' : 'List failed', { error: String(error), pauseMs, relist: isLost });
    return pauseMs;
  }
}

/**
 * Delivers one list to the sink and answers with its version. A function of its own, because a function that waits
 * keeps its variables: the list would stay in memory, `managedFields` and all, for as long as its watch lasts.
 */
async function listOnce<T extends KubeObject>(options: ReflectorOptions<T>, signal: AbortSignal): Promise<string> {
  const { items, resourceVersion } = await options.client.list(options.resource, options.selection, signal);
  if (!signal.aborted) options.sink.replaced(items, resourceVersion);
  return resourceVersion;
}

/** Delivers one watch to the sink; returns how many events it had. */
async function watchOnce<T extends KubeObject>(
  options: ReflectorOptions<T>,
  position: Position,
  resourceVersion: string,
  signal: AbortSignal,
): Promise<number> {
  const { clock, sink, watcher } = options;
  const timeoutSeconds = 300 + Math.floor(options.random() * 300);
  // A connection whose other end is gone says nothing for ever: the server's own timeout must have come by then.
  const afterMs = timeoutSeconds * 1000 + halfOpenAfterMs;
  let events = 0;
  return withDeadline({ clock, afterMs, signal }, async (inner) => {
    const query = { ...options.selection, resourceVersion, timeoutSeconds };
    try {
      for await (const { type, object } of watcher.watch(options.resource, query, inner)) {
        // An event that was on its way when the signal came must not reach a sink that was stopped.
        if (inner.aborted) break;
        events++;
        const seen = object.metadata.resourceVersion;
        if (type === 'BOOKMARK') sink.progressed(seen ?? resourceVersion);
        else if (type === 'DELETED') sink.deleted(object);
        else sink.changed(object);
        if (seen !== undefined) position.resourceVersion = seen;
      }
    } catch (error) {
      // Ended by us, at the deadline: the position is good, so the next watch goes on from there.
      if (!inner.aborted) throw error;
    }
    return events;
  });
}

/**
 * Whether the position is no good any more. After a broken connection, a refusal to serve now, or an error
 * inside the server, the same position is tried again: a list of everything would only add to its load.
 */
function mustListAgain(error: unknown): boolean {
  if (!(error instanceof KubeError) || error.reason === 'Malformed') return true;
  if (error.causes.some((cause) => cause.reason === 'ResourceVersionTooLarge')) return true;
  // 410 above all; after 403 or 404 the list will say whether anything is there.
  return error.status >= 400 && error.status < 500 && error.status !== 429;
}
