/** What keeps one workload from being stopped, changed and started safely (design 4.2). */
import type { Problem } from './validate.ts';

/** As far as it matters here. */
export interface WorkloadSpec {
  readonly persistentVolumeClaimRetentionPolicy?: { readonly whenScaled?: string };
  readonly updateStrategy?: { readonly type?: string; readonly rollingUpdate?: { readonly partition?: number } };
  readonly paused?: boolean;
}

/** @param object such as "statefulset/web-1" */
export function findWorkloadProblems(object: string, spec: WorkloadSpec): Problem[] {
  const { persistentVolumeClaimRetentionPolicy, updateStrategy, paused } = spec;
  const problem = (reason: string, field: string, message: string): Problem => ({ reason, object, field, message });
  const found: Problem[] = [];
  if (persistentVolumeClaimRetentionPolicy?.whenScaled === 'Delete') {
    const message = 'scaling to zero would delete its data: set whenScaled to Retain';
    found.push(problem('ScalingDeletesData', 'spec.persistentVolumeClaimRetentionPolicy.whenScaled', message));
  }
  if (updateStrategy?.type === 'OnDelete') {
    const message = 'pods would keep the template before until somebody deletes them: set RollingUpdate';
    found.push(problem('UpdateStrategyUnsupported', 'spec.updateStrategy.type', message));
  }
  if ((updateStrategy?.rollingUpdate?.partition ?? 0) > 0) {
    const message = 'pods below the partition would keep the template before: set it to 0';
    found.push(problem('UpdateStrategyUnsupported', 'spec.updateStrategy.rollingUpdate.partition', message));
  }
  if (paused === true) {
    const message = 'a paused Deployment makes no pods of a new template: resume it';
    found.push(problem('WorkloadPaused', 'spec.paused', message));
  }
  return found;
}

/**
 * Two workloads that use one claim: stopping one does not make its data stand still.
 * @param workloads each with the claims that its pod template names
 */
export function findSharedClaims(
  workloads: readonly { readonly object: string; readonly claims: readonly string[] }[],
): Problem[] {
  const users = new Map<string, string[]>();
  for (const { object, claims } of workloads)
    for (const claim of claims) users.set(claim, [...(users.get(claim) ?? []), object]);
  return [...users].flatMap(([claim, [object = '', ...others]]) =>
    others.length === 0
      ? []
      : [
          {
            reason: 'ClaimShared',
            object,
            field: 'spec.template.spec.volumes',
            message: `claim ${claim} is also used by ${others.join(', ')}: give each its own`,
          },
        ],
  );
}
