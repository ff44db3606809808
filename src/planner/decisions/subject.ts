/** Whether what a Decision is about is there, and may be decided at all. */
import type { Decision, DecisionSpec } from '../../api/decision.ts';
import type { Choice, Step, UpgradeRun } from '../../api/upgrade-run.ts';
import { mustApproveStart, rolesFor } from '../approvals.ts';
import { waiveProblem } from '../preflight/waivers.ts';
import { isByPeople } from '../steps/by-people.ts';
import { originKey } from '../steps/keys.ts';
import { listSome } from '../verdict.ts';
import { entryOf, signOffStep } from './used.ts';

/** Why it can never count as it stands; empty where it can. */
export function misfit({ spec }: Decision, run: UpgradeRun): string {
  switch (spec.choice) {
    case 'SignOff':
      return signOffMisfit(spec, run);
    case 'Approve':
      return spec.step === undefined ? startMisfit(run) : stepMisfit(spec.step, spec, run);
    case 'Attest':
      return spec.step === undefined
        ? checkMisfit(spec.choice, spec.check ?? '', run)
        : peoplesMisfit(spec.step, spec, run);
    case 'Waive':
      return checkMisfit(spec.choice, spec.check ?? '', run);
    case 'Rollback':
      return rollbackMisfit(spec, run);
    case 'Restart':
      return notForUpgrade(spec, run) || offerMisfit(spec, run);
    case 'Rebuild':
      return serverMisfit(spec, run) || offerMisfit(spec, run);
    case 'Retry':
      return notForUpgrade(spec, run) || retryMisfit(run);
    case 'Resume':
    case 'Abort':
      return '';
  }
}

function signOffMisfit(spec: DecisionSpec, run: UpgradeRun): string {
  const step = run.spec.steps.find((candidate) => candidate.id === signOffStep(run));
  if (step === undefined) return `run ${run.metadata.name} has no sign-off: it is a ${run.spec.purpose}`;
  if (step.skip !== undefined) return `nothing waits for it: ${step.skip}`;
  if (spec.as === 'Engineer' && !rolesFor(run.spec, step).includes('Engineer'))
    return 'a sign-off as Engineer is half of one, for spec.approvals.jointSteps Both of the UpgradeSet: leave out spec.as';
  return roleMisfit(spec, run, step);
}

function startMisfit(run: UpgradeRun): string {
  if (!mustApproveStart(run.spec))
    return 'no start waits for it: spec.approvals.start of the UpgradeSet was not Required; for the result of a step name it in spec.step';
  return isOver(run, 'Preflight') ? 'the run has started already' : '';
}

function stepMisfit(id: string, spec: DecisionSpec, run: UpgradeRun): string {
  const joint = run.spec.steps.filter((step) => step.action !== 'AwaitDecision' && rolesFor(run.spec, step).length > 0);
  const step = run.spec.steps.find((candidate) => candidate.id === id);
  const others =
    joint.length === 0
      ? 'its tests alone decide (spec.approvals.jointSteps of the UpgradeSet)'
      : `name one of ${listSome(
          joint.map((candidate) => candidate.id),
          8,
        )}`;
  if (step === undefined) return `run ${run.metadata.name} has no step ${id}: ${others}`;
  if (step.action === 'AwaitDecision') return `step ${id} is the sign-off: decide SignOff`;
  if (isByPeople(step)) return `step ${id} is done by people: decide Attest, with a reference as evidence`;
  if (!joint.includes(step)) return `step ${id} waits for nobody: ${others}`;
  return overMisfit(id, run) || roleMisfit(spec, run, step);
}

/** 001-61: what people do, and say that they have done it. */
function peoplesMisfit(id: string, { evidence = '', verdict }: DecisionSpec, run: UpgradeRun): string {
  const theirs = run.spec.steps.filter((step) => isByPeople(step) && step.skip === undefined).map((step) => step.id);
  if (!theirs.includes(id)) {
    const others = theirs.length === 0 ? 'none of its steps is done by people' : `name ${listSome(theirs)}`;
    return `step ${id} of run ${run.metadata.name} asks people for nothing: ${others}; for a check name it in spec.check`;
  }
  if (evidence === '' && verdict !== 'Denied')
    return `step ${id} needs the reference of what was done in spec.evidence`;
  return overMisfit(id, run);
}

