/** What a release asks of declared facts, as CEL: `Package.spec.checks`. Source: 001-39, 001-40. Pure. */
import type { UpgradeRunSpec } from '../../api/upgrade-run.ts';
import type { CheckObservation } from '../observed.ts';
import type { CheckDefinition, CheckPlace } from './check.ts';
import { findingOf } from './world.ts';

export function expressionChecks(spec: UpgradeRunSpec): CheckDefinition[] {
  const facts = JSON.stringify(factsOf(spec));
  return (spec.expressions ?? []).map(({ name, severity, expression, message }) => {
    const id = (place: CheckPlace): string => `${place.entry.operation}/package/${name}`;
    return {
      name: `package/${name}`,
      severity,
      isWaivable: true,
      isAttestable: false,
      scope: (place) => ({ checks: [{ id: id(place), kind: 'Expression', expression, facts }] }),
      evaluate: (input) => {
        const finding = findingOf(input.observed.checks.get(id(input)));
        return finding.verdict === 'Fail' ? { ...finding, remedy: message } : finding;
      },
    };
  });
}

/** What evaluating CEL came to. */
export type ExpressionOutcome =
  | { readonly kind: 'holds' | 'doesNotHold' | 'read' }
  | { readonly kind: 'malformed' | 'noAnswer'; readonly why: string };

/** The outcome as the answer to a check. */
export function answerOf(
  expression: string,
  outcome: ExpressionOutcome,
): Pick<CheckObservation, 'state' | 'message' | 'remedy'> {
  switch (outcome.kind) {
    case 'holds':
    case 'read':
      return { state: 'passed', message: `${expression} holds`, remedy: '' };
    case 'doesNotHold':
      return { state: 'failed', message: `${expression} does not hold`, remedy: '' };
    case 'malformed':
      return {
        state: 'unknown',
        message: `${expression} cannot be read: ${outcome.why}`,
        remedy: 'correct spec.checks of the Package',
      };
    case 'noAnswer':
      return {
        state: 'unknown',
        message: `${expression} has no answer: ${outcome.why}`,
        remedy: 'declare what it asks for in spec.facts of the Pool',
      };
  }
}

/** The variables of an expression. */
function factsOf({ pools, package: name, from, to }: UpgradeRunSpec): Record<string, unknown> {
  return {
    pools: pools.map((pool) => ({ name: pool.name, driver: pool.driver, facts: pool.facts ?? {} })),
    package: { name, version: to.version },
    from: { package: from.package ?? '', version: from.version ?? '' },
  };
}
