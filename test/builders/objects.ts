/** Objects as users write them, with every default filled in by the schema itself. */
import type * as z from 'zod';
import { databaseSpec, type Database } from '../../src/api/database.ts';
import { decisionSpec, type Decision } from '../../src/api/decision.ts';
import { packageSpec, type Package } from '../../src/api/package.ts';
import { poolSpec, type Pool } from '../../src/api/pool.ts';
import { probeSuiteSpec, type ProbeSuite } from '../../src/api/probe-suite.ts';
import { serverGroupSpec, type ServerGroup } from '../../src/api/server-group.ts';
import { upgradeSetSpec, type UpgradeSet } from '../../src/api/upgrade-set.ts';

interface Built<Spec> {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; uid: string; generation: number; creationTimestamp: string };
  spec: Spec;
}

/** One object; its UID follows from kind and name, so that stories read the same every time. */
export function build<Schema extends z.ZodType>(
  kind: string,
  name: string,
  schema: Schema,
  spec: z.input<Schema>,
): Built<z.output<Schema>> {
  return {
    apiVersion: 'belay.dev/v1alpha1',
    kind,
    metadata: {
      name,
      namespace: 'shop',
      uid: `${kind.toLowerCase()}-${name}`,
      generation: 1,
      creationTimestamp: '2026-12-05T20:00:00Z',
    },
    spec: schema.parse(spec),
  };
}

/** An image of one version of the portal, with a digest that names the version. */
export function imageOf(version: string): string {
  const digits = Array.from(version, (character) => character.charCodeAt(0).toString(16)).join('');
  return `registry.example/portal@sha256:${digits.padEnd(64, '0')}`;
}

export function packageOf(version: string, spec: Partial<z.input<typeof packageSpec>> = {}): Package {
  return build('Package', `portal-${version}`, packageSpec, {
    product: 'portal',
    version,
    upgradeType: 'Minor',
    images: { portal: imageOf(version) },
    ...spec,
  });
}

export function pool(name = 'web', spec: Partial<z.input<typeof poolSpec>> = {}): Pool {
  const driver = spec.service === undefined ? { haproxy: { endpoints: ['tcp://haproxy-0:9999'], backend: name } } : {};
  return build('Pool', name, poolSpec, { ...driver, healthChecked: true, ...spec });
}

export function probeSuite(name = 'web-functions', spec: Partial<z.input<typeof probeSuiteSpec>> = {}): ProbeSuite {
  return build('ProbeSuite', name, probeSuiteSpec, {
    attempts: { interval: '10s', success: 1, failure: 3, errors: 5, deadline: '5m' },
    probes: [
      { name: 'login', http: { url: 'https://portal.example/login', expect: { status: [200] } } },
      { name: 'data', http: { url: 'https://portal.example/data', expect: { status: [200] } } },
      {
        name: 'version',
        http: {
          url: 'https://portal.example/about',
          expect: { json: [{ path: '$.version', equals: '${EXPECTED_VERSION}' }] },
        },
      },
    ],
    ...spec,
  });
}

/** A group of one server, `web-N`, in the pool `web`. */
export function serverGroup(number: number, spec: Partial<z.input<typeof serverGroupSpec>> = {}): ServerGroup {
  const name = `web-${number}`;
  return build('ServerGroup', `group-${number}`, serverGroupSpec, {
    product: 'portal',
    servers: [{ name, workload: { kind: 'StatefulSet', name }, pools: [{ name: 'web', member: name }] }],
    probes: 'web-functions',
    snapshot: { volumeSnapshotClassName: 'csi' },
    ...spec,
  });
}

export function upgradeSet(spec: Partial<z.input<typeof upgradeSetSpec>> = {}, name = 'portal'): UpgradeSet {
  return build('UpgradeSet', name, upgradeSetSpec, {
    package: 'portal-1.2.0',
    serverGroups: ['group-1', 'group-2'],
    ...spec,
  });
}

export function decision(run: string, spec: Omit<z.input<typeof decisionSpec>, 'run'>): Decision {
  return build('Decision', `${run}-${spec.choice.toLowerCase()}`, decisionSpec, {
    run,
    reason: 'the service desk agrees',
    decidedBy: 'ana@example.org',
    ...spec,
  });
}

/** A database whose Jobs are all declared. */
export function database(name = 'portal-db', spec: Partial<z.input<typeof databaseSpec>> = {}): Database {
  const job = (verb: string) => ({ job: { podTemplate: 'pg-tools', args: [verb] } });
  return build('Database', name, databaseSpec, {
    connection: { host: 'postgres', port: 5432, database: 'portal' },
    schemaVersion: job('schema-version'),
    backup: { ...job('backup'), verify: job('verify') },
    migrate: job('migrate'),
    restore: job('restore'),
    ...spec,
  });
}
