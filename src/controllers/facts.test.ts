import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { database, packageOf, serverGroup, upgradeSet } from '../../test/builders/objects.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import type { Database } from '../api/database.ts';
import type { ServerGroup } from '../api/server-group.ts';
import { createDrivers, createPreflightChecks } from '../drivers/assemble.ts';
import { silentLogger } from '../shared/logger.ts';
import { createCaches } from './assemble.ts';
import type { ControllerContext } from './context.ts';
import { type Facts, gatherFacts } from './facts.ts';

async function gather(
  groups: readonly ServerGroup[],
  databases: readonly Database[],
  set = upgradeSet(),
): Promise<Facts> {
  const clock = createManualClock();
  const client = createMemoryClient({ clock });
  const parts = { client, watcher: client, namespaces: [], logger: silentLogger, random: () => 0.5, clock };
  const { caches } = createCaches(parts);
  const drivers = createDrivers(parts);
  caches.packages.replaced([packageOf('1.2.0')], '1');
  caches.serverGroups.replaced([...groups], '1');
  caches.databases.replaced([...databases], '1');
  const context: ControllerContext = {
    ...parts,
    caches,
    drivers,
    preflight: createPreflightChecks({ client, clock, pools: drivers.pools }),
    now: () => clock.now(),
    leader: { mayAct: () => true, epoch: () => 1 },
    announcer: { announce() {} },
    counters: { effectMade() {}, runEnded() {} },
    requireServiceAccount: false,
  };
  return gatherFacts(context, set, new AbortController().signal);
}

/** A group in no pool and without tests. */
function group(number: number, named: string | undefined): ServerGroup {
  return serverGroup(number, {
    servers: [{ name: `web-${number}`, workload: { kind: 'StatefulSet', name: `web-${number}` } }],
    probes: undefined,
    ...(named === undefined ? {} : { database: named }),
  });
}

function databaseIn(facts: Facts): string | undefined {
  assert.equal(facts.kind, 'facts');
  return facts.kind === 'facts' ? facts.input.database?.metadata.name : undefined;
}

describe('the Database under the groups', () => {
  it('is found by its name', async () => {
    assert.equal(
      databaseIn(await gather([group(1, 'portal-db'), group(2, 'portal-db')], [database('mail'), database()])),
      'portal-db',
    );
  });

  it('is none where no group names one', async () => {
    assert.equal(databaseIn(await gather([group(1, undefined), group(2, undefined)], [database()])), undefined);
  });

  it('is said to be missing once, with who names it', async () => {
    assert.deepEqual(await gather([group(1, 'portal-db'), group(2, 'portal-db')], []), {
      kind: 'missing',
      problems: [
        {
          reason: 'ReferenceNotFound',
          object: 'servergroup/group-2',
          field: 'spec.database',
          message: 'Database "portal-db" does not exist: create it, or correct the name',
        },
      ],
    });
  });
});

describe('what the set itself names', () => {
  const ends = (facts: Facts): unknown => (facts.kind === 'missing' ? facts.problems : facts.kind);

  it('a suite of checks that does not exist is missed in the set, each once', async () => {
    const set = upgradeSet({ preflight: { checks: ['repository', 'placement'] } });
    const missing = (name: string) => ({
      reason: 'ReferenceNotFound',
      object: 'upgradeset/portal',
      field: 'spec.preflight.checks',
      message: `ProbeSuite "${name}" does not exist: create it, or correct the name`,
    });
    assert.deepEqual(ends(await gather([group(1, undefined), group(2, undefined)], [], set)), [
      missing('repository'),
      missing('placement'),
    ]);
  });

  it('a Package and a group that do not exist are missed together', async () => {
    const set = upgradeSet({ package: 'portal-9.9.9', serverGroups: ['group-1', 'group-7'] });
    assert.deepEqual(ends(await gather([group(1, undefined)], [], set)), [
      {
        reason: 'ReferenceNotFound',
        object: 'upgradeset/portal',
        field: 'spec.package',
        message: 'Package "portal-9.9.9" does not exist: create it, or correct the name',
      },
      {
        reason: 'ReferenceNotFound',
        object: 'upgradeset/portal',
        field: 'spec.serverGroups',
        message: 'ServerGroup "group-7" does not exist: create it, or correct the name',
      },
    ]);
  });
});
