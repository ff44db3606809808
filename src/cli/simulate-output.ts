/** A rehearsal as text for people, as JSON for programs, and as the objects a cluster would show. */
import { stringify } from 'yaml';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { formatDuration } from '../shared/duration.ts';
import type { Rehearsal } from '../rehearsal/rehearse.ts';

/**
 * 0 all is well, 1 a promise was broken, users are left unserved or there is no plan, 2 a Decision of the files did not
 * count, 3 every promise was kept and it is no success.
 */
export function statusOf({ broken, unserved, refused, ungiven, failed }: Rehearsal): 0 | 1 | 2 | 3 {
  if (broken.length + unserved.length + refused.length > 0) return 1;
  if (ungiven.length > 0) return 2;
  return failed.length > 0 ? 3 : 0;
}

export function toText(rehearsal: Rehearsal): string {
  const { result } = rehearsal;
  const plans = result.runs.flatMap((run) => planLines(run));
  return [...plans, ...result.timeline.lines(), '', ...summaryOf(rehearsal), ''].join('\n');
}

/** Texts such as Yes and 2026-12-05 are quoted. */
const asKubectlReads = { lineWidth: 0, version: '1.1' } as const;

/** The UpgradeRuns as documents; what else there is to say stands in comments below them. */
export function toYaml(rehearsal: Rehearsal): string {
  const { namespace } = rehearsal.loaded;
  const documents = rehearsal.result.runs.map(({ apiVersion, kind, metadata, spec, status }) => {
    const { name, uid, annotations, creationTimestamp } = metadata;
    const known = { name, namespace, uid, creationTimestamp };
    const shown = Object.keys(annotations ?? {}).length === 0 ? known : { ...known, annotations };
    return `---\n${stringify({ apiVersion, kind, metadata: shown, spec, status }, asKubectlReads)}`;
  });
  const comments = summaryOf(rehearsal).flatMap((line) => line.split('\n').map((part) => `# ${part}\n`));
  return [...documents, ...comments].join('');
}

function summaryOf(rehearsal: Rehearsal): string[] {
  const { sentence, users, result, failed, broken, unserved, ungiven, notes, absent, loaded } = rehearsal;
  const unknown = [...loaded.ignored].filter(([kind]) => kind !== '').map(([kind, count]) => counted(kind, count));
  return [
    ...(statusOf(rehearsal) === 0 ? [] : ['THIS IS NO SUCCESS.']),
    sentence,
    ...failed.map((why) => `NOT WELL: ${why}.`),
    ...broken.map((promise) => `BROKEN: ${promise}.`),
    ...unserved.map((what) => `WITHOUT SERVICE: ${withStop(what)}`),
    ...ungiven.map((why) => `NOT REHEARSED: ${why}.`),
    ...(result.runs.length === 0
      ? []
      : [users, `${formatDuration(Math.round(result.elapsedMs / 1000) * 1000)} of virtual time.`]),
    ...notes,
    ...(absent.length === 0
      ? []
      : [
          [`Not in these files, so it must be in the cluster already (namespace ${loaded.namespace}):`, ...absent].join(
            '\n  ',
          ),
        ]),
    ...(unknown.length === 0 ? [] : [`Not simulated: ${unknown.join(', ')}.`]),
  ];
}

function withStop(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
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

export function toJson(rehearsal: Rehearsal): string {
  const { result, broken, unserved, refused, ungiven, failed, notes, absent, sentence, world, outage, loaded } =
    rehearsal;
  const { requests, failed: unanswered, unproven, cut } = world.traffic;
  const told = {
    result: sentence,
    ok: statusOf(rehearsal) === 0,
    broken,
    unserved,
    refused,
    decisionsNotGiven: ungiven,
    failed,
    notes,
    mustBeInCluster: absent,
    seconds: result.elapsedMs / 1000,
    users: {
      requests,
      failed: unanswered,
      metUntestedRelease: unproven,
      cutOff: cut,
      secondsWithoutService: outage.unannouncedMs / 1000,
      secondsOfAnnouncedDowntime: outage.announcedMs / 1000,
    },
    runs: result.runs.map((run) => ({
      name: run.metadata.name,
      purpose: run.spec.purpose,
      planHash: run.spec.planHash,
      phase: run.status?.phase,
      failure: run.status?.failure,
      handedOver: run.status?.handedOver ?? [],
      steps: run.spec.steps.map((step) => {
        const entry = run.status?.steps.find((candidate) => candidate.id === step.id);
        const { id, number, title } = step;
        return { id, number, title, state: entry?.state ?? 'Pending', message: entry?.message ?? '' };
      }),
    })),
    timeline: result.timeline.entries.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() })),
    ignored: Object.fromEntries(loaded.ignored),
  };
  return `${JSON.stringify(told, undefined, 2)}\n`;
}
