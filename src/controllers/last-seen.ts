import type { CacheReader } from '../kube/cache.ts';
import type { KubeObject } from '../kube/types.ts';

/**
 * Which version of an object this process wrote or read last. A cache that shows it may be believed instead of a read
 * from the server; one that lags behind our own last write would make us do again what is done.
 */
export class LastSeen {
  readonly #versions = new Map<string, { readonly epoch: number; readonly resourceVersion: string }>();

  /** @param epoch which leader this is: what was seen before others led says nothing about what they wrote */
  note({ metadata }: KubeObject, epoch: number): void {
    const { uid, resourceVersion } = metadata;
    if (uid !== undefined && resourceVersion !== undefined) this.#versions.set(uid, { epoch, resourceVersion });
  }

  /**
   * Whether the cache shows the object as it was noted, or later. The answer takes back what was noted: who fails
   * before the next note does not know what was written.
   */
  isShownBy<T extends KubeObject>(cache: CacheReader<T>, { metadata }: T, epoch: number): boolean {
    const { uid = '' } = metadata;
    const seen = this.#versions.get(uid);
    this.#versions.delete(uid);
    const isOurs = seen !== undefined && seen.epoch === epoch;
    return isOurs && cache.isAtLeast(metadata, seen.resourceVersion) === true;
  }
}
