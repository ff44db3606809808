import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allTestFiles, filesOf, layerNames } from './layers.ts';
import { countsLine, countsOf } from './test-reporter.ts';

describe('the layers of npm test', () => {
  it('hold every test file once', () => {
    assert.deepEqual(layerNames.flatMap(filesOf).toSorted(), allTestFiles());
  });
});

describe('the counts of npm test', () => {
  const base = { cancelled: 0, passed: 0, skipped: 0, suites: 0, tests: 0, todo: 0, topLevel: 0 };

  it('take a cancelled test and a todo for failures', () => {
    const counts = countsOf({ counts: { ...base, tests: 6, passed: 3, skipped: 1, cancelled: 1, todo: 1 } });
    assert.equal(countsLine(counts), '3 passed, 2 failed, 1 skipped');
  });

  it('are zero when nothing ran', () => {
    assert.equal(countsLine(countsOf({ counts: base })), '0 passed, 0 failed, 0 skipped');
  });
});
