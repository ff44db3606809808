/** Checks that take Jobs: what a look cannot tell is tried out, away from everything that serves. */
import type { UpgradeRunSpec } from '../../api/upgrade-run.ts';
import { workloadsOf } from '../members.ts';
import type { CheckRequest, WorkloadRef } from '../effects.ts';
import { workloadKey } from '../observed.ts';
import {
  notKnown,
  notMet,
  pass,
  pending,
  type CheckDefinition,
  type CheckInput,
  type CheckPlace,
  type CheckTask,
  type Finding,
} from './check.ts';
import { checkDatabaseDrill, databaseDrillJobs, drillRequests, drillTask } from './drill.ts';
import { answerKey, clearAway, endedKey } from './leftovers.ts';
import { taskId } from './rounds.ts';
import { findingOf, worstOf } from './world.ts';

/** Pods are made for these: not too often. */
const retryMs = 60_000;
const freshMs = 15 * 60_000;
const drillRetryMs = 10 * 60_000;
const drillFreshMs = 24 * 3_600_000;

/** What a Job answered, or that it has to be asked for (again). */
function askJob(input: CheckInput, request: CheckRequest): Finding {
  const seen = input.observed.checks.get(request.id);
  if (seen === undefined || seen.state === 'absent' || seen.state === 'working')
    return pending(seen?.message === undefined || seen.message === '' ? 'begins' : seen.message, {
      kind: 'RunCheck',
      request,
    });
  return findingOf(seen);
}

/** The answer is written down before the temporary objects that gave it are deleted. */
function askDrill(input: CheckInput, request: CheckRequest): Finding {
  const answer = input.handles[answerKey(request.id)];
  if (answer === undefined) {
    const finding = askJob(input, request);
    if (finding.isPending === true) return finding;
    const { verdict, evidence, remedy } = finding;
    return {
      ...pending('is being cleared away'),
      record: { [answerKey(request.id)]: JSON.stringify({ verdict, evidence, remedy }) },
    };
  }
  if (input.handles[endedKey(request.id)] !== undefined) return JSON.parse(answer) as Finding;
  const { effect, after } = clearAway(request);
  return { ...pending('is being cleared away', effect), after };
}

function byTask(task: CheckTask, input: CheckInput, ask: (id: string) => Finding): Finding {
  const id = taskId(input.handles, input.entry.operation, task.name);
  return id === undefined ? pending('begins') : ask(id);
}

/** Somewhere to run what users do: a probe Job on a machine of its own (001-48). */
export function machineCheck(spec: UpgradeRunSpec): CheckDefinition {
  const podTemplates = [
    ...new Set(spec.suites.flatMap((suite) => suite.spec.probes.flatMap(({ job }) => job?.podTemplate ?? []))),
  ];
  const remedy =
    'add a probe with job.podTemplate to the ProbeSuite, and to that PodTemplate a nodeSelector or nodeAffinity for the test machine';
  const id = (place: CheckPlace): string => `${place.entry.operation}/TestMachine`;
  return {
    name: 'TestMachine',
    severity: 'Hold',
    isWaivable: true,
    isAttestable: true,
    scope: (place) => (podTemplates.length === 0 ? {} : { checks: [{ id: id(place), kind: 'Machine', podTemplates }] }),
    evaluate: (input) =>
      podTemplates.length === 0
        ? notMet('no probe runs as a Job with a PodTemplate', remedy)
        : findingOf(input.observed.checks.get(id(input))),
  };
}

