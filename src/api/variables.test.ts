import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expand, variableNames } from './variables.ts';

describe('expand', () => {
  const values = { SERVER: 'admin-1', EMPTY: '', EVIL: '${SERVER}', DOLLAR: "$& $1 $' $$" };
  const rows: Record<string, { text: string; want: ReturnType<typeof expand> }> = {
    'replaces every occurrence': { text: '${SERVER}/${SERVER}', want: { text: 'admin-1/admin-1', unset: [] } },
    'takes an empty value for a value': { text: '[${EMPTY}]', want: { text: '[]', unset: [] } },
    'reports unset names once and leaves them': {
      text: '${B} ${A} ${B}',
      want: { text: '${B} ${A} ${B}', unset: ['A', 'B'] },
    },
    'does not expand inside values': { text: '${EVIL}', want: { text: '${SERVER}', unset: [] } },
    'puts dollar signs of values in as they are': { text: '${DOLLAR}', want: { text: "$& $1 $' $$", unset: [] } },
    'keeps an escaped reference': { text: '$${SERVER}', want: { text: '${SERVER}', unset: [] } },
    'leaves what is not a variable': {
      text: '$SERVER ${server} ${1} $.path {',
      want: { text: '$SERVER ${server} ${1} $.path {', unset: [] },
    },
    'does not find names in the prototype': {
      text: '${CONSTRUCTOR}',
      want: { text: '${CONSTRUCTOR}', unset: ['CONSTRUCTOR'] },
    },
  };
  for (const [name, { text, want }] of Object.entries(rows)) {
    it(name, () => assert.deepEqual(expand(text, values), want));
  }
});

describe('variableNames', () => {
  it('lists names sorted and once, without escaped ones', () => {
    assert.deepEqual(variableNames('${B}', 'x ${A} ${B} $${C}'), ['A', 'B']);
  });
});
