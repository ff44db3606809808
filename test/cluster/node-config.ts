import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clusterId } from './layout.ts';
import type { ClusterPaths } from './layout.ts';

export interface NodeConfigOptions {
  name: string;
  stateDir: string;
  paths: ClusterPaths;
  nodeAddress: string;
  podRange: string;
  caFile: string;
  pauseImage: string;
}

/** Writes the configuration files of the node's daemons and returns their paths. */
export function writeNodeConfig(options: NodeConfigOptions) {
  const { config } = options.paths;
  const cni = join(config, 'cni');
  mkdirSync(cni, { recursive: true });
  const files = {
    containerd: join(config, 'containerd.toml'),
    kubelet: join(config, 'kubelet.json'),
    dns: join(config, 'Corefile'),
  };
  // Pods inherit nothing from this machine: its name servers cannot be reached from the namespace.
  writeFileSync(join(config, 'kubelet-resolv.conf'), '');
  writeFileSync(options.paths.resolvConf, resolvConf(options.nodeAddress));
  writeFileSync(files.containerd, containerdConfig(options, cni));
  writeFileSync(files.kubelet, json(kubeletConfig(options)));
  writeFileSync(files.dns, corefile(options));
  writeFileSync(join(cni, '10-pods.conflist'), json(cniConfig(options)));
  return files;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function resolvConf(nodeAddress: string): string {
  return `nameserver ${nodeAddress}\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n`;
}

function containerdConfig({ paths, pauseImage }: NodeConfigOptions, cni: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "${paths.containerd}"
state = "${paths.containerdState}"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "${paths.containerdSocket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${paths.containerd}/opt"
[${cri}]
  sandbox_image = "${pauseImage}"
  # Without it every sandbox dies where the score may not be lowered.
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  # Below our own folder, where teardown finds them.
  netns_mounts_under_state_dir = true
  enable_unprivileged_ports = true
  stream_server_address = "127.0.0.1"
  [${cri}.cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${cni}"
  [${cri}.containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [${cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [${cri}.containerd.runtimes.runc.options]
        SystemdCgroup = false
`;
}

function kubeletConfig({ name, paths, nodeAddress, caFile }: NodeConfigOptions): unknown {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: nodeAddress,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: caFile } },
    authorization: { mode: 'Webhook' },
    readOnlyPort: 0,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${clusterId(name)}`,
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    clusterDNS: [nodeAddress],
    clusterDomain: 'cluster.local',
    resolvConf: join(paths.config, 'kubelet-resolv.conf'),
    containerRuntimeEndpoint: `unix://${paths.containerdSocket}`,
    podLogsDir: join(paths.logs, 'pods'),
    volumePluginDir: join(paths.kubelet, 'volume-plugins'),
    serializeImagePulls: false,
    // The disk of a test machine may be nearly full, and images cannot be pulled again.
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    maxPods: 200,
    featureGates: { KubeletCrashLoopBackOffMax: true },
    // Tests break containers on purpose and should not wait minutes for the next start.
    crashLoopBackOff: { maxContainerRestartPeriod: '2s' },
    syncFrequency: '10s',
  };
}

/** Every packet between pods is routed, so that Service translation sees it also between pods of one node. */
function cniConfig({ stateDir, podRange }: NodeConfigOptions): unknown {
  const ipam = {
    type: 'host-local',
    dataDir: join(stateDir, 'addresses'),
    ranges: [[{ subnet: podRange }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  return { cniVersion: '1.0.0', name: 'pods', plugins: [{ type: 'ptp', ipam }] };
}

function corefile({ paths }: NodeConfigOptions): string {
  return `.:53 {
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${paths.credentials}/dns.kubeconfig
    pods insecure
    ttl 1
  }
}
`;
}
