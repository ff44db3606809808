import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, rmSync, unlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { removeCgroups } from './cgroups.ts';
import { clusterId, markerVariable, paths, readState } from './layout.ts';
import { removeNetwork } from './network.ts';
import { waitFor } from './poll.ts';
import { signalProcess, startTimeOf, tryRun } from './process.ts';

/**
 * Removes everything of a cluster: processes, mounts, namespace, routes, cgroups and `stateDir` itself.
 * Idempotent, and works on what a crash at any moment left behind.
 * @throws Error when a process or mount cannot be removed; `stateDir` then stays, so that it can be tried again
 */
export async function downCluster(options: { stateDir: string }): Promise<void> {
  const stateDir = resolve(options.stateDir);
  const state = readState(stateDir);
  if (!state) return;
  const { run } = paths(state.name, stateDir);
  const id = clusterId(state.name);
  // Daemons first, or kubelet would start again what is killed after it.
  await killUntilGone('daemons', () => markedProcesses(stateDir));
  await removeCgroups(id);
  await killUntilGone('processes in the network namespace', () => namespaceProcesses(id));
  await unmountBelow([stateDir, run]);
  await removeNetwork(state.name, state.slot);
  removeLogLinks(stateDir);
  rmSync(run, { recursive: true, force: true });
  rmSync(stateDir, { recursive: true, force: true });
}

async function killUntilGone(what: string, list: () => Promise<number[]> | number[]): Promise<void> {
  const spared = ourselves();
  await waitFor({
    what: `${what} to end`,
    timeoutMs: 20_000,
    intervalMs: 20,
    check: async () => {
      const alive = (await list()).filter((pid) => !spared.has(pid) && startTimeOf(pid) !== undefined);
      for (const pid of alive) signalProcess(pid, 'SIGKILL');
      return alive.length === 0 ? true : undefined;
    },
  });
}

/** This process and its ancestors: a test inside the namespace may take its own cluster down. */
function ourselves(): Set<number> {
  const chain = new Set<number>();
  for (let pid = process.pid; pid > 0 && !chain.has(pid);) {
    chain.add(pid);
    const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
    pid = Number(stat.split(')').at(-1)?.trim().split(' ')[1] ?? 0);
  }
  return chain;
}

/** Our daemons and what they started, containers excepted: known by an inherited variable, not by a pid that may be stale. */
function markedProcesses(stateDir: string): number[] {
  const marker = `${markerVariable}=${stateDir}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && environmentOf(name).includes(marker))
    .map(Number);
}

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

async function namespaceProcesses(id: string): Promise<number[]> {
  const { stdout } = await tryRun(['ip', 'netns', 'pids', id]);
  return stdout.split('\n').filter(Boolean).map(Number);
}

async function unmountBelow(folders: readonly string[]): Promise<void> {
  await waitFor({
    what: 'mounts to be removed',
    timeoutMs: 20_000,
    check: async () => {
      const targets = readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '))
        .filter((target) => folders.some((folder) => target.startsWith(`${folder}/`)));
      if (targets.length === 0) return true;
      await tryRun(['umount', '--lazy', ...targets.toReversed()]);
      return undefined;
    },
  });
}

/** kubelet links every log from a folder that it does not let us choose. */
function removeLogLinks(stateDir: string): void {
  const folder = '/var/log/containers';
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (lstatSync(path).isSymbolicLink() && readlinkSync(path).startsWith(`${stateDir}/`)) unlinkSync(path);
  }
}
