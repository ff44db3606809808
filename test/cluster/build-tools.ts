import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { waitFor } from './poll.ts';
import { run, startTimeOf } from './process.ts';

const source = join(import.meta.dirname, 'tools');
const kubernetesVersion = 'v1.36.3';
const [major, minor] = kubernetesVersion.slice(1).split('.');
const versionPackage = 'k8s.io/component-base/version';
const linkerFlags = [
  '-s -w',
  `-X ${versionPackage}.gitVersion=${kubernetesVersion}`,
  `-X ${versionPackage}.gitMajor=${major}`,
  `-X ${versionPackage}.gitMinor=${minor}`,
  // CSI sidecars and kwok print this one.
  '-X main.version=test',
].join(' ');

/** Go package of every tool; built in this order, so that what the control plane needs comes first. */
const packages = {
  etcd: 'go.etcd.io/etcd/server/v3',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
  kubelet: 'k8s.io/kubernetes/cmd/kubelet',
  'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
  'snapshot-controller': 'github.com/kubernetes-csi/external-snapshotter/v8/cmd/snapshot-controller',
  'csi-snapshotter': 'github.com/kubernetes-csi/external-snapshotter/v8/cmd/csi-snapshotter',
  'csi-provisioner': 'github.com/kubernetes-csi/external-provisioner/v6/cmd/csi-provisioner',
  'csi-driver': './csi',
  dns: './dns',
  helm: 'helm.sh/helm/v3/cmd/helm',
  kwok: 'sigs.k8s.io/kwok/cmd/kwok',
} as const;

export type ToolName = keyof typeof packages;
/** What `startControlPlane` needs. */
export const controlPlaneTools: readonly ToolName[] = ['etcd', 'kubectl', 'kube-apiserver', 'kube-controller-manager'];
const allTools = Object.keys(packages).filter(isToolName);
/** What `startCluster` needs: everything but kwok. */
export const clusterTools: readonly ToolName[] = allTools.filter((name) => name !== 'kwok');

function isToolName(name: string): name is ToolName {
  return name in packages;
}

/** Absolute paths of the executables that were asked for, and of what came with their modules. */
export interface ToolPaths {
  /** @throws Error when the tool was not among those asked for */
  path(name: ToolName): string;
  /** CustomResourceDefinitions of the snapshot controller. */
  snapshotCrds: string;
  /** Stages of simulated nodes and pods, for kwok's `--config`. */
  kwokStages: string;
}

export interface EnsureToolsOptions {
  log(line: string): void;
  /** @default clusterTools */
  only?: readonly string[];
}

/**
 * Builds what is missing, into a cache outside the clone that all clones share.
 * @throws Error for an unknown tool name, or when Go or its module proxy is missing
 */
export async function ensureTools(options: EnsureToolsOptions): Promise<ToolPaths> {
  const names = (options.only ?? clusterTools).map((name) => {
    if (!isToolName(name)) throw new Error(`unknown tool "${name}", known are ${allTools.join(', ')}`);
    return name;
  });
  const cacheHome = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const dir = join(cacheHome, 'belay', 'tools', hashInputs());
  mkdirSync(dir, { recursive: true });
  const paths: ToolPaths = {
    path: (name) => {
      if (!existsSync(join(dir, name))) throw new Error(`tool ${name} was not built: ask ensureTools for it`);
      return join(dir, name);
    },
    snapshotCrds: join(dir, 'snapshot-crds'),
    kwokStages: join(dir, 'kwok-stages.yaml'),
  };
  const isComplete = () => names.every((name) => existsSync(join(dir, name))) && existsSync(paths.snapshotCrds);
  if (isComplete()) return paths;
  await withLock(join(dir, 'lock'), options.log, async () => {
    if (!existsSync(paths.snapshotCrds)) await copySnapshotCrds(dir, paths.snapshotCrds);
    for (const [index, name] of names.entries()) {
      if (existsSync(join(dir, name))) continue;
      options.log(`building ${name} (${index + 1} of ${names.length})`);
      await buildTool(dir, name);
      if (name === 'kwok') await writeKwokStages(paths.kwokStages);
    }
  });
  return paths;
}

