import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { daemonSchema } from './process.ts';

const stateSchema = z.object({
  name: z.string(),
  /** Which of the address ranges is ours; none before the network was made. */
  slot: z.number().optional(),
  /** Tools by name, so that another process needs no `ensureTools`. */
  tools: z.record(z.string(), z.string()),
  daemons: z.array(daemonSchema),
});

/** What must survive the process that started a cluster; kept in `<stateDir>/state.json`. */
export type ClusterState = z.infer<typeof stateSchema>;

const stateFile = (stateDir: string): string => join(stateDir, 'state.json');

/** `undefined` when no cluster was started there. @throws ZodError when the file is not ours */
export function readState(stateDir: string): ClusterState | undefined {
  let text: string;
  try {
    text = readFileSync(stateFile(stateDir), 'utf8');
  } catch {
    return undefined;
  }
  const content: unknown = JSON.parse(text);
  return stateSchema.parse(content);
}

export function writeState(stateDir: string, state: ClusterState): void {
  mkdirSync(stateDir, { recursive: true });
  const partial = `${stateFile(stateDir)}.partial`;
  writeFileSync(partial, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(partial, stateFile(stateDir));
}

/** Number of clusters that can run beside each other. */
export const slots = 16;

/** Address ranges of one slot; they never overlap, so that one cluster's packets cannot reach another. */
export function addresses(slot: number): {
  outside: string;
  node: string;
  pods: string;
  services: string;
  firstService: string;
} {
  return {
    outside: `10.231.255.${slot * 4 + 1}`,
    node: `10.231.255.${slot * 4 + 2}`,
    pods: `10.232.${slot * 16}.0/20`,
    services: `10.233.${slot * 16}.0/20`,
    firstService: `10.233.${slot * 16}.1`,
  };
}

/** Network namespace, node, top cgroup and run folder all carry this name. */
export function clusterId(name: string): string {
  return `belay-${name}`;
}

/** Where everything of a cluster lies. */
export function paths(name: string, stateDir: string) {
  // Sockets are limited to 107 characters, so they do not go into the state folder, which may be deep.
  const run = `/run/${clusterId(name)}`;
  return {
    run,
    containerdSocket: join(run, 'containerd.sock'),
    containerdState: join(run, 'containerd'),
    csiSocket: join(run, 'csi.sock'),
    netns: `/run/netns/${clusterId(name)}`,
    credentials: join(stateDir, 'credentials'),
    kubeconfig: join(stateDir, 'credentials', 'admin.kubeconfig'),
    logs: join(stateDir, 'logs'),
    config: join(stateDir, 'config'),
    resolvConf: join(stateDir, 'config', 'resolv.conf'),
    kubelet: join(stateDir, 'kubelet'),
    containerd: join(stateDir, 'containerd'),
    csi: join(stateDir, 'csi'),
    etcd: join(stateDir, 'etcd'),
  };
}

export type ClusterPaths = ReturnType<typeof paths>;

/** Environment variable by which teardown knows processes whose pid was never written down. */
export const markerVariable = 'BELAY_TEST_CLUSTER';
