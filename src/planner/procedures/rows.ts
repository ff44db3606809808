/** Rows that more than one procedure has: what is done to one group, and how a run ends. */
import type { Hook } from '../../api/server-group.ts';
import type { RunGroup, Step } from '../../api/upgrade-run.ts';
import { addHooks } from './hooks.ts';
import { isPooled, listNames, StepList, versionBefore, type Wanted } from './steps.ts';

export interface ProcedureInput {
  readonly groups: readonly RunGroup[];
  readonly to: string;
  /** Of that version, as its Package names them; undefined: it names none. */
  readonly components?: Readonly<Record<string, string>> | undefined;
  /** Can every pool keep a started group from its users? Otherwise groups join as they start. */
  readonly canHold: boolean;
  /** "Yes" where at least two groups serve each pool and the pools check health (001-17, 001-19). */
  readonly loadBalanced: boolean;
  /** What the Database under the groups can be asked for; undefined where none is named. */
  readonly database:
    | {
        readonly backup: boolean;
        /** Where people take the backup: how long that takes, when it is known. */
        readonly takenBy?: { readonly estimate?: string | undefined };
        readonly migrate: boolean;
        readonly readOnly: boolean;
      }
    | undefined;
  readonly signOff: 'Required' | 'NotRequired';
  readonly timeouts: Readonly<Record<string, string>>;
}

type Row = Pick<Step, 'id' | 'number'> & Partial<Step>;

export class Rows {
  readonly list: StepList;
  readonly #input: ProcedureInput;

  constructor(input: ProcedureInput) {
    this.list = new StepList(input.timeouts);
    this.#input = input;
  }

  get steps(): Step[] {
    return this.list.steps;
  }

  /** What has to answer a test of a group that was changed. */
  get newVersion(): Wanted {
    const { to, components } = this.#input;
    return { expect: to, ...(components === undefined ? {} : { components }) };
  }

  preflight(): void {
    const groups = this.#input.groups.map((group) => group.name);
    const title = `Check the requirements, lock ${listNames(groups)}`;
    this.list.add({ id: 'preflight', number: '0', title, action: 'Preflight', groups });
  }

  baseline(): void {
    const { groups } = this.#input;
    if (groups.every((group) => group.probes === undefined)) return;
    this.list.add({
      id: 'baseline',
      number: '0a',
      title: 'Baseline tests of the version that runs',
      action: 'Probe',
      actor: 'Engineer',
      scope: 'Pool',
      groups: groups.map((group) => group.name),
      ...versionBefore(groups),
    });
  }

