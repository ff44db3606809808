import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SettingChange } from '../../planner/effects.ts';
import { TerminalError } from '../../shared/errors.ts';
import { changeDocument, isAsWanted } from './document.ts';

type Format = SettingChange['format'];

function change(format: Format, mode: SettingChange['mode'], path: string, value = ''): SettingChange {
  return { object: { kind: 'ConfigMap', name: 'conf' }, key: 'k', format, mode, path, value };
}

const cases: Readonly<Record<string, { tc: SettingChange; before: string; want: string }>> = {
  'Ini: a value changes, comments and spacing stay': {
    tc: change('Ini', 'set', 'db/host', 'b'),
    before: '# top\n[db]\nhost=a\n; end\n[x]\nhost=z\n',
    want: '# top\n[db]\nhost=b\n; end\n[x]\nhost=z\n',
  },
  'Ini: a new key joins its section': {
    tc: change('Ini', 'set', 'db/port', '1'),
    before: '[db]\nhost=a\n\n[x]\ny=z\n',
    want: '[db]\nhost=a\nport = 1\n\n[x]\ny=z\n',
  },
  'Ini: a new section goes to the end': {
    tc: change('Ini', 'set', 'new/k', 'v'),
    before: '[db]\nhost=a\n',
    want: '[db]\nhost=a\n[new]\nk = v\n',
  },
  'Ini: a key before the first section': {
    tc: change('Ini', 'set', 'k', 'v'),
    before: 'k = a\n[db]\nk = b\n',
    want: 'k = v\n[db]\nk = b\n',
  },
  'Ini: carriage returns stay': {
    tc: change('Ini', 'set', 'k', 'v'),
    before: 'k = a\r\nb = c\r\n',
    want: 'k = v\r\nb = c\r\n',
  },
  'Ini: removing leaves the rest': {
    tc: change('Ini', 'remove', 'db/host'),
    before: '[db]\nhost=a\nport=1\n',
    want: '[db]\nport=1\n',
  },
  'add never overwrites': {
    tc: change('Ini', 'add', 'db/host', 'b'),
    before: '[db]\nhost=a\n',
    want: '[db]\nhost=a\n',
  },
  'Json: a number stays a number, order and indent stay': {
    tc: change('Json', 'set', 'a/n', '2'),
    before: '{\n    "z": true,\n    "a": {\n        "n": 1\n    }\n}\n',
    want: '{\n    "z": true,\n    "a": {\n        "n": 2\n    }\n}\n',
  },
  'Json: a new value is a string': { tc: change('Json', 'set', 'b', '2'), before: '{"a":1}', want: '{"a":1,"b":"2"}' },
  'Json: removing what is not there changes nothing': {
    tc: change('Json', 'remove', 'b/c'),
    before: '{ "a":1 }',
    want: '{ "a":1 }',
  },
  'Yaml: comments stay': {
    tc: change('Yaml', 'set', 'a/n', '2'),
    before: '# top\na:\n  n: 1 # why\n  m: x\n',
    want: '# top\na:\n  n: 2 # why\n  m: x\n',
  },
  'Yaml: into an empty document': { tc: change('Yaml', 'set', 'a/b', 'x'), before: '', want: 'a:\n  b: x\n' },
  'Properties: dots are part of the key': {
    tc: change('Properties', 'set', 'a.b', '2'),
    before: '# c\na.b = 1\na.c=3\n',
    want: '# c\na.b = 2\na.c=3\n',
  },
  'Properties: a new key': { tc: change('Properties', 'add', 'x', '2'), before: 'a=1', want: 'a=1\nx=2\n' },
  'Text: the whole value': { tc: change('Text', 'set', '', 'new'), before: 'old', want: 'new' },
};

describe('changing one value of a document', () => {
  for (const [name, { tc, before, want }] of Object.entries(cases)) {
    it(name, () => {
      const got = changeDocument(before, tc);
      assert.equal(got, want);
      assert.equal(isAsWanted(got, tc), true);
      assert.equal(changeDocument(got, tc), got, 'doing it twice changes nothing');
    });
  }

  it('refuses a document of another format', () => {
    assert.throws(() => changeDocument('not json', change('Json', 'set', 'a', 'b')), TerminalError);
    assert.throws(() => changeDocument('a: [', change('Yaml', 'set', 'a', 'b')), TerminalError);
    assert.throws(() => changeDocument('{"a":"text"}', change('Json', 'set', 'a/b', 'c')), TerminalError);
  });
});
