/** `belay simulate`: an upgrade of the user's own manifests, rehearsed against a simulated cluster on a virtual clock. */
import { parseArgs } from 'node:util';
import type { EpochMs } from '../shared/clock.ts';
import { TerminalError } from '../shared/errors.ts';
import { checkFaultForms, faultForms } from '../simulation/faults.ts';
import { readEntries } from '../rehearsal/load.ts';
import { rehearse } from '../rehearsal/rehearse.ts';
import { readManifests } from './manifests.ts';
import { statusOf, toJson, toText, toYaml } from './simulate-output.ts';

const usage = `Usage: belay simulate -f PATH [options]

Reads Package, Pool, ProbeSuite, Database, ServerGroup, UpgradeSet, Decision, StatefulSet and Deployment objects, and the
Services, Secrets, ConfigMaps and PodTemplates they name, from a YAML file or a folder, upgrades them in a simulated
cluster on a virtual clock, and prints what happens. Nothing real is touched. What a cluster would refuse is refused.

  -f, --file PATH       a file, or a folder whose .yaml, .yml and .json files are read; may be repeated
  -n, --namespace NAME  namespace of objects that name none. Default: default
      --package NAME    upgrade to this Package instead of the one the UpgradeSet names
      --set NAME        the UpgradeSet, as NAME or NAMESPACE/NAME, when there are several; default: all
      --from VERSION    version that runs now, where neither manifests nor Packages tell
      --at INSTANT      when it begins, such as 2026-12-05T20:00:00Z. Default: now, where a set has an agreed window
      --fail WHAT       make something fail; may be repeated:
                        ${faultForms},
                        ${checkFaultForms}
      --crash-after N   kill the controller after its Nth effect or write; may be repeated
      --seed N          draw the order of things from this seed instead of a fixed order
  -o, --output FORMAT   text, json (one object), or yaml (the UpgradeRuns, with plan and status). Default: text
      --json            the same as --output json
  -h, --help            print this

Decisions in the files are given when their run asks for them. Where there are none, people in the rehearsal approve and
sign off when asked, and choose the first way back that is offered when a step has failed.

Exit status:
  0  the release serves and its tests have proved it; or there was nothing to do; or everything is back as it was, where
     --fail or a Decision asked for that. Users were served all the time, outside an announced downtime.
  1  a promise of Belay was broken, users were without service unannounced or get no answer at the end, a run did not
     end, or a plan is refused
  2  the command or the manifests are wrong, a failure that was asked for never came about, or a Decision of the files
     was not given or did not count
  3  every promise was kept, and it is no success all the same: a run failed, or went back although nothing was made to
     fail; a check before the start had to be overridden; the upgrade does not fit into the agreed window; no test has
     proved the release, or users met it untested
With --output json an error is one object too: {"error": "…"}.
`;

/**
 * @param args what follows `belay simulate`
 * @param now the time of day, for sets with an agreed window
 * @returns the exit status
 */
export async function simulate(
  args: readonly string[],
  write: (text: string) => void,
  now: () => EpochMs = Date.now,
): Promise<number> {
  try {
    const values = parse(args);
    if (values.help === true) {
      write(usage);
      return 0;
    }
    const print = printers[formatOf(values)];
    const files = (await Promise.all((values.file ?? []).map(readManifests))).flat();
    const rehearsal = await rehearse(readEntries(files, values.namespace), {
      ...(values.package === undefined ? {} : { package: values.package }),
      ...(values.set === undefined ? {} : { set: values.set }),
      ...(values.from === undefined ? {} : { from: values.from }),
      ...(values.at === undefined ? {} : { at: instant('--at', values.at) }),
      now: now(),
      fail: values.fail ?? [],
      crashAfter: (values['crash-after'] ?? []).map((text) => wholeNumber('--crash-after', text, 1)),
      ...(values.seed === undefined ? {} : { seed: wholeNumber('--seed', values.seed, 0) }),
    });
    write(print(rehearsal));
    return statusOf(rehearsal);
  } catch (error) {
    // Words for a person; anything else is a defect and keeps its stack.
    if (!(error instanceof RangeError || error instanceof TerminalError || isUsageError(error))) throw error;
    write(wantsJson(args) ? `${JSON.stringify({ error: error.message })}\n` : `belay simulate: ${error.message}\n`);
    return 2;
  }
}

const printers = { text: toText, json: toJson, yaml: toYaml } as const;

function formatOf({ output, json }: { output?: string; json?: boolean }): keyof typeof printers {
  const format = output ?? (json === true ? 'json' : 'text');
  if (json === true && format !== 'json') throw new RangeError(`--json and --output ${format} exclude each other`);
  if (format === 'text' || format === 'json' || format === 'yaml') return format;
  throw new RangeError(`--output wants text, json or yaml, not "${format}"`);
}

function wantsJson(args: readonly string[]): boolean {
  const whole = new Set(['--json', '--output=json', '-ojson']);
  return args.some((arg, i) => whole.has(arg) || isOutput(args[i - 1], arg));
}

function isOutput(before: string | undefined, arg: string): boolean {
  return arg === 'json' && (before === '--output' || before === '-o');
}

function parse(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      file: { type: 'string', short: 'f', multiple: true },
      namespace: { type: 'string', short: 'n' },
      package: { type: 'string' },
      set: { type: 'string' },
      from: { type: 'string' },
      at: { type: 'string' },
      fail: { type: 'string', multiple: true },
      'crash-after': { type: 'string', multiple: true },
      seed: { type: 'string' },
      output: { type: 'string', short: 'o' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help !== true && values.file === undefined)
    throw new RangeError('name your manifests with -f; see --help');
  return values;
}

function isUsageError(error: unknown): error is Error {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.startsWith('ERR_PARSE_ARGS')
  );
}

function instant(option: string, text: string): EpochMs {
  const isWhole = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$/;
  const at = Date.parse(text);
  // Date takes February 30 for March 2.
  const day = Number(text.slice(8, 10));
  const days = new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate();
  if (!isWhole.test(text) || Number.isNaN(at) || day > days)
    throw new RangeError(`${option} wants an instant with a time zone, such as 2026-12-05T20:00:00Z, not "${text}"`);
  return at;
}

function wholeNumber(option: string, text: string, least: number): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(number) || number < least)
    throw new RangeError(`${option} wants a whole number${least === 0 ? '' : `, ${least} or more`}, not "${text}"`);
  return number;
}
