import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { statefulSets } from '../../kube/resources.ts';
import { cluster, namespace, never, seedStatefulSet } from '../../../test/conformance/scene.ts';
import type { Cluster } from '../../../test/conformance/scene.ts';
import { dryRunImages } from './preflight.ts';

const ref = { kind: 'StatefulSet', name: 'web-1' } as const;
const image = '/spec/template/spec/containers/0/image';

async function writeImageAs(scene: Cluster, fieldManager: string): Promise<void> {
  const patch = [{ op: 'replace' as const, path: image, value: `portal:by-${fieldManager}` }];
  await scene.client.using({ fieldManager }).jsonPatch(statefulSets, { namespace, name: 'web-1' }, patch);
}

async function askFor(scene: Cluster): ReturnType<typeof dryRunImages> {
  const workload = await scene.client.get(statefulSets, { namespace, name: 'web-1' });
  return dryRunImages(scene.client, { ref, workload, images: { portal: 'portal:2' } }, never);
}

describe('a dry run of the images', () => {
  it('001-123 S-08: meets nobody where a rollback of ours has put the image back: the next upgrade can be planned', async () => {
    const scene = cluster();
    seedStatefulSet(scene, 'web-1');
    await writeImageAs(scene, 'belay');
    assert.deepEqual(await askFor(scene), { reconcilers: [], overridden: [] });
  });

  it('names those who put their state back, and apart from them those who are overridden', async () => {
    const scene = cluster();
    seedStatefulSet(scene, 'web-1');
    await writeImageAs(scene, 'kubectl');
    assert.deepEqual(await askFor(scene), { reconcilers: [], overridden: ['kubectl'] });
  });
});
