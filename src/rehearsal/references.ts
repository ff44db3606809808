/** What a user's objects name and what is there; each problem says the file, the field and what could be named instead. */
import type { ServerGroup } from '../api/server-group.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { jsonPathProblem } from '../drivers/json-path.ts';
import { verbFaults } from '../planner/declared/jobs.ts';
import { findPoolAliases, findPoolLabelConflicts, findPoolLabelProblems, poolLabel } from '../planner/pool-label.ts';
import type { Problem } from '../planner/validate.ts';
import { findSharedClaims, findWorkloadProblems, type WorkloadSpec } from '../planner/workload-rules.ts';
import { isFields, type LoadedService, type LoadedWorkload } from './core-objects.ts';
import { checkDeclared } from './declared.ts';
import { nearest } from '../simulation/fields.ts';
import type { Loaded } from './load.ts';
import type { SceneObjects } from '../simulation/scene.ts';

const maxProblems = 8;

/**
 * @returns what is named and is not in the files, so that a cluster must have it, each with who names it
 * @throws RangeError what is named and is not there, or could not be driven: everything, one to a line
 */
export function assertReferences(
  loaded: Loaded,
  { sets, groups }: SceneObjects,
  isPackageChosen: boolean,
): readonly string[] {
  const declared = checkDeclared(loaded);
  const problems = [
    ...sets.flatMap((set) => setProblems(loaded, set, isPackageChosen)),
    ...groups.flatMap((group) => groupProblems(loaded, group)),
    ...poolProblems(loaded, groups),
    ...workloadProblems(loaded, groups),
    ...declared.problems,
  ];
  if (problems.length > 0) {
    const more = problems.length > maxProblems ? [`and ${problems.length - maxProblems} more`] : [];
    throw new RangeError([...problems.slice(0, maxProblems), ...more].join('\n'));
  }
  return [...declared.absent, ...absentOf(loaded, sets, groups)];
}

function setProblems(loaded: Loaded, set: UpgradeSet, isPackageChosen: boolean): string[] {
  const { packages, groups, suites } = loaded.objects;
  const who = `${fileOf(loaded, 'UpgradeSet', set.metadata.name)}UpgradeSet "${set.metadata.name}"`;
  const release = missing(loaded, 'Package', set.spec.package, namesOf(packages));
  return [
    ...databaseProblems(loaded, set),
    ...release.map((what) => (isPackageChosen ? `--package: ${what}` : `${who}, spec.package: ${what}`)),
    ...set.spec.serverGroups.flatMap((name, i) =>
      missing(loaded, 'ServerGroup', name, namesOf(groups)).map((what) => `${who}, spec.serverGroups[${i}]: ${what}`),
    ),
    ...(set.spec.preflight?.checks ?? []).flatMap((name, i) =>
      missing(loaded, 'ProbeSuite', name, namesOf(suites)).map(
        (what) => `${who}, spec.preflight.checks[${i}]: ${what}`,
      ),
    ),
  ];
}

/** What installing the package runs on the database, also where the schema stays. */
function databaseProblems(loaded: Loaded, { spec }: UpgradeSet): string[] {
  const { packages, groups, databases } = loaded.objects;
  const release = packages.find(({ metadata }) => metadata.name === spec.package);
  const names = new Set(
    groups.flatMap((group) =>
      spec.serverGroups.includes(group.metadata.name) && group.spec.database !== undefined ? [group.spec.database] : [],
    ),
  );
  if (release === undefined) return [];
  return databases
    .filter(({ metadata }) => names.has(metadata.name))
    .flatMap((database) =>
      verbFaults(database.spec, release).map((fault) =>
        say(loaded, { object: `database/${database.metadata.name}`, ...fault }),
      ),
    );
}

