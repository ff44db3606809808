import * as z from 'zod';
import * as c from './common.ts';
import { conditions } from './conditions.ts';
import { type ApiObject, type Rule, defineKind } from './kind.ts';

const setting = c.object(
  'Changes in one document of the group.',
  {
    config: c.entryName('config is the name of the document in ServerGroup.spec.configs.'),
    set: c
      .map(
        'set writes values, such as {general/cache: "on"}; the value before is kept.',
        c.text('The value; variables are expanded.', 4096),
        { minProperties: 1 },
      )
      .optional(),
    add: c
      .map('add writes values only where there is none yet.', c.text('The value; variables are expanded.', 4096), {
        minProperties: 1,
      })
      .optional(),
    remove: c.setList('remove takes values out, by path.', c.text('A path.', 256), { min: 1 }).optional(),
  },
  [
    {
      rule: 'has(self.set) || has(self.add) || has(self.remove)',
      message: 'a setting without set, add or remove changes nothing: fill in one of them or remove the entry',
      check: (change) => change.set !== undefined || change.add !== undefined || change.remove !== undefined,
    },
  ],
);

function immutable(field: string): Rule {
  return {
    rule: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
    message: `${field} is immutable: it is what was released. Make a new Package for another release`,
    fieldPath: `.${field}`,
    reason: 'FieldValueForbidden',
  };
}

export const packageCheck = c.object('One check before the start.', {
  name: c.entryName('name names the check; status.preflight of the run shows it as package/NAME.'),
  severity: z
    .enum(['Hold', 'Warn'])
    .meta({
      description: 'severity Hold: the run waits until it holds or is waived. Warn: it is only reported. Default Hold.',
    })
    .default('Hold'),
  expression: c.nonEmpty(
    'expression is a CEL expression over pools (each with name, driver and facts), package and from (each with version), such as "pools.all(p, p.facts.minTLS >= \'1.2\')". It must be true.',
    1024,
  ),
  message: c.nonEmpty('message is what to do where it is not.', 512),
});

const notes = c.object('notes are the release notes.', {
  download: c
    .httpsURL('download is where the release can be fetched from; status.available of the UpgradeSet shows it.')
    .optional(),
  released: c.text('released is the day of the release, such as "2026-11-02".', 10).optional(),
  features: c.atomicList('features are new.', c.text('One line.')).optional(),
  fixes: c.atomicList('fixes were mended.', c.text('One line.')).optional(),
  security: c.atomicList('security are matters of security.', c.text('One line.')).optional(),
  performance: c.atomicList('performance are matters of speed and size.', c.text('One line.')).optional(),
});

