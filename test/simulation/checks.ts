import type { Step } from '../../src/api/upgrade-run.ts';
import { planRun } from '../../src/simulation/set-controller.ts';
import type { Setting } from './story.ts';
import { must, releaseOf, type World } from '../../src/simulation/world.ts';

/** Version every pod shows, by workload. */
export function shownVersions(world: World): string[] {
  return [...world.workloads.values()].flatMap((workload) =>
    workload.pods.map((pod) => releaseOf(world, pod.template).version),
  );
}

/** The plan of the first set. */
export function planOf(told: Setting): Step[] {
  return planRun(told, must(told.objects.sets[0], 'set')).steps;
}

/** As the vendor's table: number, action, target. */
export function rowsOf(steps: readonly Step[]): string[] {
  return steps.map((step) => `${step.number} ${step.action} ${step.group ?? step.groups?.join('+') ?? ''}`.trimEnd());
}
