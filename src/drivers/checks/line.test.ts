import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cluster, context, never, operation } from '../../../test/conformance/scene.ts';
import { silentLogger } from '../../shared/logger.ts';
import type { Delivery } from '../send-message.ts';
import type { CheckOf } from './answer.ts';
import { createCheckDriver } from './driver.ts';
import { Expressions } from './expression.ts';
import { observeLine, testLine } from './line.ts';
import type { CheckParts } from './parts.ts';

const text = 'Belay: line tested before run portal-1 of portal';
const check: CheckOf<'Channel'> = {
  id: 'uid-run-1/preflight/1/Channel/1/ops-chat',
  kind: 'Channel',
  secret: 'ops-chat',
  text,
};

function play(delivery: Delivery) {
  const sent: string[] = [];
  const scene = cluster();
  const parts: CheckParts = {
    ...scene,
    expressions: new Expressions(scene.clock),
    send: (_, secret, message) => {
      sent.push(`${message.type} ${secret}: ${message.text}`);
      return Promise.resolve(delivery);
    },
    lines: new Map(),
  };
  return { parts, sent };
}

describe('the check Channel', () => {
  it('001-42: one message is sent, however often it is asked for, and what came of it is the answer', async () => {
    const { parts, sent } = play({ kind: 'delivered' });
    assert.equal(observeLine(parts, check).state, 'absent');
    for (let turn = 0; turn < 3; turn += 1) await testLine(parts, operation('preflight'), check, never);
    assert.deepEqual(sent, [`test ops-chat: ${text}`]);
    assert.deepEqual(observeLine(parts, check), {
      state: 'passed',
      message: 'a test message got through over Secret ops-chat',
      remedy: '',
    });
  });

  it('001-42: a message that does not get through fails with what to mend, and the next round sends another', async () => {
    const { parts, sent } = play({
      kind: 'failed',
      why: 'Secret ops-chat: it is 403',
      remedy: 'mend it',
      isFinal: true,
    });
    await testLine(parts, operation('preflight'), check, never);
    assert.deepEqual(observeLine(parts, check), {
      state: 'failed',
      message: 'no test message gets through: Secret ops-chat: it is 403',
      remedy: 'mend it',
    });
    await testLine(parts, operation('preflight'), { ...check, id: 'another round' }, never);
    assert.equal(sent.length, 2);
  });

  it('001-42: is asked through the driver like any other check', async () => {
    const driver = createCheckDriver({ ...cluster(), logger: silentLogger });
    assert.equal((await driver.observe(context(), check, never)).state, 'absent');
    await driver.request(operation('preflight'), { kind: 'RunCheck', request: check }, never);
    const { state, remedy } = await driver.observe(context(), check, never);
    assert.deepEqual([state, remedy], ['failed', 'create Secret ops-chat with the keys type and url']);
  });
});
