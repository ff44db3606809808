import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { evaluateCel } from './cel.ts';

const parts = { clock: createManualClock(), signal: new AbortController().signal };
const object = { spec: { replicas: 3, names: ['a', 'b'] }, status: {} };

describe('a CEL expression', () => {
  const cases: Readonly<Record<string, string>> = {
    'object.spec.replicas == 3 && object.spec.replicas + 1 == 4 && object.spec.names.size() == 2': 'holds',
    'object.spec.names.exists(n, n == "c")': 'doesNotHold',
    'object.status.ready': 'noAnswer: field not found: ready',
    'object.spec.replicas': 'noAnswer: it gives bigint, not true or false',
    'object.spec.replicas ==': 'malformed: <input>',
  };
  for (const [expression, want] of Object.entries(cases)) {
    it(`${expression} ${want}`, async () => {
      const outcome = await evaluateCel(expression, { object }, parts);
      const told = 'why' in outcome ? `${outcome.kind}: ${outcome.why}` : outcome.kind;
      assert.ok(told.startsWith(want), told);
    });
  }

  it('is only read where there are no variables yet', async () => {
    assert.deepEqual(await evaluateCel('object.x', undefined, parts), { kind: 'read' });
  });

  it('that never ends is ended, and has no answer', async () => {
    const controller = new AbortController();
    const numbers = Array.from({ length: 2_000 }, (_, index) => index);
    const slow = 'n.all(a, n.all(b, n.all(c, a + b + c >= 0)))';
    const answer = evaluateCel(slow, { n: numbers }, { ...parts, signal: controller.signal });
    controller.abort(new Error('the deadline'));
    assert.deepEqual(await answer, { kind: 'noAnswer', why: 'it takes too long: make it simpler' });
  });
});
