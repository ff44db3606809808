import { join } from 'node:path';
import type { ToolName } from './build-tools.ts';
import { admin, apiServerArgs, controllerManager, controllerManagerArgs, etcdArgs } from './control-plane-parts.ts';
import type { Credentials, Identity } from './control-plane-parts.ts';
import { addresses } from './layout.ts';
import type { ClusterPaths } from './layout.ts';
import { driverName } from './manifests.ts';
import type { writeNodeConfig } from './node-config.ts';

export const apiPort = 6443;

/** Who talks to the API server of a cluster. */
export function identities(node: string): Identity[] {
  const masters = ['system:masters'];
  return [
    admin,
    controllerManager,
    { file: 'scheduler', user: 'system:kube-scheduler', groups: [] },
    { file: 'proxy', user: 'system:kube-proxy', groups: [] },
    { file: 'kubelet', user: `system:node:${node}`, groups: ['system:nodes'] },
    { file: 'storage', user: 'test:storage', groups: masters },
    { file: 'dns', user: 'test:dns', groups: masters },
  ];
}

/** A long-running program of the cluster; a tool of ours by name, or a command of the machine. */
export interface DaemonSpec {
  name: string;
  command: ToolName | 'containerd';
  args: readonly string[];
}

export interface DaemonOptions {
  name: string;
  slot: number;
  paths: ClusterPaths;
  credentials: Credentials;
  files: ReturnType<typeof writeNodeConfig>;
}

export function apiServer({ slot, credentials }: DaemonOptions): DaemonSpec {
  const { node, services } = addresses(slot);
  const args = apiServerArgs({
    credentials,
    address: node,
    port: apiPort,
    etcd: 'http://127.0.0.1:2379',
    serviceRange: services,
  });
  return { name: 'kube-apiserver', command: 'kube-apiserver', args };
}

/** What the API server and the node need before anything else. */
export function foundation({ paths, files }: DaemonOptions): DaemonSpec[] {
  const etcd = etcdArgs({ dataDir: paths.etcd, client: 'http://127.0.0.1:2379', peer: 'http://127.0.0.1:2380' });
  return [
    { name: 'etcd', command: 'etcd', args: etcd },
    { name: 'containerd', command: 'containerd', args: ['--config', files.containerd] },
  ];
}

/** What runs as soon as the API server is ready. */
export function workers(options: DaemonOptions): DaemonSpec[] {
  const { name, paths, credentials, files } = options;
  const { node, pods, services } = addresses(options.slot);
  const kubeconfig = (file: string) => `--kubeconfig=${join(credentials.dir, `${file}.kubeconfig`)}`;
  return [
    {
      name: 'kube-controller-manager',
      command: 'kube-controller-manager',
      args: controllerManagerArgs({ credentials, serviceRange: services }),
    },
    {
      name: 'kube-scheduler',
      command: 'kube-scheduler',
      args: [kubeconfig('scheduler'), '--leader-elect=false', '--secure-port=0'],
    },
    {
      name: 'kube-proxy',
      command: 'kube-proxy',
      args: [
        kubeconfig('proxy'),
        '--proxy-mode=nftables',
        // 0: the limit belongs to the whole machine, not to the namespace.
        '--conntrack-max-per-core=0',
        `--cluster-cidr=${pods}`,
        `--hostname-override=${name}`,
      ],
    },
    {
      name: 'kubelet',
      command: 'kubelet',
      args: [
        `--config=${files.kubelet}`,
        kubeconfig('kubelet'),
        `--hostname-override=${name}`,
        `--node-ip=${node}`,
        `--root-dir=${paths.kubelet}`,
        `--cert-dir=${paths.kubelet}/pki`,
      ],
    },
    { name: 'dns', command: 'dns', args: ['-conf', files.dns] },
    {
      name: 'csi-driver',
      command: 'csi-driver',
      args: [
        `-endpoint=${paths.csiSocket}`,
        `-registration=${paths.kubelet}/plugins_registry/${driverName}-reg.sock`,
        `-state-dir=${paths.csi}`,
        `-node-id=${name}`,
        `-driver-name=${driverName}`,
      ],
    },
  ];
}

/** What runs as soon as the snapshot kinds are served and the driver answers. */
export function storageControllers({ paths, credentials }: DaemonOptions): DaemonSpec[] {
  const common = [
    `--kubeconfig=${join(credentials.dir, 'storage.kubeconfig')}`,
    '--leader-election=false',
    '--retry-interval-start=200ms',
    // Tests mend injected faults and wait for the next try.
    '--retry-interval-max=2s',
    '--kube-api-qps=100',
    '--kube-api-burst=200',
  ];
  const sidecar = [...common, `--csi-address=${paths.csiSocket}`];
  return [
    { name: 'snapshot-controller', command: 'snapshot-controller', args: common },
    { name: 'csi-snapshotter', command: 'csi-snapshotter', args: sidecar },
    { name: 'csi-provisioner', command: 'csi-provisioner', args: sidecar },
  ];
}
