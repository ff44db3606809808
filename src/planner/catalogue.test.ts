import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { build, packageOf, serverGroup, upgradeSet } from '../../test/builders/objects.ts';
import { type Package, packageSpec } from '../api/package.ts';
import type { ServerGroup } from '../api/server-group.ts';
import { compareVersions, parseVersion, type Version } from '../api/version.ts';
import { computeOffer, misfitOf, type Offer } from './catalogue.ts';
import { computeRun } from './plan.ts';
import type { Installed } from './prerequisites.ts';
import { findProblems } from './validate.ts';

/** "1.9", "2.0 Major", "2.1 Minor >=2.0": version, type, and the range it can be installed over. */
function release(text: string, spec: Partial<Package['spec']> = {}): Package {
  const [version = '', type = 'Minor', ...range] = text.split(' ');
  return packageOf(version, {
    upgradeType: type === 'Major' ? 'Major' : 'Minor',
    ...(range.length === 0 ? {} : { upgradesFrom: range.join(' ') }),
    ...spec,
  });
}

function offer(
  texts: readonly (string | Package)[],
  running: readonly string[],
  more: { asked?: string; product?: string; installed?: readonly Installed[] } = {},
): Offer | undefined {
  return computeOffer({
    packages: texts.map((text) => (typeof text === 'string' ? release(text) : text)),
    product: 'portal',
    asked: 'portal-1.1',
    running,
    installed: [],
    ...more,
  });
}

/** The same of another product. */
function ofHub(text: string): Package {
  const { spec } = release(text);
  return build('Package', `hub-${spec.version}`, packageSpec, { ...spec, product: 'hub' });
}

const of = (version: string, type: 'Major' | 'Minor' = 'Minor'): Offer => ({
  package: `portal-${version}`,
  version,
  type,
});