function groupProblems(loaded: Loaded, group: ServerGroup): string[] {
  const { pools, suites, databases } = loaded.objects;
  const { spec, metadata } = group;
  const who = `${fileOf(loaded, 'ServerGroup', metadata.name)}ServerGroup "${metadata.name}"`;
  const named = (field: string, kind: string, name: string | undefined, there: readonly Named[]): string[] =>
    name === undefined ? [] : missing(loaded, kind, name, namesOf(there)).map((what) => `${who}, ${field}: ${what}`);
  return [
    ...named('spec.probes', 'ProbeSuite', spec.probes, suites),
    ...named('spec.database', 'Database', spec.database, databases),
    ...spec.servers.flatMap((server, i) => [
      ...(server.pools ?? []).flatMap((pool, j) =>
        named(`spec.servers[${i}].pools[${j}].name`, 'Pool', pool.name, pools),
      ),
      // Whoever gave no workloads at all wants them invented.
      ...(loaded.workloads.length === 0
        ? []
        : missingWorkload(loaded, server.workload).map((what) => `${who}, spec.servers[${i}].workload: ${what}`)),
    ]),
  ];
}

function missingWorkload(loaded: Loaded, ref: { readonly kind: string; readonly name: string }): string[] {
  const names = loaded.workloads.filter(({ kind }) => kind === ref.kind).map(({ name }) => name);
  return missing(loaded, ref.kind, ref.name, names);
}

/** What keeps a pool from being driven: as the preflight step says it in a cluster, where the manifests can tell. */
function poolProblems(loaded: Loaded, groups: readonly ServerGroup[]): string[] {
  const used = new Set(
    groups.flatMap(({ spec }) => spec.servers).flatMap(({ pools }) => pools?.map(({ name }) => name)),
  );
  const pools = loaded.objects.pools.filter(({ metadata }) => used.has(metadata.name));
  const scenes = pools.map(({ metadata, spec }) => ({
    pool: metadata.name,
    name: spec.service?.name,
    service: loaded.services.find(({ name }) => name === spec.service?.name),
    workloads: members(loaded, groups, metadata.name),
  }));
  const labels = scenes.flatMap(({ pool, name, service, workloads }) => {
    const isUnknown = loaded.services.length === 0 && !loaded.elsewhere.has(`Service/${name}`);
    if (name === undefined || (service === undefined && isUnknown)) return [];
    if (service !== undefined) return findPoolLabelProblems(service, workloads);
    const there = loaded.services.map((candidate) => candidate.name);
    return missing(loaded, 'Service', name, there).map((message) =>
      problemOf(`pool/${pool}`, 'spec.service.name', message),
    );
  });
  const conflicts = findPoolLabelConflicts(
    scenes.map(({ pool, service, workloads }) => ({ pool, value: valueOf(service), workloads })),
  );
  const paths = pools.flatMap(({ metadata, spec }) => {
    const field = 'spec.drain.connections.http.json';
    const path = spec.drain.connections?.http.json;
    const wrong = path === undefined ? '' : jsonPathProblem(path);
    return wrong === '' ? [] : [problemOf(`pool/${metadata.name}`, field, `${wrong}: correct the path`)];
  });
  return [...paths, ...findPoolAliases(pools), ...labels, ...conflicts].map((problem) => say(loaded, problem));
}

function valueOf(service: LoadedService | undefined): string | undefined {
  return service?.selector[poolLabel];
}

function members(loaded: Loaded, groups: readonly ServerGroup[], pool: string): LoadedWorkload[] {
  const servers = groups
    .flatMap(({ spec }) => spec.servers)
    .filter(({ pools }) => pools?.some(({ name }) => name === pool) === true);
  return loaded.workloads.filter((workload) => servers.some((server) => isSame(server.workload, workload)));
}

