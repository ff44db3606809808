import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { waitFor } from './poll.ts';

export interface RunOptions {
  stdin?: string;
  cwd?: string;
  env?: Record<string, string>;
  /** @default 120000 */
  timeoutMs?: number;
}

export interface RunResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** A command that ended with a code other than 0. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly result: RunResult;

  constructor(argv: readonly string[], result: RunResult) {
    super(`${argv.slice(0, 12).join(' ')}: exit code ${result.code}: ${tail(result.stderr || result.stdout, 20)}`);
    this.result = result;
  }
}

/** Runs a command to its end, whatever its exit code; a signal counts as 128. */
export function tryRun(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
  const [command = '', ...args] = argv;
  const child = spawn(command, args, {
    stdio: 'pipe',
    timeout: options.timeoutMs ?? 120_000,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.on('error', reject);
  // A command that does not read its input closes the pipe; its exit code says whether that was wrong.
  child.stdin.on('error', () => {});
  child.on('close', (code) => {
    const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString();
    resolve({ code: code ?? 128, stdout: text(stdout), stderr: text(stderr) });
  });
  child.stdin.end(options.stdin ?? '');
  return promise;
}

/** Runs a command to its end. @throws CommandError when its exit code is not 0 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const result = await tryRun(argv, options);
  if (result.code !== 0) throw new CommandError(argv, result);
  return result;
}

export const daemonSchema = z.object({
  name: z.string(),
  argv: z.array(z.string()),
  logFile: z.string(),
  pid: z.number(),
  /** Kernel start time in clock ticks: tells our process from a later one with the same pid. */
  startTime: z.string(),
});
/** A process that outlives us, identified well enough to be stopped by somebody else. */
export type Daemon = z.infer<typeof daemonSchema>;

/** Starts a process in a session of its own, output appended to `logFile`. */
export async function startDaemon(options: {
  name: string;
  argv: readonly string[];
  logFile: string;
  env: Record<string, string>;
}): Promise<Daemon> {
  const [command = '', ...args] = options.argv;
  const log = openSync(options.logFile, 'a');
  try {
    const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/root', ...options.env };
    const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log], env });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.once('spawn', resolve);
    child.once('error', reject);
    await promise;
    child.unref();
    const pid = child.pid ?? 0;
    return {
      name: options.name,
      argv: [...options.argv],
      logFile: options.logFile,
      pid,
      startTime: startTimeOf(pid) ?? '',
    };
  } finally {
    closeSync(log);
  }
}

/** Kernel start time of a process, or `undefined` when there is none or it is a zombie. */
export function startTimeOf(pid: number): string | undefined {
  const file = `/proc/${pid}/stat`;
  try {
    // The command name may hold spaces and brackets; the fields after the last bracket are plain.
    const fields = readFileSync(file, 'utf8').split(')').at(-1)?.trim().split(' ') ?? [];
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export function isRunning(daemon: Daemon): boolean {
  return startTimeOf(daemon.pid) === daemon.startTime;
}

/** Ends one process and waits until it is gone; a process that ignores the signal is killed after `graceMs`. */
export async function stopDaemon(
  daemon: Daemon,
  options: { signal?: NodeJS.Signals; graceMs?: number } = {},
): Promise<void> {
  if (!isRunning(daemon)) return;
  signalProcess(daemon.pid, options.signal ?? 'SIGTERM');
  const gone = () => (isRunning(daemon) ? undefined : true);
  try {
    await waitFor({ what: `${daemon.name} to end`, timeoutMs: options.graceMs ?? 10_000, intervalMs: 10, check: gone });
  } catch {
    signalProcess(daemon.pid, 'SIGKILL');
    await waitFor({ what: `${daemon.name} to be killed`, timeoutMs: 10_000, intervalMs: 10, check: gone });
  }
}

/** Sends a signal; a process that is already gone is not an error. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** The last lines of a text. */
export function tail(text: string, lines: number): string {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

/** The end of a daemon's log, for error messages. */
export function logTail(daemon: Daemon, lines = 15): string {
  return existsSync(daemon.logFile) ? tail(readFileSync(daemon.logFile, 'utf8'), lines) : '(no log)';
}

/** Throws with the end of the log when the daemon is gone: waiting longer for it is useless. */
export function assertRunning(daemon: Daemon): void {
  if (!isRunning(daemon)) throw new Error(`${daemon.name} ended:\n${logTail(daemon)}`);
}
