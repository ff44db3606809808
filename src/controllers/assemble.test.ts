import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { database, packageOf, pool, probeSuite, serverGroup, upgradeSet } from '../../test/builders/objects.ts';
import { startControllers } from '../../test/fakes/controllers.ts';
import type { Database } from '../api/database.ts';
import type { Package } from '../api/package.ts';
import type { Pool } from '../api/pool.ts';
import type { ProbeSuite } from '../api/probe-suite.ts';
import { databases, packages, pools, probeSuites, serverGroups, upgradeSets } from '../api/resources.ts';
import type { ServerGroup } from '../api/server-group.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';

describe('assembled controllers', () => {
  it('look at a set again when the Database its groups name appears, and keep the status of the Database', async () => {
    const { clock, client, stop } = startControllers((server) => {
      server.seed<Pool>(pools, pool('web', { service: { name: 'web' } }));
      server.seed<ProbeSuite>(probeSuites, probeSuite());
      server.seed<Package>(packages, packageOf('1.2.0'));
      for (const number of [1, 2])
        server.seed<ServerGroup>(serverGroups, serverGroup(number, { database: 'portal-db' }));
      server.seed<UpgradeSet>(upgradeSets, upgradeSet());
    });
    const said = async (): Promise<string> => {
      for (let turn = 0; turn < 20; turn += 1) await clock.advance(50);
      const { status } = await client.get<UpgradeSet>(upgradeSets, { namespace: 'shop', name: 'portal' });
      return JSON.stringify(status?.conditions?.map(({ reason, message }) => `${reason} ${message}`));
    };
    assert.match(await said(), /ReferenceNotFound .*Database \\"portal-db\\" does not exist/);
    await client.create<Database>(databases, database());
    const after = await said();
    assert.doesNotMatch(after, /Database/);
    assert.match(after, /SourceVersionUnknown/);
    const seen = await client.get<Database>(databases, { namespace: 'shop', name: 'portal-db' });
    assert.deepEqual(
      seen.status?.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`),
      ['Ready False ReferenceNotFound', 'Reconciling False ReferenceNotFound', 'Stalled False ReferenceNotFound'],
    );
    await stop();
  });

  it('feed the metrics of their queues, stop when told to, and close the probes', async () => {
    const { clock, client, metrics, drivers, stop } = startControllers((server) => {
      server.seed<Pool>(pools, pool('web', { service: { name: 'web' } }));
      server.seed<ServerGroup>(serverGroups, serverGroup(1));
    });
    for (let turn = 0; turn < 20; turn += 1) await clock.advance(100);
    const { status } = await client.get<Pool>(pools, { namespace: 'shop', name: 'web' });
    assert.deepEqual(
      [status?.driver, status?.members?.map(({ name, state }) => `${name} ${state}`)],
      ['service', ['web-1 Unknown']],
    );
    const text = await metrics.scrape();
    const shown = text
      .split('\n')
      .filter((line) => /^workqueue_(adds|depth).*controller="(pool|upgraderun)"/.test(line));
    assert.equal(shown.length, 4);
    assert.match(text, /^workqueue_adds_total\{name="pool",controller="pool"\} [1-9]/m);
    assert.match(text, /^workqueue_work_duration_seconds_count\{name="pool",controller="pool"\} [1-9]/m);
    await stop();
    const request = { id: 'a/b/1/0', suite: 's', scope: 'Pool', parameters: {}, workloads: [] } as const;
    const operation = {
      namespace: 'shop',
      run: 'r',
      runUID: 'a',
      upgradeSet: 's',
      user: undefined,
      handles: {},
      operation: 'a/b/1',
    };
    const suite = { attempts: { interval: '1s', success: 1, failure: 1, errors: 1, deadline: '1s' }, probes: [] };
    await assert.rejects(
      drivers.probes.request(operation, { kind: 'RunProbes', request }, suite, new AbortController().signal),
      /closed/,
    );
  });
});
