import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Channel, StepEntry, UpgradeRun, UpgradeRunStatus } from '../api/upgrade-run.ts';
import { upgradeRun } from './fixture.test.ts';
import { messagesOf, type Told } from './messages.ts';

const everything: Channel['events'] = ['Start', 'Step', 'Issue', 'End'];

type Entry = Partial<StepEntry> & { readonly id: string };

const locked: Entry = {
  id: 'preflight',
  state: 'Succeeded',
  started: '2026-12-05T20:00:00.000Z',
  finished: '2026-12-05T20:00:01.000Z',
};
const draining: Entry = { id: 'g1-drain', state: 'Running', started: '2026-12-05T20:00:01.000Z' };
const stuck: Entry = { ...draining, state: 'Failed', finished: '2026-12-05T20:05:01.000Z', message: '3 connections' };
const failure = { step: 'g1-drain', reason: 'DrainTimeout', message: '3 connections', at: '2026-12-05T20:05:01.000Z' };

const ready = (reason: string, message: string): UpgradeRunStatus['conditions'] => [
  { type: 'Ready', status: 'False', reason, message, lastTransitionTime: '2026-12-05T20:00:00Z' },
];

const asking: Partial<UpgradeRunStatus> = {
  phase: 'AwaitingDecision',
  step: 'g1-drain',
  failure,
  conditions: ready('IssueReview', 'Drain group-1: 3 connections'),
  service: { serving: ['group-2'], schema: '41', atStake: 'none' },
  choices: [
    { choice: 'Resume', estimate: '6m', message: 'mend the cause, then try the failed step again' },
    { choice: 'Rollback', method: 'Snapshots', data: 'Discard', loss: 'writes since 20:01', estimate: '9m' },
  ],
};

/** What is told, and what is remembered of it. */
function tell(
  run: UpgradeRun,
  told: Told = {},
  events: Channel['events'] = everything,
): { texts: string[]; told: Told } {
  const due = messagesOf(told, run, events);
  return {
    texts: due.map(({ message }) => `${message.type}: ${message.text}`),
    told: Object.assign({}, told, ...due.map(({ marks }) => marks)) as Told,
  };
}

const withContacts = (run: UpgradeRun): UpgradeRun => ({
  ...run,
  spec: {
    ...run.spec,
    policy: {
      ...run.spec.policy,
      contacts: [{ name: 'ana', role: 'Lead', available: 'WholeWindow', via: '+359 2 555 0100' }],
    },
  },
});

