/** What stands in the way of a plan, from the objects alone: each problem names object, field and next move. */
import type { Package } from '../api/package.ts';
import type { ProbeSuite } from '../api/probe-suite.ts';
import { parseVersion } from '../api/version.ts';
import { variableNames } from '../api/variables.ts';
import { parseInstant } from '../shared/instant.ts';
import { describePath, findPath, misfitOf } from './catalogue.ts';
import type { PlanInput } from './plan.ts';
import { suiteFacts } from './declared/probes.ts';
import { imagesFor } from './plan.ts';
import { describeUnmet, findUnmet } from './prerequisites.ts';
import { changesOf, type Change } from './settings.ts';

export interface Problem {
  readonly reason: string;
  /** Such as "servergroup/group-1". */
  readonly object: string;
  readonly field: string;
  readonly message: string;
}

/** Problems in the order a reader would mend them; empty when a plan can be made. */
export function findProblems(input: PlanInput): Problem[] {
  return [
    ...windowProblems(input),
    ...packageProblems(input),
    ...prerequisiteProblems(input),
    ...groupProblems(input),
    ...databaseProblems(input),
    ...sharedWorkloads(input),
    ...sharedMembers(input),
    ...schemaProblems(input),
    ...settingProblems(input),
    ...variableProblems(input),
    ...checkSuiteProblems(input),
  ];
}

/** What is half done is not kept from its end, and a dry run touches nothing. */
function windowProblems({ set, now, versions }: PlanInput): Problem[] {
  const until = set.spec.schedule?.until;
  if (until === undefined || now === undefined || now < parseInstant(until)) return [];
  if (set.spec.dryRun || new Set(versions?.values()).size > 1) return [];
  return [
    {
      reason: 'WindowEnded',
      object: `upgradeset/${set.metadata.name}`,
      field: 'spec.schedule.until',
      message: `the agreed window ended ${until}, and nothing was begun: name the end of the next one, or take the field out`,
    },
  ];
}

function packageProblems(input: PlanInput): Problem[] {
  const { spec, metadata } = input.package;
  const object = `package/${metadata.name}`;
  const problem = (reason: string, field: string, message: string): Problem[] => [{ reason, object, field, message }];
  if (spec.withdrawn)
    return problem('PackageWithdrawn', 'spec.withdrawn', 'the package is withdrawn: name another one');
  if (spec.schema?.change === 'Convert') {
    return problem(
      'ProcedureNotAvailable',
      'spec.schema.change',
      'a conversion into another database is not available in this version: use a Package that migrates',
    );
  }
  if (input.from === '') {
    if (spec.upgradesFrom === undefined && !needsOldVersion(input.suites)) return [];
    return problem(
      'SourceVersionUnknown',
      'spec.upgradesFrom',
      'the version that runs is not known: apply the Package that was installed, or label the workloads with app.kubernetes.io/version',
    );
  }
  return versionProblems(input, spec, problem);
}

function versionProblems(
  input: PlanInput,
  spec: Package['spec'],
  problem: (reason: string, field: string, message: string) => Problem[],
): Problem[] {
  const from = parseVersion(input.from);
  const to = parseVersion(spec.version);
  if (from === undefined || to === undefined)
    return problem(
      'VersionUnreadable',
      'spec.version',
      `"${from === undefined ? input.from : spec.version}" is not a version such as 1.2.0`,
    );
  const misfit = misfitOf(spec, from, to);
  if (misfit?.kind === 'NotNewer')
    return problem(
      'NotAnUpgrade',
      'spec.version',
      `${spec.version} is not newer than ${input.from}, which runs: name a newer package`,
    );
  if (misfit === undefined) return [];
  const path = describePath(findPath(input.catalogue ?? [], input.installed ?? [], input.from, input.package));
  if (misfit.kind === 'Type') {
    return problem(
      'UpgradeTypeMismatch',
      'spec.upgradeType',
      `from ${input.from} to ${spec.version} is a ${misfit.type} upgrade, the package says ${spec.upgradeType}: ${path === '' ? `make a package that says ${misfit.type}` : path}`,
    );
  }
  return problem(
    'SourceVersionNotAccepted',
    'spec.upgradesFrom',
    `${input.from} runs, and the package upgrades from ${spec.upgradesFrom ?? ''}: ${path === '' ? 'no package here leads there, add the ones in between' : path}`,
  );
}

/** 000-06, 000-40: what the release needs of other products; looked at again until it is there (000-42). */
function prerequisiteProblems({ package: { metadata, spec }, installed = [] }: PlanInput): Problem[] {
  return findUnmet(spec.requires, installed).map((unmet) => ({
    reason: 'PrerequisiteMissing',
    object: `package/${metadata.name}`,
    field: `spec.requires[${unmet.product}]`,
    message: `${describeUnmet(unmet)}: bring it there first, this goes on by itself then`,
  }));
}

