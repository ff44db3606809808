/** What a Rebuild run leaves to people, and how the set stands after it. */
import type { HandedOver, RunPhase, StepEntry, UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSetPhase } from '../api/upgrade-set.ts';
import { mergeHandles } from '../planner/journal.ts';
import { membersOf } from '../planner/members.ts';
import { brokenServers, type ServerName } from '../planner/rebuild.ts';
import { drainedKey } from '../planner/steps/keys.ts';
import { targetOf } from '../planner/verdict.ts';

/** Servers that are still broken when the run ends: its own where the rebuild failed, and those nobody wants rebuilt. */
export function leftByRebuild({ spec }: UpgradeRun, entries: readonly StepEntry[], phase: RunPhase): HandedOver[] {
  const isAsking = entries.some(({ id, state }) => id === 'others' && state === 'Running');
  // Another rebuild has taken the others over, and lists them.
  if (phase === 'Rebuilt' && isAsking) return [];
  const others = brokenServers(spec, entries);
  const own = phase === 'Rebuilt' || spec.rebuild === undefined ? [] : [spec.rebuild];
  const handles = mergeHandles(spec, entries);
  return [...own, ...others].flatMap((name): HandedOver[] => {
    const group = targetOf(spec, name);
    const members = membersOf(group).filter((member) => handles[drainedKey(member)] === 'ours');
    const objects = members.map(({ pool, member }) => `pool/${pool}/${member}`);
    const [workload] = group.servers.map((server) => `${server.workload.kind}/${server.workload.name}`);
    return (objects.length === 0 ? [workload ?? name.server] : objects).map((object) => ({
      ...name,
      object,
      ...wordsFor(name, own.includes(name)),
    }));
  });
}

function wordsFor({ server }: ServerName, isOwn: boolean): { reason: string; message: string } {
  return isOwn
    ? {
        reason: 'RebuildFailed',
        message: `${server} could not be rebuilt and stays out; mend it, then put it back yourself`,
      }
    : {
        reason: 'NotRebuilt',
        message: `nobody asked for ${server} to be rebuilt: it stays out; mend it, then put it back yourself`,
      };
}

/**
 * After the last rebuild: the previous release everywhere is as good as rolled back; anything else is not, and says so.
 * Undefined for a run that is not over.
 */
export function phaseAfterRebuild({ spec, status }: UpgradeRun): UpgradeSetPhase | undefined {
  if (status?.phase !== 'Rebuilt') return undefined;
  if ((status.handedOver ?? []).length > 0) return 'Failed';
  return spec.facts['release'] === 'Previous' && spec.facts['versions'] === 'One'
    ? 'RolledBack'
    : 'CompletedWithFailures';
}