export const packageSpec = c.object(
  'spec is one release. product, version, upgradeType, schema, images are immutable.',
  {
    product: c.entryName('product is what it is a release of, such as "portal".'),
    version: c.versionText(
      'version is its version: optional v, one to six numbers, optional -suffix, such as "2.0.0".',
    ),
    reportedAs: c
      .setList(
        'reportedAs are other strings that servers of this release answer with, such as ["2.0.0 (build 118)"].',
        c.nonEmpty('An answer.', 256),
      )
      .optional(),
    upgradeType: z.enum(['Major', 'Minor']).meta({
      description:
        'upgradeType is Major (the first number changes, with downtime) or Minor (also patches, group by group, without).',
    }),
    upgradesFrom: c
      .versionRange(
        'upgradesFrom is the range of versions it can be installed over, such as ">=1.1 <2.0". Default: any lower one.',
      )
      .optional(),
    coexistsWith: c
      .versionRange(
        'coexistsWith is the range of versions that may serve in a pool beside it, such as ">=1.9". Default: that of upgradesFrom for a Minor, none for a Major.',
      )
      .optional(),
    schema: c
      .object('schema is the schema of the database that this release needs.', {
        version: c.nonEmpty('version is the version of the schema, such as "42".', 64),
        change: z
          .enum(['None', 'Migrate', 'Convert'])
          .meta({
            description:
              'change is what has to be done to the schema of the release before: None, Migrate or Convert. Default None.',
          })
          .default('None'),
      })
      .optional(),
    requires: c
      .mapList(
        'requires are products that must be there in these versions, in all their groups.',
        'product',
        c.object('One prerequisite.', {
          product: c.entryName('product is the product.'),
          version: c.versionRange('version is the range it must be in, such as ">=8.1".'),
        }),
      )
      .optional(),
    images: c
      .map(
        'images are the container images by digest, by container name or by "role/container", such as {portal: "registry.example/portal@sha256:…"}.',
        c.nonEmpty('An image with its digest.', 512),
        {
          minProperties: 1,
          rules: [
            {
              rule: `self.all(k, self[k].matches('${c.digestPattern}'))`,
              message:
                'every image must name its content by digest: replace the tag by @sha256: and 64 hexadecimal digits',
              check: (images) => Object.values(images).every(c.hasDigest),
            },
            {
              rule: "self.all(k, k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?$'))",
              message: 'the keys of images are container names, or a role and a container name such as "admin/portal"',
              check: (images) =>
                Object.keys(images).every((name) =>
                  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?\/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name),
                ),
            },
          ],
        },
      )
      .optional(),
    components: c
      .map(
        'components are the versions of what comes with the release, such as {jdk: 21.0.5, tomcat: 10.1.33}; ServerGroup.status shows them for each server.',
        c.nonEmpty('A version.', 64),
        {
          maxProperties: 32,
          minProperties: 1,
          rules: [
            {
              rule: "self.all(k, k.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",
              message:
                'the keys of components are names such as jdk or apache-tomcat: at most 63 letters, digits, dashes, dots and underscores',
              check: (components) =>
                Object.keys(components).every((name) => /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(name)),
            },
          ],
        },
      )
      .optional(),
    settings: c
      .mapList('settings are changes of configuration that belong to the release.', 'config', setting, {
        min: 1,
        max: 32,
      })
      .optional(),
    checks: c
      .mapList('checks are what the release asks of declared facts.', 'name', packageCheck, { max: 32 })
      .optional(),
    notes: notes.optional(),
    withdrawn: c.boolean('withdrawn true: no run to this release is started any more. Default false.').default(false),
  },
  [
    {
      rule: 'has(self.images) || has(self.settings)',
      message: 'a Package without images and settings changes nothing: fill in images, settings or both',
      reason: 'FieldValueRequired',
      check: ({ images, settings }) => images !== undefined || settings !== undefined,
    },
    {
      rule: "self.upgradeType != 'Minor' || !has(self.schema) || self.schema.change == 'None'",
      message: 'a Minor upgrade must not change the schema: set upgradeType to Major or schema.change to None',
      fieldPath: '.upgradeType',
      check: ({ upgradeType, schema }) => upgradeType !== 'Minor' || schema === undefined || schema.change === 'None',
    },
    ...['product', 'version', 'upgradeType', 'schema', 'images'].map(immutable),
  ],
);

export const packageStatus = c.object('status is what the controller knows about the release.', {
  observedGeneration: c.observedGeneration,
  conditions,
  phase: z
    .enum(['Available', 'Waiting', 'Withdrawn'])
    .meta({ description: 'phase is Available, Waiting (a product it requires is missing) or Withdrawn.' })
    .optional(),
  inUse: c
    .object('inUse counts who runs it.', {
      servers: c.integer('servers is how many servers run it.', 0, 1_000_000),
    })
    .optional(),
});

export type PackageSpec = z.output<typeof packageSpec>;
export type PackageStatus = z.output<typeof packageStatus>;
export interface Package extends ApiObject<PackageSpec, PackageStatus> {}
export type UpgradeType = PackageSpec['upgradeType'];
export type PackageSetting = NonNullable<PackageSpec['settings']>[number];

export const packageKind = defineKind({
  kind: 'Package',
  plural: 'packages',
  shortNames: ['pkg'],
  description: 'Package is one release of one product.',
  writtenBy: 'users, release pipelines',
  spec: packageSpec,
  status: packageStatus,
  maxNameLength: 63,
  columns: [
    { name: 'Product', type: 'string', jsonPath: '.spec.product', description: 'What it is a release of' },
    { name: 'Version', type: 'string', jsonPath: '.spec.version', description: 'Its version' },
    { name: 'Type', type: 'string', jsonPath: '.spec.upgradeType', description: 'Major or Minor' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Available, Waiting or Withdrawn' },
    { name: 'In-Use', type: 'integer', jsonPath: '.status.inUse.servers', description: 'Servers that run it' },
  ],
  example: `apiVersion: belay.dev/v1alpha1
kind: Package
metadata:
  name: portal-1.2.0
spec:
  product: portal
  version: 1.2.0
  upgradeType: Minor
  upgradesFrom: ">=1.1 <1.2"
  images:
    portal: registry.example/portal@sha256:${'9b1d'.repeat(16)}
`,
});
