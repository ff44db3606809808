/**
 * Runs a Job of the user's once for each server of the group, one after the other: copies of directories before the
 * run, something to be published again after it. Source: 001-54, 001-62, 001-143.
 */
import type { Hook } from '../../api/server-group.ts';
import type { Step, StepEntry, UpgradeRunSpec } from '../../api/upgrade-run.ts';
import type { CheckRequest, HookJob } from '../effects.ts';
import type { Handles } from '../journal.ts';
import { done, fail, groupOf, listSome, wait, type StepContext, type StepVerdict } from '../verdict.ts';

type HookRequest = CheckRequest & HookJob;

/** Begins the keys of what one attempt has found out; of one run, and passed to no other. */
export const hookPrefix = 'hook/';

/** How far this very attempt is: a line for each server whose Job was made, with "=" and why it failed once it is over. */
const progressKey = (operation: string): string => `${hookPrefix}${operation}`;

/** By server. Text: why it failed, empty where it did not. Undefined: its Job was made, and is not over. */
type Progress = ReadonlyMap<string, string | undefined>;

/** Of 128 servers all have room in one value of the journal. */
const maxWhy = 60;

export function evaluateHook(context: StepContext): StepVerdict {
  const hook = hookOf(context);
  if (hook === undefined) return fail('HookFailed', `the run carries no hook ${context.step.hook ?? ''}`);
  const [request] = hookRequests(context);
  return request === undefined ? conclude(context, hook) : runOne(context, hook, request);
}

/** For the servers that are not done, in the order of the group: the first is the one that runs or comes next. */
export function hookRequests(place: {
  readonly run: { readonly spec: UpgradeRunSpec };
  readonly step: Step;
  readonly entry: StepEntry;
  readonly handles: Handles;
}): HookRequest[] {
  const { run, step, entry, handles } = place;
  const hook = hookOf(place);
  if (hook === undefined) return [];
  const progress = progressOf(handles, entry);
  return groupOf(run.spec, step.group)
    .servers.filter(({ name }) => progress.get(name) === undefined)
    .map(({ name, role = '', vars, workload }) => ({
      kind: 'Hook',
      id: `${entry.operation}/${name}`,
      group: step.group ?? '',
      hook: hook.name,
      server: name,
      workload: { kind: workload.kind, name: workload.name },
      job: hook.job,
      parameters: {
        ...vars,
        ROLE: role,
        AT: hook.at,
        FROM_VERSION: run.spec.from.version ?? '',
        TO_VERSION: run.spec.to.version,
      },
    }));
}

/** What failed and was only reported, in this run: "publish failed for web-1: exit status 1". */
export function reportedHooks(spec: UpgradeRunSpec, entries: readonly StepEntry[]): string[] {
  return spec.steps.flatMap((step) => {
    const entry = entries.find(({ id }) => id === step.id);
    if (step.action !== 'Hook' || entry?.state !== 'Succeeded') return [];
    const failures = failuresOf(progressOf(entry.handles ?? {}, entry));
    return failures.length === 0 ? [] : [`${step.hook ?? ''} failed for ${failures.join(', ')}`];
  });
}

function hookOf({
  run,
  step,
}: {
  readonly run: { readonly spec: UpgradeRunSpec };
  readonly step: Step;
}): Hook | undefined {
  return groupOf(run.spec, step.group).hooks?.find(({ name }) => name === step.hook);
}

function progressOf(handles: Handles, { operation }: StepEntry): Progress {
  const lines = (handles[progressKey(operation)] ?? '').split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      const end = line.indexOf('=');
      return end < 0 ? [line, undefined] : [line.slice(0, end), line.slice(end + 1)];
    }),
  );
}

function failuresOf(progress: Progress): string[] {
  return [...progress].flatMap(([server, why]) => (why === undefined || why === '' ? [] : [`${server}: ${why}`]));
}

function conclude({ handles, entry }: StepContext, { name }: Hook): StepVerdict {
  const progress = progressOf(handles, entry);
  const failures = failuresOf(progress);
  if (failures.length === 0) return done(`${name} ran for ${listSome([...progress.keys()])}`);
  return done(`${name} failed, which is only reported: ${listSome(failures)}`);
}

function runOne(context: StepContext, hook: Hook, request: HookRequest): StepVerdict {
  const { handles, entry, observed, step } = context;
  const progress = progressOf(handles, entry);
  const seen = observed.checks.get(request.id);
  const isLate = context.consumedMs >= context.timeoutMs;
  switch (seen?.state ?? 'running') {
    case 'passed':
      return note(context, request, '');
    case 'failed':
    case 'unknown':
      return ended(context, hook, request, seen?.message ?? '');
    case 'absent':
      if (progress.has(request.server))
        return ended(context, hook, request, 'its Job is gone, and what it did is not known');
      if (isLate) return ended(context, hook, request, `its Job could not be made within ${step.timeout}`);
      return {
        kind: 'act',
        effect: { kind: 'RunCheck', request },
        because: `${hook.name} is to run for ${request.server} (${hook.at})`,
        // Afterwards: a Job that was not made is made, and one that was taken away is not made again.
        after: recordOf(context, new Map([...progress, [request.server, undefined]])),
      };
    default:
      if (isLate) return ended(context, hook, request, `its Job did not end within ${step.timeout}`);
      return stillRunning(context, hook, request, seen?.message ?? '');
  }
}

function stillRunning(context: StepContext, hook: Hook, { server }: HookRequest, message: string): StepVerdict {
  const words = `${hook.name} runs for ${server}${message === '' ? '' : `: ${message}`}`;
  const verdict = wait('HookRunning', words, { type: 'Hook', object: `servergroup/${context.step.group ?? ''}` });
  const leftMs = context.timeoutMs - context.consumedMs;
  return verdict.kind === 'wait' ? { ...verdict, afterMs: Math.max(1, Math.min(verdict.afterMs, leftMs)) } : verdict;
}

/** Nothing keeps a run from going back. */
function ended(context: StepContext, hook: Hook, request: HookRequest, why: string): StepVerdict {
  const isReported = hook.onFailure === 'Warn' || hook.at === 'BeforeRollback';
  if (isReported) return note(context, request, why === '' ? 'no reason given' : why);
  return fail('HookFailed', `${hook.name} failed for ${request.server}: ${why}`);
}

function note(context: StepContext, { hook, server }: HookRequest, why: string): StepVerdict {
  const progress = progressOf(context.handles, context.entry);
  const because = why === '' ? `${hook} is done for ${server}` : `${hook} failed for ${server}: ${why}`;
  const short = why.replaceAll(/\s+/g, ' ').slice(0, maxWhy);
  return { kind: 'record', record: recordOf(context, new Map([...progress, [server, short]])), because };
}

function recordOf({ entry }: StepContext, progress: Progress): Record<string, string> {
  const lines = [...progress].map(([server, why]) => (why === undefined ? server : `${server}=${why}`));
  return { [progressKey(entry.operation)]: lines.join('\n') };
}
