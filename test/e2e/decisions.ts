import type { DecisionChoice } from '../../src/api/decision.ts';
import type { UpgradeRun } from '../../src/api/upgrade-run.ts';
import type { Example } from './example.ts';

export interface Choice {
  readonly choice: DecisionChoice;
  readonly method?: string;
  readonly data?: 'Keep' | 'Discard';
  readonly check?: string;
  readonly group?: string;
  readonly server?: string;
}

/** What a person applies to steer a run. */
export async function decide(example: Example, run: UpgradeRun, choice: Choice): Promise<void> {
  const decision = {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Decision',
    metadata: { name: `${run.metadata.name}-${choice.choice.toLowerCase()}` },
    spec: { run: run.metadata.name, planHash: run.spec.planHash, reason: 'decided by the test', ...choice },
  };
  await example.kubectl(['apply', '-f', '-'], JSON.stringify(decision));
}
