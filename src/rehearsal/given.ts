/** Decisions that stand in the files: each is given as soon as its run asks for it, and counts as it would in a cluster. */
import type { Decision, DecisionSpec } from '../api/decision.ts';
import type { Choice, UpgradeRun } from '../api/upgrade-run.ts';
import { isUsed } from '../planner/decisions/used.ts';
import { voidReason } from '../planner/decisions/void.ts';
import type { EpochMs } from '../shared/clock.ts';
import { isEnded } from '../status/summarize-run.ts';
import { doAsAttested, isDoneBy } from './attested.ts';
import type { Simulation, StoryEvent } from '../simulation/simulation.ts';
import type { SimStore } from '../simulation/store.ts';

export interface Given {
  readonly events: readonly StoryEvent[];
  /** Those that did not count, with why. */
  readonly notes: (simulation: Simulation) => string[];
}

export function givenAnswers(decisions: readonly Decision[]): Given {
  // Why one was not given when something like it was asked for: afterwards the run asks for nothing any more.
  const refused = new Map<DecisionSpec, string>();
  const events = decisions.map((decision): StoryEvent => {
    const { spec } = decision;
    const isCounted = ({ store, world }: Simulation, run: UpgradeRun): boolean => {
      const now = world.clock.now();
      if (spec.planHash !== run.spec.planHash) return false;
      const likely = offersLike(spec, run);
      const why =
        differences(spec, likely, ['method', 'data', 'group']) ||
        voidReason(decision, run, now) ||
        sameHand(spec, store) ||
        differences(spec, likely, ['as']);
      if (likely.length > 0 && why !== '') refused.set(spec, why);
      return why === '' && isTimely(decision, run, now, likely);
    };
    return {
      what: `Decision "${decision.metadata.name}" of the files is given: ${tell(spec)}`,
      when: (simulation) => {
        const run = runOf(simulation.store, spec);
        return run !== undefined && isCounted(simulation, run);
      },
      act: ({ store, world }) => {
        // Who gives up data by name loses nothing silently.
        if (spec.data === 'Discard') world.promises.mayLose = true;
        const run = runOf(store, spec);
        if (run !== undefined) doAsAttested(world, run, spec);
        store.decide(decision);
      },
    };
  });
  return { events, notes: (simulation) => notesOf(simulation, decisions, refused) };
}

function runOf({ runs }: SimStore, spec: DecisionSpec): UpgradeRun | undefined {
  return runs.find(({ metadata }) => metadata.name === spec.run);
}

function tell({ choice, verdict, step, check, as: role, method, data }: DecisionSpec): string {
  const about = [
    step ?? check ?? '',
    method === undefined ? '' : `by ${method}`,
    role === undefined ? '' : `as ${role}`,
    data === undefined ? '' : `with data ${data}`,
  ];
  return [choice, ...about, verdict === 'Denied' ? '(Denied)' : ''].filter((word) => word !== '').join(' ');
}

/** What the run offers that may be meant: the same step, check or server where there is one, else the same choice. */
function offersLike(spec: DecisionSpec, { status }: UpgradeRun): Choice[] {
  const all = (status?.choices ?? []).filter(({ choice }) => choice === spec.choice);
  return all.filter(
    (one) =>
      (spec.step === undefined || one.step === spec.step) &&
      (spec.check === undefined || one.check === spec.check) &&
      (spec.server === undefined || one.server === spec.server),
  );
}

/** Nobody has to ask for an end, or for another run after one that ended. */
function isTimely(decision: Decision, run: UpgradeRun, now: EpochMs, likely: readonly Choice[]): boolean {
  const { spec } = decision;
  if (spec.choice === 'Abort') return !isEnded(run.status?.phase);
  if (spec.choice === 'Retry') return isEnded(run.status?.phase);
  return likely.length > 0 && (spec.choice !== 'Attest' || spec.verdict === 'Denied' || isDoneBy(run, spec.step, now));
}

/** By which offers differ, so that a Decision has to say what they say. */
type Copied = 'method' | 'data' | 'as' | 'group';

/** What keeps the nearest offer from being meant, as "it lacks data: Discard"; empty where one is meant. */
function differences(spec: DecisionSpec, offers: readonly Choice[], fields: readonly Copied[]): string {
  const each = offers.map((offer) => fields.flatMap((field) => difference(field, spec[field], offer[field])));
  const [nearest] = each.toSorted((a, b) => a.length - b.length);
  return nearest === undefined || nearest.length === 0 ? '' : `it was asked for, and ${nearest.join(', and ')}`;
}

function difference(field: Copied, said: string | undefined, offered: string | undefined): string[] {
  if (said === offered) return [];
  if (offered === undefined)
    return field === 'as' || field === 'data' ? [] : [`has ${field}: ${said ?? ''}, which is not offered`];
  // What loses nothing needs no word.
  if (said === undefined) return field === 'data' && offered === 'Keep' ? [] : [`it lacks ${field}: ${offered}`];
  return [`has ${field}: ${said} where ${field}: ${offered} is offered`];
}

/** Two roles are two people. */
function sameHand(spec: DecisionSpec, { decisions }: SimStore): string {
  const { as: role, decidedBy } = spec;
  if (role === undefined) return '';
  const other = decisions.find(
    ({ spec: { run, choice, step, as: before, decidedBy: by } }) =>
      run === spec.run &&
      choice === spec.choice &&
      step === spec.step &&
      before !== undefined &&
      before !== role &&
      by === decidedBy,
  );
  if (other === undefined) return '';
  const who = decidedBy === undefined ? 'neither says who decides' : `the same person as ${other.spec.as ?? ''}`;
  return `not counted: ${who}; set spec.decidedBy in rehearsals, with another name for each role`;
}

/** By what it says: a simulated person may call another one the same. */
export function isGiven({ decisions }: SimStore, { spec }: Decision): boolean {
  return decisions.some((one) => one.spec === spec);
}

function notesOf(
  { store }: Simulation,
  decisions: readonly Decision[],
  refused: ReadonlyMap<DecisionSpec, string>,
): string[] {
  return decisions.flatMap((decision) => {
    const name = `Decision "${decision.metadata.name}" of the files`;
    if (!isGiven(store, decision))
      return [`${name} was not given: ${refused.get(decision.spec) ?? whyNot(decision, store)}`];
    const run = runOf(store, decision.spec);
    return run === undefined || counts(decision, run)
      ? []
      : [`${name} was given, and ${run.metadata.name} did not act on it`];
  });
}

/** Words that a run writes down when it acts on them. */
const noted: readonly DecisionSpec['choice'][] = ['Approve', 'Attest', 'SignOff', 'Waive', 'Resume'];

function counts(decision: Decision, run: UpgradeRun): boolean {
  return !noted.includes(decision.spec.choice) || isUsed({ ...decision, status: { phase: 'Accepted' } }, run);
}

function whyNot(decision: Decision, { runs }: SimStore): string {
  const { spec } = decision;
  const run = runs.find(({ metadata }) => metadata.name === spec.run);
  if (run === undefined) {
    const there = runs.map(({ metadata }) => metadata.name).join(', ');
    return `spec.run names ${spec.run}, and the rehearsal makes ${there === '' ? 'no run' : there}`;
  }
  if (spec.planHash !== run.spec.planHash)
    return `spec.planHash is that of another plan, so it is void; ${spec.run} has ${run.spec.planHash}`;
  const problem = voidReason(decision, run, 0);
  return problem === '' ? `${spec.run} never asked for ${tell(spec)}` : problem;
}
