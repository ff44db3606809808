import { connect } from 'node:net';
import { withDeadline } from '../../kube/deadline.ts';
import type { Clock } from '../../shared/clock.ts';

/** One HAProxy process at one moment, as its Runtime API tells. */
export interface InstanceState {
  /** Changes with every restart and every reload. */
  readonly pid: number;
  readonly startedAtSec: number;
  readonly uptimeSec: number;
  /** As the process says, such as "3.2.1-1"; empty when it says none. */
  readonly version: string;
  readonly level: string;
  readonly servers: ReadonlyMap<string, ServerState>;
}

/** One process of the load balancer: what it answered, or why it did not. */
export type Seen =
  | { readonly address: string; readonly state: InstanceState }
  | { readonly address: string; readonly why: string };

export interface ServerState {
  readonly address: string;
  readonly port: string;
  readonly fqdn: string;
  /** 0 stopped, 1 starting, 2 running, 3 stopping. */
  readonly operational: number;
  /** Bits, see `adminBits`. */
  readonly admin: number;
  readonly weight: number;
  readonly sinceChangeSec: number;
  /** Connections in use and requests queued; idle ones in the pool to the server have no user. */
  readonly connections: number;
}

/** Bits of srv_admin_state. */
export const adminBits = {
  forcedMaint: 1,
  inheritedMaint: 2,
  configMaint: 4,
  forcedDrain: 8,
  inheritedDrain: 16,
  unresolved: 32,
  byHostname: 64,
} as const;

export interface Runtime {
  /** @throws Error the process cannot be reached, or there is no such backend */
  read(address: string, backend: string, signal: AbortSignal): Promise<InstanceState>;
  /** The answer to a command that changes something: empty when it was done. */
  command(address: string, text: string, signal: AbortSignal): Promise<string>;
}

/** All commands of one look at one process together. Under the 5 s that any driver call may take. */
const lookMs = 3_500;
const maxAnswerBytes = 4 * 1024 * 1024;

export function createRuntime(clock: Clock): Runtime {
  return {
    read: (address, backend, signal) =>
      withDeadline({ clock, afterMs: lookMs, signal }, async (until) => {
        const info = parseInfo(await ask(address, 'show info', until));
        const level = (await ask(address, 'show cli level', until)).trim();
        const states = parseTable(await ask(address, `show servers state ${backend}`, until));
        const used = parseTable(await ask(address, `show servers conn ${backend}`, until));
        // By number: a frontend may have the name of the backend, and the name alone finds that.
        const id = states[0]?.get('be_id');
        const stats = id === undefined ? [] : parseCsv(await ask(address, `show stat ${id} 4 -1`, until));
        return {
          ...info,
          level,
          servers: new Map(states.map((row) => [row.get('srv_name') ?? '', serverOf(row, used, stats)])),
        };
      }),
    command: (address, text, signal) =>
      withDeadline({ clock, afterMs: lookMs, signal }, async (until) => (await ask(address, text, until)).trim()),
  };
}

/** One command per connection: the process closes it after the answer, so nothing has to be guessed about where that ends. */
function ask(address: string, command: string, signal: AbortSignal): Promise<string> {
  const url = new URL(address);
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      return;
    }
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) });
    const chunks: Buffer[] = [];
    let size = 0;
    const abort = (): void => {
      socket.destroy(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.on('connect', () => socket.write(`${command}\n`));
    socket.on('data', (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > maxAnswerBytes)
        socket.destroy(new Error(`answer to "${command}" is longer than ${maxAnswerBytes} bytes`));
    });
    socket.on('error', reject);
    socket.on('close', () => {
      signal.removeEventListener('abort', abort);
      resolve(Buffer.concat(chunks).toString('utf8'));
    });
  });
}

function parseInfo(text: string): Pick<InstanceState, 'pid' | 'startedAtSec' | 'uptimeSec' | 'version'> {
  const field = (name: string): number => Number(new RegExp(`^${name}: *(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  const pid = field('Pid');
  if (Number.isNaN(pid)) throw new Error(`no HAProxy answers here, or it says: ${text.trim().slice(0, 80)}`);
  const uptimeSec = field('Uptime_sec');
  // Start_time_sec is newer than some versions in use; without it the process id alone tells restarts apart.
  const startedAtSec = field('Start_time_sec');
  const version = /^Version: *(\S+)/m.exec(text)?.[1] ?? '';
  return { pid, startedAtSec: Number.isNaN(startedAtSec) ? 0 : startedAtSec, uptimeSec, version };
}

type Row = ReadonlyMap<string, string>;

/** Rows under the "# name name …" line of a space-separated table. */
function parseTable(text: string): Row[] {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const head = lines.findIndex((line) => line.startsWith('# '));
  if (head < 0) throw new Error(text.trim() === '' ? 'an empty answer' : text.trim().slice(0, 120));
  const names = lines[head]?.slice(2).split(' ') ?? [];
  return lines.slice(head + 1).map((line) => rowOf(names, line.split(' ')));
}

function parseCsv(text: string): Row[] {
  const [head, ...lines] = text.split('\n').filter((line) => line !== '');
  if (head?.startsWith('# ') !== true)
    throw new Error(text.trim() === '' ? 'an empty answer' : text.trim().slice(0, 120));
  return lines.map((line) => rowOf(head.slice(2).split(','), line.split(',')));
}

function rowOf(names: readonly string[], values: readonly string[]): Row {
  return new Map(names.map((name, index) => [name, values[index] ?? '']));
}

function serverOf(row: Row, used: readonly Row[], stats: readonly Row[]): ServerState {
  const name = row.get('srv_name') ?? '';
  const number = (key: string): number => Number(row.get(key) ?? Number.NaN);
  const inUse = Number(used.find((conn) => conn.get('bkname/svname')?.endsWith(`/${name}`))?.get('used_cur'));
  const stat = stats.find((line) => line.get('svname') === name);
  // HAProxy counts sessions apart from connections in use, and either may be the only one that grows. No count is no zero.
  const connections = Math.max(inUse, Number(stat?.get('scur'))) + Number(stat?.get('qcur'));
  if (Number.isNaN(connections)) throw new Error(`no count of the connections to ${name}`);
  return {
    address: row.get('srv_addr') ?? '',
    port: row.get('srv_port') ?? '',
    fqdn: row.get('srv_fqdn') ?? '-',
    operational: number('srv_op_state'),
    admin: number('srv_admin_state'),
    weight: number('srv_uweight'),
    sinceChangeSec: number('srv_time_since_last_change'),
    connections,
  };
}
