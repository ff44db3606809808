import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import { upgradeRun } from '../status/fixture.test.ts';
import { awaitStart, confirmJoint } from './joint.ts';
import type { Handles } from './journal.ts';
import type { Observed } from './observed.ts';
import { evaluateAwaitDecision } from './steps/await-decision.ts';
import { done, fail, type StepContext, type StepVerdict, type ValidDecision } from './verdict.ts';

const began = Date.UTC(2026, 11, 5, 20, 10);
const operation = 'uid-portal-1/final/2';

type Approvals = NonNullable<UpgradeRunSpec['policy']['approvals']>;
type Word = Partial<ValidDecision> & Pick<ValidDecision, 'by'>;

interface Question {
  readonly step?: string;
  readonly approvals?: Partial<Approvals>;
  readonly purpose?: UpgradeRunSpec['purpose'];
  readonly words?: readonly Word[];
  readonly handles?: Handles;
}

function contextOf({
  step: id = 'final',
  approvals,
  purpose = 'Upgrade',
  words = [],
  handles = {},
}: Question): StepContext {
  const run = upgradeRun('portal-1', []);
  const defaults = { fourEyes: false, start: 'NotRequired', jointSteps: 'Automatic', expireAfter: '72h' } as const;
  const policy = {
    ...run.spec.policy,
    ...(approvals === undefined ? {} : { approvals: { ...defaults, ...approvals } }),
  };
  const step = run.spec.steps.find((candidate) => candidate.id === id);
  assert.ok(step !== undefined);
  const entry: StepEntry = { id, state: 'Running', attempt: 2, operation, started: new Date(began).toISOString() };
  return {
    run: { name: 'portal-1', uid: 'uid-portal-1', spec: { ...run.spec, purpose, policy } },
    step,
    entry,
    handles,
    // Nothing of the world is looked at: people are asked.
    observed: {} as unknown as Observed,
    decisions: words.map((word, index) => ({
      ...{
        name: `word-${index}`,
        choice: 'Approve',
        approved: true,
        reason: 'seen',
        evidence: '',
        method: '',
        data: undefined,
      },
      ...{ check: '', step: id, group: '', server: '', as: '', createdAt: began + 60_000 },
      ...word,
    })),
    now: began + 120_000,
    consumedMs: 0,
    timeoutMs: 900_000,
  };
}

function told(verdict: StepVerdict | undefined): string {
  if (verdict === undefined) return 'goes on';
  switch (verdict.kind) {
    case 'record':
      return `record ${JSON.stringify(verdict.record)}`;
    case 'act':
      return `act ${verdict.effect.kind}`;
    case 'wait':
      return `wait ${verdict.reason}: ${verdict.message}`;
    case 'failed':
      return `failed ${verdict.reason}: ${verdict.message}`;
    case 'done':
    case 'skip':
      return `${verdict.kind}: ${verdict.message}`;
  }
}

const passed = done('passed, version 1.2.0');
const both = { jointSteps: 'Both' } as const;
const one = { jointSteps: 'One' } as const;
const engineer = { [`approved/${operation}/Engineer`]: 'ana' };

describe('a joint step whose tests have passed', () => {
  const look = 'wait AwaitingApproval: passed, version 1.2.0: look at the result, then';
  const cases: Record<string, [question: Question, want: string]> = {
    'is over where nothing is said about approvals': [{}, 'done: passed, version 1.2.0'],
    'is over where its tests alone decide': [{ approvals: {} }, 'done: passed, version 1.2.0'],
    '001-96: waits for one word, and says which': [
      { approvals: one },
      `${look} create a Decision with choice Approve and step final for run portal-1`,
    ],
    '001-96: waits for two words of two people, and says which': [
      { approvals: both },
      `${look} create Decisions with choice Approve and step final for run portal-1: one as Engineer and one as Administrator, by two people`,
    ],
    '001-115: is the engineer alone where the actor map says so': [
      { step: 'g1-isolated', approvals: both },
      'done: passed, version 1.2.0',
    ],
    '001-133: waits for nobody on the way back': [
      { approvals: both, purpose: 'Rollback' },
      'done: passed, version 1.2.0',
    ],
    'writes a word down before it counts': [
      { approvals: one, words: [{ by: 'ana' }] },
      `record {"approved/${operation}":"ana","heard/word-0":"${operation}"}`,
    ],
    'is over with what was written down, whatever became of the Decision': [
      { approvals: one, handles: { [`approved/${operation}`]: 'ana' } },
      'done: passed, version 1.2.0; approved by ana',
    ],
    'does not take the word about an earlier attempt': [
      { approvals: one, handles: { 'approved/uid-portal-1/final/1': 'ana' } },
      `${look} create a Decision with choice Approve and step final for run portal-1`,
    ],
    'does not take a word given before this attempt began': [
      { approvals: one, words: [{ by: 'ana', createdAt: began - 2_000 }] },
      `${look} create a Decision with choice Approve and step final for run portal-1`,
    ],
    'does not take the word about another step': [
      { approvals: one, words: [{ by: 'ana', step: 'g1-others' }] },
      `${look} create a Decision with choice Approve and step final for run portal-1`,
    ],
    'does not take a word in no role where two are asked for': [
      { approvals: both, words: [{ by: 'ana' }], handles: engineer },
      'wait AwaitingApproval: passed, version 1.2.0, and ana as Engineer approved: create a Decision with choice Approve, step final and as Administrator for run portal-1',
    ],
    '001-03 001-96: does not take one person for two': [
      { approvals: both, words: [{ by: 'ana', as: 'Administrator' }], handles: engineer },
      'wait AwaitingApproval: passed, version 1.2.0, and ana as Engineer approved: create a Decision with choice Approve, step final and as Administrator for run portal-1',
    ],
    '001-96: takes the second of two people': [
      { approvals: both, words: [{ by: 'ben', as: 'Administrator' }], handles: engineer },
      `record {"approved/${operation}/Administrator":"ben","heard/word-0":"${operation}"}`,
    ],
    '001-96: is refused by either, after it is written down': [
      { approvals: both, words: [{ by: 'ben', as: 'Administrator', approved: false }], handles: engineer },
      `record {"heard/word-0":"${operation}"}`,
    ],
    '001-96: fails with the word of who refused': [
      {
        approvals: both,
        words: [{ by: 'ben', as: 'Administrator', approved: false, reason: 'search is slow' }],
        handles: { ...engineer, 'heard/word-0': operation },
      },
      'failed Denied: ben refused the result: search is slow',
    ],
    'asks again where a refusal was about an earlier attempt': [
      { approvals: one, words: [{ by: 'ben', approved: false }], handles: { 'heard/word-0': 'uid-portal-1/final/1' } },
      `${look} create a Decision with choice Approve and step final for run portal-1`,
    ],
  };
  for (const [name, [question, want]] of Object.entries(cases))
    it(name, () => assert.equal(told(confirmJoint(contextOf(question), passed)), want));

  it('and one whose tests have failed has failed, whoever approves', () => {
    const verdict = fail('ProbeFailed', 'status 500');
    assert.equal(confirmJoint(contextOf({ approvals: one, words: [{ by: 'ana' }] }), verdict), verdict);
  });

  it('S-36: names what to create in the choices too, and asks without a deadline', () => {
    const verdict = confirmJoint(contextOf({ approvals: both, handles: engineer }), passed);
    assert.ok(verdict.kind === 'wait');
    const message = 'the result of "Final tests, version 1.2.0"';
    assert.deepEqual(
      [verdict.choices, verdict.untimed, verdict.blocker],
      [
        [{ choice: 'Approve', step: 'final', as: 'Administrator', message }],
        true,
        { type: 'Decision', object: 'step/final' },
      ],
    );
  });
});