function groupProblems(input: PlanInput): Problem[] {
  const product = input.package.spec.product;
  return input.groups.flatMap((group) => {
    const object = `servergroup/${group.metadata.name}`;
    if (group.spec.product !== undefined && group.spec.product !== product) {
      return [
        {
          reason: 'ProductMismatch',
          object,
          field: 'spec.product',
          message: `the group runs ${group.spec.product}, the package is ${product}: name a package of the same product`,
        },
      ];
    }
    return group.spec.servers.flatMap((server) => {
      const key = `${server.workload.kind}/${server.workload.name}`;
      const seen = input.workloads.get(key);
      const field = `spec.servers[${server.name}].workload`;
      if (seen === undefined)
        return [
          {
            reason: 'ReferenceNotFound',
            object,
            field,
            message: `${key} does not exist: create it, or correct the name`,
          },
        ];
      const images = imagesFor(input.package.spec.images ?? {}, server.role, Object.keys(seen.images));
      if (Object.keys(images).length === 0 && input.package.spec.images !== undefined) {
        return [
          {
            reason: 'NoImageForServer',
            object,
            field,
            message: `the package has no image for the containers of ${key} (${Object.keys(seen.images).join(', ')}): name one in Package.spec.images`,
          },
        ];
      }
      return [];
    });
  });
}

/** 001-60: a release that changes the schema needs a database that can be backed up, migrated and put back. */
function databaseProblems(input: PlanInput): Problem[] {
  const names = [...new Set(input.groups.map((group) => group.spec.database ?? ''))];
  if (names.length > 1) {
    return input.groups
      .filter((group) => (group.spec.database ?? '') !== names[0])
      .map((group) => ({
        reason: 'DatabaseDiffers',
        object: `servergroup/${group.metadata.name}`,
        field: 'spec.database',
        message: `the group names ${describe(group.spec.database)}, the first one ${describe(names[0])}: all groups of a set share one Database`,
      }));
  }
  const { schema, upgradeType } = input.package.spec;
  if (upgradeType !== 'Major' || schema?.change !== 'Migrate') return [];
  const { database } = input;
  if (database === undefined) {
    return input.groups.map((group) => ({
      reason: 'DatabaseRequired',
      object: `servergroup/${group.metadata.name}`,
      field: 'spec.database',
      message: `${input.package.metadata.name} changes the schema: name the Database under the group`,
    }));
  }
  const strangers = (input.neighbours ?? []).filter(({ spec }) => spec.database === database.metadata.name);
  if (strangers.length > 0) {
    return strangers.map(({ metadata }) => ({
      reason: 'DatabaseShared',
      object: `servergroup/${metadata.name}`,
      field: 'spec.database',
      message: `it uses Database "${database.metadata.name}", whose schema is changed, and is not in the set: add it to spec.serverGroups of UpgradeSet ${input.set.metadata.name}, or it would run on a schema that is not its own`,
    }));
  }
  const missing = (['backup', 'migrate', 'restore'] as const).filter(
    // Whoever takes the backup can be asked to put it back.
    (verb) => database.spec[verb] === undefined && !(verb === 'restore' && database.spec.backup?.takenBy !== undefined),
  );
  return missing.map((verb) => ({
    reason: 'DatabaseIncomplete',
    object: `database/${database.metadata.name}`,
    field: `spec.${verb}`,
    message: `${input.package.metadata.name} changes the schema: say how the database is ${{ backup: 'backed up', migrate: 'migrated', restore: 'restored' }[verb]}`,
  }));
}

function describe(name: string | undefined): string {
  return name === undefined || name === '' ? 'none' : `Database "${name}"`;
}

function sharedWorkloads(input: PlanInput): Problem[] {
  const owner = new Map<string, string>();
  return input.groups.flatMap((group) =>
    group.spec.servers.flatMap((server) => {
      const key = `${server.workload.kind}/${server.workload.name}`;
      const other = owner.get(key);
      owner.set(key, group.metadata.name);
      if (other === undefined || other === group.metadata.name) return [];
      return [
        {
          reason: 'WorkloadShared',
          object: `servergroup/${group.metadata.name}`,
          field: `spec.servers[${server.name}].workload`,
          message: `${key} is in ${other} too: a workload belongs to one group`,
        },
      ];
    }),
  );
}

function sharedMembers({ groups }: PlanInput): Problem[] {
  const owner = new Map<string, string>();
  return groups.flatMap(({ metadata, spec }) =>
    spec.servers.flatMap((server) =>
      (server.pools ?? []).flatMap(({ name, member = server.name }) => {
        const key = `${name}/${member}`;
        const place = `${metadata.name}/${server.name}`;
        const other = owner.get(key);
        owner.set(key, place);
        if (other === undefined || other === place) return [];
        return [
          {
            reason: 'MemberShared',
            object: `servergroup/${metadata.name}`,
            field: `spec.servers[${server.name}].pools[${name}].member`,
            message: `${other} is member "${member}" of Pool ${name} already: name the member that this server is`,
          },
        ];
      }),
    ),
  );
}

