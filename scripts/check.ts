/**
 * `npm run check`: everything that can be said about the code in seconds, without a cluster.
 *
 *   --only NAME     one check    --without NAME  all but one    --format  write the format instead of checking it
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { filesOf, nodeTestArgs } from './layers.ts';
import { root, run, tool } from './process.ts';

interface Check {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const timeoutMs = 300_000;

function checks(): Check[] {
  const all: Check[] = [
    { name: 'types', command: tool('tsc'), args: ['-p', '.'] },
    { name: 'lint', command: tool('oxlint'), args: ['--format=unix'] },
    { name: 'format', command: tool('oxfmt'), args: ['--check'] },
    { name: 'unused', command: tool('knip'), args: ['--no-progress'] },
  ];
  if (existsSync(join(root, 'scripts/generate.ts'))) {
    all.push({ name: 'generated', command: process.execPath, args: ['scripts/generate.ts', '--check'] });
  }
  const files = [...filesOf('unit'), ...filesOf('architecture')];
  if (files.length > 0) {
    all.push({ name: 'unit', command: process.execPath, args: nodeTestArgs(files, false) });
  }
  return all;
}

/** Two at a time: most of them use more than one core already. */
async function runAll(chosen: readonly Check[]): Promise<string[]> {
  const queue = [...chosen];
  const failed: string[] = [];
  const worker = async (): Promise<void> => {
    for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
      const result = await run(check.command, check.args, { capture: true, timeoutMs });
      console.log(`${result.ok ? 'ok    ' : 'FAILED'} ${check.name.padEnd(10)} ${result.seconds.toFixed(1)} s`);
      if (result.ok) continue;
      console.log(`${result.output.trimEnd()}\n${check.name}: ${result.why}`);
      failed.push(check.name);
    }
  };
  await Promise.all([worker(), worker()]);
  return failed;
}

const usage = `Usage: npm run check [-- OPTIONS]

Everything that can be said about the code in seconds, without a cluster.

  --only NAME      one check: ${checks()
    .map(({ name }) => name)
    .join(', ')}
  --without NAME   all but one
  --format         write the format instead of checking it
  -h, --help       print this

Exit status: 0 all is good, 1 a check failed, 2 the command is wrong.
`;

function parse() {
  try {
    return parseArgs({
      options: {
        only: { type: 'string' },
        without: { type: 'string' },
        format: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    console.error(`check: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}

const { values } = parse();
if (values.help) {
  console.log(usage);
  process.exit(0);
}
if (values.format) {
  const result = await run(tool('oxfmt'), [], { timeoutMs });
  process.exit(result.ok ? 0 : 1);
}
const startedAt = performance.now();
const chosen = checks().filter(
  (check) => check.name !== values.without && (values.only === undefined || check.name === values.only),
);
if (chosen.length === 0) {
  console.error(`check: there is no check "${values.only}"`);
  process.exit(2);
}
const failed = await runAll(chosen);
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(
  failed.length === 0 ? `check: all good in ${seconds} s` : `check: ${failed.join(', ')} failed (${seconds} s)`,
);
process.exit(failed.length === 0 ? 0 : 1);
