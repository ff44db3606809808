import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from './poll.ts';
import { signalProcess } from './process.ts';

const mountPoint = '/sys/fs/cgroup';

/** The hierarchies of this machine: one for cgroup v2, one per controller for v1. */
function hierarchies(): string[] {
  if (existsSync(join(mountPoint, 'cgroup.controllers'))) return [mountPoint];
  return readdirSync(mountPoint)
    .map((name) => join(mountPoint, name))
    .filter((path) => statSync(path).isDirectory() && existsSync(join(path, 'cgroup.procs')));
}

/** Makes the top cgroup of a node in every hierarchy. */
export function createCgroups(name: string): void {
  for (const hierarchy of hierarchies()) {
    if (hierarchy === mountPoint)
      writeFileSync(join(hierarchy, 'cgroup.subtree_control'), '+cpu +cpuset +io +memory +pids');
    const path = join(hierarchy, name);
    mkdirSync(path, { recursive: true });
    // A v1 cpuset starts empty, and nothing can run in an empty one.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      const isV1 = hierarchy !== mountPoint && existsSync(join(hierarchy, file));
      if (isV1) writeFileSync(join(path, file), readFileSync(join(hierarchy, file)));
    }
  }
}

/** Kills every process below a top cgroup and removes it; idempotent. @throws Error when that takes over 20 s */
export async function removeCgroups(name: string): Promise<void> {
  const roots = hierarchies().map((hierarchy) => join(hierarchy, name));
  await waitFor({
    what: `the cgroups ${name} to be empty`,
    timeoutMs: 20_000,
    intervalMs: 20,
    check: () => {
      const present = roots.filter((root) => existsSync(root));
      if (present.length === 0) return true;
      const groups = present.flatMap(withDescendants);
      for (const pid of new Set(groups.flatMap(members))) signalProcess(pid, 'SIGKILL');
      // Leaves first: a cgroup with children cannot be removed.
      for (const group of groups.toReversed()) rmdirSync(group);
      return undefined;
    },
  });
}

function withDescendants(root: string): string[] {
  const children = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [root, ...children.flatMap((entry) => withDescendants(join(root, entry.name)))];
}

function members(group: string): number[] {
  return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
}
