import type { DecisionChoice } from '../../src/api/decision.ts';
import type { UpgradeRun } from '../../src/api/upgrade-run.ts';
import type { Example } from './example.ts';

export interface Choice {
  readonly choice: DecisionChoice;
  readonly method?: string;
  readonly data?: 'Keep' | 'Discard';
  readonly check?: string;
  readonly step?: string;
  readonly as?: 'Engineer' | 'Administrator';
  readonly group?: string;
  readonly server?: string;
}

/** Two people with the rights that the chart's ClusterRoles give; whoever calls without a name is the cluster's administrator. */
export const engineer = 'ana@example.org';
export const administrator = 'ben@example.org';

/** Binds the chart's roles to the two in the namespace of the example. */
export async function bindPeople(example: Example): Promise<void> {
  const bindings = { 'belay-engineer': engineer, 'belay-administrator': administrator };
  await Promise.all(
    Object.entries(bindings).map(([role, user]) =>
      example.kubectl(['create', 'rolebinding', role, `--clusterrole=${role}`, `--user=${user}`]),
    ),
  );
}

/** What a person applies to steer a run. @throws CommandError when it is refused, with what was said */
export async function decide(example: Example, run: UpgradeRun, choice: Choice, by?: string): Promise<void> {
  const name = [run.metadata.name, choice.choice, choice.step, choice.as].filter((part) => part !== undefined);
  const decision = {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Decision',
    metadata: { name: name.join('-').toLowerCase() },
    spec: { run: run.metadata.name, planHash: run.spec.planHash, reason: 'decided by the test', ...choice },
  };
  const person = by === undefined ? [] : [`--as=${by}`];
  await example.kubectl([...person, 'create', '-f', '-'], JSON.stringify(decision));
}
