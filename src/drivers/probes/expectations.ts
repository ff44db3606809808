/** What an HTTP answer must be, and which values are kept of it. Pure. */
import type { HttpProbe } from '../../api/probe-suite.ts';
import type { Redactor } from '../jobs/redaction.ts';
import { parseJson, selectJson, type JsonDocument, type Selected } from '../json-path.ts';
import type { HttpAnswer } from '../send-http.ts';
import { matchPattern } from './pattern.ts';
import { fill, type Values } from './secrets.ts';
import { TryEnded } from './try-ended.ts';

type Expect = HttpProbe['expect'];
type JsonExpectation = NonNullable<Expect['json']>[number];
type HeaderExpectation = NonNullable<Expect['header']>[number];
type Capture = NonNullable<HttpProbe['capture']>[number];

export interface Judged {
  readonly answer: HttpAnswer;
  readonly values: Values;
  readonly redactor: Redactor;
}

/** Everything in which the answer is not as wanted, in the order of the schema; empty when all holds. */
export function findMismatches(expect: Expect, judged: Judged): string[] {
  const status = statusMismatch(expect.status, judged.answer.status);
  // With another status the body is an error page: its faults would only hide the one that matters.
  if (status !== undefined) return [status];
  const headers = (expect.header ?? []).map((wanted) => headerMismatch(wanted, judged));
  return [...headers, ...jsonMismatches(expect.json ?? [], judged), bodyMismatch(expect.body, judged)].filter(
    (text) => text !== undefined,
  );
}

function statusMismatch(wanted: Expect['status'], status: number): string | undefined {
  if (wanted === undefined) return status >= 200 && status <= 299 ? undefined : `status ${status}, want 200 to 299`;
  return wanted.includes(status) ? undefined : `status ${status}, want ${wanted.join(' or ')}`;
}

function headerMismatch(wanted: HeaderExpectation, { answer, values, redactor }: Judged): string | undefined {
  const found = answer.headers.get(wanted.name.toLowerCase());
  const header = `header ${wanted.name}`;
  if (wanted.present === false) return found === undefined ? undefined : `${header} is there, want it absent`;
  if (wanted.present === true) return found === undefined ? `${header} is missing` : undefined;
  const { holds, want } = textTest(wanted, values, redactor);
  if (found === undefined) return `${header} is missing, want ${want}`;
  return evaluated(header, () =>
    found.some(holds)
      ? undefined
      : `${header} is ${found.map((value) => redactor.show(value)).join(', ')}, want ${want}`,
  );
}

interface TextTest {
  readonly holds: (text: string) => boolean;
  readonly want: string;
}

function textTest(
  wanted: { equals?: string | undefined; contains?: string | undefined; matches?: string | undefined },
  values: Values,
  redactor: Redactor,
): TextTest {
  if (wanted.equals !== undefined) {
    const equals = fill(wanted.equals, values);
    return { holds: (text) => text === equals, want: redactor.show(equals) };
  }
  if (wanted.contains !== undefined) {
    const part = fill(wanted.contains, values);
    return { holds: (text) => text.includes(part), want: `one with ${redactor.show(part)}` };
  }
  const pattern = wanted.matches ?? '';
  return { holds: (text) => matchPattern(pattern, text) !== undefined, want: `a match of /${pattern}/` };
}

function bodyMismatch(wanted: Expect['body'], judged: Judged): string | undefined {
  if (wanted?.contains === undefined && wanted?.matches === undefined) return undefined;
  const { answer, values, redactor } = judged;
  if (answer.tooLong) return 'body is longer than 1 MiB';
  const tests = [
    ...(wanted.contains === undefined ? [] : [textTest({ contains: wanted.contains }, values, redactor)]),
    ...(wanted.matches === undefined ? [] : [textTest({ matches: wanted.matches }, values, redactor)]),
  ];
  return evaluated('body', () => {
    const failed = tests.find((test) => !test.holds(answer.body));
    return failed === undefined ? undefined : `body is ${redactor.show(answer.body)}, want ${failed.want}`;
  });
}

