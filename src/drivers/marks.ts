import { createHash } from 'node:crypto';
import type { OwnerReference } from '../kube/types.ts';
import { originKey } from '../planner/steps/keys.ts';
import type { Operation, RunContext } from './contract.ts';

/** Label of the ConfigMaps that name held workloads; the admission policy's binding selects by it. */
export const heldLabel = 'belay.dev/held';
/** Label of everything a run made, with the run's name. */
export const runLabel = 'belay.dev/run';
export const upgradeSetLabel = 'belay.dev/upgrade-set';
/** UID of the run that works on the object. */
export const lockAnnotation = 'belay.dev/lock';
/** Operation that wrote the object last. */
export const operationAnnotation = 'belay.dev/operation';
/** On a claim made by a restore: the snapshot its data came from. */
export const restoredFromAnnotation = 'belay.dev/restored-from';

/** Field managers: one per concern, because an apply that leaves out a field its manager owns removes it. */
export const fieldManagers = { replicas: 'belay-replicas', images: 'belay-images' } as const;

/** Is this field manager one of ours? JSON and merge patches count under the name of the process. */
export function isOwnManager(manager: string): boolean {
  return manager === 'belay' || manager.startsWith('belay-');
}

/** The upgrade that a run belongs to: what it holds and drained passes over to the rollbacks of it. */
export function lineageOf(context: RunContext): string {
  return context.handles[originKey] ?? context.run;
}

/** Labels of an object that a run creates. */
export function ownLabels(context: RunContext): Record<string, string> {
  return { [runLabel]: context.run, ...(context.upgradeSet === '' ? {} : { [upgradeSetLabel]: context.upgradeSet }) };
}

/** Ties an object to the run's life; not a controller reference, so that no workload controller lets go of it. */
export function ownedByRun(context: RunContext): OwnerReference[] {
  return [
    { apiVersion: 'belay.dev/v1alpha1', kind: 'UpgradeRun', name: context.run, uid: context.runUID, controller: false },
  ];
}

export function operationMark(operation: Operation): Record<string, string> {
  return { [operationAnnotation]: operation.operation };
}

/** JSON pointer token. */
export function pointer(...parts: readonly string[]): string {
  return parts.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** At most three of the names, sorted, and how many more. */
export function briefList(names: readonly string[]): string {
  const sorted = names.toSorted();
  const shown = sorted.slice(0, 3).join(', ');
  return sorted.length <= 3 ? shown : `${shown} and ${sorted.length - 3} more`;
}
