import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { packageOf, serverGroup } from '../../test/builders/objects.ts';
import type { ServerGroup } from '../api/server-group.ts';
import { changesOf } from './settings.ts';

type Server = ServerGroup['spec']['servers'][number];

const versions = { from: '1.1.0', to: '1.2.0' };

function server(name: string, vars?: Record<string, string>): Server {
  return { name, workload: { kind: 'StatefulSet', name }, ...(vars === undefined ? {} : { vars }) };
}

/** "mode object path=value", and what is missing. */
function changes(object: string, set: Record<string, string>, servers: readonly Server[]): string[] {
  const release = packageOf('1.2.0', { settings: [{ config: 'options', set, remove: ['old'] }] });
  const group = serverGroup(1, {
    servers: [...servers],
    configs: [{ name: 'options', object: { kind: 'ConfigMap', name: object }, key: 'server.conf', format: 'Json' }],
  });
  return changesOf(release, group, versions).map(({ config, mode, path, value, unset }) =>
    [`${mode} ${config.object.name} ${path}=${value}`, ...unset].join(' lacks '),
  );
}

describe('settings of a release', () => {
  const two = [server('web-1', { APP: 'cs-1', SITE: 'x' }), server('web-2', { APP: 'cs-2', SITE: 'x' })];
  const cases: Readonly<Record<string, readonly [string, Record<string, string>, readonly string[]]>> = {
    'values of a document of each server hold its variables': [
      '${SERVER}-conf',
      { app: '${APP} in ${GROUP}' },
      [
        'set web-1-conf app=cs-1 in group-1',
        'remove web-1-conf old=',
        'set web-2-conf app=cs-2 in group-1',
        'remove web-2-conf old=',
      ],
    ],
    'a document that servers share knows what they have in common, and the versions': [
      'conf',
      { site: '${SITE}', release: '${FROM_VERSION} to ${TO_VERSION}' },
      ['set conf site=x', 'set conf release=1.1.0 to 1.2.0', 'remove conf old='],
    ],
    'what differs between servers that share a document has no value there': [
      'conf',
      { app: '${APP}', server: '${SERVER}' },
      ['set conf app=${APP} lacks APP', 'set conf server=${SERVER} lacks SERVER', 'remove conf old='],
    ],
    'a name that nobody can fill in is found': [
      '${DISK}-conf',
      { a: 'b' },
      ['set ${DISK}-conf a=b lacks DISK', 'remove ${DISK}-conf old= lacks DISK'],
    ],
    'two dollars stand for one': ['conf', { a: '$${APP}' }, ['set conf a=${APP}', 'remove conf old=']],
  };
  for (const [name, [object, set, want]] of Object.entries(cases))
    it(name, () => assert.deepEqual(changes(object, set, two), want));
});
