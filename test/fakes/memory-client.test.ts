import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import {
  fieldConflictsOf,
  isAlreadyExists,
  isConflict,
  isExpired,
  isInvalid,
  isNotFound,
  KubeError,
} from '../../src/kube/kube-error.ts';
import { configMaps, deployments, persistentVolumeClaims, pods, secrets } from '../../src/kube/resources.ts';
import type { ConfigMap, Deployment, Pod } from '../../src/kube/objects.ts';
import type { WatchEvent } from '../../src/kube/types.ts';
import { createManualClock } from './manual-clock.ts';
import { createMemoryClient } from './memory-client.ts';

const make = () => {
  const clock = createManualClock();
  return { clock, client: createMemoryClient({ clock }) };
};
const at = { namespace: 'default', name: 'web' };
const signal = new AbortController().signal;

function configMap(data: Record<string, string>, metadata: Partial<ConfigMap['metadata']> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...at, ...metadata }, data };
}

function deployment(replicas: number, image = 'a:1'): Deployment {
  const template = { spec: { containers: [{ name: 'main', image }] } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...at },
    spec: { replicas, selector: { matchLabels: { app: 'web' } }, template },
  };
}

describe('memory client', () => {
  it('fills in uid, resourceVersion, generation and creationTimestamp, and drops status at a create', async () => {
    const { client } = make();
    const got = await client.create(deployments, { ...deployment(1), status: { replicas: 4 } });
    assert.equal(got.metadata.generation, 1);
    assert.equal(got.metadata.creationTimestamp, '2026-01-01T00:00:00Z');
    assert.ok(Number(got.metadata.resourceVersion) > 0);
    assert.equal(got.status, undefined);
    await assert.rejects(client.create(deployments, deployment(1)), isAlreadyExists);
  });

  it('bumps the generation for the spec and not for labels or status', async () => {
    const { client } = make();
    await client.create(deployments, deployment(1));
    await client.mergePatch(deployments, at, { metadata: { labels: { a: 'b' } } });
    const status = await client.mergePatch(deployments, at, { status: { replicas: 1 } }, { subresource: 'status' });
    assert.deepEqual([status.metadata.generation, status.status?.replicas, status.spec.replicas], [1, 1, 1]);
    const scaled = await client.mergePatch(deployments, at, { spec: { replicas: 0 } }, { subresource: 'scale' });
    assert.deepEqual([scaled.metadata.generation, scaled.spec.replicas, scaled.status?.replicas], [2, 0, 1]);
  });

  it('keeps the resourceVersion when nothing changes', async () => {
    const { client } = make();
    const made = await client.create(configMaps, configMap({ a: '1' }));
    const again = await client.mergePatch(configMaps, at, { data: { a: '1' } });
    assert.equal(again.metadata.resourceVersion, made.metadata.resourceVersion);
  });

  it('refuses a stale resourceVersion, a foreign uid and a failed test of a JSON patch', async () => {
    const { client } = make();
    const made = await client.create(configMaps, configMap({ a: '1' }));
    await client.replace(configMaps, { ...made, data: { a: '2' } });
    await assert.rejects(client.replace(configMaps, { ...made, data: { a: '3' } }), isConflict);
    await assert.rejects(client.delete(configMaps, at, { uid: 'other' }), isConflict);
    const patch = [{ op: 'test', path: '/data/a', value: '1' }] as const;
    await assert.rejects(client.jsonPatch(configMaps, at, patch), isInvalid);
    assert.equal((await client.get(configMaps, at)).data?.['a'], '2');
  });

  it('holds a deleted object until its last finalizer goes, then collects what it owned', async () => {
    const { client } = make();
    const owner = await client.create(configMaps, configMap({}, { finalizers: ['x/y'] }));
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'web', uid: owner.metadata.uid ?? '' };
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...at, ownerReferences: [reference] },
      spec: { containers: [] },
    };
    await client.create(pods, pod);
    await client.delete(configMaps, at);
    assert.ok((await client.get(configMaps, at)).metadata.deletionTimestamp);
    assert.equal(client.all(pods).length, 1);
    await client.jsonPatch(configMaps, at, [{ op: 'remove', path: '/metadata/finalizers/0' }]);
    await assert.rejects(client.get(configMaps, at), isNotFound);
    assert.equal(client.all(pods).length, 0);
  });

  it('names the manager that owns a field in an apply conflict and takes the field by force', async () => {
    const { client } = make();
    await client.using({ fieldManager: 'kubectl' }).create(deployments, deployment(1));
    const fields = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { ...at }, spec: { replicas: 0 } };
    const refused = await client.apply(deployments, fields, { fieldManager: 'belay' }).catch((e: unknown) => e);
    assert.deepEqual(fieldConflictsOf(refused), [{ manager: 'kubectl', field: '.spec.replicas' }]);
    const dry = await client.apply(deployments, fields, { fieldManager: 'belay', force: true, dryRun: true });
    assert.equal(dry.spec.replicas, 0);
    assert.equal((await client.get(deployments, at)).spec.replicas, 1);
    const got = await client.apply(deployments, fields, { fieldManager: 'belay', force: true });
    assert.equal(got.spec.replicas, 0);
    const mine = got.metadata.managedFields?.find((entry) => entry.manager === 'belay');
    assert.deepEqual(mine?.fieldsV1, { 'f:spec': { 'f:replicas': {} } });
  });

  it('merges list items by their name and removes what its manager no longer applies', async () => {
    const { client } = make();
    await client.create(deployments, deployment(1));
    const spec = (containers: object[]) => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { ...at },
      spec: { template: { spec: { containers } } },
    });
    const both = [
      { name: 'main', image: 'a:1' },
      { name: 'side', image: 's:1' },
    ];
    const two = await client.apply(deployments, spec(both), { fieldManager: 'belay' });
    assert.deepEqual(
      two.spec.template.spec.containers.map((one) => one.name),
      ['main', 'side'],
    );
    const one = await client.apply(deployments, spec(both.slice(0, 1)), { fieldManager: 'belay' });
    assert.deepEqual(one.spec.template.spec.containers, [{ name: 'main', image: 'a:1' }]);
  });

  it('creates by apply and owns what it applied', async () => {
    const { client } = make();
    const got = await client.apply(configMaps, configMap({ a: '1' }), { fieldManager: 'belay' });
    assert.deepEqual(
      got.metadata.managedFields?.map(({ manager, operation }) => [manager, operation]),
      [['belay', 'Apply']],
    );
  });

  it('lists by label and field selectors', async () => {
    const { client } = make();
    for (const name of ['a', 'b', 'c']) {
      client.seed(persistentVolumeClaims, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { namespace: 'default', name, labels: { app: name, tier: name === 'c' ? 'x' : 'y' } },
        spec: {},
        status: { phase: name === 'a' ? 'Bound' : 'Pending' },
      });
    }
    const names = async (options: object) =>
      (await client.list(persistentVolumeClaims, options)).items.map((o) => o.metadata.name);
    assert.deepEqual(await names({ labelSelector: 'app in (a, b),tier=y' }), ['a', 'b']);
    assert.deepEqual(await names({ labelSelector: 'app!=a,tier' }), ['b', 'c']);
    assert.deepEqual(await names({ labelSelector: '!app' }), []);
    assert.deepEqual(await names({ fieldSelector: 'status.phase=Bound' }), ['a']);
    assert.deepEqual(await names({ namespace: 'other' }), []);
  });

  it('lets admission change and refuse creates, dry runs included', async () => {
    const { client } = make();
    client.server.admission.push((resource, object) => {
      if (resource.plural !== 'configmaps') return undefined;
      if (object.metadata.labels?.['bad'] !== undefined) {
        throw new KubeError({ status: 422, reason: 'Invalid', message: 'no' });
      }
      delete object.metadata.labels;
      return object;
    });
    const dry = await client.create(configMaps, configMap({}, { labels: { pool: 'web' } }), { dryRun: true });
    assert.equal(dry.metadata.labels, undefined);
    assert.equal(client.all(configMaps).length, 0);
    await assert.rejects(client.create(configMaps, configMap({}, { labels: { bad: '1' } })), isInvalid);
  });

  it('encodes stringData of Secrets', async () => {
    const { client } = make();
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { ...at }, stringData: { a: 'hi' } };
    assert.deepEqual((await client.create(secrets, secret)).data, { a: 'aGk=' });
  });

  it('watches from a resourceVersion, shows objects leaving a selection, and answers 410 after compaction', async () => {
    const { clock, client } = make();
    const { resourceVersion } = await client.list(configMaps, {});
    await client.create(configMaps, configMap({}, { labels: { app: 'a' } }));
    const seen: string[] = [];
    const read = async (): Promise<void> => {
      const options = { resourceVersion, timeoutSeconds: 60, labelSelector: 'app=a' };
      for await (const event of client.watch(configMaps, options, signal)) seen.push(describeEvent(event));
    };
    const reading = read();
    await clock.settle();
    await client.mergePatch(configMaps, at, { data: { a: '1' } });
    await client.mergePatch(configMaps, at, { metadata: { labels: { app: 'b' } } });
    await clock.advance(60_000);
    await reading;
    assert.deepEqual(seen, ['ADDED web', 'MODIFIED web', 'DELETED web', 'BOOKMARK ']);
    client.compact(configMaps);
    await assert.rejects(read(), isExpired);
  });
});

function describeEvent(event: WatchEvent<ConfigMap>): string {
  return `${event.type} ${event.object.metadata.name}`;
}
