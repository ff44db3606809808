import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setting } from '../../../test/simulation/story.ts';
import { planRun } from '../../simulation/set-controller.ts';
import { must } from '../../simulation/world.ts';
import type { Observed, SnapshotObservation } from '../observed.ts';
import type { StepVerdict } from '../verdict.ts';
import { evaluateSnapshot } from './snapshot.ts';

const told = setting();
const spec = planRun(told, must(told.objects.sets[0], 'set'));
const step = must(
  spec.steps.find(({ id }) => id === 'g1-snapshot'),
  'step',
);

interface Asked {
  readonly claims?: string;
  readonly attempt?: number;
  readonly handles?: Readonly<Record<string, string>>;
  /** Exist, and do not become ready. */
  readonly stuck?: readonly string[];
}

function ask({ claims = 'data-web', attempt = 1, handles = {}, stuck = [] }: Asked): StepVerdict {
  const snapshots = new Map(
    stuck.map((snapshot): [string, SnapshotObservation] => [
      snapshot,
      { snapshot, exists: true, ready: false, verified: false, createdAt: 0, error: '' },
    ]),
  );
  return evaluateSnapshot({
    run: { name: 'portal-1', uid: 'uid', spec },
    step,
    entry: { id: step.id, state: 'Running', attempt, operation: `uid/g1-snapshot/${attempt}` },
    handles: { 'claims/group-1': claims, ...handles },
    observed: { snapshots } as unknown as Observed,
    decisions: [],
    now: 0,
    consumedMs: 0,
    timeoutMs: 900_000,
  });
}

function created(asked: Asked): string {
  const verdict = ask(asked);
  return verdict.kind === 'act' && verdict.effect.kind === 'CreateSnapshot' ? verdict.effect.snapshot : verdict.kind;
}

describe('names of snapshots', () => {
  it('001-58: the first of a claim is run and claim', () => {
    assert.equal(created({}), 'portal-1-data-web');
  });

  it('S-26: a later one of a claim is not the first of another claim', () => {
    const first = 'portal-1-data-web';
    const later = created({ attempt: 2, handles: { 'snapshot/data-web': first }, stuck: [first] });
    assert.notEqual(later, created({ claims: 'data-web-2' }));
    assert.match(later, /^portal-1-data-web-[0-9a-f]{8}-2$/);
  });

  it('fit into what the API server takes, and stay apart there', () => {
    const long = 'a.'.repeat(126);
    const names = [`${long}b`, `${long}c`].map((claims) => created({ claims }));
    assert.equal(new Set(names).size, 2);
    for (const name of names) {
      assert.ok(name.length <= 253, `${name.length} characters`);
      assert.match(name, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
    }
  });

  it('S-14: the one that an earlier release made in this very attempt is waited for, whatever it is called', () => {
    const name = 'portal-1-data-web-2';
    assert.equal(ask({ attempt: 2, handles: { 'snapshot/data-web': name }, stuck: [name] }).kind, 'wait');
    assert.match(
      created({ attempt: 3, handles: { 'snapshot/data-web': name }, stuck: [name] }),
      /^portal-1-data-web-[0-9a-f]{8}-3$/,
    );
  });
});
