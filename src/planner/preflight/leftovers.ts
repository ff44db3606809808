/** A restore drill leaves nothing behind, however its run ends. Pure. */
import type { StepEntry, UpgradeRunSpec } from '../../api/upgrade-run.ts';
import type { CheckRequest } from '../effects.ts';
import { mergeHandles, type Handles } from '../journal.ts';
import type { Move } from '../move.ts';
import { drillRequests, drillTask } from './drill.ts';
import { taskId } from './rounds.ts';

/** What a drill answered, as JSON: from then on its objects may go. */
export const answerKey = (id: string): string => `answer/${id}`;

/** The temporary objects of a drill are deleted. */
export const endedKey = (id: string): string => `ended/${id}`;

/** Temporary objects of a drill that was begun and not cleared away; undefined when there are none. */
export function nextLeftover(
  run: { readonly spec: UpgradeRunSpec },
  entries: readonly StepEntry[],
): Extract<Move, { kind: 'act' }> | undefined {
  const handles = mergeHandles(run.spec, entries);
  const steps = run.spec.steps.filter(({ action }) => action === 'Preflight').map(({ id }) => id);
  for (const { id, operation } of entries.filter((entry) => steps.includes(entry.id))) {
    const [request] = leftovers(run.spec, handles, operation);
    if (request !== undefined) return { step: id, ...clearAway(request) };
  }
  return undefined;
}

export function leftovers(spec: UpgradeRunSpec, handles: Handles, operation: string): CheckRequest[] {
  const task = taskId(handles, operation, drillTask);
  if (task === undefined) return [];
  return drillRequests(spec, task).filter((request) => handles[endedKey(request.id)] === undefined);
}

export function clearAway(request: CheckRequest): {
  readonly kind: 'act';
  readonly effect: { readonly kind: 'EndCheck'; readonly request: CheckRequest };
  readonly because: string;
  readonly after: Record<string, string>;
} {
  return {
    kind: 'act',
    effect: { kind: 'EndCheck', request },
    because: 'the drill is over, and nothing of it stays',
    after: { [endedKey(request.id)]: 'yes' },
  };
}