describe('the release that is offered', () => {
  const released = (text: string, day: string): Package => release(text, { notes: { released: day } });
  const from = (text: string, download: string): Package => release(text, { notes: { download } });
  const needy = release('1.3', { requires: [{ product: 'db-access', version: '>=8.1' }] });
  const dbAccess = (version: string): Installed[] => [{ product: 'db-access', object: 'servergroup/db-1', version }];
  const cases: Readonly<Record<string, readonly [Offer | undefined, Offer | undefined]>> = {
    '001-01: the newest that can be installed over what runs': [
      offer(['1.1', '1.2', '1.3'], ['1.1', '1.1']),
      of('1.3'),
    ],
    '001-01: by number, so 1.10 before 1.9': [offer(['1.1', '1.9', '1.10'], ['1.1']), of('1.10')],
    '001-01: with its type': [offer(['1.1', '1.2', '2.0 Major'], ['1.1']), of('2.0', 'Major')],
    '001-06 001-16: a patch at any time': [offer(['1.1', '1.1.3'], ['1.1']), of('1.1.3')],
    'nothing where the newest runs': [offer(['1.1', '1.2'], ['1.2']), undefined],
    'nothing where the newest is asked for already': [
      offer(['1.1', '1.2', '1.3'], ['1.1'], { asked: 'portal-1.3' }),
      undefined,
    ],
    'the newer one, where another is asked for': [
      offer(['1.1', '1.2', '1.3'], ['1.1'], { asked: 'portal-1.2' }),
      of('1.3'),
    ],
    'nothing where it is not known of one of the groups what it runs': [offer(['1.1', '1.2'], ['1.1', '']), undefined],
    'nothing where it is not known what runs': [offer(['1.1', '1.2'], []), undefined],
    'nothing that was withdrawn': [offer(['1.1', '1.2', release('1.3', { withdrawn: true })], ['1.1']), of('1.2')],
    'one that fits every group, where they differ': [
      offer(['1.1', '1.2', '1.3 Minor >=1.1'], ['1.2', '1.1']),
      of('1.3'),
    ],
    '001-02: nothing of another product': [offer(['1.1', '1.2', ofHub('1.9'), ofHub('9.0 Major')], ['1.1']), of('1.2')],
    '001-05: by way of others where it cannot be installed at once': [
      offer(['1.1', '1.2 Minor >=1.1 <1.2', '1.3 Minor >=1.2'], ['1.1']),
      { ...of('1.3'), path: ['portal-1.2', 'portal-1.3'], message: 'install portal-1.2 first, then portal-1.3' },
    ],
    '001-05: a Major on the way is named, and makes it one': [
      offer(['1.4', '2.0 Major', '2.1'], ['1.4']),
      {
        ...of('2.1', 'Major'),
        path: ['portal-2.0', 'portal-2.1'],
        message: 'install portal-2.0 first, then portal-2.1; portal-2.0 on the way is a Major, with downtime',
      },
    ],
    '001-05: the fewest steps, then the newest releases': [
      offer(['1.1', '1.2', '1.2.5', '1.3 Minor >=1.2.5', '1.4 Minor >=1.2 <1.4'], ['1.1']),
      { ...of('1.4'), path: ['portal-1.2.5', 'portal-1.4'], message: 'install portal-1.2.5 first, then portal-1.4' },
    ],
    '001-05: no way leads over a withdrawn release': [
      offer(['1.1', '1.2', release('2.0 Major', { withdrawn: true }), '2.1'], ['1.1']),
      { ...of('1.2'), message: 'portal-2.1 is newer, and no package leads there' },
    ],
    '000-06: one whose prerequisites are not there is only mentioned': [
      offer(['1.1', '1.2', needy], ['1.1'], { installed: dbAccess('8.0') }),
      {
        ...of('1.2'),
        message: 'portal-1.3 is newer, and waits: db-access must be >=8.1, and servergroup/db-1 runs 8.0',
      },
    ],
    '000-42: and offered once they are': [
      offer(['1.1', '1.2', needy], ['1.1'], { installed: dbAccess('8.1') }),
      of('1.3'),
    ],
    '001-50: with where it can be fetched from, of the one that is offered': [
      offer(
        ['1.1', from('1.2', 'https://downloads.example/1.2'), from('1.3 Minor >=1.2', 'https://downloads.example/1.3')],
        ['1.1'],
      ),
      {
        ...of('1.3'),
        path: ['portal-1.2', 'portal-1.3'],
        download: 'https://downloads.example/1.3',
        message: 'install portal-1.2 first, then portal-1.3',
      },
    ],
    '001-04: three releases behind is within the rhythm': [offer(['1.1', '1.2', '1.3', '1.4'], ['1.1']), of('1.4')],
    '001-04: four are too many': [
      offer(['1.1', '1.2', '1.3', '1.4', '1.5'], ['1.1']),
      { ...of('1.5'), message: 'version 1.1 is 4 releases behind: plan the upgrade' },
    ],
    '001-04 001-06: patches are no releases of the rhythm': [
      offer(['1.1', '1.1.1', '1.1.2', '1.2', '1.2.1', '1.2.2'], ['1.1']),
      of('1.2.2'),
    ],
    '001-04: more than a year behind, by the days of release': [
      offer([released('1.1', '2025-09-01'), released('1.2', '2026-11-02')], ['1.1']),
      { ...of('1.2'), message: 'version 1.1 is 14 months behind: plan the upgrade' },
    ],
    '001-04: a year is not': [
      offer([released('1.1', '2025-11-02'), released('1.2', '2026-11-02')], ['1.1']),
      of('1.2'),
    ],
    '001-04: a day nobody can read is no day': [
      offer([released('1.1', 'spring'), released('1.2', '2026-11-02')], ['1.1']),
      of('1.2'),
    ],
  };
  for (const [name, [got, want]] of Object.entries(cases)) it(name, () => assert.deepEqual(got, want));

  it('001-02: two products side by side, each with its own newest and none because of the other', () => {
    const all = [release('1.1'), release('1.2'), ofHub('1.1'), ofHub('1.9')];
    const at = (product: string, running: string): string | undefined =>
      computeOffer({ packages: all, product, asked: '', running: [running], installed: [] })?.package;
    assert.deepEqual(
      [at('portal', '1.1'), at('hub', '1.1'), at('portal', '1.2'), at('hub', '1.9')],
      ['portal-1.2', 'hub-1.9', undefined, undefined],
    );
  });
});

function versionOf(text: string): Version {
  return parseVersion(text) ?? assert.fail(`"${text}" is no version`);
}

const fitsOver = ({ spec }: Package, from: string): boolean =>
  misfitOf(spec, versionOf(from), versionOf(spec.version)) === undefined;

