/**
 * Reporter for node:test: failures in full, what tests print, and the counts on the last line.
 *
 * `TEST_VERBOSE=1` names each test as it passes, for layers whose tests take long.
 * `TEST_COUNTS=FILE` writes the counts there as JSON, for the script that adds up the layers.
 */
import { AssertionError } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

type Failure = Extract<TestEvent, { type: 'test:fail' }>['data'];
type Summary = Extract<TestEvent, { type: 'test:summary' }>['data'];

/** A parent fails because a child did: the child has been reported already. */
function isEcho(failure: Failure): boolean {
  const { error } = failure.details;
  return 'failureType' in error && error.failureType === 'subtestsFailed';
}

function describeFailure(failure: Failure): string {
  const where = failure.file === undefined ? '' : ` (${relative(process.cwd(), failure.file)}:${failure.line ?? 0})`;
  const { error } = failure.details;
  const cause = error.cause ?? error;
  // The message of an assertion already holds the difference; its fields would only say it again.
  const text = cause instanceof AssertionError ? (cause.stack ?? cause.message) : inspect(cause, { depth: 5 });
  const lines = text.split('\n').filter((line) => !/^\s+at .*\bnode:internal\b/.test(line));
  return `✗ ${failure.name}${where}\n${lines.map((line) => `    ${line}\n`).join('')}`;
}

/** Cancelled and todo tests are failures here: neither is a promise kept. */
export function countsOf({ counts }: Pick<Summary, 'counts'>): Counts {
  return {
    passed: counts.passed,
    failed: counts.tests - counts.passed - counts.skipped,
    skipped: counts.skipped,
  };
}

export function countsLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function describeEvent(event: TestEvent, verbose: boolean): string {
  switch (event.type) {
    case 'test:fail':
      return isEcho(event.data) ? '' : describeFailure(event.data);
    case 'test:pass':
      if (event.data.skip !== undefined) return `- skipped: ${event.data.name}\n`;
      return verbose && event.data.details.type !== 'suite'
        ? `✓ ${event.data.name} (${(event.data.details.duration_ms / 1000).toFixed(1)} s)\n`
        : '';
    case 'test:stdout':
    case 'test:stderr':
      return event.data.message;
    default:
      return '';
  }
}

async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string, void> {
  const verbose = process.env['TEST_VERBOSE'] === '1';
  for await (const event of source) {
    const text = describeEvent(event, verbose);
    if (text !== '') yield text;
    // A run with one process per file also sums up each file; the sum over all names no file.
    if (event.type !== 'test:summary' || event.data.file !== undefined) continue;
    const counts = countsOf(event.data);
    const path = process.env['TEST_COUNTS'];
    if (path !== undefined) writeFileSync(path, JSON.stringify(counts));
    yield `${countsLine(counts)} (${(event.data.duration_ms / 1000).toFixed(1)} s)\n`;
  }
}

// oxlint-disable-next-line import/no-default-export -- node:test takes a reporter by its default export.
export default report;
