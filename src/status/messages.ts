/**
 * What people are told of a run over the lines of `spec.notify`, from what the run says now and what was told before.
 * Source: 001-67, 001-118. It is not derived from changes: who looks late, or for the first time, tells the same.
 */
import type { Channel, Choice, StepEntry, UpgradeRun, UpgradeRunStatus } from '../api/upgrade-run.ts';
import { hasBegun, journalOf } from '../planner/journal.ts';
import type { Message } from '../planner/message.ts';
import { noticeOf } from '../planner/notice.ts';
import { formatDuration } from '../shared/duration.ts';
import { parseInstant } from '../shared/instant.ts';
import { tellService } from './service.ts';
import { isEnded } from './summarize-run.ts';

/** What was said last about each subject: "start", "failure", "ask", "end" and "step/ID". Never more than the plan has steps. */
export type Told = Readonly<Record<string, string>>;

export interface DueMessage {
  readonly message: Message;
  /** What is told once it got through, or was given up. */
  readonly marks: Told;
}

type Row = ReturnType<typeof journalOf>[number];

/** What was not told yet, in the order in which it happened. */
export function messagesOf(told: Told, run: UpgradeRun, events: Channel['events']): DueMessage[] {
  const rows = journalOf(run.spec, run.status?.steps ?? []);
  const hasStarted = rows.some(isStart);
  return [
    ...(events.includes('Start') && hasStarted ? start(run) : []),
    ...(events.includes('Step') && hasStarted ? rows.flatMap((row) => step(run, row)) : []),
    ...(events.includes('Issue') && !isEnded(run.status?.phase) ? issue(run, rows) : []),
    // Of a run that never began nobody has heard, unless it was held or failed.
    ...(events.includes('End') && (hasStarted || told['ask'] !== undefined || run.status?.failure !== undefined)
      ? end(run)
      : []),
  ].filter(({ marks }) => Object.entries(marks).some(([subject, said]) => told[subject] !== said));
}

/** Nothing is touched before the checks have passed and the locks are taken. */
function isStart({ step: { action }, entry }: Row): boolean {
  return action === 'Preflight' ? entry.state === 'Succeeded' : hasBegun(entry);
}

function start(run: UpgradeRun): DueMessage[] {
  const { spec, status } = run;
  const atRisk = status?.clocks?.atRisk.planned;
  const downtime = status?.clocks?.downtime.planned;
  const words = spec.purpose === 'Upgrade' ? noticeOf(spec).text : whyBack(run);
  const announced = [
    ...(atRisk === undefined ? [] : [`at risk ${atRisk}`]),
    ...(downtime === undefined ? [] : [`down ${downtime}`]),
  ].join(', ');
  const steps = spec.steps.filter(({ skip }) => skip === undefined).length;
  const text = lines(`${nameOf(run)} begins.`, words, `Announced: ${announced || 'nothing'}; ${steps} steps.`);
  const data = { ...about(run), steps, ...defined({ atRisk, downtime }) };
  return [due(run, 'start', { text, data, time: status?.started, path: 'start' }, { start: 'yes' })];
}

function whyBack({ spec }: UpgradeRun): string {
  return spec.facts['because'] === undefined ? '' : `Because: ${spec.facts['because']}`;
}

function step(run: UpgradeRun, { step: row, entry }: Row): DueMessage[] {
  const { id, state, attempt, started, finished, reason, message } = entry;
  if (state === 'Pending' || state === 'Skipped') return [];
  const last = run.spec.steps.findLast(({ number }) => number !== '')?.number ?? '';
  const took = started === undefined || finished === undefined ? undefined : between(started, finished);
  const ends = `${took === undefined || took === '0s' ? '' : ` after ${took}`}${message === undefined || message === '' ? '' : `: ${message}`}`;
  const words = state === 'Running' ? 'begins' : `${state === 'Succeeded' ? 'done' : 'FAILED'}${ends}`;
  const text = `${run.metadata.name} ${row.number}/${last} ${row.title}: ${words}`;
  const said = { id, number: row.number, title: row.title, state, attempt, ...defined({ took, reason, message }) };
  const time = state === 'Running' ? started : finished;
  const path = `step/${id}/${attempt}/${state}`;
  return [due(run, 'step', { text, data: { ...about(run), step: said }, time, path }, stepMark(entry))];
}

function stepMark({ id, attempt, state }: StepEntry): Told {
  return { [`step/${id}`]: `${attempt} ${state}` };
}

/** A failure is told once, a question once for each that is another: both at once where they come together. */
function issue(run: UpgradeRun, rows: readonly Row[]): DueMessage[] {
  const { failure, service, choices = [], blockers = [] } = run.status ?? {};
  const marks: Told = {
    ...(failure === undefined ? {} : { failure: `${failure.step} ${failure.at}` }),
    ...askMark(run.status),
  };
  if (Object.keys(marks).length === 0) return [];
  const row = rows.find(({ step: { id } }) => id === failure?.step)?.step;
  const ready = run.status?.conditions?.find(({ type }) => type === 'Ready');
  const asked = marks['ask'] === undefined ? [] : choices;
  const failed =
    failure === undefined ? '' : `${row?.number ?? ''} ${row?.title ?? failure.step} failed: ${failure.message}`;
  // While nobody is asked it only names the step.
  const message = marks['ask'] === undefined ? '' : (blockers[0]?.message ?? ready?.message ?? '');
  const text = lines(
    `${nameOf(run)}: ${failed.trim() || 'a person is asked'}`,
    failure !== undefined && message.endsWith(failure.message) ? '' : message,
    service === undefined ? '' : `Service: ${tellService(service)}`,
    ...(asked.length === 0 ? [] : ['Open now:', ...asked.map((choice) => `- ${tellChoice(choice)}`)]),
    asked.length === 0 ? '' : `Asked of: ${people(run)}`,
  );
  const common = {
    ...about(run),
    phase: run.status?.phase,
    ...defined({ reason: ready?.reason, message, failure, service }),
  };
  const time = failure?.at ?? blockers[0]?.since;
  const path = `issue/${marks['failure'] ?? ''}/${marks['ask'] ?? ''}`.replaceAll(' ', '_');
  return [due(run, 'issue', { text, data: { ...common, choices: asked, asked: names(run) }, time, path }, marks)];
}