/** Fewest packages from `from` to each version that can be reached, by trying everything. */
function distances(all: readonly Package[], from: string): Map<string, number> {
  const found = new Map([[from, 0]]);
  for (let step = 1; step <= all.length; step += 1) {
    for (const [version] of [...found].filter(([, distance]) => distance === step - 1)) {
      for (const next of all)
        if (!found.has(next.spec.version) && fitsOver(next, version)) found.set(next.spec.version, step);
    }
  }
  return found;
}

describe('the way to the offer', () => {
  const anyRelease = fc
    .record({
      version: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(4)).map((numbers) => numbers.join('.')),
      upgradeType: fc.constantFrom('Major' as const, 'Minor' as const),
      over: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(4)).map((numbers) => numbers.join('.')),
      isRanged: fc.boolean(),
    })
    .map(({ version, upgradeType, over, isRanged }) =>
      release(version, { upgradeType, ...(isRanged ? { upgradesFrom: `>=${over}` } : {}) }),
    );
  const catalogues = fc.uniqueArray(anyRelease, { maxLength: 9, selector: ({ spec }) => spec.version });

  it('001-01 001-05: every step of it can be installed, it is the shortest, and nothing newer can be reached', () => {
    fc.assert(
      fc.property(catalogues, (all) => {
        const from = '1.0';
        const got = computeOffer({ packages: all, product: 'portal', asked: '', running: [from], installed: [] });
        const reachable = distances(all, from);
        const newest = [...reachable.keys()].toSorted((a, b) => compareVersions(versionOf(b), versionOf(a)))[0];
        assert.equal(got?.version ?? from, newest);
        if (got === undefined) return;
        const path = (got.path ?? [got.package]).map((name) => all.find(({ metadata }) => metadata.name === name));
        assert.equal(path.length, reachable.get(got.version));
        const versions = [from, ...path.map((step) => step?.spec.version ?? '')];
        assert.ok(path.every((step, index) => step !== undefined && fitsOver(step, versions[index] ?? '')));
        assert.equal(got.type, path.some((step) => step?.spec.upgradeType === 'Major') ? 'Major' : 'Minor');
      }),
    );
  });
});

/** What stands in the way of `asked` over `from`, with these packages here. */
function problems(
  asked: Package,
  from: string,
  catalogue: readonly Package[] = [],
  installed: readonly Installed[] = [],
): string[] {
  return findProblems(inputOf(asked, from, catalogue, installed)).map(
    ({ reason, field, message }) => `${reason} ${field}: ${message}`,
  );
}

function inputOf(
  asked: Package,
  from: string,
  catalogue: readonly Package[],
  installed: readonly Installed[],
): Parameters<typeof findProblems>[0] {
  const groups: ServerGroup[] = [serverGroup(1, { probes: undefined }), serverGroup(2, { probes: undefined })];
  return {
    set: upgradeSet({ package: asked.metadata.name }),
    package: asked,
    groups,
    pools: [],
    suites: [],
    workloads: new Map(
      ['web-1', 'web-2'].map((name) => [`StatefulSet/${name}`, { images: { portal: 'old' }, replicas: 1 }]),
    ),
    from,
    fromPackage: '',
    cannotHold: [],
    members: new Map(),
    catalogue: [...catalogue, asked],
    installed,
  };
}

