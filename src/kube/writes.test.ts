import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import { findFieldConflicts, isApplied } from './apply.ts';
import { addFinalizer, removeFinalizer } from './finalizers.ts';
import { isConflict } from './kube-error.ts';
import { mergeDiff } from './merge-diff.ts';
import type { ConfigMap, Deployment } from './objects.ts';
import { configMaps, deployments } from './resources.ts';
import { patchStatus } from './status.ts';

const at = { namespace: 'ns', name: 'a' };
const configMap: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...at } };
const deployment: Deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { ...at },
  spec: { replicas: 1, selector: {}, template: { spec: { containers: [] } } },
};
const make = () => createMemoryClient({ clock: createManualClock() });

describe('finalizers', () => {
  it('are added once, beside those of others who write at the same time', async () => {
    const client = make();
    const stale = await client.create(configMaps, configMap);
    await addFinalizer(client, configMaps, stale, 'other/one');
    const got = await addFinalizer(client, configMaps, stale, 'belay/x');
    assert.deepEqual(got?.metadata.finalizers, ['other/one', 'belay/x']);
    assert.ok(got !== undefined);
    const writes = client.server.writes.length;
    assert.equal(await addFinalizer(client, configMaps, got, 'belay/x'), got);
    assert.equal(client.server.writes.length, writes);
  });

  it('are taken off by value, though their place has changed since', async () => {
    const client = make();
    const metadata = { ...at, finalizers: ['other/one', 'belay/x', 'other/two'] };
    const stale = await client.create(configMaps, { ...configMap, metadata });
    await removeFinalizer(client, configMaps, stale, 'other/one');
    const got = await removeFinalizer(client, configMaps, stale, 'belay/x');
    assert.deepEqual(got?.metadata.finalizers, ['other/two']);
  });

  it('leave another object of the same name alone, and a missing one is no error', async () => {
    const client = make();
    const old = await client.create(configMaps, { ...configMap, metadata: { ...at, finalizers: ['a/a', 'belay/x'] } });
    await client.mergePatch(configMaps, at, { metadata: { finalizers: null } });
    await client.delete(configMaps, at);
    assert.equal(await removeFinalizer(client, configMaps, old, 'belay/x'), undefined);
    await client.create(configMaps, { ...configMap, metadata: { ...at, finalizers: ['belay/x'] } });
    assert.equal(await removeFinalizer(client, configMaps, old, 'belay/x'), undefined);
    assert.deepEqual((await client.get(configMaps, at)).metadata.finalizers, ['belay/x']);
  });
});

describe('status', () => {
  it('is patched with what differs, removed members included, and not written when equal', async () => {
    const client = make();
    const live = client.seed(deployments, { ...deployment, status: { replicas: 1, readyReplicas: 1 } });
    const got = await patchStatus(client, deployments, live, { replicas: 2, conditions: [] });
    assert.deepEqual(got.status, { replicas: 2, conditions: [] });
    const writes = client.server.writes.length;
    await patchStatus(client, deployments, got, { replicas: 2, conditions: [] });
    assert.equal(client.server.writes.length, writes);
  });

  it('is refused when the object changed since it was read', async () => {
    const client = make();
    const stale = client.seed(deployments, deployment);
    await client.mergePatch(deployments, at, { spec: { replicas: 5 } });
    await assert.rejects(patchStatus(client, deployments, stale, { replicas: 1 }), isConflict);
  });

  const table: Record<string, { before: object; after: object; want: object | undefined }> = {
    'says nothing of equal values': { before: { a: [1, { b: 2 }] }, after: { a: [1, { b: 2 }] }, want: undefined },
    'takes undefined for absent, in lists too': {
      before: { a: [{}] },
      after: { a: [{ x: undefined }], b: undefined },
      want: undefined,
    },
    'removes by null and goes into objects': {
      before: { a: { b: 1, c: 2 }, d: 1 },
      after: { a: { b: 3 } },
      want: { a: { b: 3, c: null }, d: null },
    },
    'replaces lists whole': { before: { a: [1, 2] }, after: { a: [2] }, want: { a: [2] } },
    'adds an empty object': { before: {}, after: { a: {} }, want: { a: {} } },
  };
  for (const [name, tc] of Object.entries(table)) {
    it(`difference ${name}`, () => assert.deepEqual(mergeDiff(tc.before, tc.after), tc.want));
  }
});

describe('apply', () => {
  it('lists who owns the fields it would take, and changes nothing', async () => {
    const client = make();
    await client.using({ fieldManager: 'helm' }).create(deployments, deployment);
    const fields = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { ...at }, spec: { replicas: 0 } };
    const got = await findFieldConflicts(client, deployments, fields, { fieldManager: 'belay' });
    assert.deepEqual(got, [{ manager: 'helm', field: '.spec.replicas' }]);
    const same = { ...fields, spec: { replicas: 1 } };
    assert.deepEqual(await findFieldConflicts(client, deployments, same, { fieldManager: 'belay' }), []);
    assert.equal((await client.get(deployments, at)).spec.replicas, 1);
  });

  it('knows when every field has its value already', () => {
    assert.equal(isApplied({ a: 1, b: { c: [1, 2], d: 3 } }, { b: { c: [1, 2] } }), true);
    assert.equal(isApplied({ b: { c: [1, 2] } }, { b: { c: [1] } }), false);
    assert.equal(isApplied({}, { b: { c: 1 } }), false);
  });
});
