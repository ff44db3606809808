import type { LabelSelector, PodDisruptionBudget } from '../../kube/objects.ts';
import type { WorkloadRef } from '../../planner/effects.ts';
import type { Problem } from '../../planner/validate.ts';
import type { Workload } from '../pods.ts';

/**
 * Budgets that allow no disruption of these workloads now. Scaling does not ask them, so a run would break what they
 * promise without a word. Source: S-20. Pure.
 */
export function checkBudgets(
  workloads: readonly { readonly ref: WorkloadRef; readonly workload: Workload }[],
  budgets: readonly PodDisruptionBudget[],
): Problem[] {
  return budgets.flatMap(({ metadata, spec, status }) => {
    const seen = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
    if (spec.selector === undefined || !seen || (status?.disruptionsAllowed ?? 0) > 0) return [];
    const [held] = workloads.filter(({ workload }) =>
      selects(spec.selector, workload.spec.template.metadata?.labels ?? {}),
    );
    if (held === undefined) return [];
    return [
      {
        reason: 'DisruptionBudgetExhausted',
        object: `poddisruptionbudget/${metadata.name}`,
        field: 'status.disruptionsAllowed',
        message: `it allows no disruption of ${held.ref.kind} ${held.ref.name}, which will be scaled to zero: mend the pods it counts, or loosen it for the upgrade`,
      },
    ];
  });
}

function selects(selector: LabelSelector | undefined, labels: Readonly<Record<string, string>>): boolean {
  const equal = Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  const expressions = (selector?.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels[key];
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
      default:
        return false;
    }
  });
  return equal && expressions;
}