/** A Job on the node of each server answers (001-46). */
export function accessCheck(spec: UpgradeRunSpec): CheckDefinition {
  const task: CheckTask = { name: 'RemoteAccess', retryMs, freshMs };
  const requests = (id: string): CheckRequest[] =>
    spec.groups.flatMap(workloadsOf).map((workload) => ({
      id: `${id}/${workloadKey(workload)}`,
      kind: 'Access',
      workload,
      image: spec.policy.preflight?.image ?? '',
    }));
  return {
    name: 'RemoteAccess',
    severity: 'Hold',
    isWaivable: true,
    isAttestable: true,
    task,
    scope: (place) => scopeOf(place, task, requests),
    evaluate: (input) =>
      byTask(task, input, (id) =>
        worstOf(
          requests(id).map((request) => askJob(input, request)),
          'there are no servers',
        ),
      ),
  };
}

/** The images are on the nodes already, or the registry hands them out (001-49, 001-51). */
export function stagingCheck(spec: UpgradeRunSpec, isRequired: boolean): CheckDefinition {
  const task: CheckTask = { name: 'Staging', retryMs, freshMs };
  const servers = spec.groups.flatMap(({ servers: all }) => all);
  const looks = (place: CheckPlace): CheckRequest[] =>
    servers
      .filter(({ images }) => Object.keys(images).length > 0)
      .map(({ workload, images }) => ({
        id: `${place.entry.operation}/Staged/${workloadKey(workload)}`,
        kind: 'Staged',
        workload: refOf(workload),
        images: [...new Set(Object.values(images))].toSorted(),
      }));
  const pulls = (id: string): CheckRequest[] => {
    const byImage = new Map<string, WorkloadRef>();
    for (const { workload, images } of servers)
      for (const image of Object.values(images)) if (!byImage.has(image)) byImage.set(image, refOf(workload));
    return [...byImage].map(([image, workload]) => ({ id: `${id}/${image}`, kind: 'Pull', workload, image }));
  };
  return {
    name: 'Staging',
    severity: isRequired ? 'Hold' : 'Warn',
    isWaivable: true,
    isAttestable: true,
    ...(isRequired ? { task } : {}),
    scope: (place) => ({
      checks: [...looks(place), ...(isRequired ? (scopeOf(place, task, pulls).checks ?? []) : [])],
    }),
    evaluate: (input) => {
      const staged = worstOf(
        looks(input).map(({ id }) => findingOf(input.observed.checks.get(id))),
        'there are no images',
      );
      if (staged.verdict === 'Pass') return staged;
      if (!isRequired)
        return staged.isPending === true
          ? staged
          : notKnown(
              `${staged.evidence}; the registry was not asked`,
              'put Staging into spec.preflight.require to have them pulled before the start',
            );
      return byTask(task, input, (id) =>
        worstOf(
          pulls(id).map((request) => askJob(input, request)),
          'there are no images',
        ),
      );
    },
  };
}

/** A snapshot and a backup are restored aside and read, and everything temporary is deleted again. */
export function drillCheck(spec: UpgradeRunSpec): CheckDefinition {
  const task: CheckTask = { name: drillTask, retryMs: drillRetryMs, freshMs: drillFreshMs };
  const requests = (id: string): CheckRequest[] => drillRequests(spec, id);
  return {
    name: 'RestoreDrill',
    severity: 'Hold',
    isWaivable: true,
    isAttestable: false,
    task,
    scope: (place) => {
      const id = taskId(place.handles, place.entry.operation, task.name);
      if (id === undefined) return {};
      return { checks: requests(id), databaseJobs: databaseDrillJobs(spec, id) };
    },
    evaluate: (input) =>
      byTask(task, input, (id) => {
        const parts = [...requests(id).map((request) => askDrill(input, request)), ...checkDatabaseDrill(input, id)];
        return parts.length === 0 ? pass('there is nothing to restore') : worstOf(parts, '');
      }),
  };
}

function scopeOf(
  place: CheckPlace,
  task: CheckTask,
  requests: (id: string) => CheckRequest[],
): { checks?: CheckRequest[] } {
  const id = taskId(place.handles, place.entry.operation, task.name);
  return id === undefined ? {} : { checks: requests(id) };
}

function refOf({ kind, name }: WorkloadRef): WorkloadRef {
  return { kind, name };
}