/** What is asked, without how long each choice would take and what it would lose: those change all the time. */
function askMark(status: UpgradeRunStatus | undefined): Told {
  const reason = status?.conditions?.find(({ type }) => type === 'Ready')?.reason ?? '';
  // Its checks come and go until all are met at once: that it is held is told once.
  if (status?.phase === 'Preflight' && reason === 'PreflightFailed') return { ask: reason };
  if (status?.phase !== 'AwaitingDecision') return {};
  return { ask: [reason, status.step ?? '', ...(status.choices ?? []).map(nameOfChoice)].join(' ').slice(0, 400) };
}

function nameOfChoice({ choice, method, data, check, step: id, group, server, as }: Choice): string {
  return [choice, method, data, check, id, group, server, as].filter((part) => part !== undefined).join('/');
}

function tellChoice(choice: Choice): string {
  const { loss, message, estimate } = choice;
  const more = [
    message,
    loss === undefined ? undefined : `loses ${loss}`,
    estimate === undefined ? undefined : `takes ${estimate}`,
  ];
  const words = more.filter((part) => part !== undefined && part !== '').join(', ');
  return `${nameOfChoice(choice).replaceAll('/', ' ')}${words === '' ? '' : ` (${words})`}`;
}

/** How to reach them stays in the set: a message may be read by more people than those. */
function names({ spec }: UpgradeRun): { name: string; role: string }[] {
  return (spec.policy.contacts ?? []).map(({ name, role }) => ({ name, role }));
}

function people(run: UpgradeRun): string {
  const all = names(run).map(({ name, role }) => `${name} (${role})`);
  return all.length === 0 ? 'whoever may decide' : all.join(', ');
}

function end(run: UpgradeRun): DueMessage[] {
  const { phase, finished, failure, handedOver = [], followedBy, clocks, service } = run.status ?? {};
  if (phase === undefined || !isEnded(phase)) return [];
  const ready = run.status?.conditions?.find(({ type }) => type === 'Ready');
  const { started } = run.status ?? {};
  const took = started === undefined || finished === undefined ? undefined : between(started, finished);
  const text = lines(
    `${nameOf(run)}: ${phase}${took === undefined ? '' : ` after ${took}`}.`,
    phase === 'Completed' ? '' : (ready?.message ?? failure?.message ?? ''),
    clocks === undefined ? '' : `At risk ${passed(clocks.atRisk)}; down ${passed(clocks.downtime)}.`,
    service === undefined || phase === 'Completed' ? '' : `Service: ${tellService(service)}`,
    handedOver.length === 0
      ? ''
      : `Handed over: ${handedOver.map(({ object, message }) => `${object}: ${message}`).join('; ')}`,
    followedBy === undefined ? '' : `Followed by ${followedBy}.`,
  );
  const said = { ...defined({ reason: ready?.reason, message: ready?.message, took, failure, service, followedBy }) };
  const data = { ...about(run), phase, ...said, ...defined({ ...clocks }), handedOver };
  return [due(run, 'end', { text, data, time: finished, path: 'end' }, { end: phase })];
}

function passed({
  planned,
  actual = '0s',
}: {
  readonly planned: string;
  readonly actual?: string | undefined;
}): string {
  return `${actual} (${planned} announced)`;
}

interface Content {
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly time: string | undefined;
  /** Names it within the run. */
  readonly path: string;
}

/** Of a text nobody reads more, and receivers take no more. */
const mostCharacters = 4_000;

function due(run: UpgradeRun, type: Message['type'], { text, data, time, path }: Content, marks: Told): DueMessage {
  const id = `${run.metadata.uid ?? run.metadata.name}/${path}`;
  return { message: { id, type, time, text: shortened(text), data }, marks };
}

function shortened(text: string): string {
  return text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters - 1)}…`;
}

/** "portal-7, upgrade of portal from 1.1.0 to 1.2.0". */
function nameOf({ metadata, spec }: UpgradeRun): string {
  const { purpose, upgradeSet, from, to, rebuild } = spec;
  if (rebuild !== undefined) return `${metadata.name}, rebuild of ${rebuild.group}/${rebuild.server} in ${upgradeSet}`;
  const what = purpose === 'Upgrade' ? 'upgrade' : 'rollback';
  return `${metadata.name}, ${what} of ${upgradeSet} ${from.version === undefined ? '' : `from ${from.version} `}to ${to.version}`;
}

function about({ metadata, spec }: UpgradeRun): Readonly<Record<string, unknown>> {
  const { upgradeSet, purpose, package: release, from, to } = spec;
  const versions = defined({ from: from.version, to: to.version });
  return { run: metadata.name, set: upgradeSet, purpose, package: release, ...versions };
}

function defined(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== ''));
}

function lines(...all: readonly string[]): string {
  return all.filter((line) => line !== '').join('\n');
}

function between(started: string, finished: string): string {
  return formatDuration(Math.max(0, Math.trunc((parseInstant(finished) - parseInstant(started)) / 1_000) * 1_000));
}
