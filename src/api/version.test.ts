import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Version, compareVersions, inRange, parseRange, parseVersion, upgradeTypeOf } from './version.ts';

function version(text: string): Version {
  const parsed = parseVersion(text);
  assert.ok(parsed, text);
  return parsed;
}

describe('parseVersion', () => {
  const good: Record<string, Version> = {
    '1.2.0': { numbers: [1, 2, 0], suffix: '' },
    v2: { numbers: [2], suffix: '' },
    'V6.17': { numbers: [6, 17], suffix: '' },
    '1.2.3.4.5.6': { numbers: [1, 2, 3, 4, 5, 6], suffix: '' },
    '2.0-rc.1-x': { numbers: [2, 0], suffix: 'rc.1-x' },
    '08.5': { numbers: [8, 5], suffix: '' },
  };
  for (const [text, want] of Object.entries(good)) {
    it(`reads ${text}`, () => assert.deepEqual(parseVersion(text), want));
  }
  for (const text of [
    '',
    'v',
    '1.',
    '.1',
    '1..2',
    '1.2.3.4.5.6.7',
    '1.2-',
    'one',
    '1.2 (build 118)',
    '1.x',
    '-1',
    '1234567890123',
  ]) {
    it(`refuses "${text}"`, () => assert.equal(parseVersion(text), undefined));
  }
});

describe('compareVersions', () => {
  const rows: readonly [string, string, number][] = [
    ['7.1', '7.8', -1],
    ['7.8', '7.9', -1],
    ['7.9', '7.10', -1],
    ['V6.9', 'V6.17', -1],
    ['1.2', '1.2.0', 0],
    ['v1.2', '1.2', 0],
    ['2.0', '1.99.99', 1],
    ['2.0-rc1', '2.0', -1],
    ['2.0', '2.0-rc1', 1],
    ['2.0-rc2', '2.0-rc10', -1],
    ['2.0-rc', '2.0-rc1', -1],
    ['2.0-alpha', '2.0-beta', -1],
    ['2.0-rc1', '2.0-rc1', 0],
    ['999999999999', '1', 1],
  ];
  for (const [a, b, want] of rows) {
    it(`000-08 puts ${a} ${want < 0 ? 'before' : want > 0 ? 'after' : 'level with'} ${b}`, () => {
      assert.equal(compareVersions(version(a), version(b)), want);
      assert.equal(compareVersions(version(b), version(a)), want === 0 ? 0 : -want);
    });
  }

  it('000-08 is a total order', () => {
    const any = fc.record({
      numbers: fc.array(fc.nat(12), { minLength: 1, maxLength: 4 }),
      suffix: fc.constantFrom('', 'rc1', 'rc2', 'rc10', 'a', 'a1'),
    });
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        assert.equal(compareVersions(a, a), 0);
        assert.equal(compareVersions(a, b) + compareVersions(b, a), 0);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
      }),
    );
  });
});

describe('upgradeTypeOf', () => {
  const rows: readonly [string, string, string, string][] = [
    ['001-12 first number grows', '1.1', '2.0', 'Major'],
    ['001-12 first number grows by more than one', '1.9.9', '3.0', 'Major'],
    ['001-16 second number grows', '1.1', '1.2', 'Minor'],
    ['001-16 a patch is Minor', '1.1', '1.1.3', 'Minor'],
    ['001-16 a release after its candidate is Minor', '1.2-rc1', '1.2', 'Minor'],
    ['001-20 a lower version is no upgrade', '2.0', '1.9', 'NotNewer'],
    ['001-20 the same version is no upgrade', '2.0', 'v2.0.0', 'NotNewer'],
  ];
  for (const [name, from, to, want] of rows) {
    it(`${name}: ${from} to ${to} is ${want}`, () => assert.equal(upgradeTypeOf(version(from), version(to)), want));
  }
});

describe('ranges', () => {
  const rows: readonly [string, string, boolean][] = [
    ['>=1.1 <2.0', '1.1', true],
    ['>=1.1 <2.0', '1.10', true],
    ['>=1.1 <2.0', '2.0', false],
    ['>=1.1 <2.0', '2.0-rc1', true],
    ['>=1.1 <2.0 || =2.1', '2.1.0', true],
    ['>=1.1 <2.0 || =2.1', '2.1.1', false],
    ['>=7.1', '7.0.9', false],
    ['>=7.1', '7.10', true],
    ['1.2', '1.2.0', true],
    ['<=1.2', '1.2', true],
    ['> 1.2', '1.2', false],
    ['>=v8.1', 'V8.1', true],
  ];
  for (const [text, candidate, want] of rows) {
    it(`000-07 ${candidate} is ${want ? '' : 'not '}in "${text}"`, () => {
      const range = parseRange(text);
      assert.ok(range);
      assert.equal(inRange(version(candidate), range), want);
    });
  }
  for (const text of ['', '||', '>=', '>=1.1 ||', '~1.1', '^1.1', '1.x', '>=1.1<2.0', '>= = 1', '1.1, 1.2']) {
    it(`refuses the range "${text}"`, () => assert.equal(parseRange(text), undefined));
  }
});
