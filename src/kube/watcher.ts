import type { Clock } from '../shared/clock.ts';
import { withDeadline } from './deadline.ts';
import { KubeError } from './kube-error.ts';
import { fromAnswer, fromFailure, fromStatusObject } from './outcome.ts';
import { collectionPath, selectionQuery, withQuery } from './paths.ts';
import type { Transport } from './transport.ts';
import type { KubeObject, KubeWatcher, Resource, WatchEvent, WatchOptions } from './types.ts';

const headersWithinMs = 30_000;
// etcd refuses objects beyond 1.5 MiB; what is longer than this is not a line of a watch.
const maxLineBytes = 16 * 1024 * 1024;

/** Watches over a transport. The caller owns the deadline: a silent stream stays open until the signal aborts. */
export function createWatcher(options: { transport: Transport; clock: Clock }): KubeWatcher {
  const { transport, clock } = options;
  return {
    async *watch<T extends KubeObject>(resource: Resource<T>, query: WatchOptions, signal: AbortSignal) {
      const path = collectionPath(resource, query.namespace);
      const what = `WATCH ${path}`;
      // The stream lives on after its headers: leaving the generator, not the header deadline, ends it.
      const stream = new AbortController();
      const stop = (): void => stream.abort(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      try {
        const response = await withDeadline({ clock, afterMs: headersWithinMs, signal: stream.signal }, (deadline) => {
          const abort = (): void => stream.abort(deadline.reason);
          deadline.addEventListener('abort', abort, { once: true });
          return transport.send({
            method: 'GET',
            path: watchPath(path, query),
            signal: stream.signal,
            lane: 'watches',
          });
        });
        if (response.status !== 200) throw fromAnswer(what, response, await response.text());
        yield* readEvents<T>(what, response.body);
      } catch (failure) {
        throw fromFailure(what, failure, stream.signal);
      } finally {
        signal.removeEventListener('abort', stop);
        stream.abort();
      }
    },
  };
}

function watchPath(path: string, query: WatchOptions): string {
  return withQuery(path, {
    watch: true,
    allowWatchBookmarks: true,
    resourceVersion: query.resourceVersion,
    timeoutSeconds: query.timeoutSeconds,
    ...selectionQuery(query),
  });
}

async function* readEvents<T extends KubeObject>(
  what: string,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<WatchEvent<T>> {
  const decoder = new TextDecoder();
  // Only the last piece can lack its newline; joining pieces at the newline keeps long lines linear.
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of body) {
    const lines = decoder.decode(chunk, { stream: true }).split('\n');
    const rest = lines.pop() ?? '';
    for (const line of lines) {
      const whole = pieces.join('') + line;
      pieces = [];
      length = 0;
      if (whole !== '') yield decodeEvent<T>(what, whole);
    }
    pieces.push(rest);
    length += rest.length;
    if (length > maxLineBytes) throw malformed(what, 'a line is too long');
  }
}

function decodeEvent<T extends KubeObject>(what: string, line: string): WatchEvent<T> {
  let event: { type?: unknown; object?: unknown };
  try {
    event = JSON.parse(line);
  } catch (cause) {
    throw malformed(what, 'a line is not JSON', cause);
  }
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      // Believed as in `client.ts`: the server states the kind.
      return { type: event.type, object: event.object as T };
    case 'ERROR':
      throw fromStatusObject(what, event.object);
    default:
      throw malformed(what, 'a line has no known type');
  }
}

function malformed(what: string, detail: string, cause?: unknown): KubeError {
  return new KubeError({ status: 0, reason: 'Malformed', message: `${what}: ${detail}`, cause });
}
