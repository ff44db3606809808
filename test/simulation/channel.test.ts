/** The line to people is tried out before the start, by one message for each try. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PreflightCheck } from '../../src/api/upgrade-run.ts';
import type { StoryEvent } from '../../src/simulation/simulation.ts';
import { decide, editSet, play, setting, signsOff, type Ended } from './story.ts';

const minute = 60_000;
const notify = [{ secret: 'ops-chat', events: ['Start' as const] }];
const required = { notify, preflight: { require: ['Channel' as const] } };
const broken = { state: 'failed' as const, message: 'Secret ops-chat: answered 403', remedy: 'mend the token' };

interface Tale {
  readonly set: NonNullable<Parameters<typeof setting>[0]>['set'];
  readonly isBroken?: boolean;
  readonly events?: (told: ReturnType<typeof setting>) => StoryEvent[];
  readonly limitMs?: number;
}

function tell({ set, isBroken = false, events = () => [], limitMs = 60 * minute }: Tale): Promise<Ended> {
  const told = setting({ set: { signOff: 'NotRequired', ...set } });
  if (isBroken) told.world.faults.checks.set('Channel ops-chat', broken);
  return play({ tell: () => ({ ...told, events: events(told), limitMs }) });
}

/** Test messages, by the minute. */
function sent({ world }: Ended, line = ''): number[] {
  const calls = world.calls.filter(({ kind, target }) => kind === 'RunCheck' && target.startsWith(`Channel ${line}`));
  const begun = world.calls[0]?.at ?? 0;
  return calls.map(({ at }) => Math.floor((at - begun) / minute));
}

function channelOf({ result }: Ended): PreflightCheck | undefined {
  return result.runs.at(-1)?.status?.preflight?.find(({ check }) => check === 'Channel');
}

const mended = (atMs: number, told: ReturnType<typeof setting>): StoryEvent => ({
  what: 'the Secret is mended',
  atMs,
  act: () => told.world.faults.checks.clear(),
});

describe('the line to people before the start', () => {
  it('001-42: a message that gets through is all it takes, and it is sent once', async () => {
    const ended = await tell({ set: required });
    assert.deepEqual([ended.result.runs[0]?.status?.phase, sent(ended)], ['Completed', [0]]);
    const { verdict, severity, evidence } = channelOf(ended) ?? {};
    assert.deepEqual([verdict, severity, evidence], ['Pass', 'Hold', 'Channel ops-chat is well']);
  });

  it('001-42 001-45: one that does not holds the run with the remedy, and is sent again every other minute', async () => {
    const ended = await tell({ set: required, isBroken: true, limitMs: 7 * minute });
    const [run] = ended.result.runs;
    assert.equal(run?.status?.phase, 'Preflight');
    assert.match(
      run?.status?.blockers?.[0]?.message ?? '',
      /^Channel: Secret ops-chat: answered 403; mend the token; or create a Decision Attest or Waive for run portal-1/,
    );
    assert.deepEqual(sent(ended), [0, 2, 4, 6]);
  });

  it('001-42: the run goes on by itself when the Secret is mended', async () => {
    const ended = await tell({ set: required, isBroken: true, events: (told) => [mended(5 * minute, told)] });
    assert.deepEqual([ended.result.runs[0]?.status?.phase, sent(ended)], ['Completed', [0, 2, 4, 6]]);
  });

  it('001-42: and when somebody who has reached the lead says so', async () => {
    const attests: StoryEvent = {
      what: 'ana attests',
      atMs: minute,
      act: (simulation) => decide(simulation, { choice: 'Attest', check: 'Channel', reason: 'by telephone' }),
    };
    const ended = await tell({ set: required, isBroken: true, events: () => [attests] });
    assert.deepEqual([ended.result.runs[0]?.status?.phase, sent(ended)], ['Completed', [0]]);
  });

  it('001-42: where it is not required it is only reported', async () => {
    const ended = await tell({ set: { notify }, isBroken: true });
    assert.equal(ended.result.runs[0]?.status?.phase, 'Completed');
    const { verdict, severity, remedy } = channelOf(ended) ?? {};
    assert.deepEqual([verdict, severity, remedy], ['Fail', 'Warn', 'mend the token']);
  });

  it('no other line is asked for a message, and without one nothing is sent', async () => {
    const ended = await tell({ set: {} });
    assert.deepEqual([channelOf(ended), sent(ended)], [undefined, []]);
  });

  it('001-42: who names another line gets another run, as long as nothing has begun', async () => {
    const edit: StoryEvent = {
      what: 'the set names another line',
      atMs: minute,
      act: (simulation) => editSet(simulation, { notify: [{ secret: 'audit', events: ['End'] }] }),
    };
    const ended = await tell({ set: required, isBroken: true, events: () => [edit, signsOff] });
    assert.deepEqual(
      ended.result.runs.map(({ status, spec }) => `${status?.phase} ${spec.policy.notify?.[0]?.secret}`),
      ['Superseded ops-chat', 'Completed audit'],
    );
  });

  it('001-42: while one line is tried again and again, one that works is left alone', async () => {
    const two = [...notify, { secret: 'audit', events: ['End' as const] }];
    const events = (told: ReturnType<typeof setting>): StoryEvent[] => [mended(7 * minute, told)];
    const ended = await tell({ set: { ...required, notify: two }, isBroken: true, events });
    assert.equal(ended.result.runs[0]?.status?.phase, 'Completed');
    assert.deepEqual(sent(ended, 'ops-chat'), [0, 2, 4, 6, 8]);
    assert.deepEqual(sent(ended, 'audit'), [0, 8], 'and once more with the last one');
    const handles = Object.keys(ended.result.runs[0]?.status?.steps[0]?.handles ?? {});
    assert.equal(handles.filter((key) => key.startsWith('channel/')).length, 2, 'however often it was tried');
  });

  it('a line that nobody waits for is tried once, however long the run is held', async () => {
    const held = { notify, preflight: { require: ['Contacts' as const] } };
    const ended = await tell({ set: held, isBroken: true, limitMs: 30 * minute });
    assert.deepEqual([ended.result.runs[0]?.status?.phase, sent(ended)], ['Preflight', [0]]);
  });

  it('a process that comes later finds the answer in the journal, and sends nothing', async () => {
    const held = { notify, preflight: { require: ['Channel' as const, 'Contacts' as const] } };
    const forgotten: StoryEvent = {
      what: 'another process leads, which has sent nothing itself',
      atMs: 10 * minute,
      act: ({ world }) => world.checkJobs.clear(),
    };
    const ended = await tell({ set: held, events: () => [forgotten], limitMs: 30 * minute });
    assert.deepEqual([ended.result.runs[0]?.status?.phase, sent(ended)], ['Preflight', [0]]);
    assert.equal(channelOf(ended)?.verdict, 'Pass');
  });
});
