/** Deployments and StatefulSets of the simulated cluster: what their controllers and kubelets do. */
import type { WorkloadRef } from '../planner/effects.ts';
import { workloadKey } from '../planner/observed.ts';
import { cutUsers, syncPod } from './pools.ts';
import { claimOf, damageVolume, ensureClaim } from './storage.ts';
import {
  changed,
  later,
  nextNumber,
  provenKey,
  releaseOf,
  templateHash,
  type SimPod,
  type SimWorkload,
  type Template,
  type World,
} from './world.ts';

export interface WorkloadOptions extends WorkloadRef {
  readonly images: Readonly<Record<string, string>>;
  readonly replicas?: number;
  readonly claimPrefix?: string;
  readonly group?: string;
  readonly database?: string | undefined;
}

/** A workload that has run for long: its pods are ready and in rotation, its release is proven. */
export function addWorkload(world: World, options: WorkloadOptions): SimWorkload {
  const workload: SimWorkload = {
    kind: options.kind,
    name: options.name,
    template: { images: options.images, rest: '' },
    replicas: options.replicas ?? 1,
    generation: 1,
    observedGeneration: 1,
    pods: [],
    lockedBy: '',
    operation: '',
    autoscaled: false,
    reconcilers: [],
    lastWriter: 'kubectl-client-side-apply',
    claimPrefix: options.claimPrefix,
    group: options.group ?? '',
    database: options.database,
    deleted: false,
  };
  world.workloads.set(workloadKey(workload), workload);
  world.traffic.proven.add(provenKey(workload, workload.template));
  world.original.add(provenKey(workload, workload.template));
  for (let ordinal = 0; ordinal < workload.replicas; ordinal += 1) {
    const pod = createPod(world, workload, ordinal);
    pod.ready = true;
    syncPod(world, workload, pod, 0);
  }
  world.clock.advanceTo(world.clock.now());
  return workload;
}

export function scale(world: World, workload: SimWorkload, replicas: number, writer: string): boolean {
  if (workload.replicas === replicas) return false;
  workload.replicas = replicas;
  specChanged(world, workload, writer);
  return true;
}

export function setTemplate(world: World, workload: SimWorkload, template: Template, writer: string): boolean {
  if (templateHash(workload.template) === templateHash(template)) return false;
  workload.template = template;
  workload.lastWriter = writer;
  specChanged(world, workload, writer);
  return true;
}

function specChanged(world: World, workload: SimWorkload, writer: string): void {
  workload.generation += 1;
  workload.lastWriter = writer;
  const generation = workload.generation;
  later(world, world.timings.controllerMs, () => {
    workload.observedGeneration = Math.max(workload.observedGeneration, generation);
    reconcile(world, workload);
  });
}

/** Deletes pods whatever their state; their controller replaces those that should run. */
export function deletePods(world: World, workload: SimWorkload, uids: readonly string[]): boolean {
  const doomed = workload.pods.filter((pod) => uids.includes(pod.uid) && !pod.terminating);
  for (const pod of doomed) terminate(world, workload, pod);
  return doomed.length > 0;
}

/** A pod dies without anybody asking, such as on a lost node. */
export function killPod(world: World, workload: SimWorkload, pod: SimPod): void {
  terminate(world, workload, pod);
  changed(world);
}

/** Every pod that should run does, from the present template, and none is terminating. */
export function isRolledOut(workload: SimWorkload): boolean {
  const hash = templateHash(workload.template);
  return (
    workload.observedGeneration >= workload.generation &&
    workload.pods.length === workload.replicas &&
    workload.pods.every((pod) => pod.ready && !pod.terminating && templateHash(pod.template) === hash)
  );
}