/** A schema of another version that nobody changes: the new release would meet the old one. */
function schemaProblems({ package: { metadata, spec }, installedPackages = new Map() }: PlanInput): Problem[] {
  const { schema } = spec;
  const before = [...installedPackages.values()].find(
    (old) => old.spec.schema !== undefined && old.spec.schema.version !== schema?.version,
  );
  if (schema === undefined || schema.change !== 'None' || before === undefined) return [];
  return [
    {
      reason: 'SchemaChangeNotDeclared',
      object: `package/${metadata.name}`,
      field: 'spec.schema.change',
      message: `it needs schema ${schema.version}, ${before.metadata.name} runs on ${before.spec.schema?.version ?? ''}, and change is None: write Migrate, or the version of the schema as it is`,
    },
  ];
}

function settingProblems(input: PlanInput): Problem[] {
  const { package: release, groups, from, versions } = input;
  const unset = groups.flatMap((group) => {
    const known = { from: versions?.get(group.metadata.name) ?? from, to: release.spec.version };
    return changesOf(release, group, known).flatMap((change) => unsetIn(change, group.metadata.name));
  });
  return [...undeclaredConfigs(input), ...unset];
}

function unsetIn({ unset, path, config: { object } }: Change, group: string): Problem[] {
  return unset.map((name) => ({
    reason: 'VariableNotSet',
    object: `servergroup/${group}`,
    field: 'spec.configs',
    message: `nobody sets \${${name}} for "${path}" in ${object.kind} ${object.name}: add it to vars of every server, with one value where servers share the document, or write $\${${name}} for the text itself`,
  }));
}

function undeclaredConfigs(input: PlanInput): Problem[] {
  return (input.package.spec.settings ?? []).flatMap((setting) =>
    input.groups
      .filter((group) => !(group.spec.configs ?? []).some((config) => config.name === setting.config))
      .map((group) => ({
        reason: 'ConfigNotDeclared',
        object: `servergroup/${group.metadata.name}`,
        field: 'spec.configs',
        message: `the package sets values in "${setting.config}": declare that config in the group`,
      })),
  );
}

function variableProblems(input: PlanInput): Problem[] {
  return input.groups.flatMap((group) => {
    const suite = input.suites.find((candidate) => candidate.metadata.name === group.spec.probes);
    if (suite === undefined) return [];
    const serverVars = group.spec.servers.map((server) => Object.keys(server.vars ?? {}));
    const common = (serverVars[0] ?? []).filter((name) => serverVars.every((names) => names.includes(name)));
    const known = new Set([
      ...suiteFacts,
      ...common,
      ...Object.keys(group.spec.probeParameters ?? {}),
      ...suiteVariables(suite),
    ]);
    const unset = variablesUsed(suite).filter((name) => !known.has(name));
    return unset.map((name) => ({
      reason: 'VariableNotSet',
      object: `probesuite/${suite.metadata.name}`,
      field: 'spec.probes',
      message: `nobody sets \${${name}}: add it to spec.parameters of the suite, or to probeParameters of ${group.metadata.name}`,
    }));
  });
}

/** Suites of `spec.preflight.checks` belong to no group and to no server. */
function checkSuiteProblems({ set, suites }: PlanInput): Problem[] {
  const names = new Set(set.spec.preflight?.checks);
  const facts = ['RUN', 'FROM_VERSION', 'TO_VERSION', 'EXPECTED_VERSION'];
  return suites
    .filter(({ metadata }) => names.has(metadata.name))
    .flatMap((suite) => {
      const known = new Set([...facts, ...suiteVariables(suite)]);
      return variablesUsed(suite)
        .filter((name) => !known.has(name))
        .map((name) => ({
          reason: 'VariableNotSet',
          object: `probesuite/${suite.metadata.name}`,
          field: 'spec.probes',
          message: `nobody sets \${${name}} where spec.preflight.checks of UpgradeSet ${set.metadata.name} runs it: give it a default in spec.parameters of the suite, or take one of ${facts.join(', ')}`,
        }));
    });
}

function variablesUsed(suite: ProbeSuite): string[] {
  return variableNames(JSON.stringify(suite.spec.probes));
}

/** Parameters with a default, names of secrets, and what probes capture. */
function suiteVariables(suite: ProbeSuite): string[] {
  const parameters = (suite.spec.parameters ?? [])
    .filter((parameter) => parameter.default !== undefined)
    .map((parameter) => parameter.name);
  const inner = suite.spec.probes.flatMap((probe) => [
    ...(probe.http?.env ?? []).map((env) => env.name),
    ...(probe.http?.capture ?? []).map((capture) => capture.name),
  ]);
  return [...parameters, ...inner];
}

/** Does a suite compare with the version that runs before the upgrade? */
function needsOldVersion(suites: readonly ProbeSuite[]): boolean {
  return suites.some((suite) =>
    variablesUsed(suite).some((name) => name === 'EXPECTED_VERSION' || name === 'FROM_VERSION'),
  );
}
