/** Components in the status of a ServerGroup: what its servers told, and what only their Package says (001-34). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { imageOf, packageOf, serverGroup, upgradeSet } from '../../test/builders/objects.ts';
import { startControllers } from '../../test/fakes/controllers.ts';
import type { Package } from '../api/package.ts';
import { packages, serverGroups, upgradeRuns, upgradeSets } from '../api/resources.ts';
import type { ServerGroup, ServerGroupStatus } from '../api/server-group.ts';
import type { StepEntry, UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { statefulSets } from '../kube/resources.ts';
import type { StatefulSet } from '../kube/workload-objects.ts';
import { upgradeRun } from '../status/fixture.test.ts';

const namespace = 'shop';
const declared = { jdk: '21.0.5', tomcat: '10.1.33' };
const installed = { id: 'g1-upgrade', state: 'Succeeded', started: '2026-12-05T20:05:00.000Z' } as const;
const asked: Partial<StepEntry> & { readonly id: string } = {
  id: 'g1-isolated',
  state: 'Succeeded',
  started: '2026-12-05T20:10:00.000Z',
  finished: '2026-12-05T20:11:00.000Z',
  components: [{ server: 'web-1', versions: { jdk: '21.0.5' } }],
};

type Servers = NonNullable<ServerGroupStatus['servers']>;

interface Scene {
  readonly runs?: readonly UpgradeRun[];
  readonly version?: string;
  readonly before?: Servers;
}

function statefulSet(name: string, image: string): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace, uid: `${name}-uid` },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { spec: { containers: [{ name: 'portal', image }] } },
    },
  };
}

async function componentsOf({ runs = [], version = '1.2.0', before }: Scene): Promise<unknown> {
  const { clock, client, stop } = startControllers((server) => {
    for (const release of [packageOf('1.1.0'), packageOf('1.2.0', { components: declared })])
      server.seed<Package>(packages, release);
    server.seed<StatefulSet>(statefulSets, statefulSet('web-1', imageOf(version)));
    const servers = [{ name: 'web-1', workload: { kind: 'StatefulSet', name: 'web-1' } }] as const;
    const group = serverGroup(1, { servers: [...servers], probes: undefined, snapshot: undefined });
    server.seed<ServerGroup>(serverGroups, {
      ...group,
      ...(before === undefined ? {} : { status: { servers: before } }),
    });
    for (const run of runs) server.seed<UpgradeRun>(upgradeRuns, run);
  });
  for (let turn = 0; turn < 20; turn += 1) await clock.advance(50);
  const { status } = await client.get<ServerGroup>(serverGroups, { namespace, name: 'group-1' });
  await stop();
  const [{ components, answered } = {}] = status?.servers ?? [];
  return { components, answered };
}

function ended(entries: readonly (Partial<StepEntry> & { readonly id: string })[]): UpgradeRun {
  return upgradeRun('portal-1', entries, { phase: 'Completed', started: '2026-12-05T20:00:00.000Z' });
}

const answered = { components: ['jdk'], run: 'portal-1', at: '2026-12-05T20:11:00.000Z' };

describe('components in a run (001-34)', () => {
  it('are of the Package that is asked for, and of the one whose images each group runs', async () => {
    const old = { jdk: '17.0.9' };
    const { clock, client, stop } = startControllers((server) => {
      for (const release of [packageOf('1.1.0', { components: old }), packageOf('1.2.0', { components: declared })])
        server.seed<Package>(packages, release);
      for (const number of [1, 2]) {
        const name = `web-${number}`;
        // The second runs what no Package knows.
        server.seed<StatefulSet>(statefulSets, statefulSet(name, imageOf(number === 1 ? '1.1.0' : '1.0.0')));
        const servers = [{ name, workload: { kind: 'StatefulSet', name } }] as const;
        const group = serverGroup(number, { servers: [...servers], probes: undefined, snapshot: undefined });
        server.seed<ServerGroup>(serverGroups, group);
      }
      server.seed<UpgradeSet>(upgradeSets, upgradeSet());
    });
    for (let turn = 0; turn < 20; turn += 1) await clock.advance(50);
    const [run] = client.all<UpgradeRun>(upgradeRuns);
    await stop();
    assert.deepEqual(
      [run?.spec.to.components, run?.spec.groups.map(({ components }) => components)],
      [declared, [old, undefined]],
    );
  });
});

describe('components of a server (001-34)', () => {
  it('are as the Package says where nobody has asked, and nothing claims otherwise', async () => {
    assert.deepEqual(await componentsOf({}), { components: declared, answered: undefined });
  });

  it('are named where the server itself told them', async () => {
    assert.deepEqual(await componentsOf({ runs: [ended([installed, asked])] }), { components: declared, answered });
  });

  it('are what the server told, also where the Package says another', async () => {
    const components = [{ server: 'web-1', versions: { jdk: '17.0.9', perl: '5.36' } }];
    assert.deepEqual(await componentsOf({ runs: [ended([installed, { ...asked, state: 'Failed', components }])] }), {
      components: { ...declared, jdk: '17.0.9', perl: '5.36' },
      answered: { ...answered, components: ['jdk', 'perl'] },
    });
  });

  it('are not those of a release that somebody has replaced by hand', async () => {
    assert.deepEqual(await componentsOf({ runs: [ended([installed, asked])], version: '1.1.0' }), {
      components: undefined,
      answered: undefined,
    });
  });

  it('stay told when the run that asked is gone, for as long as the same Package runs', async () => {
    const server = { name: 'web-1', version: '1.2.0', package: 'portal-1.2.0', state: 'Running', answered } as const;
    const before = [{ ...server, components: { ...declared, jdk: '21.0.4' } }];
    assert.deepEqual(await componentsOf({ before }), { components: { ...declared, jdk: '21.0.4' }, answered });
    assert.deepEqual(await componentsOf({ before, version: '1.1.0' }), { components: undefined, answered: undefined });
  });
});
