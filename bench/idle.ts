/**
 * A controller at rest: a thousand UpgradeSets whose servers already run their release. What it costs to keep them
 * (memory, writes), how long it takes to start among them, and how many it looks at in a second while it does.
 */
import type { BareEvent } from './bare-api.ts';
import type { BenchCluster } from './cluster.ts';
import { startController } from './controller.ts';
import type { BenchResult } from './result.ts';

const upgradeSets = 1000;
const namespace = 'idle';
const image = `registry.example/app@sha256:${'1'.repeat(64)}`;
const restSeconds = 60;
const limits = { residentMiB: 110, startSeconds: 10, writes: 0 };
const group = `/apis/belay.dev/v1alpha1/namespaces/${namespace}`;

const belayKind = (kind: string, name: string, spec: object): object => ({
  apiVersion: 'belay.dev/v1alpha1',
  kind,
  metadata: { name, namespace },
  spec,
});

/** Without pods: what is measured is the controller, and the control plane would be busy with pods for minutes. */
function statefulSet(name: string): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace },
    spec: {
      replicas: 0,
      serviceName: name,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image }] } },
    },
  };
}

async function createObjects(cluster: BenchCluster): Promise<void> {
  const { api } = cluster;
  await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
  const spec = { product: 'app', version: '1.0', upgradeType: 'Minor', images: { app: image } };
  await api.call('POST', `${group}/packages`, belayKind('Package', 'app-1.0', spec));
  const names = Array.from({ length: upgradeSets }, (_, index) => `app-${String(index + 1).padStart(4, '0')}`);
  const createOne = async (name: string): Promise<void> => {
    await api.call('POST', `/apis/apps/v1/namespaces/${namespace}/statefulsets`, statefulSet(name));
    const servers = [{ name: 'server', workload: { kind: 'StatefulSet', name } }];
    await api.call('POST', `${group}/servergroups`, belayKind('ServerGroup', name, { servers }));
    const set = { package: 'app-1.0', serverGroups: [name], signOff: 'NotRequired' };
    await api.call('POST', `${group}/upgradesets`, belayKind('UpgradeSet', name, set));
  };
  const worker = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) await createOne(name);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

/** Counts changes of every kind of ours and of the workloads, whoever makes them. */
async function countWrites(cluster: BenchCluster, work: () => Promise<void>): Promise<number> {
  const ended = new AbortController();
  let writes = 0;
  const onEvent = ({ type }: BareEvent): void => {
    if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') writes += 1;
  };
  const paths = ['upgradesets', 'servergroups', 'packages', 'upgraderuns', 'pools'].map(
    (plural) => `${group}/${plural}`,
  );
  paths.push(
    `/apis/apps/v1/namespaces/${namespace}/statefulsets`,
    `/apis/events.k8s.io/v1/namespaces/${namespace}/events`,
  );
  const watches = await Promise.all(paths.map((path) => cluster.api.watch(path, onEvent, ended.signal)));
  await quiet(() => writes, 3, 60);
  writes = 0;
  await work();
  const result = writes;
  ended.abort();
  await Promise.all(watches.map(({ done }) => done));
  return result;
}

const pause = (seconds: number): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, seconds * 1000);
  return promise;
};

/** Waits until a count has stood still for some seconds. */
async function quiet(count: () => number | Promise<number>, seconds: number, limitSeconds: number): Promise<void> {
  let last = await count();
  for (let waited = 0, still = 0; still < seconds; waited += 1) {
    if (waited > limitSeconds) throw new Error(`it did not come to rest in ${limitSeconds} s`);
    await pause(1);
    const now = await count();
    still = now === last ? still + 1 : 0;
    last = now;
  }
}

const round = (value: number): number => Math.round(value * 100) / 100;

export async function benchIdle(cluster: BenchCluster): Promise<BenchResult> {
  const first = await startController(cluster);
  const emptyMiB = first.residentMiB();
  await createObjects(cluster);
  const reconciles = (of: typeof first) => () => of.metric('controller_runtime_reconcile_total');
  await quiet(reconciles(first), 5, 300);
  await first.stop();

  // Started again among objects that are all settled: what it reads and looks at then is the same every time.
  const controller = await startController(cluster);
  const startedAt = performance.now();
  await quiet(reconciles(controller), 3, 120);
  const looked = await reconciles(controller)();
  const lookSeconds = Math.max(0.001, (performance.now() - startedAt) / 1000 - 3 + controller.startSeconds);
  let residentMiB = 0;
  const writes = await countWrites(cluster, async () => {
    for (let second = 0; second < restSeconds; second += 1) {
      await pause(1);
      residentMiB = Math.max(residentMiB, controller.residentMiB());
    }
  });
  await controller.stop();
  return {
    bench: 'idle',
    ok: residentMiB <= limits.residentMiB && writes <= limits.writes && controller.startSeconds <= limits.startSeconds,
    figures: {
      upgradeSets,
      startSeconds: round(controller.startSeconds),
      emptyMiB: round(emptyMiB),
      residentMiB: round(residentMiB),
      kibPerUpgradeSet: round(((residentMiB - emptyMiB) * 1024) / upgradeSets),
      ratioToEmpty: round(residentMiB / emptyMiB),
      reconciles: looked,
      reconcilesPerSecond: round(looked / lookSeconds),
      restSeconds,
      writesAtRest: writes,
      targetResidentMiB: limits.residentMiB,
      targetWritesAtRest: limits.writes,
    },
  };
}