describe('what is said of a package that cannot be installed', () => {
  const cases: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
    '001-12 001-16: nothing, where type and versions agree': [
      [
        ...problems(release('2.0 Major'), '1.1'),
        ...problems(release('1.2'), '1.1'),
        ...problems(release('1.1.3'), '1.1'),
      ],
      [],
    ],
    '001-20: declared Minor with another first number': [
      problems(release('2.1'), '1.4'),
      [
        'UpgradeTypeMismatch spec.upgradeType: from 1.4 to 2.1 is a Major upgrade, the package says Minor: make a package that says Major',
      ],
    ],
    '001-20: declared Major with the same first number': [
      problems(release('1.2 Major'), '1.1'),
      [
        'UpgradeTypeMismatch spec.upgradeType: from 1.1 to 1.2 is a Minor upgrade, the package says Major: make a package that says Minor',
      ],
    ],
    '001-05 001-20: the Major hidden in the way is named': [
      problems(release('2.1'), '1.4', [release('1.5'), release('2.0 Major')]),
      [
        'UpgradeTypeMismatch spec.upgradeType: from 1.4 to 2.1 is a Major upgrade, the package says Minor: install portal-2.0 first, then portal-2.1',
      ],
    ],
    '001-20: an older one is none': [
      problems(release('1.9'), '2.0'),
      ['NotAnUpgrade spec.version: 1.9 is not newer than 2.0, which runs: name a newer package'],
    ],
    '000-07: outside its range, with the way there': [
      problems(release('2.0 Major >=1.9'), '1.1', [release('1.9'), release('1.8')]),
      [
        'SourceVersionNotAccepted spec.upgradesFrom: 1.1 runs, and the package upgrades from >=1.9: install portal-1.9 first, then portal-2.0',
      ],
    ],
    '000-07 001-02: and without one, for that of another product leads nowhere': [
      problems(release('2.0 Major >=1.9'), '1.1', [release('1.8'), ofHub('1.9')]),
      [
        'SourceVersionNotAccepted spec.upgradesFrom: 1.1 runs, and the package upgrades from >=1.9: no package here leads there, add the ones in between',
      ],
    ],
  };
  for (const [name, [got, want]] of Object.entries(cases)) it(name, () => assert.deepEqual(got, want));
});

describe('what a package requires', () => {
  const needy = release('1.2', {
    requires: [
      { product: 'db-access', version: '>=8.1' },
      { product: 'hub', version: '>=3 <4' },
    ],
  });
  const there = (product: string, ...versions: string[]): Installed[] =>
    versions.map((version, index) => ({ product, object: `servergroup/${product}-${index + 1}`, version }));
  const ask = (...installed: readonly Installed[]): string[] => problems(needy, '1.1', [], installed);
  const hub = there('hub', '3.2');
  const line = (what: string): string =>
    `PrerequisiteMissing spec.requires[db-access]: db-access must be >=8.1, and ${what}: bring it there first, this goes on by itself then`;
  const cases: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
    '000-40: met by all groups of the product': [ask(...hub, ...there('db-access', '8.1', '9.0')), []],
    '000-40: one group of them that is behind is enough to hold it': [
      ask(...hub, ...there('db-access', '8.1', '8.0.9')),
      [line('servergroup/db-access-2 runs 8.0.9')],
    ],
    '000-06: by number, so 8.10 is newer than 8.9': [
      problems(release('1.2', { requires: [{ product: 'hub', version: '>=8.9' }] }), '1.1', [], there('hub', '8.10')),
      [],
    ],
    'nothing of the product is not enough': [
      ask(...hub),
      [line('no ServerGroup or Database of it is in this namespace')],
    ],
    'a version nobody knows is not in range': [
      ask(...hub, ...there('db-access', '')),
      [line('the version of servergroup/db-access-1 is not known')],
    ],
    'three are named, and the rest counted': [
      ask(...hub, ...there('db-access', '8', '8', '8', '8', '8')),
      [
        line(
          'servergroup/db-access-1 runs 8, servergroup/db-access-2 runs 8, servergroup/db-access-3 runs 8 and 2 more',
        ),
      ],
    ],
  };
  for (const [name, [got, want]] of Object.entries(cases)) it(name, () => assert.deepEqual(got, want));
});

describe('the plan', () => {
  it('001-36 A-12: says how its groups differ, and is made all the same', () => {
    const input = inputOf(release('1.2'), '1.1', [], []);
    const [first, second] = input.groups;
    const roles = (group: ServerGroup | undefined, ...names: string[]): ServerGroup[] =>
      group === undefined
        ? []
        : [
            {
              ...group,
              spec: {
                ...group.spec,
                servers: names.map((name) => ({
                  name,
                  role: name.split('-')[0] ?? '',
                  workload: { kind: 'StatefulSet', name },
                })),
              },
            },
          ];
    const { facts, steps } = computeRun(
      { ...input, groups: [...roles(first, 'admin-1', 'stream-1'), ...roles(second, 'admin-2')] },
      (text) => text.slice(0, 8),
    );
    assert.equal(facts['topology'], 'group-2 has no server with role stream');
    assert.ok(steps.some((step) => step.action === 'Upgrade' && step.group === 'group-2'));
  });
});
