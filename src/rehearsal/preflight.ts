/** In a rehearsal somebody attests or waives what holds the start, so that the rest can be seen, and it is said. */
import { decisionSpec } from '../api/decision.ts';
import type { Choice, UpgradeRun } from '../api/upgrade-run.ts';
import type { Simulation, StoryEvent } from '../simulation/simulation.ts';
import type { SimStore } from '../simulation/store.ts';

const answerMs = 60_000;
const maxAnswers = 32;
const person = 'a simulated person';

export function preflightAnswers(): StoryEvent[] {
  return Array.from({ length: maxAnswers }, () => ({
    what: 'a simulated person looks at a check before the start',
    when: (simulation: Simulation) => nextQuestion(simulation) !== undefined,
    act: answer,
  }));
}

interface Question {
  readonly run: UpgradeRun;
  readonly choice: Choice;
}

/** A word is given for a check where one can be: seen by a person before waived. */
function nextQuestion({ store, world }: Simulation): Question | undefined {
  for (const run of store.runs) {
    const began = Date.parse(run.status?.started ?? '');
    if (run.status?.phase !== 'Preflight' || !(world.clock.now() - began >= answerMs)) continue;
    const answered = new Set(
      store.decisions.filter(({ spec }) => spec.run === run.metadata.name).map(({ spec }) => spec.check),
    );
    const choice = (run.status.choices ?? []).find(
      (one) => (one.choice === 'Attest' || one.choice === 'Waive') && !answered.has(one.check),
    );
    if (choice !== undefined) return { run, choice };
  }
  return undefined;
}

function answer(simulation: Simulation): void {
  const question = nextQuestion(simulation);
  if (question === undefined) return;
  const { run, choice } = question;
  const { store, world } = simulation;
  if (choice.check === 'Capacity') world.promises.mayServeFewer = true;
  store.decide({
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Decision',
    metadata: { name: `${run.metadata.name}-check-${store.decisions.length + 1}` },
    spec: decisionSpec.parse({
      run: run.metadata.name,
      planHash: run.spec.planHash,
      choice: choice.choice,
      check: choice.check,
      decidedBy: person,
      reason: 'rehearsal',
    }),
  });
}

export interface Held {
  /** What would have held the real run until somebody gave a word for it. */
  readonly notes: readonly string[];
  /** What the rehearsal had to override, because nobody can attest it. */
  readonly waived: readonly string[];
}

/** @param isAskedFor whether --fail made this check fail */
export function heldBefore({ runs, decisions }: SimStore, isAskedFor: (check: string) => boolean): Held {
  const held = runs.flatMap(({ metadata, status }) =>
    (status?.preflight ?? [])
      .filter(({ waivedBy }) => waivedBy?.includes(person) === true)
      .map(({ check, evidence, remedy }) => {
        const isWaived = decisions.some(
          ({ spec }) => spec.run === metadata.name && spec.check === check && spec.choice === 'Waive',
        );
        const next = remedy === undefined || remedy === '' ? '' : `: ${remedy}`;
        return {
          check,
          isWaived,
          why: `${metadata.name} would wait before its start for ${check} (${evidence})${next}`,
        };
      }),
  );
  const warnings = runs.flatMap(({ metadata, status }) =>
    (status?.preflight ?? [])
      .filter(({ severity, verdict }) => severity === 'Warn' && verdict !== 'Pass')
      .map(({ check, evidence = '' }) => `Check ${check} of ${metadata.name} warns: ${evidence}.`),
  );
  return {
    notes: held
      .filter(({ check, isWaived }) => !isWaived || isAskedFor(check))
      .map(({ why, isWaived }) => `${why}. The rehearsal ${isWaived ? 'waived' : 'attested'} it.`)
      .concat(warnings),
    waived: held
      .filter(({ check, isWaived }) => isWaived && !isAskedFor(check))
      .map(({ why }) => `${why}; the rehearsal waived it`),
  };
}
