/** Finds the controller's processes on this machine and interferes with them; needs the local cluster. */
import { readFileSync, readdirSync } from 'node:fs';
import type { Lease, Pod } from '../../src/kube/objects.ts';
import { leases, pods } from '../../src/kube/resources.ts';
import type { KubeClient } from '../../src/kube/types.ts';
import { waitFor } from '../cluster/poll.ts';
import { signalProcess } from '../cluster/process.ts';
import type { Kubectl } from './example.ts';

export const controllerNamespace = 'belay-system';
const leaseName = { namespace: controllerNamespace, name: 'belay-controller' };

export interface Leader {
  readonly pod: string;
  /** Another one after every start of the process. */
  readonly identity: string;
  /** Grows with every change of the leader. */
  readonly epoch: number;
  readonly pids: readonly number[];
  readonly leaseSeconds: number;
}

/** The pod that leads and its processes. @throws after 60 s without a leader */
export async function findLeader(client: KubeClient): Promise<Leader> {
  return waitFor({
    what: 'a leading controller',
    timeoutMs: 60_000,
    intervalMs: 100,
    check: () => lookForLeader(client),
  });
}

async function lookForLeader(client: KubeClient): Promise<Leader | undefined> {
  const lease = await client.find(leases, leaseName);
  const { items } = await client.list(pods, { namespace: controllerNamespace });
  return leaderOf(lease, items);
}

function leaderOf(lease: Lease | undefined, all: readonly Pod[]): Leader | undefined {
  const { holderIdentity, leaseTransitions, leaseDurationSeconds } = lease?.spec ?? {};
  const identity = holderIdentity ?? '';
  const pod = all.find(({ metadata }) => identity.startsWith(`${metadata.name}_`));
  const container = pod?.status?.containerStatuses?.[0]?.containerID ?? '';
  const pids = container === '' ? [] : pidsOfContainer(container);
  if (pod === undefined || pids.length === 0) return undefined;
  return {
    pod: pod.metadata.name,
    identity,
    epoch: leaseTransitions ?? 0,
    pids,
    leaseSeconds: leaseDurationSeconds ?? 15,
  };
}

/** Waits until another process leads than that one. @throws after 60 s */
export async function waitForNextLeader(client: KubeClient, last: Leader): Promise<Leader> {
  return waitFor({
    what: `another leader than ${last.identity}`,
    timeoutMs: 60_000,
    intervalMs: 50,
    check: async () => {
      const leader = await lookForLeader(client);
      return leader !== undefined && leader.epoch > last.epoch ? leader : undefined;
    },
  });
}

/**
 * Kills the leader's processes with SIGKILL and waits for the next leader.
 * @param isHandedOn empties the dead leader's lease, so that the next one need not wait until it runs out
 */
export async function killLeader(client: KubeClient, isHandedOn: boolean): Promise<Leader> {
  const leader = await findLeader(client);
  signalAll(leader.pids, 'SIGKILL');
  if (isHandedOn) await handOnLease(client, leader);
  return waitForNextLeader(client, leader);
}

/** Repeated: the last renewal of the dead may still be on its way. */
async function handOnLease(client: KubeClient, dead: Leader): Promise<void> {
  await waitFor({
    what: `the lease of ${dead.identity} to be handed on`,
    timeoutMs: 10_000,
    check: async () => {
      const lease = await client.get(leases, leaseName);
      if (lease.spec?.holderIdentity === dead.identity)
        await client.replace(leases, { ...lease, spec: { ...lease.spec, holderIdentity: '' } });
      return true;
    },
  });
}

/** A container's processes all stand in a cgroup named after its id. */
function pidsOfContainer(containerId: string): number[] {
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
export async function waitForControllers(kubectl: Kubectl, client: KubeClient): Promise<void> {
  await kubectl(['-n', controllerNamespace, 'rollout', 'status', 'deployment', '--timeout=120s'], {
    timeoutMs: 130_000,
  });
  await findLeader(client);
}

export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) signalProcess(pid, signal);
}
