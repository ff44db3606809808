/** Run by hand: brings a cluster up, uses every part of it once and shows that nothing is left afterwards. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureTools } from './build-tools.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import { buildImage } from './image.ts';
import { waitFor } from './poll.ts';
import { run } from './process.ts';
import { authorPolicy, claimFrom, clientPod, snapshotOf, webObjects } from './smoke-objects.ts';

const begin = performance.now();
const log = (line: string) => console.log(`${((performance.now() - begin) / 1000).toFixed(1).padStart(6)}s  ${line}`);

async function main(): Promise<void> {
  const tools = await ensureTools({ log });
  const parent = mkdtempSync(join(tmpdir(), 'belay-smoke-'));
  const stateDir = join(parent, 'state');
  const cluster = await startCluster({ name: 'smoke', stateDir, tools, log });
  try {
    const images = await importImages(cluster);
    await serve(cluster, images.busybox);
    await restore(cluster);
    await inCluster(cluster, images.node);
    await policies(cluster);
    await faults(cluster);
    await interruptions(cluster);
    await cluster.helm(['list', '--all-namespaces']);
    log('helm reaches the API server');
  } catch (error) {
    const { stdout } = await cluster.kubectl(['get', 'events,pods,pvc,pv,volumesnapshots', '-A', '-o', 'wide']);
    console.error(stdout);
    throw error;
  } finally {
    await cluster.down();
    log('cluster is down');
  }
  assert.deepEqual(await traces(cluster), []);
  assert.ok(!existsSync(stateDir));
  rmSync(parent, { recursive: true });
  log('nothing is left: no process, mount, namespace, address, cgroup or log link');
}

async function importImages(cluster: Cluster): Promise<{ busybox: string; node: string }> {
  const importOne = async (base: 'busybox' | 'node', entrypoint: readonly string[]) => {
    const reference = { name: `belay.test/${base}`, tag: 'smoke' };
    const built = await buildImage({ ...reference, base, files: {}, entrypoint });
    const byDigest = await cluster.importImage(built.archive, reference);
    assert.equal(byDigest, `${reference.name}@${built.digest}`);
    return byDigest;
  };
  const images = {
    busybox: await importOne('busybox', ['/bin/sh']),
    node: await importOne('node', ['/usr/local/bin/node']),
  };
  log('images are imported');
  return images;
}

const apply = (cluster: Cluster, object: unknown) =>
  cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(object) });

async function webReady(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['rollout', 'status', 'statefulset/web', '--timeout=60s']);
}

/** Asks the Service from inside the namespace, by address and by name. */
async function serve(cluster: Cluster, image: string): Promise<void> {
  await apply(cluster, webObjects(image));
  await webReady(cluster);
  await cluster.kubectl(['exec', 'web-0', '--', 'sh', '-c', 'echo before > /data/hello']);
  const { stdout: address } = await cluster.kubectl(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}']);
  assert.equal(await get(cluster, `http://${address}/hello`), 'before');
  assert.equal(await get(cluster, 'http://web.default.svc/hello'), 'before');
  const { stdout: imageId } = await cluster.kubectl([
    'get',
    'pod',
    'web-0',
    '-o',
    'jsonpath={.status.containerStatuses[0].imageID}',
  ]);
  assert.match(imageId, /@?sha256:/);
  log('a StatefulSet serves through its Service, by address and by name');
}

/** By a program of its own inside the namespace; Debian's static busybox crashes when it looks up names. */
function get(cluster: Cluster, url: string): Promise<string> {
  const script =
    'fetch(process.argv[1], { signal: AbortSignal.timeout(2000) }).then((r) => r.text()).then(console.log)';
  return waitFor({
    what: url,
    timeoutMs: 20_000,
    check: async () => (await cluster.run([process.execPath, '-e', script, url])).stdout.trim(),
  });
}

