/**
 * Every row of both procedures made to fail once: how, what the run says of the service then, what a person is asked,
 * and how it ends. Rows with a letter are those the vendor's tables leave out.
 */
import type { Mishap } from '../../src/simulation/faults.ts';
import type { ProbeTry } from '../../src/simulation/probing.ts';

export interface Befalling {
  readonly kind: 'Mishap';
  /** The step with whose beginning it goes wrong. */
  readonly since: string;
  readonly mishap: Mishap;
}

/** What goes wrong: something in the cluster from the moment a step begins, a test, or a person's word. */
export type RowFault =
  | Befalling
  | { readonly kind: 'Test'; readonly fails: (attempt: ProbeTry) => boolean }
  | { readonly kind: 'Denied' };

/** How far the upgrade was, which decides what follows. */
export type Outcome =
  /** Nothing was changed: whoever was drained serves again, and the run is over. */
  | 'NothingChanged'
  /** Only stopped: started again without asking, whatever the policy. */
  | 'OnlyStopped'
  /** Changed, and users have not met it: back by itself where that is allowed. */
  | 'NotServed'
  /** Users have written since: a person is asked whatever the policy. */
  | 'Served'
  /** The schema is another, and nobody has written on it: the database goes back too. */
  | 'Migrated'
  /** Users have written on the new schema, which the old release does not know: going back costs what they wrote. */
  | 'ServedMigrated';

/** A way to fail, with the reason it is to fail with. */
interface Failing {
  readonly how: string;
  readonly fault: RowFault;
  readonly reason: string;
}

export interface FailingRow extends Failing {
  /** Of the requirement that the row is. */
  readonly id: string;
  readonly number: string;
  readonly step: string;
  readonly outcome: Outcome;
  /** Groups that serve, and that the run says serve, once it has failed and whoever is intact is back. */
  readonly serving: readonly string[];
}

type Place = Pick<FailingRow, 'id' | 'number' | 'step'>;

function at(id: string, number: string, step: string): Place {
  return { id, number, step };
}

function befalls(since: string, mishap: Mishap): Befalling {
  return { kind: 'Mishap', since, mishap };
}

function usersStay(member: string, since = 'preflight'): Failing {
  const fault = befalls(since, { kind: 'UsersStay', pool: 'web', member });
  return { how: 'its users never leave', fault, reason: 'DrainTimeout' };
}

function podsStay(group: string, since: string): Failing {
  return { how: 'its pods never end', fault: befalls(since, { kind: 'PodsStay', group }), reason: 'StopTimeout' };
}

function snapshotStuck(group: string): Failing {
  const fault = befalls('preflight', { kind: 'SnapshotsStuck', group });
  return { how: 'the snapshot never becomes ready', fault, reason: 'SnapshotNotReady' };
}

function reconciled(name: string, since: string): Failing {
  const fault = befalls(since, { kind: 'Reconciled', workload: `StatefulSet/${name}`, by: 'argocd' });
  return { how: 'another controller keeps its images as they are', fault, reason: 'ManagedByOther' };
}

function documentGone(name: string, since: string): Failing {
  const fault = befalls(since, { kind: 'DocumentGone', document: `ConfigMap/options-${name}` });
  return { how: 'somebody deletes what its settings stand in', fault, reason: 'SettingNotFound' };
}

function jobFails(verb: string, reason: string, since = 'preflight'): Failing {
  return { how: `the ${verb} Job fails`, fault: befalls(since, { kind: 'JobFails', verb, how: 'fails' }), reason };
}

function neverReady(group: string): Failing {
  return {
    how: 'it never becomes ready',
    fault: befalls('preflight', { kind: 'NeverReady', group }),
    reason: 'StartTimeout',
  };
}

function neverServes(since: string): Failing {
  return {
    how: 'the pool never sends users to it',
    fault: befalls(since, { kind: 'PoolDeaf', pool: 'web' }),
    reason: 'NotServing',
  };
}

/** @param groups all that are asked in the test, so that the tests before it pass */
function testFails(scope: ProbeTry['scope'], release: 'old' | 'new', ...groups: readonly string[]): Failing {
  const isIt = (attempt: ProbeTry): boolean =>
    attempt.probe === 'login' &&
    attempt.scope === scope &&
    attempt.isOld === (release === 'old') &&
    attempt.groups.join() === groups.join();
  return { how: `the ${release} release fails its tests`, fault: { kind: 'Test', fails: isIt }, reason: 'ProbeFailed' };
}

const refused: Failing = { how: 'the customer refuses', fault: { kind: 'Denied' }, reason: 'SignOffDenied' };

const one = 'group-1';
const two = 'group-2';
const both = [one, two];

