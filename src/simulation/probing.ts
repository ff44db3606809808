/** What a probe would find in the simulated cluster at one instant. */
import type { Probe } from '../api/probe-suite.ts';
import type { ProbeRequest } from '../planner/effects.ts';
import { workloadKey } from '../planner/observed.ts';
import { isServing, podsOf } from './pools.ts';
import { componentKey, provenKey, releaseOf, type SimPod, type SimWorkload, type World } from './world.ts';

export type Answer = 'pass' | 'fail' | 'none';

export interface Judgement {
  readonly answer: Answer;
  readonly message: string;
  /** Versions by component, as answered. */
  readonly components?: Readonly<Record<string, string>>;
}

/** One try of one probe, as a story's script sees it. */
export interface ProbeTry {
  readonly probe: string;
  readonly suite: string;
  /** For a check before the start, of no group. */
  readonly isCheck: boolean;
  readonly parameters: Readonly<Record<string, string>>;
  readonly scope: 'Isolated' | 'Pool';
  /** Groups of the servers that are asked. */
  readonly groups: readonly string[];
  /** Every server asked runs what ran at the beginning. */
  readonly isOld: boolean;
  /** Counts from 1 within this run of the suite. */
  readonly attempt: number;
}

/** Decides single tries; undefined leaves the answer to the world. */
export type ProbeScript = (attempt: ProbeTry) => Judgement | undefined;

interface Asked {
  readonly workload: SimWorkload;
  readonly pod: SimPod;
}

export interface TryOptions {
  readonly request: ProbeRequest;
  readonly probe: Probe;
  readonly attempt: number;
  /** Pools the UpgradeSet's groups are in. */
  readonly pools: readonly string[];
  readonly script: ProbeScript | undefined;
}

export function judge(world: World, options: TryOptions): Judgement {
  const { request, probe } = options;
  const asked = request.scope === 'Isolated' ? isolated(world, request) : throughPools(world, options.pools);
  const groups = [...new Set(asked.map(({ workload }) => workload.group))].toSorted();
  const isOld = asked.every(({ workload, pod }) => isOriginal(world, workload, pod));
  const scripted = options.script?.({
    probe: probe.name,
    suite: request.suite,
    isCheck: request.whole === true,
    parameters: request.parameters,
    scope: request.scope,
    groups,
    isOld,
    attempt: options.attempt,
  });
  if (scripted !== undefined) return scripted;
  if (asked.length === 0)
    return {
      answer: 'none',
      message: request.scope === 'Isolated' ? 'connection refused' : 'status 503, nobody serves',
    };
  const components: Record<string, string> = {};
  for (const one of asked) {
    const judgement = judgePod(world, probe, request, one);
    Object.assign(components, judgement.components);
    if (judgement.answer !== 'pass') return { ...judgement, components };
  }
  return { answer: 'pass', message: 'ok', components };
}

/** Every pod of the workloads that accepts connections; none at all when one workload has no such pod. */
function isolated(world: World, request: ProbeRequest): Asked[] {
  const perWorkload = request.workloads.map((ref) => {
    const workload = world.workloads.get(workloadKey(ref));
    return workload === undefined
      ? []
      : workload.pods.filter((pod) => pod.ready && !pod.terminating).map((pod) => ({ workload, pod }));
  });
  return perWorkload.some((pods) => pods.length === 0) ? [] : perWorkload.flat();
}

function throughPools(world: World, pools: readonly string[]): Asked[] {
  const asked: Asked[] = [];
  for (const name of pools) {
    const pool = world.pools.get(name);
    if (pool === undefined) continue;
    const serving = pool.members.filter((member) => isServing(world, pool, member));
    if (serving.length === 0) return [];
    for (const member of serving) {
      const workload = world.workloads.get(member.workload);
      if (workload === undefined) continue;
      const reached = podsOf(world, member).filter((pod) =>
        pool.instances.some((instance) => instance.rotation.has(pod.uid)),
      );
      asked.push(...reached.map((pod) => ({ workload, pod })));
    }
  }
  return asked;
}

function isOriginal(world: World, workload: SimWorkload, pod: SimPod): boolean {
  return world.original.has(provenKey(workload, pod.template));
}

function judgePod(world: World, probe: Probe, request: ProbeRequest, { workload, pod }: Asked): Judgement {
  const release = releaseOf(world, pod.template);
  const bad =
    release.turnsBadAfterMs === undefined ||
    (pod.servedSince !== undefined && world.clock.now() - pod.servedSince >= release.turnsBadAfterMs);
  if (bad && release.failing?.includes(probe.name) === true) {
    return { answer: 'fail', message: `status 500 from ${pod.name}, want 200` };
  }
  if (release.damagesData === true && probe.name === 'data')
    return { answer: 'fail', message: `${pod.name} cannot read its data` };
  const expected = request.parameters['EXPECTED_VERSION'];
  const shown = release.showsVersion ?? release.version;
  if (expected !== undefined && JSON.stringify(probe).includes('${EXPECTED_VERSION}') && shown !== expected) {
    return { answer: 'fail', message: `$.version is ${shown}, want ${expected} (${workload.name})` };
  }
  return judgeComponents(request, workload, componentsOf(world, probe, { workload, pod }));
}

/** As far as the probe asks for them, and anybody knows them. */
function componentsOf(world: World, probe: Probe, { workload, pod }: Asked): Record<string, string> {
  const { components = {} } = releaseOf(world, pod.template);
  return Object.fromEntries(
    (probe.http?.components ?? []).flatMap(({ name }) => {
      const version = world.faults.components.get(componentKey(workload, name)) ?? components[name];
      return version === undefined ? [] : [[name, version]];
    }),
  );
}

function judgeComponents(
  request: ProbeRequest,
  { name }: SimWorkload,
  components: Readonly<Record<string, string>>,
): Judgement {
  const server = request.scope === 'Isolated' ? (request.parameters['SERVER'] ?? name) : name;
  const wrong = Object.entries(components).flatMap(([component, version]) => {
    const want = request.components?.[component];
    if (want === undefined || want === version) return [];
    return [`component ${component} of ${server} is ${version}, want ${want}`];
  });
  if (wrong.length === 0) return { answer: 'pass', message: 'ok', components };
  return { answer: 'fail', message: wrong.join('; '), components };
}
