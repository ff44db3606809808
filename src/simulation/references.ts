/** What a user's objects name and what is there; each problem says the file, the field and what could be named instead. */
import type { ServerGroup } from '../api/server-group.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { findPoolLabelProblems } from '../planner/pool-label.ts';
import { nearest } from './fields.ts';
import type { Loaded, LoadedService, LoadedWorkload } from './load.ts';
import type { SceneObjects } from './scene.ts';

/** @throws RangeError the first thing that is named and is not there, or could not be driven */
export function assertReferences(loaded: Loaded, { sets, groups }: SceneObjects, isPackageChosen: boolean): void {
  const [problem] = [
    ...sets.flatMap((set) => setProblems(loaded, set, isPackageChosen)),
    ...groups.flatMap((group) => groupProblems(loaded, group)),
    ...poolProblems(loaded, groups),
  ];
  if (problem !== undefined) throw new RangeError(problem);
}

function setProblems(loaded: Loaded, set: UpgradeSet, isPackageChosen: boolean): string[] {
  const { packages, groups, suites } = loaded.objects;
  const who = `${fileOf(loaded, 'UpgradeSet', set.metadata.name)}UpgradeSet "${set.metadata.name}"`;
  const release = missing('Package', set.spec.package, namesOf(packages));
  return [
    ...release.map((what) => (isPackageChosen ? `--package: ${what}` : `${who}, spec.package: ${what}`)),
    ...set.spec.serverGroups.flatMap((name, i) =>
      missing('ServerGroup', name, namesOf(groups)).map((what) => `${who}, spec.serverGroups[${i}]: ${what}`),
    ),
    ...(set.spec.preflight?.checks ?? []).flatMap((name, i) =>
      missing('ProbeSuite', name, namesOf(suites)).map((what) => `${who}, spec.preflight.checks[${i}]: ${what}`),
    ),
  ];
}

function groupProblems(loaded: Loaded, group: ServerGroup): string[] {
  const { pools, suites, databases } = loaded.objects;
  const { spec, metadata } = group;
  const who = `${fileOf(loaded, 'ServerGroup', metadata.name)}ServerGroup "${metadata.name}"`;
  const at = (field: string, problems: readonly string[]): string[] =>
    problems.map((what) => `${who}, ${field}: ${what}`);
  return [
    ...at('spec.probes', spec.probes === undefined ? [] : missing('ProbeSuite', spec.probes, namesOf(suites))),
    ...at('spec.database', spec.database === undefined ? [] : missing('Database', spec.database, namesOf(databases))),
    ...spec.servers.flatMap((server, i) => [
      ...(server.pools ?? []).flatMap((pool, j) =>
        at(`spec.servers[${i}].pools[${j}].name`, missing('Pool', pool.name, namesOf(pools))),
      ),
      // Whoever gave no workloads at all wants them invented.
      ...(loaded.workloads.length === 0
        ? []
        : at(`spec.servers[${i}].workload`, missingWorkload(loaded.workloads, server.workload))),
    ]),
  ];
}

function missingWorkload(there: readonly LoadedWorkload[], ref: { readonly kind: string; readonly name: string }) {
  const names = there.filter(({ kind }) => kind === ref.kind).map(({ name }) => name);
  return missing(ref.kind, ref.name, names);
}

/** What keeps a Service from being driven: as the preflight step says it in a cluster, where the manifests can tell. */
function poolProblems(loaded: Loaded, groups: readonly ServerGroup[]): string[] {
  if (loaded.services.length === 0) return [];
  const used = new Set(
    groups.flatMap(({ spec }) => spec.servers).flatMap(({ pools }) => pools?.map(({ name }) => name)),
  );
  return loaded.objects.pools.flatMap(({ metadata, spec }) => {
    if (spec.service === undefined || !used.has(metadata.name)) return [];
    const { name } = spec.service;
    const service = loaded.services.find((candidate) => candidate.name === name);
    if (service === undefined) {
      const who = `${fileOf(loaded, 'Pool', metadata.name)}Pool "${metadata.name}"`;
      const names = loaded.services.map((candidate) => candidate.name);
      return missing('Service', name, names).map((what) => `${who}, spec.service.name: ${what}`);
    }
    return serviceProblems(loaded, service, members(loaded, groups, metadata.name));
  });
}

function members(loaded: Loaded, groups: readonly ServerGroup[], pool: string): LoadedWorkload[] {
  const servers = groups
    .flatMap(({ spec }) => spec.servers)
    .filter(({ pools }) => pools?.some(({ name }) => name === pool) === true);
  return loaded.workloads.filter(({ kind, name }) =>
    servers.some(({ workload }) => workload.kind === kind && workload.name === name),
  );
}

function serviceProblems(loaded: Loaded, service: LoadedService, workloads: readonly LoadedWorkload[]): string[] {
  const named = new Map(
    [{ kind: 'Service', name: service.name }, ...workloads].map(({ kind, name }) => [
      `${kind.toLowerCase()}/${name}`,
      `${fileOf(loaded, kind, name)}${kind} "${name}"`,
    ]),
  );
  return findPoolLabelProblems(service, workloads).map(
    ({ object, field, message }) => `${named.get(object) ?? object}, ${field}: ${message}`,
  );
}

function missing(kind: string, name: string, there: readonly string[]): string[] {
  if (there.includes(name)) return [];
  const near = nearest(name, there);
  const instead = there.length === 0 ? '' : `; there ${there.length === 1 ? 'is' : 'are'} ${there.join(', ')}`;
  return [`the manifests hold no ${kind} "${name}"${near === undefined ? instead : `; did you mean ${near}?`}`];
}

function namesOf(objects: readonly { readonly metadata: { readonly name: string } }[]): string[] {
  return objects.map(({ metadata }) => metadata.name);
}

function fileOf(loaded: Loaded, kind: string, name: string): string {
  const file = loaded.files.get(`${kind}/${name}`);
  return file === undefined ? '' : `${file}: `;
}
