import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { silentLogger } from '../shared/logger.ts';
import { createCache } from './cache.ts';
import type { ConfigMap } from './objects.ts';

function configMap(name: string, resourceVersion: string, owner = 'x', uid = name): ConfigMap {
  const managedFields = [{ manager: 'm', operation: 'Apply' as const }];
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'ns', name, uid, resourceVersion, managedFields },
    data: { owner },
  };
}

const make = () => {
  const cache = createCache<ConfigMap>({
    logger: silentLogger,
    indexes: { owner: (object) => (object.data?.['owner'] === undefined ? [] : [object.data['owner']]) },
  });
  const seen: string[] = [];
  const listen = () =>
    cache.addHandler({
      added: (object) => seen.push(`+${object.metadata.name}@${object.metadata.resourceVersion}`),
      updated: (object, old) =>
        seen.push(`~${object.metadata.name}@${old.metadata.resourceVersion}>${object.metadata.resourceVersion}`),
      deleted: (old) => seen.push(`-${old.metadata.name}`),
    });
  return { cache, seen, listen };
};

describe('cache', () => {
  it('tells handlers what a new list added, changed and removed, and nothing about the rest', () => {
    const { cache, seen, listen } = make();
    listen();
    cache.replaced([configMap('a', '1'), configMap('b', '2')], '5');
    cache.replaced([configMap('a', '1'), configMap('c', '6')], '7');
    cache.changed(configMap('a', '8'));
    cache.deleted(configMap('c', '9'));
    assert.deepEqual(seen, ['+a@1', '+b@2', '-b', '+c@6', '~a@1>8', '-c']);
  });

  it('shows an object of the same name and another uid as deleted and added', () => {
    const { cache, seen, listen } = make();
    cache.replaced([configMap('a', '1')], '1');
    listen();
    cache.changed(configMap('a', '4', 'x', 'other'));
    assert.deepEqual(seen, ['+a@1', '-a', '+a@4']);
  });

  it('finds objects by index as they change', () => {
    const { cache } = make();
    cache.replaced([configMap('a', '1', 'x'), configMap('b', '2', 'x')], '2');
    cache.changed(configMap('a', '3', 'y'));
    const names = (value: string) => cache.byIndex('owner', value).map((object) => object.metadata.name);
    assert.deepEqual([names('x'), names('y'), names('z')], [['b'], ['a'], []]);
    assert.throws(() => cache.byIndex('none', 'x'), /no index/);
  });

  it('stores objects without managedFields', () => {
    const { cache } = make();
    cache.replaced([configMap('a', '1')], '1');
    assert.equal(cache.get({ namespace: 'ns', name: 'a' })?.metadata.managedFields, undefined);
  });

  it('says whether it has seen a write, deletions and bookmarks included, and when it cannot know', () => {
    const { cache } = make();
    const name = { namespace: 'ns', name: 'a' };
    assert.equal(cache.isAtLeast(name, '3'), undefined);
    cache.replaced([configMap('a', '1')], '2');
    assert.deepEqual(
      [cache.isAtLeast(name, '2'), cache.isAtLeast(name, '3'), cache.isAtLeast(name, 'abc')],
      [true, false, undefined],
    );
    cache.deleted(configMap('a', '10'));
    assert.equal(cache.isAtLeast(name, '9'), true);
    cache.progressed('12');
    assert.equal(cache.isAtLeast(name, '11'), true);
  });

  it('tells who waits when it has synced, and lets go with the signal', async () => {
    const { cache } = make();
    const stop = new AbortController();
    const [first, second] = [cache.whenSynced(stop.signal), cache.whenSynced(new AbortController().signal)];
    stop.abort();
    assert.equal(await first, false);
    cache.replaced([], '1');
    assert.deepEqual([await second, cache.hasSynced()], [true, true]);
  });

  it('keeps going when a handler throws', () => {
    const { cache, seen } = make();
    cache.addHandler({
      added() {
        throw new Error('boom');
      },
    });
    cache.addHandler({ added: (object) => seen.push(object.metadata.name) });
    cache.replaced([configMap('a', '1')], '1');
    assert.deepEqual(seen, ['a']);
  });
});
