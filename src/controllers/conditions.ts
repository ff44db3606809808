import type { WantedCondition } from '../api/conditions.ts';

/** Of an object that nothing is done to: it is as it should be, or it is not. */
export function readyConditions(
  ready: boolean,
  reason: string,
  message: string,
  generation: number | undefined,
): WantedCondition[] {
  const said = { reason, message, observedGeneration: generation ?? 1 };
  return [
    { type: 'Ready', status: ready ? 'True' : 'False', ...said },
    { type: 'Reconciling', status: 'False', ...said },
    { type: 'Stalled', status: 'False', ...said },
  ];
}
