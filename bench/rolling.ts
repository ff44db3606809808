/**
 * Twenty servers replaced one after the other, three ways in one run on one simulated node: by a bare script that
 * scales, changes the image and watches (the floor), by the StatefulSet controller, and by Belay without drains and
 * probes. What is compared is the ratio to the floor: seconds depend on the machine, the ratio hardly does.
 */
import * as z from 'zod';
import type { BareEvent, BareObject } from './bare-api.ts';
import type { BenchCluster } from './cluster.ts';
import { startController } from './controller.ts';
import type { RunningController } from './controller.ts';
import type { BenchResult } from './result.ts';

const servers = 20;
const limitMs = 600_000;
const digest = (digit: string): string => `registry.example/app@sha256:${digit.repeat(64)}`;
const oldImage = digest('1');
const newImage = digest('2');
const target = 1.25;

function statefulSet(namespace: string, name: string, replicas: number): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace },
    spec: {
      replicas,
      serviceName: name,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'app', image: oldImage }] },
      },
    },
  };
}

const collection = (namespace: string): string => `/apis/apps/v1/namespaces/${namespace}/statefulsets`;
const names = Array.from({ length: servers }, (_, index) => `app-${String(index + 1).padStart(2, '0')}`);

/** Resolves when an object of a collection is as wanted, by watching. */
async function createFollower(cluster: BenchCluster, path: string) {
  const seen = new Map<string, BareObject>();
  let check = (): void => {};
  const ended = new AbortController();
  const onEvent = ({ object }: BareEvent): void => {
    seen.set(object.metadata.name, object);
    check();
  };
  const { done } = await cluster.api.watch(path, onEvent, ended.signal);
  return {
    seen,
    async until(what: string, isReached: () => boolean): Promise<void> {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const timer = setTimeout(() => reject(new Error(`${what}: not reached in ${limitMs / 1000} s`)), limitMs);
      check = () => {
        if (isReached()) resolve();
      };
      check();
      try {
        await Promise.race([promise, done.then(() => Promise.reject(new Error(`the watch of ${path} ended`)))]);
      } finally {
        clearTimeout(timer);
      }
    },
    async end(): Promise<void> {
      ended.abort();
      await done;
    },
  };
}

/** Every replica is there, ready and of the newest template. */
function isUp(object: BareObject | undefined): boolean {
  const { metadata, spec, status } = object ?? {};
  if (metadata === undefined || spec === undefined || status === undefined) return false;
  const isCurrent = status['observedGeneration'] === metadata.generation;
  const revisionIsNew = status['currentRevision'] === status['updateRevision'];
  return isCurrent && revisionIsNew && status['readyReplicas'] === spec['replicas'];
}

function isDown(object: BareObject | undefined): boolean {
  const { metadata, spec, status } = object ?? {};
  return (
    spec?.['replicas'] === 0 && status?.['observedGeneration'] === metadata?.generation && status?.['replicas'] === 0
  );
}

