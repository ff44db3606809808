import { KubeError } from '../../src/kube/kube-error.ts';
import { apiVersionOf } from '../../src/kube/resources.ts';
import type { Clock } from '../../src/shared/clock.ts';
import type { KubeObject, ListOptions, Resource, WatchEvent, WatchOptions } from '../../src/kube/types.ts';
import { isSelected } from './memory-selectors.ts';
import type { Change, MemoryState } from './memory-state.ts';

/** Replays changes after a resourceVersion, then waits for more; ends with a bookmark at its timeout. */
export async function* watchState<T extends KubeObject>(
  state: MemoryState,
  clock: Clock,
  resource: Resource<T>,
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  const collection = state.collection(resource);
  let seen = Number(options.resourceVersion);
  let isOver = false;
  let wake = (): void => {};
  const onTimeout = (): void => {
    isOver = true;
    wake();
  };
  const cancel = clock.setTimer(onTimeout, options.timeoutSeconds * 1000);
  const onChange = (): void => wake();
  const onAbort = (): void => wake();
  collection.waiting.add(onChange);
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      if (seen < collection.compactedAt) throw tooOld(options.resourceVersion);
      for (const change of collection.changes.filter((one) => one.resourceVersion > seen)) {
        seen = change.resourceVersion;
        const event = eventOf<T>(change, options);
        if (event !== undefined && !signal.aborted) yield event;
      }
      if (isOver) {
        yield bookmark<T>(resource, state.resourceVersion());
        return;
      }
      if (collection.changes.some((one) => one.resourceVersion > seen) || signal.aborted) continue;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    cancel();
    collection.waiting.delete(onChange);
    signal.removeEventListener('abort', onAbort);
  }
}

/** What a watcher with this selection sees: an object that stops matching is deleted for it. */
function eventOf<T extends KubeObject>(change: Change, options: ListOptions): WatchEvent<T> | undefined {
  const { before, after } = change;
  const was = before !== undefined && isSelected(before, options);
  const is = after !== undefined && isSelected(after, options);
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object: copyOf<T>(after) };
  if (!was) return undefined;
  const object = copyOf<T>(after ?? before);
  object.metadata.resourceVersion = String(change.resourceVersion);
  return { type: 'DELETED', object };
}

function bookmark<T extends KubeObject>(resource: Resource<T>, resourceVersion: number): WatchEvent<T> {
  const metadata = { name: '', resourceVersion: String(resourceVersion) };
  return { type: 'BOOKMARK', object: copyOf<T>({ apiVersion: apiVersionOf(resource), kind: resource.kind, metadata }) };
}

/** Callers own what they get, and the store trusts the resource for its type as the real server does. */
export function copyOf<T extends KubeObject>(object: KubeObject): T {
  return structuredClone(object) as T;
}

function tooOld(resourceVersion: string): KubeError {
  return new KubeError({ status: 410, reason: 'Expired', message: `too old resource version: ${resourceVersion}` });
}
