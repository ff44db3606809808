import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { jsonPathProblem, parseJson, selectJson } from './json-path.ts';

describe('JSON paths', () => {
  const document = parseJson('{"version": 1.10, "list": [{"n": 1e3}, {"n": "x"}], "none": null, "deep": {"a": [1]}}');
  const cases: Readonly<Record<string, readonly string[]>> = {
    '$.version': ['1.10'],
    '$.list[*].n': ['1e3', 'x'],
    '$.none': ['null'],
    '$.deep': ['{"a":[1]}'],
    '$.gone': [],
    '$..a[0]': ['1'],
  };
  for (const [path, want] of Object.entries(cases)) {
    it(`${path} gives numbers as they were written`, () => {
      const got = selectJson(document, path).map(({ text }) => text);
      assert.deepEqual(got, want);
    });
  }

  it('says what is wrong with a path', () => {
    assert.equal(jsonPathProblem('$.a[0]'), '');
    assert.notEqual(jsonPathProblem('$.a['), '');
  });
});