function hashInputs(): string {
  const hash = createHash('sha256').update(linkerFlags).update(JSON.stringify(packages));
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.(go|mod|sum)$/.test(file),
  );
  for (const file of files.toSorted()) hash.update(`\0${file}\0`).update(readFileSync(join(source, file)));
  return hash.digest('hex').slice(0, 16);
}

async function buildTool(dir: string, name: ToolName): Promise<void> {
  // Built beside its final place and renamed: whoever sees the file sees it whole.
  const temporary = mkdtempSync(join(dir, '.build-'));
  try {
    const output = join(temporary, name);
    await go(['build', '-trimpath', '-ldflags', linkerFlags, '-o', output, packages[name]]);
    renameSync(output, join(dir, name));
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

async function go(args: readonly string[]): Promise<string> {
  const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off' };
  const { stdout } = await run(['go', ...args], { cwd: source, env, timeoutMs: 3_600_000 });
  return stdout;
}

async function moduleDir(module: string): Promise<string> {
  const described: unknown = JSON.parse(await go(['mod', 'download', '-json', module]));
  return z.object({ Dir: z.string() }).parse(described).Dir;
}

async function copySnapshotCrds(dir: string, target: string): Promise<void> {
  const module = await moduleDir('github.com/kubernetes-csi/external-snapshotter/client/v8');
  const temporary = mkdtempSync(join(dir, '.build-'));
  for (const kind of ['volumesnapshotclasses', 'volumesnapshotcontents', 'volumesnapshots']) {
    const file = `snapshot.storage.k8s.io_${kind}.yaml`;
    writeFileSync(join(temporary, file), readFileSync(join(module, 'config/crd', file)));
  }
  cpSync(temporary, `${target}.partial`, { recursive: true });
  rmSync(temporary, { recursive: true });
  renameSync(`${target}.partial`, target);
}

async function writeKwokStages(target: string): Promise<void> {
  const module = await moduleDir('sigs.k8s.io/kwok');
  const stages: string[] = [];
  for (const folder of ['node/heartbeat-with-lease', 'node/fast', 'pod/fast']) {
    const path = join(module, 'kustomize/stage', folder);
    const files = readdirSync(path).filter((file) => file.endsWith('.yaml') && basename(file) !== 'kustomization.yaml');
    stages.push(...files.map((file) => readFileSync(join(path, file), 'utf8')));
  }
  writeFileSync(`${target}.partial`, stages.join('\n---\n'));
  renameSync(`${target}.partial`, target);
}

/** One builder at a time; a lock whose holder is gone is taken over. */
async function withLock(lock: string, log: (line: string) => void, work: () => Promise<void>): Promise<void> {
  const holder = `${process.pid} ${startTimeOf(process.pid)}`;
  let announced = false;
  await waitFor({
    what: `the tool build of another process (${lock})`,
    timeoutMs: 3_600_000,
    intervalMs: 500,
    check: () => {
      if (tryLock(lock, holder)) return true;
      if (!announced) log('waiting for the tool build of another process');
      announced = true;
      return undefined;
    },
  });
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function tryLock(lock: string, holder: string): boolean {
  try {
    writeFileSync(lock, holder, { flag: 'wx' });
    return true;
  } catch {
    const [pid = '', startTime] = existsSync(lock) ? readFileSync(lock, 'utf8').split(' ') : [];
    const isAlive = startTimeOf(Number(pid)) === startTime && startTime !== undefined;
    // Empty: its holder is between creating and filling it.
    if (pid !== '' && !isAlive) rmSync(lock, { force: true });
    return false;
  }
}

if (import.meta.main) {
  const only = process.argv.slice(2);
  const options = { log: (line: string) => console.log(line) };
  await ensureTools(only.length > 0 ? { ...options, only } : options);
}