function reconcile(world: World, workload: SimWorkload): void {
  const live = workload.pods.filter((pod) => !pod.terminating).toSorted((a, b) => a.ordinal - b.ordinal);
  const last = live.at(-1);
  if (live.length > workload.replicas && last !== undefined) {
    // An ordered scale-down waits for the pods before it; only a deletion by hand gets past an unready one.
    const held = workload.kind === 'StatefulSet' && live.some((pod) => pod !== last && !pod.ready);
    if (!held && workload.pods.every((pod) => !pod.terminating || workload.kind === 'Deployment'))
      terminate(world, workload, last);
    return;
  }
  const hash = templateHash(workload.template);
  const outdated = live.findLast((pod) => templateHash(pod.template) !== hash);
  if (outdated !== undefined && workload.pods.every((pod) => pod === outdated || pod.ready))
    return terminate(world, workload, outdated);
  if (live.length === workload.replicas) return;
  if (workload.kind === 'StatefulSet' && live.some((pod) => !pod.ready)) return;
  const taken = new Set(workload.pods.map((pod) => pod.ordinal));
  const ordinal = Array.from({ length: workload.replicas }, (_, index) => index).find((index) => !taken.has(index));
  if (ordinal === undefined) return;
  createPod(world, workload, ordinal);
  reconcile(world, workload);
}

function createPod(world: World, workload: SimWorkload, ordinal: number): SimPod {
  const number = nextNumber(world);
  const name =
    workload.kind === 'StatefulSet'
      ? `${workload.name}-${ordinal}`
      : `${workload.name}-${templateHash(workload.template)}-${number}`;
  const pod: SimPod = {
    name,
    uid: `pod-${number}`,
    ordinal,
    template: workload.template,
    ready: false,
    terminating: false,
    labels: labelsAtBirth(world, workload),
    servedSince: undefined,
  };
  workload.pods.push(pod);
  ensureClaim(world, workload, ordinal);
  const release = releaseOf(world, pod.template);
  const begin = (): void => {
    if (!workload.pods.includes(pod) || pod.terminating) return;
    // The claim may be replaced under a pod that waits for it; what it starts on counts.
    if (release.damagesData === true) damageVolume(world, claimOf(workload, ordinal), release.version);
    if (release.neverReady !== true && !neverStarts(world, workload)) becomeReady(world, workload, pod);
  };
  later(world, world.timings.startMs, begin);
  return pod;
}

function becomeReady(world: World, workload: SimWorkload, pod: SimPod): void {
  pod.ready = true;
  syncPod(world, workload, pod, world.timings.lagMs);
  reconcile(world, workload);
}

/** Pods of the group that did not become ready do so now, as when what they waited for is there. */
export function letPodsStart(world: World, group: string): void {
  world.faults.starts.delete(group);
  for (const workload of world.workloads.values())
    for (const pod of workload.group === group ? workload.pods : [])
      if (!pod.ready && !pod.terminating && releaseOf(world, pod.template).neverReady !== true)
        becomeReady(world, workload, pod);
  changed(world);
}

/** A story may keep the new release of one group from starting; what ran before is proven and starts. */
function neverStarts(world: World, workload: SimWorkload): boolean {
  return world.faults.starts.has(workload.group) && !world.original.has(provenKey(workload, workload.template));
}

function labelsAtBirth(world: World, workload: SimWorkload): Set<string> {
  const key = workloadKey(workload);
  const pools = [...world.pools.values()].filter(
    (pool) => pool.kind === 'service' && pool.members.some((member) => member.workload === key) && !pool.held.has(key),
  );
  return new Set(pools.map((pool) => pool.name));
}

function terminate(world: World, workload: SimWorkload, pod: SimPod): void {
  pod.terminating = true;
  syncPod(world, workload, pod, world.timings.lagMs);
  later(world, world.timings.stopMs, () => {
    if (!world.faults.stops.has(workload.group)) end(world, workload, pod);
  });
}

function end(world: World, workload: SimWorkload, pod: SimPod): void {
  cutUsers(world, workload, pod);
  pod.ready = false;
  workload.pods = workload.pods.filter((other) => other !== pod);
  reconcile(world, workload);
}

/** Pods that did not end do so now. */
export function letPodsEnd(world: World, group: string): void {
  world.faults.stops.delete(group);
  for (const workload of world.workloads.values())
    for (const pod of workload.group === group ? workload.pods : []) if (pod.terminating) end(world, workload, pod);
  changed(world);
}