describe('the start', () => {
  const required = { start: 'Required' } as const;
  const start = (question: Question): string => told(awaitStart(contextOf({ step: 'preflight', ...question })));
  const ask =
    'wait AwaitingApproval: spec.approvals.start is Required: look at the plan, then create a Decision with choice Approve for run portal-1';
  const cases: Record<string, [question: Question, want: string]> = {
    'waits for nobody where nothing is said about it': [{}, 'goes on'],
    '001-26: waits for a word': [{ approvals: required }, ask],
    '001-26: is not the result of a step': [{ approvals: required, words: [{ by: 'ana', step: 'final' }] }, ask],
    '001-26: may be approved in advance': [
      { approvals: required, words: [{ by: 'ana', step: '', createdAt: began - 3_600_000 }] },
      'record {"start-approved":"ana"}',
    ],
    '001-26: goes on with what was written down': [
      { approvals: required, handles: { 'start-approved': 'ana' } },
      'goes on',
    ],
    'waits for nobody on the way back': [{ approvals: required, purpose: 'Rollback' }, 'goes on'],
  };
  for (const [name, [question, want]] of Object.entries(cases)) it(name, () => assert.equal(start(question), want));
});

describe('the sign-off', () => {
  const signOff = (question: Question): string =>
    told(
      evaluateAwaitDecision(
        contextOf({
          ...question,
          step: 'sign-off',
          words: (question.words ?? []).map((word) => ({ choice: 'SignOff', step: '', ...word })),
        }),
      ),
    );
  const cases: Record<string, [question: Question, want: string]> = {
    '001-94: waits for one word': [
      { approvals: one },
      'wait AwaitingSignOff: verify the release, then create a Decision with choice SignOff for run portal-1',
    ],
    '001-94: waits for two words of two people where joint steps do': [
      { approvals: both, handles: engineer },
      'wait AwaitingSignOff: ana as Engineer signed off: create a Decision with choice SignOff and as Administrator for run portal-1',
    ],
    '001-94: takes half a sign-off for none where one word is asked for': [
      { approvals: one, words: [{ by: 'ana', as: 'Engineer' }] },
      'wait AwaitingSignOff: verify the release, then create a Decision with choice SignOff for run portal-1',
    ],
    '001-94: names both once both have agreed': [
      { approvals: both, handles: { ...engineer, [`approved/${operation}/Administrator`]: 'ben' } },
      'record {"signed-off":"ana as Engineer and ben as Administrator"}',
    ],
    '001-113: takes a word given in advance': [
      { words: [{ by: 'ana', createdAt: began - 3_600_000 }] },
      `record {"signed-off":"ana","heard/word-0":"${operation}"}`,
    ],
    '001-113: has room for another word after a refusal that was resumed': [
      {
        words: [{ by: 'ben', approved: false }, { by: 'ana' }],
        handles: { 'heard/word-0': 'uid-portal-1/sign-off/1' },
      },
      `record {"signed-off":"ana","heard/word-1":"${operation}"}`,
    ],
    '001-113: does not forget the refusal of this attempt': [
      {
        words: [{ by: 'ben', approved: false, reason: 'slow' }, { by: 'ana' }],
        handles: { 'heard/word-0': operation },
      },
      'failed SignOffDenied: ben refused the sign-off: slow',
    ],
    'fails where a rollback is asked for instead': [
      { words: [{ by: 'ben', choice: 'Rollback', reason: 'slow' }] },
      'failed SignOffDenied: ben asks for a rollback: slow',
    ],
  };
  for (const [name, [question, want]] of Object.entries(cases)) it(name, () => assert.equal(signOff(question), want));
});
