import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { probeSuite, serverGroup } from '../../../test/builders/objects.ts';
import type { ProbeSuite } from '../../api/probe-suite.ts';
import { setFromOutside, unsetVariables } from './probes.ts';

type Probes = NonNullable<NonNullable<Parameters<typeof probeSuite>[1]>['probes']>;

const suiteOf = (probes: Probes, name = 'web-functions'): ProbeSuite => probeSuite(name, { probes });
const group = serverGroup(1, { probes: 'web-functions', probeParameters: { BASE: 'https://portal.example' } });

/** What is left to find where nobody looks for variables that nobody sets at all. */
const unset = (suite: ProbeSuite): string[] =>
  unsetVariables(suite, setFromOutside(suite, [group])).map(({ field, message }) => `${field}: ${message}`);

describe('variables of a suite, looked at by itself', () => {
  const cases: Readonly<Record<string, readonly [suite: ProbeSuite, want: readonly string[]]>> = {
    'may be set by the group, and may be set by nobody: that is found where a plan is made': [
      suiteOf([{ name: 'a', http: { url: '${BASE}/${ELSEWHERE}/${EXPECTED_VERSION}' } }]),
      [],
    ],
    'may be captured before they are used': [
      suiteOf([
        { name: 'a', http: { url: 'https://a', capture: [{ name: 'ID', json: '$.id' }] } },
        { name: 'b', http: { url: 'https://b/${ID}' } },
      ]),
      [],
    ],
    'may not be captured later': [
      suiteOf([
        { name: 'b', http: { url: 'https://b/${ID}' } },
        { name: 'a', http: { url: 'https://a', capture: [{ name: 'ID', json: '$.id' }] } },
      ]),
      ['spec.probes[b]: ${ID} has no value yet: probe "a" captures it, and comes no earlier'],
    ],
    'may not stand in the env of another probe': [
      suiteOf([
        { name: 'a', http: { url: 'https://a/${KEY}', env: [{ name: 'KEY', value: 'x' }] } },
        { name: 'b', http: { url: 'https://b/${KEY}' } },
      ]),
      [
        'spec.probes[b]: nobody sets ${KEY}: add it to spec.parameters with a default, or to probeParameters of the ServerGroup',
      ],
    ],
    'may stand there where the group sets them too': [
      suiteOf([
        { name: 'a', http: { url: '${BASE}', env: [{ name: 'BASE', value: 'https://a' }] } },
        { name: 'b', http: { url: '${BASE}' } },
      ]),
      [],
    ],
  };
  for (const [name, [suite, want]] of Object.entries(cases)) it(name, () => assert.deepEqual(unset(suite), want));
});
