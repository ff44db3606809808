/** In a rehearsal somebody attests or waives what holds the start, so that the rest can be seen, and it is said. */
import { decisionSpec } from '../api/decision.ts';
import type { Choice, UpgradeRun } from '../api/upgrade-run.ts';
import type { Simulation, StoryEvent } from './simulation.ts';

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
  const { store } = simulation;
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

/** What would have held the real run. */
export function preflightNotes(runs: readonly UpgradeRun[]): string[] {
  return runs.flatMap(({ metadata, status }) => {
    const passedOver = (status?.preflight ?? []).filter(({ waivedBy }) => waivedBy?.includes(person) === true);
    if (passedOver.length === 0) return [];
    const names = passedOver.map(({ check }) => check).join(', ');
    return [`${metadata.name} would wait before its start for: ${names}. The rehearsal attested or waived them.`];
  });
}