function jsonMismatches(wanted: readonly JsonExpectation[], judged: Judged): (string | undefined)[] {
  if (wanted.length === 0) return [];
  const document = documentOf(judged);
  if (typeof document === 'string') return [document];
  return wanted.map((one) => jsonMismatch(one, document, judged));
}

/** The JSON of the body, or why there is none. */
function documentOf({ answer, redactor }: Judged): JsonDocument | string {
  if (answer.tooLong) return 'body is longer than 1 MiB';
  try {
    return parseJson(answer.body);
  } catch {
    return answer.body === '' ? 'body is empty, want JSON' : `body is not JSON: ${redactor.show(answer.body)}`;
  }
}

function jsonMismatch(
  wanted: JsonExpectation,
  document: JsonDocument,
  { values, redactor }: Judged,
): string | undefined {
  return evaluated(wanted.path, () => {
    const found = selectJson(document, wanted.path);
    const shown =
      found.length === 0
        ? 'nothing'
        : found
            .slice(0, 3)
            .map((one) => redactor.show(one.text))
            .join(', ');
    if (wanted.exists !== undefined) {
      return found.length > 0 === wanted.exists
        ? undefined
        : `${wanted.path} selects ${shown}, want ${wanted.exists ? 'a value' : 'nothing'}`;
    }
    if (wanted.notEmpty !== undefined) {
      return found.some(isFilled) === wanted.notEmpty
        ? undefined
        : `${wanted.path} is ${shown}, want ${wanted.notEmpty ? 'a value that is not empty' : 'no value'}`;
    }
    const { holds, want } = textTest(wanted, values, redactor);
    return found.length > 0 && found.every((one) => holds(one.text))
      ? undefined
      : `${wanted.path} is ${shown}, want ${want}`;
  });
}

function isFilled({ value }: Selected): boolean {
  if (value === null || value === '') return false;
  return typeof value !== 'object' || Object.keys(value ?? {}).length > 0;
}

/** A path or pattern that cannot be used is a mismatch, not a crash of the run. */
function evaluated(what: string, test: () => string | undefined): string | undefined {
  try {
    return test();
  } catch (error) {
    if (error instanceof TryEnded || !(error instanceof Error)) throw error;
    return `${what}: ${error.message}`;
  }
}

export type Captured = { readonly values: Values } | { readonly problem: string };

/** Values kept for later probes; one that is not there is a mismatch. */
export function captureValues(captures: readonly Capture[], judged: Judged): Captured {
  const values: Record<string, string> = {};
  for (const capture of captures) {
    const value = captureOne(capture, judged);
    if ('problem' in value) return { problem: `capture ${capture.name}: ${value.problem}` };
    values[capture.name] = value.text;
  }
  return { values };
}

/** One value of the answer, or why there is none. `isPlain`: no null, no true or false, no list and no object. */
export function captureOne(
  capture: Pick<Capture, 'json' | 'header' | 'matches'>,
  judged: Judged,
): { readonly text: string; readonly isPlain: boolean } | { readonly problem: string } {
  const { answer } = judged;
  if (capture.header !== undefined) {
    const [first] = answer.headers.get(capture.header.toLowerCase()) ?? [];
    return first === undefined ? { problem: `header ${capture.header} is missing` } : { text: first, isPlain: true };
  }
  let text: string | undefined;
  let isPlain = true;
  const problem = evaluated(capture.json ?? 'body', () => {
    if (capture.json === undefined) {
      text = matchPattern(capture.matches ?? '', answer.body)?.[1];
      return text === undefined ? `no group of /${capture.matches ?? ''}/ found in the body` : undefined;
    }
    const document = documentOf(judged);
    if (typeof document === 'string') return document;
    const found = selectJson(document, capture.json);
    text = found[0]?.text;
    isPlain = ['string', 'number'].includes(typeof found[0]?.value);
    return found.length === 1 ? undefined : `${capture.json} selects ${found.length} values, want one`;
  });
  return text === undefined || problem !== undefined ? { problem: problem ?? 'no value' } : { text, isPlain };
}
