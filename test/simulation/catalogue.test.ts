/** The rehearsal judges packages as the cluster does, from the manifests it was given. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { build, packageOf, serverGroup } from '../builders/objects.ts';
import { type Package, packageSpec } from '../../src/api/package.ts';
import type { ServerGroup } from '../../src/api/server-group.ts';
import { findProblems } from '../../src/planner/validate.ts';
import { createScene } from '../../src/simulation/scene.ts';
import { planInput } from '../../src/simulation/set-controller.ts';
import { must } from '../../src/simulation/world.ts';
import { setting } from './story.ts';

/** The portal at 1.1.0, asked to become `asked`, beside what `more` adds. */
function problems(asked: Package, more: { packages?: Package[]; groups?: ServerGroup[] } = {}): string[] {
  const { objects } = setting();
  objects.packages = [packageOf('1.1.0'), asked, ...(more.packages ?? [])];
  objects.groups = [...objects.groups, ...(more.groups ?? [])];
  const set = must(objects.sets[0], 'set');
  set.spec.package = asked.metadata.name;
  const world = createScene(objects, { from: '1.1.0' });
  return findProblems(planInput({ world, objects }, set)).map(({ reason, message }) => `${reason}: ${message}`);
}

const needy = packageOf('1.2.0', { requires: [{ product: 'db-access', version: '>=8.1' }] });
const dbAccess = (version: string): Package =>
  build('Package', `db-access-${version}`, packageSpec, {
    ...packageOf(version).spec,
    product: 'db-access',
    images: { db: `registry.example/db@sha256:${version.replaceAll('.', '').padEnd(64, '0')}` },
  });
const dbGroup = serverGroup(3, {
  product: 'db-access',
  servers: [{ name: 'db-1', workload: { kind: 'StatefulSet', name: 'db-1' } }],
  probes: undefined,
  snapshot: undefined,
});

describe('packages in a rehearsal', () => {
  const cases: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
    '000-40: a prerequisite that runs in range': [
      problems(needy, { packages: [dbAccess('8.0'), dbAccess('8.1')], groups: [dbGroup] }),
      [],
    ],
    '000-40: one that is behind': [
      problems(needy, { packages: [dbAccess('8.0')], groups: [dbGroup] }),
      [
        'PrerequisiteMissing: db-access must be >=8.1, and servergroup/group-3 runs 8.0: bring it there first, this goes on by itself then',
      ],
    ],
    '001-05: a release that is reached by way of another': [
      problems(packageOf('1.4.0', { upgradesFrom: '>=1.3' }), { packages: [packageOf('1.3.0')] }),
      [
        'SourceVersionNotAccepted: 1.1.0 runs, and the package upgrades from >=1.3: install portal-1.3.0 first, then portal-1.4.0',
      ],
    ],
  };
  for (const [name, [got, want]] of Object.entries(cases)) it(name, () => assert.deepEqual(got, want));
});
