/** Which release runs today: found out as a cluster would, and said where it is a guess. */
import type { Package } from '../api/package.ts';
import type { Server, ServerGroup } from '../api/server-group.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { imagesFor } from '../planner/plan.ts';
import type { LoadedWorkload } from './core-objects.ts';
import type { Loaded } from './load.ts';
import { newestBefore } from '../simulation/scene.ts';

/**
 * What a reader has to know about it; nothing where Packages in the files hold what their workloads run.
 * @param from what --from says
 * @throws RangeError nothing tells it
 */
export function tellRunning(loaded: Loaded, set: UpgradeSet, from: string | undefined): string[] {
  const { packages, groups: all } = loaded.objects;
  const groups = set.spec.serverGroups.flatMap((name) => all.filter(({ metadata }) => metadata.name === name));
  const wanted = packages.find(({ metadata }) => metadata.name === set.spec.package);
  if (wanted === undefined) return [];
  return loaded.workloads.length === 0
    ? tellInvented(packages, groups, wanted, from)
    : tellSeen(loaded, set, groups, wanted, from);
}

function tellInvented(
  packages: readonly Package[],
  groups: readonly ServerGroup[],
  wanted: Package,
  from: string | undefined,
): string[] {
  const before = newestBefore(packages, wanted);
  if (before === undefined && from === undefined)
    throw new RangeError(
      `the manifests hold neither workloads nor a Package before ${wanted.metadata.name}, so nothing tells which version runs: add today's StatefulSets and Deployments or today's Package, or pass --from VERSION`,
    );
  const names = [...new Set(groups.flatMap(({ spec }) => spec.servers).map(({ workload }) => workload.name))];
  const runs =
    from === undefined
      ? `${before?.metadata.name ?? ''}, the newest Package before ${wanted.metadata.name}`
      : `version ${from}, as --from says`;
  return [
    `The manifests hold no StatefulSet and no Deployment, so these are invented, with one pod each: ${names.join(', ')}. They run ${runs}; a cluster would look.`,
  ];
}

function tellSeen(
  { workloads, objects: { packages } }: Loaded,
  set: UpgradeSet,
  groups: readonly ServerGroup[],
  wanted: Package,
  from: string | undefined,
): string[] {
  const ofProduct = packages.filter(({ spec }) => spec.product === wanted.spec.product);
  const strangers = groups.flatMap(({ spec }) => {
    const seen = spec.servers.map((server) => ({ server, workload: workloadOf(workloads, server) }));
    const isKnown = ofProduct.some((one) => seen.every(({ server, workload }) => runs(one, server, workload)));
    return isKnown ? [] : seen.flatMap(({ workload }) => workload ?? []);
  });
  const [first] = strangers;
  if (first === undefined) return [];
  const [image = ''] = Object.values(first.images);
  if (image === '') throw new RangeError(`${first.kind} "${first.name}" has no container in its pod template`);
  const labels = new Set(strangers.map(({ version = '' }) => version));
  const [label = ''] = labels.size === 1 ? labels : [];
  const what = `No Package in these files holds what ${named(strangers)} ${strangers.length === 1 ? 'runs' : 'run'}`;
  if (label !== '')
    return [`${what}: version ${label} is read from the label app.kubernetes.io/version, as a cluster does.`];
  if (from === undefined)
    throw new RangeError(
      `no Package holds the image that ${first.name} runs (${image}): write one for today's release, or pass --from VERSION. A cluster does not know the version either: apply that Package there, or label the workloads with app.kubernetes.io/version`,
    );
  const needs = wanted.spec.upgradesFrom === undefined ? '' : ` and refuses ${set.spec.package}, which has to`;
  return [
    `${what}: version ${from} is what --from says. A cluster does not know it${needs}: apply today's Package there, or label the workloads with app.kubernetes.io/version.`,
  ];
}

function named(workloads: readonly LoadedWorkload[]): string {
  return [...new Set(workloads.map(({ name }) => name))].join(', ');
}

function workloadOf(workloads: readonly LoadedWorkload[], { workload }: Server): LoadedWorkload | undefined {
  return workloads.find(({ kind, name }) => kind === workload.kind && name === workload.name);
}

function runs({ spec }: Package, server: Server, workload: LoadedWorkload | undefined): boolean {
  if (workload === undefined) return false;
  const images = Object.entries(imagesFor(spec.images ?? {}, server.role, Object.keys(workload.images)));
  return images.length > 0 && images.every(([container, image]) => workload.images[container] === image);
}
