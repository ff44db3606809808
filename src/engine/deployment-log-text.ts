/** The deployment log of one step as text: bounded, and safe for a terminal. Pure. */
import type { Step, StepEntry } from '../api/upgrade-run.ts';
import type { Evidence } from '../drivers/contract.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatInstant } from '../shared/instant.ts';

/** Of one step. */
export const maxStepLogBytes = 65_536;

/** Of it, for the beginning: whose log it is and what was asked first. */
const headBytes = 4_096;

/** Something that was asked for; the same thing in a row once. */
export interface Asked {
  readonly at: EpochMs;
  readonly lastAt: EpochMs;
  readonly what: string;
  readonly because: string;
  readonly times: number;
  /** Why it was refused; empty where it was not. */
  readonly answer: string;
}

export interface StepLog {
  readonly run: string;
  /** As whom effects are made; undefined: the controller itself. */
  readonly user: string | undefined;
  readonly step: Step;
  readonly entry: StepEntry;
  readonly asked: readonly Asked[];
  /** What was asked before is not known: another process did it. */
  readonly askedSince?: string;
  readonly evidence: readonly Evidence[];
}

export function renderStepLog(log: StepLog): string {
  const lines = [...head(log), ...asked(log), ...log.evidence.flatMap(tellEvidence), '', ...outcome(log.entry)];
  return cutMiddle(withoutControls(lines.join('\n')), maxStepLogBytes);
}

function head({ run, user, step, entry }: StepLog): string[] {
  const target = [step.group, step.server].filter((name) => name !== undefined).join('/');
  return [
    `run ${run}, step ${step.number} "${step.title}" (${step.action}), attempt ${entry.attempt}`,
    ...(target === '' ? [] : [`server group: ${target}`]),
    `operation: ${entry.operation}`,
    `as: ${user ?? 'the controller itself'}`,
    `began: ${entry.started ?? 'not at all'}`,
  ];
}

function asked({ asked: requests, askedSince }: StepLog): string[] {
  return [
    '',
    ...(askedSince === undefined
      ? []
      : [`what was asked before ${askedSince} is not known: the controller was started anew then`]),
    ...(requests.length === 0 ? ['nothing was asked for'] : []),
    ...requests.flatMap(({ at, lastAt, what, because, times, answer }) => [
      `${formatInstant(at)} asked: ${what}${because === '' ? '' : `, because ${because}`}${
        times === 1 ? '' : ` (${times} times, last ${formatInstant(lastAt)})`
      }`,
      ...(answer === '' ? [] : [`${' '.repeat(20)} refused: ${answer}`]),
    ]),
  ];
}

function tellEvidence({ title, facts, output }: Evidence): string[] {
  const shown = output.trimEnd();
  return [
    '',
    title,
    ...facts.map(([name, value]) => `  ${name}: ${value.replaceAll('\n', '\n    ')}`),
    ...(shown === '' ? ['  output: none'] : ['  output:', ...shown.split('\n').map((line) => `  | ${line}`)]),
  ];
}

function outcome({ state, reason, message = '', finished }: StepEntry): string[] {
  return [`${finished ?? ''} ${state}${reason === undefined ? '' : ` ${reason}`}: ${message}`.trim()];
}

/** Terminals obey control characters; whoever reads a log shall not. */
export function withoutControls(text: string): string {
  return text
    .replaceAll('\t', '  ')
    .replaceAll(/[^\P{Cc}\n]/gu, '')
    .toWellFormed();
}

/** The beginning and, above all, the end, with a line between them that says how much is missing; in bytes of UTF-8. */
export function cutMiddle(text: string, maxBytes: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return text;
  const decode = (part: Uint8Array): string => new TextDecoder().decode(part).replaceAll('\uFFFD', '');
  const from = Math.min(headBytes, Math.floor(maxBytes / 4));
  const first = decode(bytes.subarray(0, from));
  const begin = first.slice(0, first.lastIndexOf('\n') + 1);
  const room = maxBytes - from - 80;
  const last = decode(bytes.subarray(bytes.length - room));
  const end = last.slice(last.indexOf('\n') + 1);
  const missing = bytes.length - new TextEncoder().encode(begin + end).length;
  return `${begin}… ${missing} bytes are cut out here …\n${end}`;
}