/** Snapshot, new content, volume kept aside, claim made again from the snapshot: the old content is back. */
async function restore(cluster: Cluster): Promise<void> {
  const { kubectl } = cluster;
  await apply(cluster, snapshotOf('data-web-0', 'good'));
  await kubectl(['wait', 'volumesnapshot/good', '--for=jsonpath={.status.readyToUse}=true', '--timeout=30s']);
  log('a VolumeSnapshot is ready');
  await kubectl(['exec', 'web-0', '--', 'sh', '-c', 'echo after > /data/hello']);
  await kubectl(['scale', 'statefulset/web', '--replicas=0']);
  await kubectl(['wait', 'pod/web-0', '--for=delete', '--timeout=30s']);
  const { stdout: volume } = await kubectl(['get', 'pvc', 'data-web-0', '-o', 'jsonpath={.spec.volumeName}']);
  await kubectl(['patch', 'pv', volume, '-p', '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}']);
  await kubectl(['delete', 'pvc', 'data-web-0', '--timeout=30s']);
  await apply(cluster, claimFrom('good', 'data-web-0'));
  await kubectl(['scale', 'statefulset/web', '--replicas=1']);
  await webReady(cluster);
  assert.equal(await get(cluster, 'http://web.default.svc/hello'), 'before');
  const { stdout: phase } = await kubectl(['get', 'pv', volume, '-o', 'jsonpath={.status.phase}']);
  assert.equal(phase, 'Released');
  log('a claim of the same name is restored, the old volume is kept');
}

async function inCluster(cluster: Cluster, image: string): Promise<void> {
  await apply(cluster, clientPod(image));
  await cluster.kubectl(['wait', 'pod/client', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s']);
  const { stdout } = await cluster.kubectl(['logs', 'client']);
  assert.match(stdout, /^api 200 .*\n(.*\n)*web 200 before$/m);
  log('a pod reaches the API server with its token and resolves Service names');
}

async function policies(cluster: Cluster): Promise<void> {
  await apply(cluster, authorPolicy());
  const author = await waitFor({
    what: 'the mutating policy to act',
    timeoutMs: 20_000,
    check: async () => {
      const dryRun = ['create', 'configmap', 'x', '--dry-run=server', '-o', 'jsonpath={.data.author}'];
      return (await cluster.kubectl(dryRun)).stdout || undefined;
    },
  });
  assert.equal(author, 'admin');
  log('a MutatingAdmissionPolicy acts');
}

async function faults(cluster: Cluster): Promise<void> {
  const { kubectl } = cluster;
  await cluster.csiFaults({ snapshotNeverReady: true });
  await apply(cluster, snapshotOf('data-web-0', 'slow'));
  const ready = 'jsonpath={.status.readyToUse}';
  await kubectl(['wait', 'volumesnapshot/slow', `--for=${ready}=false`, '--timeout=30s']);
  await cluster.csiFaults({});
  await kubectl(['wait', 'volumesnapshot/slow', `--for=${ready}=true`, '--timeout=60s']);
  log('an injected storage fault holds a snapshot back until it is mended');
}

async function interruptions(cluster: Cluster): Promise<void> {
  await cluster.stopApiServer();
  assert.equal(await get(cluster, 'http://web.default.svc/hello'), 'before');
  await cluster.startApiServer();
  log('the Service serves while the API server is down, and it is back');
  const restarts = async () =>
    Number(
      (await cluster.kubectl(['get', 'pod', 'web-0', '-o', 'jsonpath={.status.containerStatuses[0].restartCount}']))
        .stdout,
    );
  const restartsBefore = await restarts();
  await cluster.stopNodeContainers();
  await waitFor({
    what: 'kubelet to start the container again',
    timeoutMs: 60_000,
    check: async () => (await restarts()) > restartsBefore || undefined,
  });
  await cluster.kubectl(['wait', 'pod/web-0', '--for=condition=Ready', '--timeout=60s']);
  assert.equal(await get(cluster, 'http://web.default.svc/hello'), 'before');
  log('containers that are killed are started again');
}

/** What is left of this cluster in the places where it leaves traces; other clusters may come and go meanwhile. */
async function traces(cluster: Cluster): Promise<string[]> {
  const ours = [cluster.stateDir, 'belay-smoke', ` ${cluster.hostAddress}/30`];
  const places = await Promise.all([
    run(['ps', '-eo', 'args']),
    run(['ip', 'netns', 'list']),
    run(['ip', '-brief', 'address']),
    run(['find', '/run', '/sys/fs/cgroup', '-maxdepth', '2', '-name', 'belay-smoke']),
    run(['find', '/var/log/containers', '-lname', `${cluster.stateDir}/*`]),
  ]);
  const lines = [...places.map(({ stdout }) => stdout), readFileSync('/proc/self/mountinfo', 'utf8')]
    .join('\n')
    .split('\n');
  return lines.filter((line) => ours.some((text) => line.includes(text)));
}

await main();