describe('messages about a run', () => {
  it('001-67: its start is told with what is announced, and a step when it begins and when it ends, each once', () => {
    const clocks = { atRisk: { planned: '20m' }, downtime: { planned: '0s' } };
    const begun = tell(upgradeRun('portal-1', [locked, draining], { clocks }));
    assert.deepEqual(begun.texts, [
      `start: portal-1, upgrade of portal from 1.1.0 to 1.2.0 begins.
The service is at risk, with limited capability, for about 20 minutes.
Announced: at risk 20m, down 0s; 24 steps.`,
      'step: portal-1 0/15 Check the requirements, lock group-1, group-2: done after 1s',
      'step: portal-1 1/15 Drain group-1: begins',
    ]);
    const over = {
      ...draining,
      state: 'Succeeded',
      finished: '2026-12-05T20:01:31.000Z',
      message: 'web-1 is out',
    } as const;
    const ended = tell(upgradeRun('portal-1', [locked, over], { clocks }), begun.told);
    assert.deepEqual(ended.texts, ['step: portal-1 1/15 Drain group-1: done after 1m30s: web-1 is out']);
    assert.deepEqual(tell(upgradeRun('portal-1', [locked, over], { clocks }), ended.told).texts, []);
  });

  it('001-67: a step that is tried again is told again', () => {
    const { told } = tell(upgradeRun('portal-1', [locked, stuck], { failure }));
    const again = tell(upgradeRun('portal-1', [locked, { ...draining, attempt: 2 }]), told);
    assert.deepEqual(again.texts, ['step: portal-1 1/15 Drain group-1: begins']);
  });

  it('001-118: an issue is told with the failed step, what users have, what may be chosen now, and whom it asks', () => {
    const run = withContacts(upgradeRun('portal-1', [locked, stuck], asking));
    assert.deepEqual(tell(run, {}, ['Issue']).texts, [
      `issue: portal-1, upgrade of portal from 1.1.0 to 1.2.0: 1 Drain group-1 failed: 3 connections
Service: group-2 serves; schema 41; at stake: none
Open now:
- Resume (mend the cause, then try the failed step again, takes 6m)
- Rollback Snapshots Discard (loses writes since 20:01, takes 9m)
Asked of: ana (Lead)`,
    ]);
    const [due] = messagesOf({}, run, ['Issue']);
    const { service, choices, asked } = due?.message.data ?? {};
    assert.deepEqual(
      { service, choices, asked },
      {
        service: asking.service,
        choices: asking.choices,
        asked: [{ name: 'ana', role: 'Lead' }],
      },
    );
  });

  it('001-118: a failure that nobody was asked about yet is told at once, and the question when it comes', () => {
    const failed = tell(upgradeRun('portal-1', [locked, stuck], { failure }), {}, ['Issue']);
    assert.match(failed.texts.join(), /1 Drain group-1 failed: 3 connections$/);
    const asked = tell(upgradeRun('portal-1', [locked, stuck], asking), failed.told, ['Issue']);
    assert.match(asked.texts.join(), /Open now:\n- Resume/);
  });

  it('001-118: the same question is told once, whatever becomes of its estimates, and another one again', () => {
    const { told } = tell(upgradeRun('portal-1', [locked, stuck], asking), {}, ['Issue']);
    const later = { ...asking, choices: asking.choices?.map((choice) => ({ ...choice, estimate: '3m' })) };
    assert.deepEqual(
      tell(upgradeRun('portal-1', [locked, stuck], { ...later, choices: later.choices }), told, ['Issue']).texts,
      [],
    );
    const pressed = { ...asking, conditions: ready('AwaitingRollbackAuthorization', '59m left') };
    assert.match(tell(upgradeRun('portal-1', [locked, stuck], pressed), told, ['Issue']).texts.join(), /59m left/);
  });

  it('a run that is held before it began is told once as an issue, and no start', () => {
    const held = (message: string): UpgradeRun =>
      upgradeRun('portal-1', [{ id: 'preflight', state: 'Running' }], {
        phase: 'Preflight',
        conditions: ready('PreflightFailed', message),
        choices: [{ choice: 'Waive', check: 'Contacts', message: 'go on although Contacts is not met; say why' }],
      });
    const { texts, told } = tell(held('not met: Contacts'));
    assert.deepEqual(texts, [
      `issue: portal-1, upgrade of portal from 1.1.0 to 1.2.0: a person is asked
not met: Contacts
Open now:
- Waive Contacts (go on although Contacts is not met; say why)
Asked of: whoever may decide`,
    ]);
    assert.deepEqual(tell(held('not met: Contacts, Capacity'), told).texts, []);
  });

  it('the end is told with its clocks and what is handed over', () => {
    const run = upgradeRun('portal-1', [locked, stuck], {
      phase: 'Failed',
      failure,
      started: '2026-12-05T20:00:00.000Z',
      finished: '2026-12-05T20:10:00.000Z',
      conditions: ready('DrainTimeout', '3 connections'),
      service: { serving: ['group-2'], atStake: 'none' },
      clocks: { atRisk: { planned: '20m', actual: '8m' }, downtime: { planned: '0s' } },
      handedOver: [{ object: 'pool/web/web-1', reason: 'NotServing', message: 'put web-1 back yourself' }],
    });
    assert.deepEqual(tell(run, {}, ['Start', 'Issue', 'End']).texts.slice(1), [
      `end: portal-1, upgrade of portal from 1.1.0 to 1.2.0: Failed after 10m.
3 connections
At risk 8m (20m announced); down 0s (0s announced).
Service: group-2 serves; at stake: none
Handed over: pool/web/web-1: put web-1 back yourself`,
    ]);
  });

  it('a run that gave way before it began is told of to nobody', () => {
    const run = upgradeRun('portal-1', [{ id: 'preflight', state: 'Running' }], { phase: 'Superseded' });
    assert.deepEqual(tell(run).texts, []);
    assert.equal(
      tell(run, { ask: 'PreflightFailed' }).texts.length,
      1,
      'but who heard that it is held hears that it ended',
    );
  });

  it('a message has the same id whenever it is computed, and every message its own', () => {
    const run = upgradeRun('portal-1', [locked, stuck], asking);
    const ids = (): string[] => messagesOf({}, run, everything).map(({ message }) => message.id);
    assert.deepEqual(ids(), ids());
    assert.equal(new Set(ids()).size, ids().length);
    assert.ok(ids().every((id) => id.startsWith('uid-portal-1/')));
  });

  it('a text has an end, however much is handed over', () => {
    const handedOver = Array.from({ length: 256 }, (_, i) => ({
      object: `pool/web/web-${i}`,
      reason: 'R',
      message: 'm'.repeat(200),
    }));
    const run = upgradeRun('portal-1', [locked], { phase: 'Failed', handedOver });
    assert.ok(tell(run, {}, ['End']).texts.every((text) => text.length < 4_100));
  });
});