/** The fourteen rows of a minor release and the implicit starts (001-97 … 001-114). */
export const rollingRows: readonly FailingRow[] = [
  { ...at('001-98', '1', 'g1-drain'), ...usersStay('web-1'), outcome: 'NothingChanged', serving: both },
  { ...at('001-99', '2', 'g1-others'), ...testFails('Pool', 'old', two), outcome: 'NothingChanged', serving: both },
  { ...at('001-98', '2a', 'g1-stop'), ...podsStay(one, 'g1-others'), outcome: 'OnlyStopped', serving: [two] },
  { ...at('001-58 S-26', '2b', 'g1-snapshot'), ...snapshotStuck(one), outcome: 'OnlyStopped', serving: [two] },
  { ...at('001-100', '3', 'g1-upgrade'), ...reconciled('web-1', 'g1-stop'), outcome: 'NotServed', serving: [two] },
  { ...at('001-101', '4', 'g1-configure'), ...documentGone('web-1', 'g1-stop'), outcome: 'NotServed', serving: [two] },
  {
    ...at('001-102', '5', 'database'),
    ...jobFails('migrate', 'MigrationFailed'),
    outcome: 'NotServed',
    serving: [two],
  },
  { ...at('001-103', '5a', 'g1-start'), ...neverReady(one), outcome: 'NotServed', serving: [two] },
  { ...at('A-14', '5b', 'g1-isolated'), ...testFails('Isolated', 'new', one), outcome: 'NotServed', serving: [two] },
  { ...at('001-103', '5c', 'g1-join'), ...neverServes('g1-isolated'), outcome: 'Served', serving: both },
  { ...at('001-104', '6', 'g2-drain'), ...usersStay('web-2'), outcome: 'Served', serving: both },
  { ...at('001-105', '7', 'g2-others'), ...testFails('Pool', 'new', one), outcome: 'Served', serving: both },
  { ...at('001-104', '7a', 'g2-stop'), ...podsStay(two, 'g2-others'), outcome: 'Served', serving: [one] },
  { ...at('001-58 S-26', '7b', 'g2-snapshot'), ...snapshotStuck(two), outcome: 'Served', serving: [one] },
  { ...at('001-106', '8', 'g2-upgrade'), ...reconciled('web-2', 'g2-stop'), outcome: 'Served', serving: [one] },
  { ...at('001-107', '9', 'g2-configure'), ...documentGone('web-2', 'g2-stop'), outcome: 'Served', serving: [one] },
  { ...at('001-108', '9a', 'g2-start'), ...neverReady(two), outcome: 'Served', serving: [one] },
  { ...at('A-14', '9b', 'g2-isolated'), ...testFails('Isolated', 'new', two), outcome: 'Served', serving: [one] },
  { ...at('001-108', '9c', 'g2-join'), ...neverServes('g2-isolated'), outcome: 'Served', serving: both },
  { ...at('001-109', '10', 'g1-drain-again'), ...usersStay('web-1', 'g2-join'), outcome: 'Served', serving: both },
  { ...at('001-110', '11', 'g2-alone'), ...testFails('Pool', 'new', two), outcome: 'Served', serving: both },
  { ...at('001-111', '12', 'g1-join-again'), ...neverServes('g2-alone'), outcome: 'Served', serving: both },
  { ...at('001-112', '13', 'final'), ...testFails('Pool', 'new', one, two), outcome: 'Served', serving: both },
  { ...at('001-113', '14', 'sign-off'), ...refused, outcome: 'Served', serving: both },
];

