/** Who has a say: before the start, on what was seen, at the end, and after a failure; and what hooks do meanwhile. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { decisionChoices } from '../../../src/api/decision.ts';
import type { Choice as Offered, UpgradeRun } from '../../../src/api/upgrade-run.ts';
import { waitFor } from '../../cluster/poll.ts';
import type { Bed } from '../bed.ts';
import { assertAfter, podUids, portalImages } from '../checks.ts';
import { administrator, bindPeople, decide, engineer } from '../decisions.ts';
import type { Choice } from '../decisions.ts';
import type { Example } from '../example.ts';
import { getRuns, waitForOutcome } from '../outcome.ts';
import type { Outcome } from '../outcome.ts';
import { tellStory, untilStep } from '../story.ts';
import type { StoryOptions } from '../story.ts';

const upgraded = portalImages('1.1.0');
const good = { release: 'portal:1.1.0', version: '1.1.0' } as const;

export function registerPeople(bed: () => Bed): void {
  it('001-03, 001-26, 001-54, 001-62, 001-115 R: an engineer and an administrator agree on the start, every joint step and the end; hooks run before and after', async () =>
    agreed(bed()));
  it('001-122, 001-123, 001-124 R: the tests cannot log in, the cause is mended, and the run begins again at step 1', async () =>
    restarted(bed()));
  it('001-125, 001-126, 001-127, A-16, A-17 R: too little is left of the window: the administrator has it taken back, and it is tried again in the next', async () =>
    retriedInNextWindow(bed()));
}

/** Writes into the data of its server when it ran, and which release was there. */
const hookProgram = `
const at = 'http://' + process.env.BELAY_SERVER + '-0.portal-members:8080';
const about = await (await fetch(at + '/about')).json();
const client = process.env.BELAY_AT + '-' + about.version.replaceAll('.', '-');
const { status } = await fetch(at + '/write?client=' + client + '&seq=1', { method: 'POST' });
console.log(client + ' answered ' + status);
process.exit(status === 200 ? 0 : 3);
`;

const hookTemplate = {
  apiVersion: 'v1',
  kind: 'PodTemplate',
  metadata: { name: 'note' },
  template: {
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'note',
          image: `registry.example/portal:1.0.0@sha256:${'1000'.repeat(16)}`,
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  },
};

/** Group 1 gets hooks, and the run asks at every place where it can. */
function withPeople(manifests: string): string {
  const job = { podTemplate: 'note', command: ['node', '--input-type=module', '-e', hookProgram], timeout: '1m' };
  const hooks = ['BeforeRun', 'AfterRun'].map((at) => ({ name: at.toLowerCase(), at, job }));
  const drain = '  drain: {timeout: 1m, onTimeout: Hold}\n';
  const edited = replaceIn(manifests, drain, `${drain}  hooks: ${JSON.stringify(hooks)}\n`);
  const approvals = '{start: Required, jointSteps: Both}';
  const asked = replaceIn(edited, 'signOff: NotRequired', `signOff: Required\n  approvals: ${approvals}`);
  return `${JSON.stringify(hookTemplate)}\n---\n${asked}`;
}

async function agreed(bed: Bed): Promise<void> {
  const words: string[] = [];
  const story = await tellStory({
    ...bed.options('people', 'service'),
    ...good,
    edit: withPeople,
    prepare: bindPeople,
    until: isEnded,
    meanwhile: async (example) => {
      words.push(...(await decideAll(example)));
    },
  });
  assert.equal(story.outcome.phase, 'Completed');
  const joint = ['g1-others', 'g2-others', 'g2-alone', 'final'];
  const both = (what: string): string[] => ['Engineer', 'Administrator'].map((role) => `${what} as ${role}`);
  assert.deepEqual(words, ['Approve', ...joint.flatMap((step) => both(`Approve ${step}`)), ...both('SignOff')]);
  const names = `${engineer} as Engineer and ${administrator} as Administrator`;
  const [run] = story.outcome.runs;
  for (const step of joint) assert.ok(messageOf(run, step).endsWith(`approved by ${names}`), messageOf(run, step));
  assert.match(messageOf(run, 'sign-off'), new RegExp(`^signed off by ${names}`));
  assert.deepEqual(await notes(story.example), ['BeforeRun-1-0-0 1', 'AfterRun-1-1-0 1']);
  await assertAfter(story, upgraded);
}

