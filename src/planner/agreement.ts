/** Whether those who have to agree have done so: one person for each role, and no person twice. */
import type { Choice } from '../api/upgrade-run.ts';
import { formatInstant } from '../shared/instant.ts';
import type { Role } from './approvals.ts';
import { approvedKey, heardKey } from './steps/keys.ts';
import type { StepContext, StepVerdict, ValidDecision } from './verdict.ts';

export type Agreement =
  | { readonly kind: 'refused'; readonly word: ValidDecision }
  /** To be written down before anything else. */
  | { readonly kind: 'new'; readonly role: Role; readonly word: ValidDecision }
  | { readonly kind: 'missing'; readonly roles: readonly Role[]; readonly given: string }
  | { readonly kind: 'agreed'; readonly given: string };

/**
 * @param words about this step, oldest first
 * @returns what the first word says that nobody has heard yet; `given` is empty or such as "ana as Engineer"
 */
export function agreementOf(context: StepContext, roles: readonly Role[], words: readonly ValidDecision[]): Agreement {
  const { handles, entry } = context;
  const given = new Map<Role, string>();
  for (const role of roles) {
    const by = handles[approvedKey(entry.operation, role)];
    if (by !== undefined) given.set(role, by);
  }
  for (const word of words.filter((candidate) => isOpen(context, candidate))) {
    const role = roles.includes('') ? '' : word.as;
    if (!roles.includes(role) || given.has(role)) continue;
    if (!word.approved) return { kind: 'refused', word };
    // Two roles are two people: the second pair of eyes is the point of it.
    if (![...given.values()].includes(word.by)) return { kind: 'new', role, word };
  }
  const missing = roles.filter((role) => !given.has(role));
  const said = [...given].map(([role, by]) => named(by, role)).join(' and ');
  return missing.length === 0 ? { kind: 'agreed', given: said } : { kind: 'missing', roles: missing, given: said };
}

/** Only a word given since this attempt began is about it, and none that was heard in another one of the same second. */
export function wordsOn(
  { decisions, handles, step, entry }: StepContext,
  choice: 'Approve' | 'Attest',
): ValidDecision[] {
  const since = entry.started ?? '';
  return decisions.filter(
    (word) =>
      word.choice === choice &&
      word.step === step.id &&
      formatInstant(word.createdAt + 999) >= since &&
      (handles[heardKey(word.name)] ?? entry.operation) === entry.operation,
  );
}

/** A refusal that made an earlier attempt fail has been answered by whoever resumed. */
function isOpen({ handles, entry }: StepContext, word: ValidDecision): boolean {
  const heardIn = handles[heardKey(word.name)];
  return word.approved || heardIn === undefined || heardIn === entry.operation;
}

/** Undefined once it is written down which attempt the refusal made fail. */
export function noteRefusal(context: StepContext, word: ValidDecision): StepVerdict | undefined {
  const heard = heardNow(context, word);
  return Object.entries(heard).every(([key, value]) => context.handles[key] === value)
    ? undefined
    : { kind: 'record', record: heard, because: `${word.by} refused` };
}

export function noteWord(context: StepContext, role: Role, word: ValidDecision): StepVerdict {
  return {
    kind: 'record',
    record: { [approvedKey(context.entry.operation, role)]: word.by, ...heardNow(context, word) },
    because: `${named(word.by, role)} agreed`,
  };
}

export function heardNow({ entry }: StepContext, word: ValidDecision): Readonly<Record<string, string>> {
  return { [heardKey(word.name)]: entry.operation };
}

function named(by: string, role: Role): string {
  return role === '' ? by : `${by} as ${role}`;
}

/** "create a Decision with choice Approve, step g1-others and as Engineer for run portal-1". */
export function askFor(run: string, choice: Choice['choice'], roles: readonly Role[], step = ''): string {
  const what = [`choice ${choice}`, ...(step === '' ? [] : [`step ${step}`])];
  const [only] = roles;
  if (roles.length > 1) {
    const each = roles.map((role) => `one as ${role}`).join(' and ');
    return `create Decisions with ${what.join(' and ')} for run ${run}: ${each}, by two people`;
  }
  if (only !== undefined && only !== '') what.push(`as ${only}`);
  const list = what.length > 1 ? `${what.slice(0, -1).join(', ')} and ${what.at(-1) ?? ''}` : (what[0] ?? '');
  return `create a Decision with ${list} for run ${run}`;
}

export function choicesOf(
  choice: Choice['choice'],
  roles: readonly Role[],
  about: Pick<Choice, 'step' | 'message'>,
): Choice[] {
  return roles.map((role) => ({ choice, ...about, ...(role === '' ? {} : { as: role }) }));
}
