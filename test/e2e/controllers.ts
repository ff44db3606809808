/** Finds the controller's processes on this machine and interferes with them; needs the local cluster. */
import { readFileSync, readdirSync } from 'node:fs';
import { waitFor } from '../cluster/poll.ts';
import { signalProcess } from '../cluster/process.ts';
import type { Kubectl } from './example.ts';

export const controllerNamespace = 'belay-system';

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status?: {
      readonly containerStatuses?: readonly { readonly containerID?: string; readonly ready?: boolean }[];
    };
  }[];
}

interface LeaseList {
  readonly items: readonly {
    readonly spec?: { readonly holderIdentity?: string; readonly leaseDurationSeconds?: number };
  }[];
}

export interface Leader {
  readonly pod: string;
  readonly pids: readonly number[];
  readonly leaseSeconds: number;
}

/** The pod that leads and its processes. @throws after 60 s without a leader */
export async function findLeader(kubectl: Kubectl): Promise<Leader> {
  return waitFor({
    what: 'a leading controller',
    timeoutMs: 60_000,
    intervalMs: 250,
    check: async () => {
      const leases: LeaseList = JSON.parse(
        (await kubectl(['-n', controllerNamespace, 'get', 'leases', '-o', 'json'])).stdout,
      );
      const pods: PodList = JSON.parse(
        (await kubectl(['-n', controllerNamespace, 'get', 'pods', '-o', 'json'])).stdout,
      );
      for (const { spec } of leases.items) {
        const pod = pods.items.find(({ metadata }) => spec?.holderIdentity?.startsWith(metadata.name) === true);
        const container = pod?.status?.containerStatuses?.[0]?.containerID ?? '';
        const pids = container === '' ? [] : pidsOfContainer(container);
        if (pod !== undefined && pids.length > 0)
          return { pod: pod.metadata.name, pids, leaseSeconds: spec?.leaseDurationSeconds ?? 15 };
      }
      return undefined;
    },
  });
}

/** A container's processes all stand in a cgroup named after its id. */
export function pidsOfContainer(containerId: string): number[] {
  const id = containerId.replace(/^.*:\/\//, '');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id);
      } catch {
        return false;
      }
    });
}

/** Every controller is ready and one leads. */
export async function waitForControllers(kubectl: Kubectl): Promise<void> {
  await kubectl(['-n', controllerNamespace, 'rollout', 'status', 'deployment', '--timeout=120s'], {
    timeoutMs: 130_000,
  });
  await findLeader(kubectl);
}

export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) signalProcess(pid, signal);
}
