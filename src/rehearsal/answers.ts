/** In a rehearsal people approve, attest and sign off when they are asked, and go the first way back that is offered. */
import { decisionSpec, type Decision } from '../api/decision.ts';
import type { Choice, UpgradeRun } from '../api/upgrade-run.ts';
import { doAsAttested, isDoneBy, rehearsedReference } from './attested.ts';
import type { Simulation, StoryEvent } from '../simulation/simulation.ts';

/** How long a simulated person takes to answer. */
const answerMs = 60_000;
const simulated = 'a simulated ';

/** The run a person is asked about and has not answered yet, long enough after the question. */
function askedRun(simulation: Simulation): UpgradeRun | undefined {
  return simulation.store.runs.find((run) => {
    if (run.status?.phase !== 'AwaitingDecision') return false;
    const asked = Math.max(
      0,
      ...run.status.steps
        .flatMap((entry) => [Date.parse(entry.started ?? ''), Date.parse(entry.finished ?? '')])
        .filter((at) => !Number.isNaN(at)),
    );
    const answered = Math.max(
      0,
      ...simulation.store.decisions
        .filter(({ spec }) => spec.run === run.metadata.name && (isAnswer(spec, run) || isOtherWay(spec)))
        .map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? '')),
    );
    const now = simulation.world.clock.now();
    return answered < asked && now - asked >= answerMs && isDoneBy(run, answerOf(run).step, now);
  });
}

/** One answer to one question; a rehearsal that asks on and on is left as it is when all have been given. */
export function answerEvent(): StoryEvent {
  return {
    what: (simulation) => {
      const run = askedRun(simulation);
      return run === undefined ? '' : `a simulated person decides ${tellAnswer(answerOf(run))}`;
    },
    when: (simulation) => askedRun(simulation) !== undefined,
    act: (simulation) => {
      const run = askedRun(simulation);
      if (run === undefined) return;
      // What somebody gives up by name is not lost silently.
      if (answerOf(run).data === 'Discard') simulation.world.promises.mayLose = true;
      const answer = answerTo(run, simulation.store.decisions.length);
      doAsAttested(simulation.world, run, answer.spec);
      simulation.store.decide(answer);
    },
  };
}

/** The first way back that is offered, and the end where none is; where nothing has failed, whatever is to be agreed to. */
function answerOf(run: UpgradeRun): Partial<Choice> & Pick<Choice, 'choice'> {
  const choices = run.status?.choices ?? [];
  const hasFailed = run.status?.steps.some((entry) => entry.state === 'Failed') === true;
  const wanted = hasFailed ? ['Rollback', 'Abort'] : ['Approve', 'Attest', 'SignOff'];
  const found = wanted.flatMap((want) => choices.find(({ choice }) => choice === want) ?? []);
  return found[0] ?? { choice: 'SignOff' };
}

/** "Rollback by DatabaseAndSnapshots, data Discard: writes to the database since … are given up". */
function tellAnswer({ choice, method, data, step, as: role, loss }: Partial<Choice>): string {
  const about = [
    ...(step === undefined ? [] : [`of ${step}`]),
    ...(role === undefined ? [] : [`as ${role}`]),
    ...(method === undefined ? [] : [`by ${method}`]),
  ];
  const what = [choice, ...about].join(' ');
  const given = loss === undefined || loss === 'none' ? '' : `: ${loss} are given up`;
  return `${what}${data === undefined ? '' : `, data ${data}`}${given}`;
}

/** Somebody's own Decision, to which a simulated person has nothing to add. */
function isOtherWay({ choice, verdict, decidedBy }: Decision['spec']): boolean {
  if (decidedBy?.startsWith(simulated) === true) return false;
  return verdict === 'Denied' || !['Approve', 'Attest', 'SignOff', 'Waive'].includes(choice);
}

function isAnswer(spec: Decision['spec'], run: UpgradeRun): boolean {
  const { choice, step, as: role } = answerOf(run);
  return spec.choice === choice && spec.step === step && spec.as === role;
}

function answerTo(run: UpgradeRun, count: number): Decision {
  const { choice, method, data, step, as: role } = answerOf(run);
  return {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Decision',
    metadata: { name: `${run.metadata.name}-${count + 1}` },
    spec: decisionSpec.parse({
      run: run.metadata.name,
      planHash: run.spec.planHash,
      choice,
      method,
      data,
      step,
      as: role,
      ...(choice === 'Attest' ? { evidence: rehearsedReference } : {}),
      decidedBy: `${simulated}${role?.toLowerCase() ?? 'person'}`,
      reason: 'rehearsal',
    }),
  };
}