async function prepare(cluster: BenchCluster, namespace: string, workloads: readonly object[]) {
  await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
  await cluster.apply(workloads);
  const follower = await createFollower(cluster, collection(namespace));
  await follower.until(`${namespace} to start`, () => {
    const objects = [...follower.seen.values()];
    return objects.length === workloads.length && objects.every(isUp);
  });
  return follower;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

const imagePatch = { spec: { template: { spec: { containers: [{ name: 'app', image: newImage }] } } } };

export async function measureFloor(cluster: BenchCluster): Promise<number> {
  const namespace = 'floor';
  const follower = await prepare(
    cluster,
    namespace,
    names.map((name) => statefulSet(namespace, name, 1)),
  );
  const seconds = await timed(async () => {
    for (const name of names) {
      const path = `${collection(namespace)}/${name}`;
      await cluster.api.call('PATCH', path, { spec: { replicas: 0 } });
      await follower.until(`${name} to stop`, () => isDown(follower.seen.get(name)));
      await cluster.api.call('PATCH', path, imagePatch);
      await cluster.api.call('PATCH', path, { spec: { replicas: 1 } });
      await follower.until(
        `${name} to start`,
        () => follower.seen.get(name)?.spec?.['replicas'] === 1 && isUp(follower.seen.get(name)),
      );
    }
  });
  await follower.end();
  return seconds;
}

export async function measureStatefulSet(cluster: BenchCluster): Promise<number> {
  const namespace = 'statefulset';
  const follower = await prepare(cluster, namespace, [statefulSet(namespace, 'app', servers)]);
  const before = follower.seen.get('app')?.metadata.generation;
  const seconds = await timed(async () => {
    await cluster.api.call('PATCH', `${collection(namespace)}/app`, imagePatch);
    await follower.until('the StatefulSet to roll', () => {
      const object = follower.seen.get('app');
      return object?.metadata.generation !== before && isUp(object) && object?.status?.['updatedReplicas'] === servers;
    });
  });
  await follower.end();
  return seconds;
}

function belayObjects(namespace: string): object[] {
  const kind = (name: string, objectName: string, spec: object) => ({
    apiVersion: 'belay.dev/v1alpha1',
    kind: name,
    metadata: { name: objectName, namespace },
    spec,
  });
  return [
    kind('Package', 'app-1.0', { product: 'app', version: '1.0', upgradeType: 'Minor', images: { app: oldImage } }),
    kind('Package', 'app-1.1', { product: 'app', version: '1.1', upgradeType: 'Minor', images: { app: newImage } }),
    ...names.map((name) =>
      kind('ServerGroup', name, { servers: [{ name: 'server', workload: { kind: 'StatefulSet', name } }] }),
    ),
  ];
}

interface BelayRun {
  readonly seconds: number;
  readonly steps: number;
  /** Calls to the API server by the controller, watches not counted. */
  readonly reads: number;
  readonly writes: number;
  /** Where the time goes: seconds by action, over all steps of that action. */
  readonly secondsByAction: Readonly<Record<string, number>>;
}

const timedRun = z.object({
  spec: z.object({ steps: z.array(z.object({ id: z.string(), action: z.string() })) }),
  status: z.object({
    steps: z.array(z.object({ id: z.string(), started: z.string().optional(), finished: z.string().optional() })),
  }),
});

/** Seconds by action, and as `Between` what no step accounts for: planning, and the looks between two steps. */
function timesOf(run: BareObject | undefined, totalSeconds: number): Record<string, number> {
  const { spec, status } = timedRun.parse(run);
  const actions = new Map(spec.steps.map(({ id, action }) => [id, action]));
  const times: Record<string, number> = {};
  for (const { id, started, finished } of status.steps) {
    if (started === undefined || finished === undefined) continue;
    const action = actions.get(id) ?? id;
    times[action] = (times[action] ?? 0) + (Date.parse(finished) - Date.parse(started)) / 1000;
  }
  times['Between'] = totalSeconds - Object.values(times).reduce((sum, seconds) => sum + seconds, 0);
  return times;
}

async function countCalls(controller: RunningController): Promise<{ reads: number; writes: number }> {
  const count = (method: string): Promise<number> =>
    controller.metric('rest_client_requests_total', `method="${method}"`);
  const writes = await Promise.all(['POST', 'PUT', 'PATCH', 'DELETE'].map(count));
  return { reads: await count('GET'), writes: writes.reduce((sum, part) => sum + part, 0) };
}

async function measureBelay(cluster: BenchCluster): Promise<BelayRun> {
  const namespace = 'belay';
  const workloads = await prepare(
    cluster,
    namespace,
    names.map((name) => statefulSet(namespace, name, 1)),
  );
  const controller = await startController(cluster);
  await cluster.apply(belayObjects(namespace));
  const runs = await createFollower(cluster, `/apis/belay.dev/v1alpha1/namespaces/${namespace}/upgraderuns`);
  const run = (): BareObject | undefined => [...runs.seen.values()][0];
  const terminal = ['Completed', 'Failed', 'RolledBack', 'Cancelled', 'Superseded'];
  const upgradeSet = {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'UpgradeSet',
    metadata: { name: 'app', namespace },
    spec: { package: 'app-1.1', serverGroups: names, signOff: 'NotRequired' },
  };
  const before = await countCalls(controller);
  const seconds = await timed(async () => {
    await cluster.api.call('POST', `/apis/belay.dev/v1alpha1/namespaces/${namespace}/upgradesets`, upgradeSet);
    await runs
      .until('the run to end', () => terminal.includes(String(run()?.status?.['phase'])))
      .catch((error: unknown) => {
        const { stepTitle, blockers, phase } = run()?.status ?? {};
        throw new Error(`stuck: ${JSON.stringify({ phase, stepTitle, blockers })}`, { cause: error });
      });
  });
  const after = await countCalls(controller);
  const phase = run()?.status?.['phase'];
  const steps = run()?.spec?.['steps'];
  if (phase !== 'Completed')
    throw new Error(`the run ended ${String(phase)}: ${JSON.stringify(run()?.status?.['failure'])}`);
  await workloads.until('every server to run the new release', () => [...workloads.seen.values()].every(isUp));
  await Promise.all([runs.end(), workloads.end(), controller.stop()]);
  return {
    seconds,
    steps: Array.isArray(steps) ? steps.length : 0,
    reads: after.reads - before.reads,
    writes: after.writes - before.writes,
    secondsByAction: timesOf(run(), seconds),
  };
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

export async function benchRolling(cluster: BenchCluster): Promise<BenchResult> {
  const floor = await measureFloor(cluster);
  const byStatefulSet = await measureStatefulSet(cluster);
  const belay = await measureBelay(cluster);
  const ratio = belay.seconds / floor;
  return {
    bench: 'rolling',
    ok: ratio <= target,
    figures: {
      servers,
      steps: belay.steps,
      floorSeconds: round(floor),
      floorSecondsPerServer: round(floor / servers),
      statefulSetSeconds: round(byStatefulSet),
      belaySeconds: round(belay.seconds),
      belaySecondsPerServer: round(belay.seconds / servers),
      ratioToFloor: round(ratio),
      ratioToStatefulSet: round(belay.seconds / byStatefulSet),
      targetRatioToFloor: target,
      floorWritesPerServer: 3,
      belayWritesPerServer: round(belay.writes / servers),
      belayReadsPerServer: round(belay.reads / servers),
      ...Object.fromEntries(
        Object.entries(belay.secondsByAction).map(([action, seconds]) => [`belaySecondsIn${action}`, round(seconds)]),
      ),
    },
  };
}