/** Each says what is theirs to say; what is not, they try first, and are refused. @returns what was decided */
async function decideAll(example: Example): Promise<string[]> {
  const before = await podUids(example);
  const given: string[] = [];
  for (;;) {
    const next = await nextQuestion(example, given);
    if (next === undefined) return given;
    const { run, choice } = next;
    const isFirstOfBoth = given.length === 1;
    if (given.length === 0) assert.deepEqual(await podUids(example), before, 'nothing is touched before the word');
    if (isFirstOfBoth) await isRefused(example, run, { ...choice, as: 'Administrator' }, 'as-administrator');
    if (choice.choice === 'SignOff' && choice.as === 'Engineer')
      await isRefused(example, run, { choice: 'SignOff' }, 'signoff');
    await decide(example, run, choice, choice.as === 'Administrator' ? administrator : engineer);
    given.push(sayChoice(choice));
  }
}

/** The first that is asked and was not answered yet; undefined when the run is over. */
async function nextQuestion(
  example: Example,
  given: readonly string[],
): Promise<{ readonly run: UpgradeRun; readonly choice: Choice } | undefined> {
  const found = await waitFor({
    what: `a question after "${given.at(-1) ?? ''}", or the end`,
    timeoutMs: 600_000,
    intervalMs: 250,
    check: async () => {
      const [run] = await getRuns(example);
      if (run?.status?.finished !== undefined) return 'over';
      // One word of two is not enough: the run asks for the other, and for that alone.
      const choice = run?.status?.choices?.find(({ choice: what }) => what === 'Approve' || what === 'SignOff');
      return run === undefined || choice === undefined || given.includes(sayChoice(choice))
        ? undefined
        : { run, choice: wordOf(choice) };
    },
  });
  return found === 'over' ? undefined : found;
}

function sayChoice({ choice, step, as }: Offered | Choice): string {
  return `${choice}${step === undefined ? '' : ` ${step}`}${as === undefined ? '' : ` as ${as}`}`;
}

/** The fields to copy from what is offered. */
function wordOf({ choice: offered, method, data, step, as }: Offered): Choice {
  const choice = decisionChoices.find((known) => known === offered);
  assert.ok(choice, `${offered} is no choice`);
  return {
    choice,
    ...(method === undefined ? {} : { method }),
    ...(data === undefined ? {} : { data }),
    ...(step === undefined ? {} : { step }),
    ...(as === undefined ? {} : { as }),
  };
}

/** The engineer may not: the API server says which right is missing. */
async function isRefused(example: Example, run: UpgradeRun, choice: Choice, right: string): Promise<void> {
  await assert.rejects(
    decide(example, run, choice, engineer),
    new RegExp(`${engineer} may not decide ${choice.choice}.*grant create on upgraderuns/${right} `, 's'),
  );
}

/** What hooks have written into the data of portal-1. */
async function notes(example: Example): Promise<string[]> {
  const script = "fetch('http://localhost:8080/lines').then((r) => r.text()).then((t) => process.stdout.write(t))";
  const lines = await example.kubectl(['exec', 'portal-1-0', '--', 'node', '-e', script]);
  return lines.split('\n').filter((line) => /^(Before|After)Run-/.test(line));
}

const minutes = 60_000;

/** The tests have a password of their own, which somebody spoils once group 1 is out; a person is asked. */
function spoiled(bed: Bed, name: string, windowMs: number): StoryOptions {
  const until = new Date(Date.now() + windowMs).toISOString();
  return {
    ...bed.options(name, 'service'),
    ...good,
    edit: (text) => {
      const asked = `policy: RequireApproval}\n  schedule: {until: "${until}"`;
      const edited = replaceIn(text, 'policy: Automatic', asked);
      return `${testUser}---\n${replaceIn(edited, `${passwordOf}probe-user`, `${passwordOf}test-user`)}`;
    },
    prepare: bindPeople,
    meanwhile: async (example) => {
      await untilStep(example, 'g1-stop');
      await setPassword(example, 'another');
    },
  };
}

const passwordOf = 'name: PASSWORD\n        secretKeyRef: {name: ';
const rightPassword = 'a-password-of-your-own';
const testUser = `apiVersion: v1
kind: Secret
metadata: {name: test-user, namespace: portal}
stringData: {password: ${rightPassword}}
`;

async function setPassword(example: Example, password: string): Promise<void> {
  const patch = JSON.stringify({ stringData: { password } });
  await example.kubectl(['patch', 'secret', 'test-user', '--type=merge', '-p', patch]);
}

