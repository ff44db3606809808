import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCache } from '../kube/cache.ts';
import type { KubeObject } from '../kube/types.ts';
import { silentLogger } from '../shared/logger.ts';
import { LastSeen } from './last-seen.ts';

function run(resourceVersion: string, uid = 'uid-1'): KubeObject {
  return {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'UpgradeRun',
    metadata: { namespace: 'shop', name: 'portal-1', uid, resourceVersion },
  };
}

describe('what this process saw last of a run', () => {
  const cacheAt = (resourceVersion: string, uid?: string) => {
    const cache = createCache<KubeObject>({ logger: silentLogger });
    cache.replaced([run(resourceVersion, uid)], resourceVersion);
    return cache;
  };
  const cases: Readonly<Record<string, { cached: KubeObject; epoch: number; want: boolean }>> = {
    'a cache that shows our own last write is believed': { cached: run('12'), epoch: 1, want: true },
    'a cache that shows a later one is believed': { cached: run('13'), epoch: 1, want: true },
    'a cache that lags behind our own last write is not': { cached: run('11'), epoch: 1, want: false },
    'what another leader may have written since is read': { cached: run('12'), epoch: 2, want: false },
    'another run of the same name is read': { cached: run('12', 'uid-2'), epoch: 1, want: false },
  };
  for (const [name, { cached, epoch, want }] of Object.entries(cases))
    it(name, () => {
      const lastSeen = new LastSeen();
      lastSeen.note(run('12'), 1);
      const cache = cacheAt(cached.metadata.resourceVersion ?? '', cached.metadata.uid);
      assert.equal(lastSeen.isShownBy(cache, cached, epoch), want);
    });

  it('after the process began, and after a turn that ended in an error, the run is read', () => {
    const lastSeen = new LastSeen();
    const cache = cacheAt('12');
    assert.equal(lastSeen.isShownBy(cache, run('12'), 1), false);
    lastSeen.note(run('12'), 1);
    const answers = [lastSeen.isShownBy(cache, run('12'), 1), lastSeen.isShownBy(cache, run('12'), 1)];
    assert.deepEqual(answers, [true, false]);
  });
});
