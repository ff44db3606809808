/** Decisions in the files of a rehearsal: what counts, what does not and why; and how long people take for what they do. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as z from 'zod';
import type { RehearsalOptions } from '../../src/rehearsal/rehearse.ts';
import { edited, told, type Edit, type Told } from './simulate-scene.ts';

const plans = z.object({ runs: z.array(z.object({ name: z.string(), planHash: z.string() })) });

interface Word {
  readonly name: string;
  readonly run?: string;
  readonly spec: string;
}

/** The manifests once more, with Decisions for the runs that they make. */
async function decided(text: string, words: readonly Word[], options: Partial<RehearsalOptions> = {}): Promise<Told> {
  const { runs } = plans.parse((await told(text, options)).json);
  const namespace = /\n {2}namespace: (\w+)/.exec(text)?.[1] ?? 'default';
  const decisions = words.map(({ name, run = 'portal-1', spec }) => {
    const hash = runs.find((made) => made.name === run)?.planHash ?? '';
    return `---
apiVersion: belay.dev/v1alpha1
kind: Decision
metadata: {name: ${name}, namespace: ${namespace}}
spec: {run: ${run}, planHash: "${hash}", reason: rehearsal, ${spec}}
`;
  });
  return told([text, ...decisions].join(''), options);
}

const joint: Edit = [
  'serverGroups: [group-1, group-2]}',
  'serverGroups: [group-1, group-2], approvals: {jointSteps: Both}}',
];
const first = 'choice: Approve, step: g1-others';

describe('simulate gives Decisions of two roles', () => {
  it('when two people decide', async () => {
    const { status, text } = await decided(edited([joint]), [
      { name: 'one', spec: `${first}, as: Engineer, decidedBy: anna` },
      { name: 'two', spec: `${first}, as: Administrator, decidedBy: bert` },
    ]);
    assert.equal(status, 0, text);
    assert.match(text, /approved by anna as Engineer and bert as Administrator/);
  });

  it('and not a second one of the same person', async () => {
    const { status, text } = await decided(edited([joint]), [
      { name: 'one', spec: `${first}, as: Engineer, decidedBy: anna` },
      { name: 'two', spec: `${first}, as: Administrator, decidedBy: anna` },
    ]);
    assert.equal(status, 2, text);
    assert.doesNotMatch(text, /Decision "two" of the files is given/);
    assert.match(
      text,
      /NOT REHEARSED: Decision "two" of the files was not given: not counted: the same person as Engineer; set spec\.decidedBy in rehearsals/,
    );
    assert.doesNotMatch(text, /BROKEN/);
  });

  it('and not a second one where neither says who decides', async () => {
    const { status, text } = await decided(edited([joint]), [
      { name: 'one', spec: `${first}, as: Engineer` },
      { name: 'two', spec: `${first}, as: Administrator` },
    ]);
    assert.equal(status, 2, text);
    assert.match(text, /not counted: neither says who decides; set spec\.decidedBy in rehearsals/);
  });

  it('and says that `as` is missing, not that the step is over', async () => {
    const { status, text } = await decided(edited([joint]), [{ name: 'one', spec: `${first}, decidedBy: anna` }]);
    assert.equal(status, 2, text);
    assert.match(text, /was not given: step g1-others needs one word as Engineer and one as Administrator: .*spec\.as/);
  });
});

const major = ['application', 'belay', 'database', 'packages', 'upgrade']
  .map((name) => readFileSync(new URL(`../../deploy/examples/major/${name}.yaml`, import.meta.url), 'utf8'))
  .join('\n---\n');

const byPeople = major
  .replace(/\n {2}backup:\n( {4}.*\n)+/, '\n  backup: {takenBy: People, estimate: 30m}\n')
  .replace(/\n {2}drill: .*/, '')
  .replace(/\n {2}restore: .*/, '');
const evening = { at: Date.parse('2026-12-05T20:00:00Z'), package: 'portal-2.0.0' };
const failing = { ...evening, fail: ['probe:login@group-2'] };

describe('simulate lets people do what a run asks them for (001-61)', () => {
  it('in the time that was announced for it, and says what was announced', async () => {
    const { status, text } = await told(byPeople, evening);
    assert.equal(status, 0, text);
    assert.match(
      text,
      /WITHOUT SERVICE for 31m\d+s in the announced downtime \(announced: 45m; simulated times are no/,
    );
  });

  it('also where their word is in the files', async () => {
    const word = 'choice: Attest, step: backup-last, evidence: tape-7, decidedBy: anna';
    const { status, text } = await decided(byPeople, [{ name: 'done', spec: word }], evening);
    assert.equal(status, 0, text);
    assert.match(text, /t=31m\d+s\d*m?s? +Decision "done" of the files is given: Attest backup-last/);
  });

  it('and says which field of a Decision differs from what was offered', async () => {
    const word = 'choice: Rollback, method: DatabaseAndSnapshots, decidedBy: anna';
    const { status, text } = await decided(byPeople, [{ name: 'back', spec: word }], failing);
    assert.equal(status, 2, text);
    assert.match(text, /Decision "back" of the files was not given: it was asked for, and it lacks data: Discard\./);
  });

  it('and calls it no success where they refuse and nobody is served at the end', async () => {
    const word = 'choice: Attest, step: database, verdict: Denied, decidedBy: anna';
    const { status, text } = await decided(byPeople, [{ name: 'refusal', run: 'portal-1-back', spec: word }], failing);
    assert.equal(status, 1, text);
    assert.match(text, /Users were WITHOUT SERVICE for \w+ in the announced downtime \(.*\), and still at the end/);
    assert.match(text, /\nWITHOUT SERVICE: users get no answer at the end\.\nWITHOUT SERVICE: /);
  });
});