function workloadProblems(loaded: Loaded, groups: readonly ServerGroup[]): string[] {
  const servers = groups.flatMap(({ spec }) => spec.servers);
  const workloads = loaded.workloads
    .filter((workload) => servers.some((server) => isSame(server.workload, workload)))
    .map(({ kind, name, spec, claims }) => ({ object: `${kind.toLowerCase()}/${name}`, spec, claims }));
  const single = workloads.flatMap(({ object, spec }) =>
    isFields(spec) ? findWorkloadProblems(object, spec as WorkloadSpec) : [],
  );
  return [...single, ...findSharedClaims(workloads)].map((problem) => say(loaded, problem));
}

/** What only a cluster can show to be there. */
function absentOf(loaded: Loaded, sets: readonly UpgradeSet[], groups: readonly ServerGroup[]): string[] {
  const wanted: (readonly [what: string, by: string])[] = [
    ...sets.flatMap(({ metadata, spec }) =>
      spec.serviceAccountName === undefined
        ? []
        : [
            [
              `ServiceAccount/${spec.serviceAccountName}`,
              `UpgradeSet "${metadata.name}", spec.serviceAccountName`,
            ] as const,
          ],
    ),
    ...groups.flatMap(({ metadata, spec }) =>
      spec.snapshot === undefined
        ? []
        : [
            [
              `VolumeSnapshotClass/${spec.snapshot.volumeSnapshotClassName}`,
              `ServerGroup "${metadata.name}", spec.snapshot.volumeSnapshotClassName`,
            ] as const,
          ],
    ),
    ...(loaded.services.length > 0 ? [] : loaded.objects.pools).flatMap(({ metadata, spec }) =>
      spec.service === undefined
        ? []
        : [[`Service/${spec.service.name}`, `Pool "${metadata.name}", spec.service.name`] as const],
    ),
  ];
  // Classes are in no namespace.
  const absent = wanted.filter(
    ([what]) => !loaded.files.has(what) && !(what.includes('Class/') && loaded.elsewhere.has(what)),
  );
  return [...new Set(absent.map(([what]) => what))].map((what) => {
    const by = absent.filter((one) => one[0] === what).map((one) => one[1]);
    return `${what.replace('/', ' ')} (${by[0] ?? ''}${by.length > 1 ? `, and ${by.length - 1} more` : ''})`;
  });
}

function problemOf(object: string, field: string, message: string): Problem {
  return { reason: 'ReferenceNotFound', object, field, message };
}

/** With the file and the name as the user wrote it, instead of "statefulset/web-1". */
function say(loaded: Loaded, { object, field, message }: Problem): string {
  const entry = loaded.entries.find(({ kind, name }) => `${kind.toLowerCase()}/${name}` === object);
  const who = entry === undefined ? object : `${entry.file}: ${entry.kind} "${entry.name}"`;
  return `${who}, ${field}: ${message}`;
}

function isSame(a: Ref, b: Ref): boolean {
  return a.kind === b.kind && a.name === b.name;
}

interface Ref {
  readonly kind: string;
  readonly name: string;
}

interface Named {
  readonly metadata: { readonly name: string };
}

function missing({ namespace, elsewhere }: Loaded, kind: string, name: string, there: readonly string[]): string[] {
  if (there.includes(name)) return [];
  const others = elsewhere.get(`${kind}/${name}`) ?? [];
  if (others.length > 0)
    return [
      `${kind} "${name}" is in namespace ${others.join(', ')}, and this is in ${namespace}: references stay within the namespace, so move one of them, or name the namespace of objects without one with --namespace`,
    ];
  const near = nearest(name, there);
  const instead = there.length === 0 ? '' : `; there ${there.length === 1 ? 'is' : 'are'} ${there.join(', ')}`;
  return [`the manifests hold no ${kind} "${name}"${near === undefined ? instead : `; did you mean ${near}?`}`];
}

function namesOf(objects: readonly Named[]): string[] {
  return objects.map(({ metadata }) => metadata.name);
}

function fileOf(loaded: Loaded, kind: string, name: string): string {
  const file = loaded.files.get(`${kind}/${name}`);
  return file === undefined ? '' : `${file}: `;
}