  /** 001-54, 001-62: Jobs of the user's. */
  hooks(at: Hook['at'], number: string): void {
    addHooks(this.list, this.#input.groups, { groups: this.#input.groups, at, number });
  }

  drain(group: RunGroup, row: Row): void {
    this.list.add({
      group: group.name,
      title: `Drain ${group.name}`,
      action: 'Drain',
      timeout: group.drain.timeout,
      undo: 'Undrain',
      interrupts: !this.#input.loadBalanced,
      ...row,
    });
  }

  stop(group: RunGroup, row: Row): void {
    this.list.add({
      group: group.name,
      title: `Stop ${group.name}`,
      action: 'Stop',
      undo: 'Start',
      interrupts: !this.#input.loadBalanced,
      ...row,
    });
  }

  snapshot(group: RunGroup, row: Row): void {
    if (group.snapshot === undefined) return;
    this.list.add({
      group: group.name,
      title: `Snapshot the volumes of ${group.name}`,
      action: 'Snapshot',
      undo: 'RestoreSnapshot',
      ...row,
    });
  }

  upgrade(group: RunGroup, row: Row): void {
    this.list.add({
      group: group.name,
      title: `Upgrade ${group.name} to ${this.#input.to}`,
      action: 'Upgrade',
      undo: 'Reinstall',
      ...row,
    });
  }

  configure(group: RunGroup, row: Row): void {
    this.list.add({
      group: group.name,
      title: `Configure ${group.name}`,
      action: 'Configure',
      undo: 'Reinstall',
      ...(group.settings.length > 0 ? {} : { skip: 'the package changes no settings of this group' }),
      ...row,
    });
  }

  start(group: RunGroup, row: Row): void {
    this.list.add({
      group: group.name,
      title: `Start ${group.name}`,
      action: 'Start',
      expect: this.#input.to,
      undo: 'Stop',
      ...row,
    });
  }

  /** A-14: before users meet it, where its pools can hold it back. */
  isolated(group: RunGroup, row: Row): void {
    if (group.probes === undefined) return;
    const held = !isPooled(group) || this.#input.canHold;
    this.list.add({
      group: group.name,
      title: `Test ${group.name} in isolation, version ${this.#input.to}`,
      action: 'Probe',
      actor: 'Engineer',
      scope: 'Isolated',
      groups: [group.name],
      ...this.newVersion,
      ...row,
      ...(held ? {} : { skip: 'the pool cannot hold started members back; the group joins as it starts' }),
    });
  }

  join(group: RunGroup, row: Row): void {
    if (!isPooled(group)) return;
    this.list.add({
      group: group.name,
      title: `Put ${group.name} back into the pool`,
      action: 'Undrain',
      expect: this.#input.to,
      undo: 'Drain',
      ...row,
    });
  }

  /** @param want the version that must answer, or why nothing can be asked */
  testThroughPool(groups: readonly RunGroup[], out: RunGroup | undefined, want: Wanted, row: Row): void {
    const tested = groups.filter((group) => group.probes !== undefined && isPooled(group));
    if (tested.length === 0) return;
    const names = tested.map((group) => group.name);
    const version = want.expect === undefined ? '' : `, version ${want.expect}`;
    this.list.add({
      action: 'Probe',
      scope: 'Pool',
      groups: names,
      title: `Test ${listNames(names)} through the load balancer${version}${out === undefined ? '' : `, while ${out.name} is out`}`,
      ...want,
      ...row,
    });
  }

  /** With exactly two groups: the first leaves once more, so that the second is tested alone (A-15). */
  testSecondAlone(rows: { readonly drain: string; readonly test: string; readonly join: string }): void {
    const [first, second, ...others] = this.#input.groups;
    if (first === undefined || second === undefined || others.length > 0) return;
    if (second.probes === undefined || !isPooled(first) || !isPooled(second)) return;
    this.drain(first, { id: 'g1-drain-again', number: rows.drain });
    this.testThroughPool([second], first, this.newVersion, { id: 'g2-alone', number: rows.test });
    this.join(first, { id: 'g1-join-again', number: rows.join });
  }

  /** @param first number of the final tests; sign-off and clean-up follow it */
  end(first: number, signOff: Partial<Step>): void {
    const { groups, to } = this.#input;
    const names = groups.map((group) => group.name);
    if (groups.some((group) => group.probes !== undefined)) {
      this.list.add({
        id: 'final',
        number: String(first),
        title: `Final tests, version ${to}`,
        action: 'Probe',
        scope: 'Pool',
        groups: names,
        ...this.newVersion,
      });
    }
    this.hooks('AfterRun', `${first}a`);
    this.list.add({
      id: 'sign-off',
      number: String(first + 1),
      title: 'Verification and sign-off',
      action: 'AwaitDecision',
      ...signOff,
      ...(this.#input.signOff === 'Required' ? {} : { skip: 'spec.signOff is NotRequired' }),
    });
    this.list.add({
      id: 'cleanup',
      number: String(first + 2),
      title: 'Release locks',
      action: 'Cleanup',
      groups: names,
    });
  }
}

/** Why a row of the database falls away; nothing where it does not. */
export function withoutDatabase(
  { database }: ProcedureInput,
  verb: 'backup' | 'migrate',
): { readonly skip?: string; readonly estimate?: string } {
  if (database?.[verb] === true) return {};
  return { skip: database === undefined ? 'no Database is named' : `the Database has no ${verb} Job`, estimate: '0s' };
}
