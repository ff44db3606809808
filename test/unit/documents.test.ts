import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import * as z from 'zod';
import { kinds } from '../../src/api/kinds.ts';

const root = join(import.meta.dirname, '../..');
const pages = globSync(['*.md', 'docs/*.md', 'deploy/**/*.md'], { cwd: root }).toSorted();
const examples = globSync('deploy/examples/**/*.yaml', { cwd: root }).toSorted();

const belayObject = z.object({
  apiVersion: z.literal('belay.dev/v1alpha1'),
  kind: z.string(),
  metadata: z.object({ name: z.string() }),
  spec: z.unknown(),
});

/** Objects of ours in the text; parts that are shown without a name are left out. */
function objectsIn(yaml: string): z.infer<typeof belayObject>[] {
  // Pages shorten digests.
  const whole = yaml.replaceAll('sha256:…', `sha256:${'0'.repeat(64)}`);
  return parseAllDocuments(whole).flatMap((document) => {
    const object = belayObject.safeParse(document.toJS());
    return object.success ? [object.data] : [];
  });
}

function yamlBlocks(page: string): string[] {
  return [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text ?? '');
}

/** Paths in `written` that decoding dropped: fields that do not exist. */
function droppedFields(written: unknown, decoded: unknown, path: string): string[] {
  if (typeof written !== 'object' || written === null) return [];
  if (typeof decoded !== 'object' || decoded === null) return [path];
  const kept = new Map(Object.entries(decoded));
  return Object.entries(written).flatMap(([key, value]) =>
    kept.has(key) ? droppedFields(value, kept.get(key), `${path}.${key}`) : [`${path}.${key}`],
  );
}

function problemsOf(object: z.infer<typeof belayObject>): string[] {
  const name = `${object.kind}/${object.metadata.name}`;
  const kind = kinds.find((candidate) => candidate.kind === object.kind);
  if (kind === undefined) return [`${name}: there is no such kind`];
  const decoded = kind.spec.safeParse(object.spec);
  if (!decoded.success) return [`${name}: ${decoded.error.message}`];
  return droppedFields(object.spec, decoded.data, `${name}: spec`);
}

describe('documents', () => {
  for (const page of pages) {
    it(`${page} links to files that exist`, () => {
      const text = readFileSync(join(root, page), 'utf8');
      const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, target]) => target ?? '');
      assert.deepEqual(
        links.filter((target) => !existsSync(join(root, dirname(page), target))),
        [],
      );
    });

    it(`${page} shows objects that the API takes`, () => {
      const blocks = yamlBlocks(readFileSync(join(root, page), 'utf8'));
      assert.deepEqual(blocks.flatMap(objectsIn).flatMap(problemsOf), []);
    });
  }

  for (const file of examples) {
    it(`${file} holds objects that the API takes`, () => {
      assert.deepEqual(objectsIn(readFileSync(join(root, file), 'utf8')).flatMap(problemsOf), []);
    });
  }

  it('the README shows one object of every kind that people write to start an upgrade', () => {
    const shown = yamlBlocks(readFileSync(join(root, 'README.md'), 'utf8')).flatMap(objectsIn);
    assert.deepEqual(
      new Set(shown.map((object) => object.kind)),
      new Set(['Pool', 'ProbeSuite', 'ServerGroup', 'Package', 'UpgradeSet']),
    );
  });
});
