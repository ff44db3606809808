/** Components that a probe and the Package do not call the same: nothing compares them, in a cluster neither (001-34). */
import { nearest } from '../simulation/fields.ts';
import type { SceneObjects } from '../simulation/scene.ts';

/** One sentence for each set, about those that a probe asks for in vain and those that none asks for. */
export function componentNotes({ sets, groups, suites, packages }: SceneObjects): string[] {
  return sets.flatMap(({ spec }) => {
    const release = packages.find(({ metadata }) => metadata.name === spec.package);
    if (release === undefined) return [];
    const used = new Set(
      groups.filter(({ metadata }) => spec.serverGroups.includes(metadata.name)).map((group) => group.spec.probes),
    );
    const asked = new Set(
      suites
        .filter(({ metadata }) => used.has(metadata.name))
        .flatMap((suite) => suite.spec.probes)
        .flatMap(({ http }) => (http?.components ?? []).map(({ name }) => name)),
    );
    const named = Object.keys(release.spec.components ?? {});
    const unasked = named.filter((name) => !asked.has(name));
    const unknown = [...asked].filter((name) => !named.includes(name));
    const parts = [
      ...(unasked.length === 0 ? [] : [`no probe asks for ${unasked.join(', ')}`]),
      ...unknown.map((name) => `probes ask for ${name}, which it does not name${meant(name, unasked)}`),
    ];
    return parts.length === 0
      ? []
      : [`Components of Package ${release.metadata.name} that are not compared: ${parts.join('; ')}.`];
  });
}

function meant(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}
