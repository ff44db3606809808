/** Manifests as people write them: read as kubectl reads them, and refused in words where they cannot be. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TerminalError } from '../shared/errors.ts';
import { textsAt } from './core-objects.ts';
import { loadNamespace, readEntries } from './load.ts';

function settings(body: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n${body}\n`;
}

function read(...texts: readonly string[]): string[] {
  const manifests = texts.map((text, i) => ({ file: `${i + 1}.yaml`, text }));
  return readEntries(manifests).map(({ kind, namespace, name }) => `${namespace}/${kind}/${name}`);
}

function refuses(want: RegExp, ...texts: readonly string[]): void {
  assert.throws(
    () => read(...texts),
    (error) => {
      assert.ok(error instanceof TerminalError, String(error));
      assert.match(error.message, want);
      return true;
    },
  );
}

const release = `
apiVersion: belay.dev/v1alpha1
kind: Package
metadata: {name: portal-1.2.0}
spec: {product: portal, version: 1.2.0, upgradeType: Minor, images: {portal: "registry.example/portal@sha256:${'2'.repeat(64)}"}}
`;
const stranger = 'apiVersion: packages.example/v1\nkind: Package\nmetadata: {name: portal-1.2.0}\n';

describe('manifests', () => {
  it('have anchors, aliases and merge keys', () => {
    const many = Array.from({ length: 300 }, (_, i) => `  key-${i}: *one`).join('\n');
    const [entry] = readEntries([
      { file: 'f', text: settings(`base: &base {a: &one "1"}\ndata:\n  <<: *base\n${many}`) },
    ]);
    const data = textsAt(entry?.object, 'data');
    assert.deepEqual([Object.keys(data).length, data['a'], data['key-299']], [301, '1', '1']);
  });

  it('are refused with an alias of nothing, of itself, or of far too much', () => {
    refuses(/^1\.yaml: it is not YAML: Unresolved alias .*nope/, settings('data: *nope'));
    refuses(/^1\.yaml: it is not YAML: an anchor holds an alias of itself/, settings('data: &data {a: *data}'));
    const levels = ['a', 'b', 'c', 'd', 'e', 'f'].map((name, i, all) => {
      const inner = i === 0 ? 'x' : `*${all[i - 1] ?? ''}`;
      return `${name}: &${name} [${Array.from({ length: 10 }, () => inner).join(', ')}]`;
    });
    refuses(/^1\.yaml: it is not YAML: Excessive alias count/, settings(levels.join('\n')));
  });

  it('are refused with a namespace that YAML reads as no text', () => {
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: on}\n';
    refuses(/^1\.yaml: ConfigMap: metadata\.namespace is read as true: put it in quotes/, text);
  });

  it('come in lists, whose items need not repeat the kind', () => {
    const item = '{metadata: {name: web-1}}';
    assert.deepEqual(read(`apiVersion: apps/v1\nkind: StatefulSetList\nmetadata: {}\nitems: [${item}]\n`), [
      'default/StatefulSet/web-1',
    ]);
    assert.deepEqual(read(`apiVersion: v1\nkind: List\nitems:\n- ${settings('').replaceAll('\n', '\n  ')}`), [
      'default/ConfigMap/settings',
    ]);
  });

  it('may leave the end of a name to the cluster, as kubectl create does', () => {
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: settings-}\n';
    assert.deepEqual(read(text, `${text}---\n${text}`), [
      'default/ConfigMap/settings-1',
      'default/ConfigMap/settings-2',
      'default/ConfigMap/settings-3',
    ]);
    const decision = `
apiVersion: belay.dev/v1alpha1
kind: Decision
metadata: {generateName: portal-1-}
spec: {run: portal-1, planHash: "sha256:${'0'.repeat(64)}", choice: SignOff, reason: fine}
`;
    assert.deepEqual(read(decision), ['default/Decision/portal-1-1']);
  });

  it('hold each object once, workloads too', () => {
    refuses(/^2\.yaml: Package "portal-1\.2\.0" is in 1\.yaml too; keep one of them/, release, release);
    const workload = 'apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web-1}\n';
    refuses(/^2\.yaml: StatefulSet "web-1" is in 1\.yaml too; keep one of them/, workload, workload);
  });

  it('may hold objects of others whose kinds are called like those that are read', () => {
    for (const texts of [
      [release, stranger],
      [stranger, release],
    ])
      assert.equal(read(...texts).length, 2);
    const knative = 'apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: web}\n';
    const manifests = [knative, release, stranger].map((text, i) => ({ file: `${i + 1}.yaml`, text }));
    const loaded = loadNamespace(readEntries(manifests), 'default');
    assert.deepEqual(loaded.services, []);
    assert.equal(loaded.files.get('Package/portal-1.2.0'), '2.yaml');
    assert.deepEqual(
      [...loaded.ignored],
      [
        ['Service', 1],
        ['Package', 1],
      ],
    );
  });
});
