import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openApiSchema, renderCrds } from '../../scripts/generate/crds.ts';
import { type RbacNeed, renderRbac } from '../../scripts/generate/rbac.ts';
import { renderReasons, renderReference } from '../../scripts/generate/reference.ts';
import type { JsonSchema } from '../../scripts/generate/structural.ts';
import { badObjects } from '../../test/integration/bad-objects.ts';
import { kinds } from './kinds.ts';
import * as resources from './resources.ts';

const root = join(import.meta.dirname, '../..');

interface Node {
  path: string;
  schema: JsonSchema;
}

/** Every node of a schema, the envelope's apiVersion, kind and metadata left out. */
function walk(path: string, schema: JsonSchema): Node[] {
  const children = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => walk(`${path}.${name}`, child));
  const items = schema.items === undefined ? [] : walk(`${path}[]`, schema.items);
  const values = typeof schema.additionalProperties === 'object' ? walk(`${path}{}`, schema.additionalProperties) : [];
  return [{ path, schema }, ...children, ...items, ...values];
}

function nodesOf(kind: (typeof kinds)[number]): Node[] {
  const { spec, status } = openApiSchema(kind).properties ?? {};
  assert.ok(spec && status);
  return [...walk(`${kind.kind}.spec`, spec), ...walk(`${kind.kind}.status`, status)];
}

function rulesIn(schema: JsonSchema): { rule: string; message: string; fieldPath?: string }[] {
  const list = schema['x-kubernetes-validations'];
  return Array.isArray(list) ? list : [];
}

const nodes = kinds.flatMap(nodesOf);

/** Paths of the nodes for which `isWrong` holds: all must be mended, so all are shown. */
function wrong(isWrong: (node: Node) => boolean): string[] {
  return nodes.filter(isWrong).map(({ path }) => path);
}

describe('schemas of the kinds', () => {
  it('have a type at every node', () => {
    assert.deepEqual(
      wrong(({ schema }) => !['object', 'array', 'string', 'integer', 'boolean'].includes(schema.type ?? '')),
      [],
    );
  });

  it('have nothing that is not structural', () => {
    const forbidden = [
      '$ref',
      'oneOf',
      'anyOf',
      'allOf',
      'not',
      'definitions',
      'id',
      'nullable',
      'readOnly',
      'deprecated',
      'examples',
      'const',
    ];
    assert.deepEqual(
      wrong(({ schema }) => forbidden.some((keyword) => keyword in schema)),
      [],
    );
    assert.deepEqual(
      wrong(({ schema }) => schema.additionalProperties === false || schema.additionalProperties === true),
      [],
    );
    assert.deepEqual(
      wrong(({ schema }) => schema.properties !== undefined && schema.additionalProperties !== undefined),
      [],
    );
  });

  it('describe every field, beginning with its name', () => {
    assert.deepEqual(
      wrong(({ schema }) => (schema.description ?? '') === ''),
      [],
    );
    const badly = nodes.flatMap(({ path, schema }) =>
      Object.entries(schema.properties ?? {})
        .filter(([name, child]) => child.description?.split(' ')[0] !== name)
        .map(([name]) => `${path}.${name}`),
    );
    assert.deepEqual(badly, []);
  });

  it('bound every string, list and map', () => {
    const hasBound = ({ schema }: Node): boolean =>
      (schema.type === 'string' && !Array.isArray(schema.enum) && schema.maxLength === undefined) ||
      (schema.type === 'array' && schema.maxItems === undefined) ||
      (schema.type === 'object' && schema.additionalProperties !== undefined && schema.maxProperties === undefined);
    assert.deepEqual(wrong(hasBound), []);
  });

  it('say of every list how it is merged', () => {
    assert.deepEqual(
      wrong(({ schema }) => schema.type === 'array' && schema['x-kubernetes-list-type'] === undefined),
      [],
    );
  });

  it('require the keys of every list that is a map', () => {
    const lacksKey = ({ schema }: Node): boolean => {
      const keys = schema['x-kubernetes-list-map-keys'];
      return Array.isArray(keys) && keys.some((key) => !schema.items?.required?.includes(key));
    };
    assert.deepEqual(wrong(lacksKey), []);
  });

  it('use only patterns that RE2 knows', () => {
    assert.deepEqual(
      wrong(({ schema }) => typeof schema.pattern === 'string' && /\(\?[=!<]|\\[1-9]/.test(schema.pattern)),
      [],
    );
  });

  it('have rules with a message of one line that does not end in a full stop', () => {
    const isBad = ({ message }: { message: string }): boolean =>
      message === '' || message.includes('\n') || message.endsWith('.');
    assert.deepEqual(
      wrong(({ schema }) => rulesIn(schema).some(isBad)),
      [],
    );
  });

  it('point rules at fields that exist', () => {
    const dangles = ({ schema }: Node): boolean =>
      rulesIn(schema).some(
        ({ fieldPath }) => fieldPath !== undefined && !(fieldPath.slice(1) in (schema.properties ?? {})),
      );
    assert.deepEqual(wrong(dangles), []);
  });

  it('have a bad object for every rule', () => {
    const messages = new Set(nodes.flatMap(({ schema }) => rulesIn(schema).map(({ message }) => message)));
    const unproven = [...messages].filter((message) => !badObjects.some(({ says }) => message.includes(says)));
    assert.deepEqual(unproven, []);
    assert.ok(badObjects.length >= 40);
  });

  it('have names, short names and columns as kubectl shows them', () => {
    const shortNames = kinds.flatMap((kind) => kind.shortNames);
    assert.equal(new Set(shortNames).size, shortNames.length);
    for (const { kind, columns, plural } of kinds) {
      assert.ok(columns.length >= 3 && columns.length <= 6, kind);
      assert.equal(plural, plural.toLowerCase());
    }
  });

  it('have a resource each', () => {
    const served = Object.values(resources).map(({ kind, plural }) => `${kind}/${plural}`);
    assert.deepEqual(served.toSorted(), kinds.map(({ kind, plural }) => `${kind}/${plural}`).toSorted());
  });
});

describe('generated files', () => {
  it('are as the code would write them now', () => {
    for (const folder of ['crds', 'helm/belay/files/crds']) {
      assert.deepEqual(
        new Map(readdirSync(join(root, folder)).map((name) => [name, read(`${folder}/${name}`)])),
        sorted(renderCrds()),
        folder,
      );
    }
    assert.deepEqual(
      new Map(readdirSync(join(root, 'docs/reference')).map((name) => [name, read(`docs/reference/${name}`)])),
      sorted(renderReference()),
    );
    assert.equal(read('docs/reasons.md'), renderReasons());
  });

  it('list permissions by section, joined and sorted', () => {
    const needs: RbacNeed[] = [
      { section: 'watch', group: 'apps', resources: ['statefulsets'], verbs: ['watch', 'get'] },
      { section: 'watch', group: 'apps', resources: ['deployments'], verbs: ['get', 'watch'] },
      { section: 'act', group: '', resources: ['secrets'], resourceNames: ['b', 'a'], verbs: ['get'] },
    ];
    const want = `# Generated from src/controllers/rbac.ts by scripts/generate.ts; do not edit.
own: []
watch:
  - apiGroups:
      - apps
    resources:
      - deployments
      - statefulsets
    verbs:
      - get
      - watch
act:
  - apiGroups:
      - ""
    resources:
      - secrets
    resourceNames:
      - a
      - b
    verbs:
      - get
cluster: []
persistentVolumes: []
`;
    assert.equal(renderRbac(needs), want);
  });
});

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function sorted(files: Map<string, string>): Map<string, string> {
  return new Map([...files].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