async function restarted(bed: Bed): Promise<void> {
  const story = await tellStory({
    ...spoiled(bed, 'restarted', 300 * minutes),
    afterwards: async (example, outcome) => {
      const run = assertAsked(outcome, 'IssueReview');
      const offered = run.status?.choices ?? [];
      assert.deepEqual(offered.map(({ choice }) => choice).slice(0, 2), ['Resume', 'Restart']);
      const restart = offered.find(({ choice }) => choice === 'Restart');
      assert.ok(restart);
      await setPassword(example, rightPassword);
      await decide(example, run, wordOf(restart), engineer);
      return untilRuns(example, 3);
    },
  });
  assertEnds(story.outcome, ['Upgrade RolledBack', 'Rollback RolledBack', 'Upgrade Completed']);
  const [, back, again] = story.outcome.runs;
  assert.deepEqual([back?.spec.facts['next'], back?.spec.facts['authorisedBy']], ['Restart', engineer]);
  assert.equal(again?.metadata.annotations?.['belay.dev/follows'], `upgraderun/${back?.metadata.name}`);
  await assertAfter(story, upgraded);
}

async function retriedInNextWindow(bed: Bed): Promise<void> {
  const story = await tellStory({ ...spoiled(bed, 'next-window', 20 * minutes), afterwards: takenBackAndRetried });
  assertEnds(story.outcome, ['Upgrade RolledBack', 'Rollback RolledBack', 'Upgrade Completed']);
  const [first, back, again] = story.outcome.runs;
  assert.match(first?.spec.facts['window'] ?? '', /a problem may find less than 1h left, and then going back is asked/);
  assert.equal(back?.spec.facts['authorisedBy'], administrator);
  assert.match(again?.metadata.annotations?.['belay.dev/follows'] ?? '', /^decision\//);
  await assertAfter(story, upgraded);
}

async function takenBackAndRetried(example: Example, outcome: Outcome): Promise<Outcome> {
  const run = assertAsked(outcome, 'AwaitingRollbackAuthorization');
  const offered = run.status?.choices ?? [];
  assert.deepEqual([...new Set(offered.map(({ choice }) => choice))], ['Rollback', 'Resume']);
  const [back] = offered;
  assert.ok(back);
  await isRefused(example, run, wordOf(back), 'rollback');
  // The release before has to pass the same tests.
  await setPassword(example, rightPassword);
  await decide(example, run, wordOf(back), administrator);
  await untilRuns(example, 2);
  await decide(example, run, { choice: 'Retry' }, engineer);
  // All steps need more than the twenty minutes that were agreed: it waits for the next window.
  await waitForOutcome(example, {
    earlier: [],
    until: ({ status }) =>
      /all steps need \d+m.* left of the agreed window/.test(
        status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? '',
      ),
  });
  const until = new Date(Date.now() + 300 * minutes).toISOString();
  const patch = JSON.stringify({ spec: { schedule: { until } } });
  await example.kubectl(['patch', 'upgradesets.belay.dev', 'portal', '--type=merge', '-p', patch]);
  return untilRuns(example, 3);
}

/** It rests at the isolated tests of group 1 and says which question it is. */
function assertAsked({ phase, runs }: Outcome, reason: string): UpgradeRun {
  const [run, ...others] = runs;
  assert.equal(phase, 'AwaitingDecision');
  assert.deepEqual(others, []);
  assert.ok(run);
  assert.equal(run.status?.failure?.step, 'g1-isolated');
  assert.match(run.status.failure.message, /login/);
  assert.equal(run.status.conditions?.find(({ type }) => type === 'AwaitingDecision')?.reason, reason);
  return run;
}

function untilRuns(example: Example, count: number): Promise<Outcome> {
  return waitForOutcome(example, {
    earlier: [],
    until: (set, runs) => runs.length === count && isEnded(set, runs),
  });
}

function isEnded({ status }: Outcome['set'], runs: readonly UpgradeRun[]): boolean {
  const isAtEnd = ['Completed', 'RolledBack', 'Failed', 'Cancelled'].includes(status?.phase ?? '');
  return isAtEnd && runs.length > 0 && runs.every((run) => run.status?.finished !== undefined);
}

function assertEnds({ runs }: Outcome, wanted: readonly string[]): void {
  assert.deepEqual(
    runs.map(({ spec, status }) => `${spec.purpose} ${status?.phase ?? ''}`),
    wanted,
  );
}

function messageOf(run: UpgradeRun | undefined, step: string): string {
  return run?.status?.steps.find(({ id }) => id === step)?.message ?? '';
}

function replaceIn(text: string, what: string, by: string): string {
  assert.ok(text.includes(what), `the example has changed: there is no ${what}`);
  return text.replace(what, () => by);
}
