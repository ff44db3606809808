import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { reasons } from './reasons.ts';

const source = join(import.meta.dirname, '..');
/** Where reasons are not ours: the API server's own, and faults invented for simulations. */
const foreign = /^(?:kube|simulation|api)\//;
const use =
  /(?:\breason: |\bfail\(\s*|\bproblem\(\s*|\bwait\(\s*|(?:Terminal|Retry|Pause)Error\(\s*)'([A-Z][A-Za-z]+)'/g;

describe('reasons', () => {
  it('are words in CamelCase with a meaning and a remedy', () => {
    for (const [reason, { meaning, remedy }] of Object.entries(reasons)) {
      assert.match(reason, /^[A-Z][A-Za-z]+$/);
      assert.match(meaning, /\.$/, reason);
      assert.match(remedy, /\.$/, reason);
    }
  });

  it('are all in the catalogue, with what to do', () => {
    const missing = new Set<string>();
    for (const file of globSync('**/*.ts', { cwd: source })) {
      if (file.endsWith('.test.ts') || foreign.test(file)) continue;
      for (const [, reason = ''] of readFileSync(join(source, file), 'utf8').matchAll(use)) {
        if (!Object.hasOwn(reasons, reason)) missing.add(`${reason} (${file})`);
      }
    }
    assert.deepEqual([...missing], [], 'add these to src/api/reasons.ts and run "npm run generate"');
  });
});
