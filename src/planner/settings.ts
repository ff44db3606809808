/** What a release changes in the documents of a group, with the variables of each document put in. Pure. */
import type { Package } from '../api/package.ts';
import type { ServerGroup } from '../api/server-group.ts';
import type { RunGroup } from '../api/upgrade-run.ts';
import { expand } from '../api/variables.ts';

type Config = NonNullable<ServerGroup['spec']['configs']>[number];
type Setting = RunGroup['settings'][number];

export interface Versions {
  readonly from: string;
  readonly to: string;
}

export interface Change extends Setting {
  /** Variables without a value, sorted; empty in a plan. */
  readonly unset: readonly string[];
}

/** In the order of the Package; a config that the group does not declare is left out. */
export function changesOf(release: Package, group: ServerGroup, versions: Versions): Change[] {
  return (release.spec.settings ?? []).flatMap(({ config: name, set = {}, add = {}, remove = [] }) => {
    const config = group.spec.configs?.find((candidate) => candidate.name === name);
    if (config === undefined) return [];
    return documentsOf(group, config).flatMap(({ unset, variables, ...document }) => {
      const change = (mode: Setting['mode'], path: string, value: string): Change => {
        const expanded = expand(value, { ...variables, FROM_VERSION: versions.from, TO_VERSION: versions.to });
        const missing = new Set([...unset, ...expanded.unset]);
        return { config: document, path, value: expanded.text, mode, unset: [...missing].toSorted() };
      };
      return [
        ...Object.entries(set).map(([path, value]) => change('set', path, value)),
        ...Object.entries(add).map(([path, value]) => change('add', path, value)),
        ...remove.map((path) => change('remove', path, '')),
      ];
    });
  });
}

type Document = Setting['config'] & {
  readonly variables: Readonly<Record<string, string>>;
  /** Of its name. */
  readonly unset: readonly string[];
};

/** One for each server where its name holds variables of the server; what servers share knows what they have in common. */
function documentsOf({ spec, metadata }: ServerGroup, { object, key, format }: Config): Document[] {
  const named = spec.servers.map(({ name, vars }) => {
    const variables = { ...vars, GROUP: metadata.name, SERVER: name };
    return { variables, ...expand(object.name, variables) };
  });
  return [...Map.groupBy(named, ({ text }) => text)].map(([text, users]) => ({
    object: { ...object, name: text },
    key,
    format,
    variables: inCommon(users.map(({ variables }) => variables)),
    unset: users.flatMap(({ unset }) => unset),
  }));
}

function inCommon(all: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first = {}, ...others] = all;
  return Object.fromEntries(Object.entries(first).filter(([name, value]) => others.every((o) => o[name] === value)));
}
