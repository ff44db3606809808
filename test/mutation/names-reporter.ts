import type { TestEvent } from 'node:test/reporters';

/** One line of JSON for each test that ended, `{name, passed}`, suites left out. */
async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string, void> {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details.type === 'suite') continue;
    yield `${JSON.stringify({ name: data.name, passed: type === 'test:pass' && data.skip === undefined })}\n`;
  }
}

// oxlint-disable-next-line import/no-default-export -- node:test takes a reporter by its default export.
export default report;