/** The fifteen rows of a major release and the implicit start (001-76 … 001-95). */
export const downtimeRows: readonly FailingRow[] = [
  { ...at('001-60', '0b', 'backup'), ...jobFails('backup', 'BackupFailed'), outcome: 'NothingChanged', serving: both },
  { ...at('001-77', '1', 'g1-drain'), ...usersStay('web-1'), outcome: 'NothingChanged', serving: both },
  { ...at('001-78', '2', 'g1-others'), ...testFails('Pool', 'old', two), outcome: 'NothingChanged', serving: both },
  { ...at('001-77', '2a', 'g1-stop'), ...podsStay(one, 'g1-others'), outcome: 'OnlyStopped', serving: [two] },
  { ...at('001-58 S-26', '2b', 'g1-snapshot'), ...snapshotStuck(one), outcome: 'OnlyStopped', serving: [two] },
  { ...at('001-79', '3', 'g1-upgrade'), ...reconciled('web-1', 'g1-stop'), outcome: 'NotServed', serving: [two] },
  { ...at('001-80', '4', 'g1-configure'), ...documentGone('web-1', 'g1-stop'), outcome: 'NotServed', serving: [two] },
  { ...at('001-83', '6', 'g2-drain'), ...usersStay('web-2'), outcome: 'NotServed', serving: [two] },
  { ...at('001-83', '6a', 'g2-stop'), ...podsStay(two, 'g2-drain'), outcome: 'NotServed', serving: [] },
  {
    ...at('001-60', '5a', 'backup-last'),
    ...jobFails('verify', 'BackupNotVerified', 'g2-stop'),
    outcome: 'NotServed',
    serving: [],
  },
  { ...at('001-82 S-29', '5', 'migrate'), ...jobFails('migrate', 'MigrationFailed'), outcome: 'Migrated', serving: [] },
  { ...at('001-84 A-14', '6b', 'g1-start'), ...neverReady(one), outcome: 'Migrated', serving: [] },
  { ...at('A-14', '6c', 'g1-isolated'), ...testFails('Isolated', 'new', one), outcome: 'Migrated', serving: [] },
  { ...at('001-84', '6d', 'g1-join'), ...neverServes('g1-isolated'), outcome: 'ServedMigrated', serving: [one] },
  { ...at('001-85', '7', 'g1-alone'), ...testFails('Pool', 'new', one), outcome: 'ServedMigrated', serving: [one] },
  { ...at('001-58 S-26', '7a', 'g2-snapshot'), ...snapshotStuck(two), outcome: 'ServedMigrated', serving: [one] },
  {
    ...at('001-87', '8', 'g2-upgrade'),
    ...reconciled('web-2', 'g2-snapshot'),
    outcome: 'ServedMigrated',
    serving: [one],
  },
  {
    ...at('001-88', '9', 'g2-configure'),
    ...documentGone('web-2', 'g2-snapshot'),
    outcome: 'ServedMigrated',
    serving: [one],
  },
  { ...at('001-89', '10', 'g2-start'), ...neverReady(two), outcome: 'ServedMigrated', serving: [one] },
  {
    ...at('001-89 A-14', '10a', 'g2-isolated'),
    ...testFails('Isolated', 'new', two),
    outcome: 'ServedMigrated',
    serving: [one],
  },
  { ...at('001-89', '10b', 'g2-join'), ...neverServes('g2-isolated'), outcome: 'ServedMigrated', serving: both },
  {
    ...at('001-90', '11', 'g1-drain-again'),
    ...usersStay('web-1', 'g2-join'),
    outcome: 'ServedMigrated',
    serving: both,
  },
  { ...at('001-91', '12', 'g2-alone'), ...testFails('Pool', 'new', two), outcome: 'ServedMigrated', serving: both },
  { ...at('001-92', '13', 'g1-join-again'), ...neverServes('g2-alone'), outcome: 'ServedMigrated', serving: both },
  { ...at('001-93', '14', 'final'), ...testFails('Pool', 'new', one, two), outcome: 'ServedMigrated', serving: both },
  { ...at('001-94', '15', 'sign-off'), ...refused, outcome: 'ServedMigrated', serving: both },
];

/** A row whose cause stays, and what fails beside it: the way back ends half way, and a person takes over by name. */
export interface UnmendedRow {
  readonly id: string;
  readonly procedure: 'rolling' | 'downtime';
  readonly number: string;
  readonly also?: Befalling;
  readonly how: string;
  readonly phases: readonly string[];
  /** Versions of the pods that run, by workload. */
  readonly versions: Readonly<Record<string, readonly string[]>>;
  readonly schema: string;
  readonly serving: readonly string[];
  readonly handedOver: readonly string[];
}

const web1 = 'pool/web/web-1';
const web2 = 'pool/web/web-2';

export const unmendedRows: readonly UnmendedRow[] = [
  {
    id: '001-99 design 5.8',
    procedure: 'rolling',
    number: '2',
    also: befalls('g1-others', { kind: 'PoolDeaf', pool: 'web' }),
    how: 'the pool does not take the drained group back',
    phases: ['Failed'],
    versions: { 'web-1': ['1.1.0'], 'web-2': ['1.1.0'] },
    schema: '41',
    serving: ['web-2'],
    handedOver: [web1],
  },
  {
    id: '001-98 S-30',
    procedure: 'rolling',
    number: '2a',
    how: 'its pods do not end on the way back either',
    phases: ['Failed', 'Failed'],
    versions: { 'web-1': ['1.1.0'], 'web-2': ['1.1.0'] },
    schema: '41',
    serving: ['web-2'],
    handedOver: [web1],
  },
  {
    id: '001-111 S-30',
    procedure: 'rolling',
    number: '12',
    how: 'the pool does not send users to it on the way back either',
    phases: ['Failed', 'Failed'],
    versions: { 'web-1': ['1.2.0'], 'web-2': ['1.2.0'] },
    schema: '41',
    serving: ['web-2'],
    handedOver: [web1],
  },
  {
    id: '001-82 S-30',
    procedure: 'downtime',
    number: '5',
    also: befalls('preflight', { kind: 'JobFails', verb: 'restore', how: 'fails' }),
    how: 'the database cannot be restored',
    phases: ['Failed', 'Failed'],
    versions: { 'web-1': [], 'web-2': [] },
    schema: '41',
    serving: [],
    handedOver: [web1, web2],
  },
  {
    id: '001-93 S-30',
    procedure: 'downtime',
    number: '14',
    also: befalls('preflight', { kind: 'JobFails', verb: 'restore', how: 'fails' }),
    how: 'the database cannot be restored after everybody was stopped for it',
    phases: ['Failed', 'Failed'],
    versions: { 'web-1': [], 'web-2': [] },
    schema: '42',
    serving: [],
    handedOver: [web1, web2],
  },
];
