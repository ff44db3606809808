/** Runs in the middle of their life, for the tests of this folder and of the controllers; holds no case of its own. */
import { decision, packageOf, pool, probeSuite, serverGroup, upgradeSet } from '../../test/builders/objects.ts';
import type { StepEntry, UpgradeRun, UpgradeRunStatus } from '../api/upgrade-run.ts';
import type { UpgradeSet, UpgradeSetStatus } from '../api/upgrade-set.ts';
import { computeRun } from '../planner/plan.ts';

export const planHash = decision('portal-1', { choice: 'SignOff', planHash: `sha256:${'0'.repeat(64)}` }).spec.planHash;

/** An upgrade of group-1 (web-1) and group-2 (web-2) from 1.1.0 to 1.2.0. */
export function upgradeRun(
  name: string,
  steps: readonly (Partial<StepEntry> & { readonly id: string })[],
  status: Partial<UpgradeRunStatus> = {},
): UpgradeRun {
  const groups = [serverGroup(1), serverGroup(2)];
  const images = { portal: 'portal:1.1.0' };
  const spec = computeRun(
    {
      set: upgradeSet(),
      package: packageOf('1.2.0'),
      groups,
      pools: [pool('web')],
      suites: [probeSuite()],
      workloads: new Map(['StatefulSet/web-1', 'StatefulSet/web-2'].map((key) => [key, { images, replicas: 1 }])),
      from: '1.1.0',
      fromPackage: '',
      cannotHold: [],
      members: new Map([['web', 2]]),
    },
    () => planHash,
  );
  return {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'UpgradeRun',
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, generation: 1, resourceVersion: '1' },
    spec,
    status: {
      observedGeneration: 1,
      phase: 'Running',
      epoch: 1,
      steps: steps.map((entry) => ({ state: 'Running', attempt: 1, operation: `uid-${name}/${entry.id}/1`, ...entry })),
      ...status,
    },
  };
}

export function setAt(run: string, status: Partial<UpgradeSetStatus> = {}): UpgradeSet {
  return { ...upgradeSet(), status: { observedGeneration: 1, phase: 'Running', run, ...status } };
}
