/** What must hold at the end of every story, whatever was done to it. */
import assert from 'node:assert/strict';
import type { ServerGroup } from '../../src/api/server-group.ts';
import type { Example } from './example.ts';
import type { LoadReport } from './load.ts';
import type { Story } from './story.ts';

interface ObjectList {
  readonly items: readonly {
    readonly metadata: {
      readonly name: string;
      readonly uid: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
    };
    readonly spec?: { readonly containers?: readonly { readonly image: string }[] };
  }[];
}

/** Both servers run that release, as `runningImages` shows it. */
export function portalImages(release: string): Record<string, string> {
  return { 'portal-1-0': `portal:${release}`, 'portal-2-0': `portal:${release}` };
}

/** The end of every story that went on to its end: nobody harmed, nothing left, and then the namespace goes. */
export async function assertAfter(story: Story, images: Record<string, string>): Promise<void> {
  assertUnharmed(story.report);
  assert.deepEqual(await runningImages(story.example), images);
  await assertClean(story.example);
  await story.example.remove();
}

/** Nobody was turned away, nothing acknowledged is gone, nothing old has changed. */
export function assertUnharmed(report: LoadReport): void {
  const { failed, firstFailures, acknowledgedWritesLost, dataIdentical, members } = report;
  const want = { failed: 0, firstFailures: [], acknowledgedWritesLost: 0, dataIdentical: true };
  assert.deepEqual({ failed, firstFailures, acknowledgedWritesLost, dataIdentical }, want, JSON.stringify(members));
}

/** No lock, no held pod, every member in the pool: nothing temporary survives (design §5, 8). */
export async function assertClean(example: Example): Promise<void> {
  const { items: groups } = await example.getJson<{ items: ServerGroup[] }>(['servergroups.belay.dev']);
  const locks = groups.filter((group) => group.status?.lock !== undefined).map((group) => group.metadata.name);
  const held = await example.getJson<ObjectList>(['configmaps', '-l', 'belay.dev/held=true']);
  const workloads = await example.getJson<ObjectList>(['statefulsets', '-l', 'app!=haproxy']);
  const locked = workloads.items.filter(({ metadata }) =>
    Object.keys(metadata.annotations ?? {}).some((key) => key.startsWith('belay.dev/lock')),
  );
  assert.deepEqual(
    {
      locks,
      held: held.items.map(({ metadata }) => metadata.name),
      locked: locked.map(({ metadata }) => metadata.name),
    },
    { locks: [], held: [], locked: [] },
  );
  const pods = await portalPods(example);
  const outside = pods
    .filter(({ metadata }) => metadata.labels?.['belay.dev/pool'] !== 'portal')
    .map(({ metadata }) => metadata.name);
  assert.deepEqual(outside, [], 'pods outside their pool');
}

/** Image of each portal pod, as "portal:1.1.0" by the names images were built under. */
export async function runningImages(example: Example): Promise<Record<string, string>> {
  const names = new Map([...example.images].map(([name, reference]) => [reference, name]));
  const pods = await portalPods(example);
  return Object.fromEntries(
    pods.map(({ metadata, spec }) => [metadata.name, names.get(spec?.containers?.[0]?.image ?? '') ?? 'unknown']),
  );
}

export async function podUids(example: Example): Promise<Record<string, string>> {
  return Object.fromEntries((await portalPods(example)).map(({ metadata }) => [metadata.name, metadata.uid]));
}

export async function claimVolumes(example: Example): Promise<Record<string, string>> {
  const { items } = await example.getJson<{ items: { metadata: { name: string }; spec: { volumeName?: string } }[] }>([
    'persistentvolumeclaims',
  ]);
  return Object.fromEntries(items.map(({ metadata, spec }) => [metadata.name, spec.volumeName ?? '']));
}

async function portalPods(example: Example): Promise<ObjectList['items']> {
  return (await example.getJson<ObjectList>(['pods', '-l', 'app=portal'])).items;
}
