import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Redactor } from './redaction.ts';

type Entry = readonly [key: string, value: string];

function redacted(text: string, ...entries: readonly Entry[]): string {
  const redactor = new Redactor();
  for (const [key, value] of entries) redactor.addFromSecret(key, value);
  return redactor.redact(text);
}

describe('Redaction', () => {
  const cases: Record<string, { text: string; secret: readonly Entry[]; want: string }> = {
    'leaves the name of the user, or nobody could tell which database is meant': {
      text: 'database portal_verify_4e51 is left behind by portal on db-0.postgres:5432',
      secret: [
        ['PGUSER', 'portal'],
        ['username', 'portal'],
        ['PGHOST', 'db-0.postgres'],
        ['port', '5432'],
        ['PGDATABASE', 'portal\n'],
      ],
      want: 'database portal_verify_4e51 is left behind by portal on db-0.postgres:5432',
    },
    'takes out every other value, however short or ordinary it is': {
      text: 'portal and token and v1',
      secret: [
        ['PGPASSWORD', 'portal'],
        ['note', 'token'],
        ['PGSERVICE', 'v1'],
      ],
      want: '*** and *** and ***',
    },
    'takes out a password that equals the name of its user': {
      text: 'user portal, password portal',
      secret: [
        ['PGUSER', 'portal'],
        ['PGPASSWORD', 'portal'],
      ],
      want: 'user ***, password ***',
    },
    'takes out a connection string, whatever its key says': {
      text: 'connecting to postgres://portal:geheim@db/portal',
      secret: [['DATABASE', 'postgres://portal:geheim@db/portal']],
      want: 'connecting to ***',
    },
    'takes out what only looks like a name under a key that does not say so': {
      text: 'user_password is geheim',
      secret: [['user_password', 'geheim']],
      want: 'user_password is ***',
    },
    'takes a value that is part of a longer one out with the longer one': {
      text: 'geheim-und-mehr',
      secret: [
        ['a', 'geheim'],
        ['b', 'geheim-und-mehr'],
      ],
      want: '***',
    },
    'knows the forms of a value: each line of it, JSON, URL and base64': {
      text: ['say "so"', String.raw`say \"so\"`, 'say%20%22so%22', 'c2F5ICJzbyI=', 'c2F5ICJzbyI', '}'].join(' | '),
      secret: [['KEY', 'say "so"\n}\n']],
      want: '*** | *** | *** | *** | *** | }',
    },
  };
  for (const [name, { text, secret, want }] of Object.entries(cases))
    it(name, () => assert.equal(redacted(text, ...secret), want));

  it('quotes text of others after it was redacted, or half a secret would remain', () => {
    const redactor = new Redactor();
    redactor.add('x'.repeat(100));
    assert.equal(redactor.show(`${'.'.repeat(60)}${'x'.repeat(100)}`), `"${'.'.repeat(60)}***"`);
    assert.equal(redactor.show('y'.repeat(130)), `"${'y'.repeat(120)}"…`);
  });
});
