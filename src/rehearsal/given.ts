/** Decisions that stand in the files: each is given as soon as its run asks for it, and counts as it would in a cluster. */
import type { Decision, DecisionSpec } from '../api/decision.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { misfit } from '../planner/decisions/subject.ts';
import { isEnded } from '../status/summarize-run.ts';
import { doAsAttested } from './attested.ts';
import type { Simulation, StoryEvent } from '../simulation/simulation.ts';

export function givenAnswers(decisions: readonly Decision[]): StoryEvent[] {
  return decisions.map((decision) => ({
    what: `Decision "${decision.metadata.name}" of the files is given: ${tell(decision.spec)}`,
    when: ({ store }) => {
      const run = store.runs.find(({ metadata }) => metadata.name === decision.spec.run);
      return run !== undefined && isAskedFor(decision, run);
    },
    act: ({ store, world }: Simulation) => {
      // Who gives up data by name loses nothing silently.
      if (decision.spec.data === 'Discard') world.promises.mayLose = true;
      const run = store.runs.find(({ metadata }) => metadata.name === decision.spec.run);
      if (run !== undefined) doAsAttested(world, run, decision.spec);
      store.decide(decision);
    },
  }));
}

function tell({ choice, verdict, step, check, as: role, method }: DecisionSpec): string {
  const about = [
    step ?? check ?? '',
    method === undefined ? '' : `by ${method}`,
    role === undefined ? '' : `as ${role}`,
  ];
  return [choice, ...about, verdict === 'Denied' ? '(Denied)' : ''].filter((word) => word !== '').join(' ');
}

function isAskedFor(decision: Decision, run: UpgradeRun): boolean {
  const { spec } = decision;
  if (spec.planHash !== run.spec.planHash || misfit(decision, run) !== '') return false;
  // Nobody has to ask for an end, or for another run after one that ended.
  if (spec.choice === 'Abort') return !isEnded(run.status?.phase);
  if (spec.choice === 'Retry') return isEnded(run.status?.phase);
  return (run.status?.choices ?? []).some(
    (one) =>
      one.choice === spec.choice &&
      (spec.step === undefined || one.step === spec.step) &&
      (spec.check === undefined || one.check === spec.check) &&
      (spec.as === undefined || one.as === undefined || one.as === spec.as) &&
      (spec.server === undefined || one.server === spec.server),
  );
}

/** Those that were not given, with why. */
export function givenNotes({ store }: Simulation, decisions: readonly Decision[]): string[] {
  return decisions
    .filter(({ metadata }) => !store.decisions.some((one) => one.metadata.name === metadata.name))
    .map(
      (decision) => `Decision "${decision.metadata.name}" of the files was not given: ${whyNot(decision, store.runs)}.`,
    );
}

function whyNot(decision: Decision, runs: readonly UpgradeRun[]): string {
  const { spec } = decision;
  const run = runs.find(({ metadata }) => metadata.name === spec.run);
  if (run === undefined) {
    const there = runs.map(({ metadata }) => metadata.name).join(', ');
    return `spec.run names ${spec.run}, and the rehearsal makes ${there === '' ? 'no run' : there}`;
  }
  if (spec.planHash !== run.spec.planHash)
    return `spec.planHash is that of another plan, so it is void; ${spec.run} has ${run.spec.planHash}`;
  const problem = misfit(decision, run);
  return problem === '' ? `${spec.run} never asked for ${tell(spec)}` : problem;
}
