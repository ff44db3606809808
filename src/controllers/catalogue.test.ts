/** Packages, what runs of them, and what sets are told about it: the controllers together, over a server in memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { build, database, packageOf, serverGroup, upgradeSet } from '../../test/builders/objects.ts';
import { startControllers } from '../../test/fakes/controllers.ts';
import type { ManualClock } from '../../test/fakes/manual-clock.ts';
import type { MemoryClient } from '../../test/fakes/memory-client.ts';
import type { Database } from '../api/database.ts';
import { type Package, packageSpec } from '../api/package.ts';
import { databases, packages, serverGroups, upgradeRuns, upgradeSets } from '../api/resources.ts';
import type { ServerGroup } from '../api/server-group.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { statefulSets } from '../kube/resources.ts';
import type { StatefulSet } from '../kube/workload-objects.ts';

const namespace = 'shop';
const image = (product: string, version: string): string =>
  `registry.example/${product}@sha256:${Buffer.from(version).toString('hex').padEnd(64, '0')}`;

function release(product: string, version: string, spec: Partial<Package['spec']> = {}): Package {
  return build('Package', `${product}-${version}`, packageSpec, {
    ...packageOf(version).spec,
    product,
    images: { app: image(product, version) },
    ...spec,
  });
}

/** A group of one server in no pool, and the workload that runs it. */
function seedGroup(client: MemoryClient, product: string, number: number, version: string, labels = {}): void {
  const name = `${product}-${number}`;
  client.seed<StatefulSet>(statefulSets, {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace, uid: `${name}-uid` },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: image(product, version) }] } },
    },
  });
  const group = serverGroup(number, {
    product,
    servers: [{ name, workload: { kind: 'StatefulSet', name } }],
    probes: undefined,
    snapshot: undefined,
  });
  client.seed<ServerGroup>(serverGroups, { ...group, metadata: { ...group.metadata, name, uid: `${name}-group` } });
}

interface Running {
  readonly clock: ManualClock;
  readonly client: MemoryClient;
  /** Lets everybody do what they have to do now. */
  settle(): Promise<void>;
  release(name: string): Promise<Package>;
  set(name?: string): Promise<UpgradeSet>;
  stop(): Promise<void>;
}

function start(seed: (client: MemoryClient) => void): Running {
  const { clock, client, stop } = startControllers(seed);
  return {
    clock,
    client,
    async settle() {
      for (let turn = 0; turn < 20; turn += 1) await clock.advance(50);
    },
    release: (name) => client.get<Package>(packages, { namespace, name }),
    set: (name = 'portal') => client.get<UpgradeSet>(upgradeSets, { namespace, name }),
    stop,
  };
}

async function install(client: MemoryClient, product: string, number: number, version: string): Promise<void> {
  const containers = [{ name: 'app', image: image(product, version) }];
  await client.mergePatch(
    statefulSets,
    { namespace, name: `${product}-${number}` },
    { spec: { template: { spec: { containers } } } },
  );
}

const judged = ({ status }: Package): string =>
  `${status?.phase} ${status?.inUse?.servers}: ${status?.conditions?.find(({ type }) => type === 'Ready')?.message}`;
const said = ({ status }: UpgradeSet): string =>
  `${status?.phase} ${status?.blockers?.[0]?.type}: ${status?.blockers?.[0]?.message}`;
const ask = (product: string, version: string): UpgradeSet =>
  upgradeSet({ package: `${product}-${version}`, serverGroups: [`${product}-1`, `${product}-2`] }, product);

/** The portal at 1.1.0 on two servers, asked to become 1.2.0, which needs db-access 8.1 and the schema 41 of portal-db. */
function seedNeedy(client: MemoryClient, schemaVersion = '41'): void {
  for (const version of ['8.0.0', '8.1.0']) client.seed<Package>(packages, release('db-access', version));
  client.seed<Package>(packages, release('portal', '1.1.0'));
  const requires = [
    { product: 'db-access', version: '>=8.1' },
    { product: 'portal-db', version: '>=41' },
  ];
  client.seed<Package>(packages, release('portal', '1.2.0', { requires }));
  client.seed<Package>(packages, release('portal', '0.9.0', { withdrawn: true }));
  for (const number of [1, 2]) seedGroup(client, 'portal', number, '1.1.0');
  seedGroup(client, 'db-access', 1, '8.0.0');
  client.seed<Database>(databases, { ...database(), status: { schemaVersion } });
  client.seed<UpgradeSet>(upgradeSets, ask('portal', '1.2.0'));
}

