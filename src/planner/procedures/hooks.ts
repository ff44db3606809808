/** Rows for Jobs of the user's at fixed places of a run: one for each group and hook. Source: 001-54, 001-62, 001-143. */
import type { Hook } from '../../api/server-group.ts';
import type { RunGroup } from '../../api/upgrade-run.ts';
import { formatDuration, parseDuration } from '../../shared/duration.ts';
import type { StepList } from './steps.ts';

/** For pulling an image and placing a pod, beside what the Job itself may take. */
const startMs = 60_000;
const usualMs = 30_000;

interface HookPlace {
  /** Those whose hooks run. */
  readonly groups: readonly RunGroup[];
  readonly at: Hook['at'];
  readonly number: string;
}

/** @param all groups of the run, which number the ids */
export function addHooks(list: StepList, all: readonly RunGroup[], { groups, at, number }: HookPlace): void {
  for (const group of groups) {
    for (const { name, job, at: when } of group.hooks ?? []) {
      if (when !== at) continue;
      const servers = group.servers.length;
      list.add({
        id: `g${all.indexOf(group) + 1}-hook-${name}`,
        number,
        title: `Run ${name} for ${group.name}`,
        action: 'Hook',
        group: group.name,
        hook: name,
        timeout: formatDuration(servers * (parseDuration(job.timeout) + startMs)),
        estimate: formatDuration(servers * usualMs),
      });
    }
  }
}
