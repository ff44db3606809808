import { releaseOf, type World } from '../../src/simulation/world.ts';

/** Version every pod shows, by workload. */
export function shownVersions(world: World): string[] {
  return [...world.workloads.values()].flatMap((workload) =>
    workload.pods.map((pod) => releaseOf(world, pod.template).version),
  );
}