function overMisfit(id: string, run: UpgradeRun): string {
  const state = entryOf(run, id)?.state;
  return state === 'Succeeded' || state === 'Skipped' ? `step ${id} is over` : '';
}

function roleMisfit({ as: role }: DecisionSpec, run: UpgradeRun, step: Step): string {
  const roles = rolesFor(run.spec, step);
  if (role !== undefined || roles.includes('')) return '';
  return `step ${step.id} needs one word as Engineer and one as Administrator: say which in spec.as`;
}

function checkMisfit(choice: 'Waive' | 'Attest', check: string, run: UpgradeRun): string {
  if (run.spec.purpose !== 'Upgrade') return `run ${run.metadata.name} has no checks: it is a ${run.spec.purpose}`;
  const problem = waiveProblem(run, check, choice);
  if (problem !== '') return problem;
  return isOver(run, 'Preflight') ? 'the run has started already: its checks hold nothing any more' : '';
}

function isOver(run: UpgradeRun, action: Step['action']): boolean {
  const step = run.spec.steps.find((candidate) => candidate.action === action);
  return step !== undefined && entryOf(run, step.id)?.state === 'Succeeded';
}

function rollbackMisfit(spec: DecisionSpec, run: UpgradeRun): string {
  const offered = (run.status?.choices ?? []).filter((choice) => choice.choice === 'Rollback');
  const isOffered = offered.some((choice) => fits(choice, spec));
  if (offered.length > 0 && !isOffered) return `it is not offered: copy method and data from status.choices of the run`;
  return '';
}

function serverMisfit({ group: name, server }: DecisionSpec, run: UpgradeRun): string {
  const group = run.spec.groups.find((candidate) => candidate.name === name);
  if (group === undefined)
    return `run ${run.metadata.name} has no group ${name ?? ''}: name one of ${listSome(
      run.spec.groups.map((one) => one.name),
      8,
    )}`;
  return group.servers.some((candidate) => candidate.name === server)
    ? ''
    : `group ${group.name} has no server ${server ?? ''}: name one of ${listSome(
        group.servers.map((one) => one.name),
        8,
      )}`;
}

/** Other than for a rollback, nothing is taken for offered that is not listed. */
function offerMisfit(spec: DecisionSpec, run: UpgradeRun): string {
  const choices = run.status?.choices ?? [];
  if (choices.length === 0 || choices.some((choice) => fits(choice, spec))) return '';
  const open = [...new Set(choices.map((choice) => choice.choice))].join(', ');
  return `it is not offered: choose from status.choices of the run (${open}), and copy its fields`;
}

/** Whether a choice of the run is this one. */
export function fits(choice: Choice, spec: DecisionSpec): boolean {
  if (choice.choice !== spec.choice) return false;
  if (choice.method !== spec.method || choice.group !== spec.group || choice.server !== spec.server) return false;
  // Losing data is never what somebody left out.
  return choice.data === undefined || choice.data === spec.data || (spec.data === undefined && choice.data === 'Keep');
}

function notForUpgrade({ choice }: DecisionSpec, { metadata, spec }: UpgradeRun): string {
  if (spec.purpose === 'Upgrade') return '';
  const origin = spec.handles[originKey] ?? spec.previous ?? 'the upgrade';
  return `run ${metadata.name} is a ${spec.purpose}: decide ${choice} for ${origin}, with its plan`;
}

function retryMisfit({ status }: UpgradeRun): string {
  switch (status?.phase) {
    case 'RolledBack':
    case 'Failed':
    case 'Cancelled':
    case 'RollingBack':
      return '';
    case 'Completed':
      return 'the run is completed: there is nothing to try again';
    case 'Superseded':
      return 'the run was superseded: what the UpgradeSet asks for now has a run of its own';
    default:
      return 'the run is not over: Retry is for one that ended; Resume and Restart are for one that failed and waits';
  }
}
