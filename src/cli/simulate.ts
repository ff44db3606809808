/** `belay simulate`: an upgrade of the user's own manifests, rehearsed against a simulated cluster on a virtual clock. */
import { parseArgs } from 'node:util';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { formatDuration } from '../shared/duration.ts';
import { TerminalError } from '../shared/errors.ts';
import { loadManifests, type Loaded } from '../simulation/load.ts';
import { rehearse, type Rehearsal } from '../simulation/rehearse.ts';
import { faultForms } from '../simulation/faults.ts';
import { readManifests } from './manifests.ts';

const usage = `Usage: belay simulate -f PATH [options]

Reads Package, Pool, ProbeSuite, Database, ServerGroup, UpgradeSet, StatefulSet and Deployment objects from a YAML
file or a folder, upgrades them in a simulated cluster on a virtual clock, and prints what happens. Nothing real is
touched.

  -f, --file PATH       a file, or a folder whose .yaml, .yml and .json files are read; may be repeated
      --package NAME    upgrade to this Package instead of the one the UpgradeSet names
      --set NAME        the UpgradeSet, when there are several; default: all
      --from VERSION    version that runs now, where neither manifests nor Packages tell
      --fail WHAT       make something fail; may be repeated:
                        ${faultForms}
      --crash-after N   kill the controller after its Nth effect or write; may be repeated
      --seed N          draw the order of things from this seed instead of a fixed order
      --json            print one JSON object instead of text
  -h, --help            print this

People in the rehearsal approve and sign off when asked, and choose the first way back that is offered when a step has failed.
Exit status: 0 the run ended as Belay promises (also when that is a rollback), 1 a promise was broken, it did not end,
or the plan is refused, 2 the command or the manifests are wrong, or a failure that was asked for never came about.
With --json an error is one object too: {"error": "…"}.
`;

/**
 * @param args what follows `belay simulate`
 * @returns the exit status
 */
export async function simulate(args: readonly string[], write: (text: string) => void): Promise<number> {
  try {
    const values = parse(args);
    if (values.help === true) {
      write(usage);
      return 0;
    }
    const loaded = loadManifests((await Promise.all((values.file ?? []).map(readManifests))).flat());
    const rehearsal = await rehearse(loaded, {
      ...(values.package === undefined ? {} : { package: values.package }),
      ...(values.set === undefined ? {} : { set: values.set }),
      ...(values.from === undefined ? {} : { from: values.from }),
      fail: values.fail ?? [],
      crashAfter: (values['crash-after'] ?? []).map((text) => wholeNumber('--crash-after', text, 1)),
      ...(values.seed === undefined ? {} : { seed: wholeNumber('--seed', values.seed, 0) }),
    });
    write(
      values.json === true ? `${JSON.stringify(toJson(rehearsal, loaded), undefined, 2)}\n` : toText(rehearsal, loaded),
    );
    return rehearsal.broken.length + rehearsal.refused.length === 0 ? 0 : 1;
  } catch (error) {
    // Words for a person; anything else is a defect and keeps its stack.
    if (!(error instanceof RangeError || error instanceof TerminalError || isUsageError(error))) throw error;
    const isJson = args.includes('--json');
    write(isJson ? `${JSON.stringify({ error: error.message })}\n` : `belay simulate: ${error.message}\n`);
    return 2;
  }
}

function parse(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      file: { type: 'string', short: 'f', multiple: true },
      package: { type: 'string' },
      set: { type: 'string' },
      from: { type: 'string' },
      fail: { type: 'string', multiple: true },
      'crash-after': { type: 'string', multiple: true },
      seed: { type: 'string' },
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

function wholeNumber(option: string, text: string, least: number): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(number) || number < least)
    throw new RangeError(`${option} wants a whole number${least === 0 ? '' : `, ${least} or more`}, not "${text}"`);
  return number;
}

function toText({ result, broken, notes, sentence, world }: Rehearsal, { ignored }: Loaded): string {
  const { traffic } = world;
  const steps = result.runs.flatMap((run) => planLines(run));
  const unknown = [...ignored].filter(([kind]) => kind !== '').map(([kind, count]) => counted(kind, count));
  return [
    ...steps,
    ...result.timeline.lines(),
    '',
    sentence,
    `${formatDuration(Math.round(result.elapsedMs / 1000) * 1000)} of virtual time; ${traffic.requests} requests, ${traffic.failed} failed; ` +
      `${traffic.unproven} met an untested release; ${traffic.cut} users were cut off.`,
    ...notes,
    ...(unknown.length === 0 ? [] : [`Not simulated: ${unknown.join(', ')}.`]),
    ...broken.map((promise) => `BROKEN ${promise}`),
    '',
  ].join('\n');
}

/** As a person says it: "1 Secret", "2 Services", "3 Ingresses". */
function counted(kind: string, count: number): string {
  if (count === 1 || kind === 'Endpoints') return `${count} ${kind}`;
  if (/[^aeiou]y$/.test(kind)) return `${count} ${kind.slice(0, -1)}ies`;
  return `${count} ${kind}${/(?:s|x|ch|sh)$/.test(kind) ? 'es' : 's'}`;
}

function planLines(run: UpgradeRun): string[] {
  const rows = run.spec.steps.map(
    (step) => `  ${step.number.padEnd(4)}${step.title}${step.skip === undefined ? '' : ` (skipped: ${step.skip})`}`,
  );
  return [
    `Plan of ${run.metadata.name}, ${run.spec.purpose} to ${run.spec.to.version}, ${run.spec.planHash.slice(0, 19)}`,
    ...rows,
    '',
  ];
}

function toJson({ result, broken, refused, notes, sentence, world }: Rehearsal, { ignored }: Loaded): unknown {
  const { requests, failed, unproven, cut } = world.traffic;
  return {
    result: sentence,
    ok: broken.length + refused.length === 0,
    broken,
    refused,
    notes,
    seconds: result.elapsedMs / 1000,
    users: { requests, failed, metUntestedRelease: unproven, cutOff: cut },
    runs: result.runs.map((run) => ({
      name: run.metadata.name,
      purpose: run.spec.purpose,
      planHash: run.spec.planHash,
      phase: run.status?.phase,
      failure: run.status?.failure,
      handedOver: run.status?.handedOver ?? [],
      steps: run.spec.steps.map((step) => {
        const entry = run.status?.steps.find((candidate) => candidate.id === step.id);
        return {
          id: step.id,
          number: step.number,
          title: step.title,
          state: entry?.state ?? 'Pending',
          message: entry?.message ?? '',
        };
      }),
    })),
    timeline: result.timeline.entries.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() })),
    ignored: Object.fromEntries(ignored),
  };
}
