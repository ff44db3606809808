/**
 * The last resort: after a rollback that cannot be completed, a broken server is made anew on the database as it is.
 * Who is broken, what is offered, and what follows a rebuild. Source: 001-134 … 001-141, requirements 6.3 and 7.6.
 */
import type { Choice, RunGroup, Step, StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import { formatInstant } from '../shared/instant.ts';
import type { DecideInput } from './decision.ts';
import { hasBegun, isSchemaChanged, journalOf, mergeHandles, type Handles } from './journal.ts';
import type { Move } from './move.ts';
import { schemaNowKey } from './steps/keys.ts';
import { listOf, othersKey } from './steps/rebuild-keys.ts';
import type { ValidDecision } from './verdict.ts';

type Current = { readonly step: Step; readonly entry: StepEntry };

export interface ServerName {
  readonly group: string;
  readonly server: string;
}

/** Servers that are out and not whole, in the order of the groups: those that a Decision Rebuild may name. */
export function brokenServers(spec: UpgradeRunSpec, entries: readonly StepEntry[]): ServerName[] {
  if (spec.purpose === 'Upgrade') return [];
  if (spec.purpose === 'Rebuild')
    return listOf(spec.handles[othersKey]).map((name) => {
      const [group = '', server = ''] = name.split('/');
      return { group, server };
    });
  const heldBefore = new Set(listOf(spec.handles['held/groups']));
  return spec.groups
    .filter((group) => isOut(spec, entries, group.name, heldBefore.has(group.name)))
    .flatMap((group) => group.servers.map(({ name }) => ({ group: group.name, server: name })));
}

/** Stopped or taken out by this rollback or before it, and not back since. */
function isOut(spec: UpgradeRunSpec, entries: readonly StepEntry[], group: string, before: boolean): boolean {
  const rows = journalOf(spec, entries).filter(({ step }) => step.group === group);
  const joins = rows.some(({ step }) => step.action === 'Undrain');
  let out = before;
  for (const { step, entry } of rows) {
    if ((step.action === 'Drain' || step.action === 'Stop') && hasBegun(entry)) out = true;
    const back = step.action === 'Undrain' || (step.action === 'Start' && !joins);
    if (back && entry.state === 'Succeeded') out = false;
  }
  return out;
}

/** Which release knows the schema as the journal has it last; undefined where none is known to. */
export function fittingRelease(handles: Handles, newSchema: string | undefined): 'Previous' | 'New' | undefined {
  if (!isSchemaChanged(handles)) return 'Previous';
  const now = handles[schemaNowKey];
  return now !== undefined && now === newSchema ? 'New' : undefined;
}

/** What follows a rollback that cannot be completed; undefined where no server can be rebuilt either. */
export function offerRebuild(input: DecideInput, current: Current): Move | undefined {
  if (input.run.spec.purpose === 'Rebuild') return askAfterRebuild(input, current);
  const servers = brokenServers(input.run.spec, input.entries);
  const release = fittingRelease(mergeHandles(input.run.spec, input.entries), newVersion(input.run.spec).schema);
  if (servers.length === 0 || release === undefined) return undefined;
  const message = `${current.step.title}: ${current.entry.message ?? 'the step failed'}`;
  const asked = rebuildAskedFor(input, servers, current.entry.finished ?? '');
  if (asked !== undefined) return follow(asked, message);
  return {
    kind: 'await',
    reason: 'RebuildOffered',
    message: `${message}; no way back is left: mend the cause, or rebuild ${servers.length === 1 ? 'the server' : 'the servers one by one'}`,
    choices: [
      { choice: 'Resume', message: 'mend the cause, then try the failed step again' },
      ...rebuildChoices(input, servers, release),
      { choice: 'Abort', message: 'end here; what is still out is handed over to you' },
    ],
  };
}

/** A rebuild that fails is a person's. */
function askAfterRebuild(input: DecideInput, current: Current): Move {
  const { group = '', server = '' } = input.run.spec.rebuild ?? {};
  const message = `${current.step.title}: ${current.entry.message ?? 'the step failed'}`;
  return {
    kind: 'await',
    reason: 'RebuildFailed',
    message,
    choices: [
      { choice: 'Resume', message: 'mend the cause, then try the failed step again' },
      { choice: 'Abort', message: `end here; ${group}/${server} is handed over to you` },
    ],
  };
}

/** After a rebuild: the other broken servers, one word each. Undefined: nothing is left to ask, or nobody wants more. */
export function offerNext(input: DecideInput): Move | undefined {
  const { spec } = input.run;
  if (input.intent.end !== undefined) return undefined;
  const servers = brokenServers(spec, input.entries);
  if (servers.length === 0) return undefined;
  const { group = '', server = '' } = spec.rebuild ?? {};
  const names = servers.map((name) => `${name.group}/${name.server}`).join(', ');
  const message = `${group}/${server} is rebuilt; still broken: ${names}`;
  const asked = rebuildAskedFor(input, servers, '');
  if (asked !== undefined) return follow(asked, message);
  const release = spec.facts['release'] === 'New' ? 'New' : 'Previous';
  return {
    kind: 'await',
    reason: 'RebuildOffered',
    message,
    choices: [
      ...rebuildChoices(input, servers, release),
      { choice: 'Abort', message: 'end here; what is still out is handed over to you' },
    ],
  };
}

function follow({ group, server, by, reason }: ValidDecision, message: string): Move {
  return { kind: 'rebuild', order: { group, server, because: `${reason} (${message})`, authorisedBy: by } };
}

/** A word given after the failure that names a broken server. */
function rebuildAskedFor(input: DecideInput, servers: readonly ServerName[], since: string): ValidDecision | undefined {
  return input.decisions.find(
    (decision) =>
      decision.choice === 'Rebuild' &&
      decision.approved &&
      formatInstant(decision.createdAt + 999) >= since &&
      servers.some(({ group, server }) => group === decision.group && server === decision.server),
  );
}

/** `status.choices` has room for so many, beside Resume and Abort. */
const maxChoices = 60;

function rebuildChoices(
  { run }: Pick<DecideInput, 'run'>,
  servers: readonly ServerName[],
  release: 'Previous' | 'New',
): Choice[] {
  const { spec } = run;
  return servers.slice(0, maxChoices).map(({ group: name, server }): Choice => {
    const group = spec.groups.find((candidate) => candidate.name === name);
    const version = release === 'New' ? newVersion(spec).version : previousVersion(spec, group);
    const onto = spec.database === undefined ? '' : `, connected to database ${spec.database.name} as it is`;
    const reboot = group?.rebuild?.reboot === undefined ? '' : 'rebooted, ';
    return {
      choice: 'Rebuild',
      group: name,
      server,
      loss: lossOf(group, server),
      message: `${server} is uninstalled, ${reboot}installed with version ${version}${onto}, and tested before it serves`,
    };
  });
}

function lossOf(group: RunGroup | undefined, server: string): string {
  if (group?.rebuild?.volumes !== 'Replace') return 'none';
  const keep = group.snapshot?.retainFor;
  const until = keep === undefined ? 'until you delete them' : `until ${keep} after the end of the rebuild`;
  return `volumes of ${server} are replaced; the old ones are kept ${until}`;
}

/** The release that the upgrade was to, as a run that follows it knows it. */
export function newVersion(spec: UpgradeRunSpec): { readonly version: string; readonly schema: string | undefined } {
  const { version = '', schema } = spec.purpose === 'Upgrade' ? spec.to : spec.from;
  return { version, schema };
}

function previousVersion(spec: UpgradeRunSpec, group: RunGroup | undefined): string {
  return group?.from ?? (spec.purpose === 'Upgrade' ? spec.from.version : spec.to.version) ?? 'before';
}