describe('prerequisites', () => {
  it('000-06 000-40 000-42: hold the package and the set that asks for it, and let both go on by themselves', async () => {
    const { clock, client, settle, release: read, set, stop } = start(seedNeedy);
    await settle();
    const unmet = 'db-access must be >=8.1, and servergroup/db-access-1 runs 8.0.0';
    assert.equal(judged(await read('portal-1.2.0')), `Waiting 0: ${unmet}`);
    assert.equal(
      said(await set()),
      `Blocked PrerequisiteMissing: spec.requires[db-access]: ${unmet}: bring it there first, this goes on by itself then`,
    );
    assert.deepEqual(client.all<UpgradeRun>(upgradeRuns), []);
    await install(client, 'db-access', 1, '8.1.0');
    // By hand, so only the regular look at groups that somebody waits for sees it.
    await clock.advance(61_000);
    await settle();
    assert.equal(judged(await read('portal-1.2.0')), 'Available 0: available');
    assert.deepEqual(
      client.all<UpgradeRun>(upgradeRuns).map(({ metadata, spec }) => `${metadata.name} ${spec.package}`),
      ['portal-1 portal-1.2.0'],
    );
    await stop();
  });

  it('000-40: a Database counts as the product of its name, in the version of its schema', async () => {
    const { client, settle, release: read, stop } = start((server) => seedNeedy(server, '40'));
    await install(client, 'db-access', 1, '8.1.0');
    await settle();
    assert.equal(
      judged(await read('portal-1.2.0')),
      'Waiting 0: portal-db must be >=41, and database/portal-db runs 40',
    );
    await client.mergePatch(
      databases,
      { namespace, name: 'portal-db' },
      { status: { schemaVersion: '41' } },
      { subresource: 'status' },
    );
    await settle();
    assert.equal(judged(await read('portal-1.2.0')), 'Available 0: available');
    await stop();
  });

  it('000-43 001-34: a package says how many servers run it, and a server what it runs', async () => {
    const {
      client,
      settle,
      release: read,
      stop,
    } = start((server) => {
      const components = { jdk: '21.0.5', tomcat: '10.1.33' };
      server.seed<Package>(packages, release('portal', '1.1.0', { components }));
      server.seed<Package>(packages, release('portal', '1.2.0', { withdrawn: true }));
      seedGroup(server, 'portal', 1, '1.1.0');
      seedGroup(server, 'portal', 2, '1.1.0');
      seedGroup(server, 'portal', 3, '1.0.0', { 'app.kubernetes.io/version': '1.0.0' });
    });
    await settle();
    assert.deepEqual(
      [judged(await read('portal-1.1.0')), judged(await read('portal-1.2.0'))],
      ['Available 2: available', 'Withdrawn 0: spec.withdrawn is true'],
    );
    const shown = client.all<ServerGroup>(serverGroups).map(({ status }) => [status?.version, status?.servers]);
    const state = 'Degraded';
    const components = { jdk: '21.0.5', tomcat: '10.1.33' };
    assert.deepEqual(shown, [
      ['1.1.0', [{ name: 'portal-1', version: '1.1.0', package: 'portal-1.1.0', components, state }]],
      ['1.1.0', [{ name: 'portal-2', version: '1.1.0', package: 'portal-1.1.0', components, state }]],
      ['1.0.0', [{ name: 'portal-3', version: '1.0.0', state }]],
    ]);
    await stop();
  });

  it('000-43: while servers change their version, the count is written once a second, and the last one is never lost', async () => {
    const {
      clock,
      client,
      settle,
      release: read,
      stop,
    } = start((server) => {
      for (const version of ['1.1.0', '1.2.0']) server.seed<Package>(packages, release('portal', version));
      for (let number = 1; number <= 8; number += 1) seedGroup(server, 'portal', number, '1.1.0');
    });
    await settle();
    await clock.advance(1_000);
    const before = client.server.writes.length;
    for (let number = 1; number <= 8; number += 1) {
      await install(client, 'portal', number, '1.2.0');
      const name = `portal-${number}`;
      const servers = [{ name, version: '1.2.0', package: 'portal-1.2.0', state: 'Degraded' }];
      const options = { subresource: 'status' } as const;
      await client.mergePatch(serverGroups, { namespace, name }, { status: { version: '1.2.0', servers } }, options);
      for (let turn = 0; turn < 4; turn += 1) await clock.advance(50);
    }
    const counts = client.server.writes.slice(before).filter(({ resource }) => resource.startsWith('packages.'));
    // Two packages, for one and a half seconds.
    assert.equal(counts.length, 4);
    for (let turn = 0; turn < 4; turn += 1) await settle();
    assert.deepEqual(
      [judged(await read('portal-1.1.0')), judged(await read('portal-1.2.0'))],
      ['Available 0: available', 'Available 8: available'],
    );
    await stop();
  });

  it('001-34: a group whose servers differ says so, and runs no one version', async () => {
    const {
      client,
      settle,
      release: read,
      stop,
    } = start((server) => {
      for (const version of ['1.1.0', '1.2.0']) server.seed<Package>(packages, release('portal', version));
      seedGroup(server, 'portal', 1, '1.1.0');
      seedGroup(server, 'portal', 2, '1.2.0');
      const both = serverGroup(1, {
        servers: [1, 2].map((number) => ({
          name: `portal-${number}`,
          workload: { kind: 'StatefulSet', name: `portal-${number}` },
        })),
        probes: undefined,
        snapshot: undefined,
      });
      for (const name of ['portal-1', 'portal-2'])
        server.seed<ServerGroup>(serverGroups, { ...both, metadata: { ...both.metadata, name } });
    });
    await settle();
    const { status } = await client.get<ServerGroup>(serverGroups, { namespace, name: 'portal-1' });
    assert.deepEqual(
      [status?.version, status?.conditions?.[0]?.message, status?.servers?.map(({ version }) => version)],
      ['', 'its servers run 1.1.0 and 1.2.0', ['1.1.0', '1.2.0']],
    );
    assert.equal(judged(await read('portal-1.1.0')), 'Available 2: available');
    await stop();
  });

  it('S-40: nothing is written while nothing changes', async () => {
    const { clock, client, settle, stop } = start(seedNeedy);
    await settle();
    await clock.advance(1_000);
    const before = client.server.writes.length;
    for (let minute = 0; minute < 10; minute += 1) await clock.advance(60_000);
    assert.deepEqual(client.server.writes.slice(before), []);
    await stop();
  });
});

describe('the offer', () => {
  it('001-01 001-02: each set is told of the newest of its own product, as soon as there is one', async () => {
    const { client, settle, set, stop } = start((server) => {
      for (const product of ['portal', 'hub']) {
        server.seed<Package>(packages, release(product, '1.1.0'));
        for (const number of [1, 2]) seedGroup(server, product, number, '1.1.0');
        server.seed<UpgradeSet>(upgradeSets, ask(product, '1.1.0'));
      }
    });
    const offers = async (): Promise<unknown[]> => [
      (await set()).status?.available,
      (await set('hub')).status?.available,
    ];
    await settle();
    assert.deepEqual(await offers(), [undefined, undefined]);
    await client.create<Package>(packages, release('portal', '1.2.0'));
    await settle();
    const available = { package: 'portal-1.2.0', version: '1.2.0', type: 'Minor' };
    assert.deepEqual(await offers(), [available, undefined]);
    await client.mergePatch(packages, { namespace, name: 'portal-1.2.0' }, { spec: { withdrawn: true } });
    await settle();
    assert.deepEqual(await offers(), [undefined, undefined]);
    assert.deepEqual(client.all<UpgradeRun>(upgradeRuns), []);
    await stop();
  });
});
