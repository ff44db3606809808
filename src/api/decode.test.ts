import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { TerminalError } from '../shared/errors.ts';
import { type Plain, badObjects, validObjects, withValues } from '../../test/integration/bad-objects.ts';
import * as decoders from './decode.ts';
import { kinds } from './kinds.ts';

const byKind: Readonly<Record<string, (object: unknown) => unknown>> = {
  Package: decoders.decodePackage,
  Pool: decoders.decodePool,
  ProbeSuite: decoders.decodeProbeSuite,
  Database: decoders.decodeDatabase,
  ServerGroup: decoders.decodeServerGroup,
  UpgradeSet: decoders.decodeUpgradeSet,
  UpgradeRun: decoders.decodeUpgradeRun,
  Decision: decoders.decodeDecision,
};

function decode(kind: string, object: unknown): unknown {
  const decoder = byKind[kind];
  assert.ok(decoder, kind);
  return decoder(object);
}

function valid(kind: string): Plain {
  const object = validObjects[kind];
  assert.ok(object, kind);
  return object;
}

describe('decode', () => {
  for (const { kind, example } of kinds) {
    if (example !== '') it(`reads the example of ${kind}`, () => void decode(kind, parse(example)));
  }

  for (const bad of badObjects.filter(({ isUpdate, isServerOnly }) => isUpdate !== true && isServerOnly !== true)) {
    it(`S-41 refuses a ${bad.kind} that ${bad.why}, without help of the API server`, () => {
      assert.throws(() => decode(bad.kind, withValues(valid(bad.kind), bad.set)), {
        name: 'TerminalError',
        reason: 'InvalidObject',
      });
    });
  }

  it('fills in defaults, nested ones too', () => {
    const { spec } = decoders.decodeUpgradeSet(withValues(valid('UpgradeSet'), { 'spec.rollback': undefined }));
    assert.deepEqual(
      [spec.rollback, spec.historyLimit, spec.signOff],
      [{ policy: 'RequireApproval', onServed: 'Ask', authorizeBelow: '1h' }, 10, 'Required'],
    );
  });

  it('names the object, the field and the next move', () => {
    const object = withValues(valid('ServerGroup'), { 'spec.servers.0.workload.kind': 'Pod' });
    assert.throws(
      () => decoders.decodeServerGroup(object),
      (error) => {
        assert.ok(error instanceof TerminalError);
        assert.match(
          error.message,
          /^ServerGroup "group-1" is not valid: spec\.servers\[0\]\.workload\.kind: .*"Deployment"\|"StatefulSet".*; mend it and apply it again$/,
        );
        return true;
      },
    );
  });

  it('shows three of many mistakes and counts the rest', () => {
    const object = withValues(valid('UpgradeSet'), {
      'spec.package': 1,
      'spec.serverGroups': 2,
      'spec.paused': 3,
      'spec.dryRun': 4,
      'spec.signOff': 5,
    });
    assert.throws(() => decoders.decodeUpgradeSet(object), /; and 2 more; mend it/);
  });

  for (const object of [undefined, null, 'text', {}, { apiVersion: 'v1', kind: 'Pod', metadata: {} }]) {
    it(`refuses ${JSON.stringify(object)} without failing itself`, () => {
      assert.throws(() => decoders.decodePool(object), { name: 'TerminalError', reason: 'InvalidObject' });
    });
  }

  it('leaves a run of another format alone, whatever else it holds', () => {
    const object = withValues(valid('UpgradeRun'), { 'spec.format': 2, 'spec.steps': 'compressed' });
    assert.throws(() => decoders.decodeUpgradeRun(object), { name: 'TerminalError', reason: 'UnsupportedFormat' });
  });

  it('drops fields of a newer version', () => {
    const set = decoders.decodeUpgradeSet(withValues(valid('UpgradeSet'), { 'spec.schedule': { window: 'w' } }));
    assert.deepEqual(set.spec.schedule, {});
  });

  it('reads a state of a newer version as Unknown, and an optional one as absent', () => {
    const members = [
      { name: 'a', state: 'Parked' },
      { name: 'b', state: 'Serving' },
    ];
    const pool = decoders.decodePool(withValues(valid('Pool'), { status: { driver: 'nginx', members } }));
    assert.deepEqual(pool.status, {
      members: [
        { name: 'a', state: 'Unknown' },
        { name: 'b', state: 'Serving' },
      ],
    });
  });

  it('refuses a journal whose states it does not know', () => {
    const steps = [{ id: 'a', state: 'Suspended', attempt: 1, operation: 'x' }];
    const object = withValues(valid('UpgradeRun'), { status: { phase: 'Running', epoch: 1, steps } });
    assert.throws(() => decoders.decodeUpgradeRun(object), { name: 'TerminalError', reason: 'InvalidObject' });
  });

  it('does not change what it is given', () => {
    const object = withValues(valid('Pool'), { status: { members: [{ name: 'a', state: 'Parked' }] } });
    const before = structuredClone(object);
    decoders.decodePool(object);
    assert.deepEqual(object, before);
  });
});
