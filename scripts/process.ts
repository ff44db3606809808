import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the repository, without a trailing slash. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

export interface RunOptions {
  /** Collect the output instead of showing it as it comes. */
  readonly capture?: boolean;
  /** After this the whole process group is told to end, 20 s later it is killed, and the result is a failure. */
  readonly timeoutMs: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Run at a lower priority, for work in the background. */
  readonly nice?: boolean;
}

export interface RunResult {
  readonly ok: boolean;
  /** Both streams, empty unless captured. */
  readonly output: string;
  readonly seconds: number;
  /** Why it is not ok. */
  readonly why: string;
}

/** What Ctrl-C in a terminal cannot reach by itself: our children lead process groups of their own. */
const groups = new Set<number>();

function endGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended already.
  }
}

/** Ends every process that was started here and waits for none; called once, when we are told to stop. */
export function endAll(): void {
  for (const pid of groups) endGroup(pid, 'SIGTERM');
}

/** Runs a program to its end. Never rejects: a program that cannot start is a result too. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  const startedAt = performance.now();
  const chunks: Buffer[] = [];
  const [program, programArgs] = options.nice === true ? ['nice', ['-n', '5', command, ...args]] : [command, [...args]];
  return new Promise((resolve) => {
    const child = spawn(program, programArgs, {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.env },
      stdio: options.capture === true ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    const { pid } = child;
    if (pid !== undefined) groups.add(pid);
    let timedOut = false;
    let killer: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => {
      timedOut = true;
      if (pid === undefined) return;
      endGroup(pid, 'SIGTERM');
      killer = setTimeout(() => endGroup(pid, 'SIGKILL'), 20_000);
    }, options.timeoutMs);
    const finish = (why: string) => {
      clearTimeout(timer);
      clearTimeout(killer);
      if (pid !== undefined) groups.delete(pid);
      const seconds = (performance.now() - startedAt) / 1000;
      resolve({ ok: why === '', output: Buffer.concat(chunks).toString(), seconds, why });
    };
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', (error) => finish(`cannot start ${command}: ${error.message}`));
    child.on('close', (code, signal) => {
      if (timedOut) finish(`not done after ${options.timeoutMs / 1000} s`);
      else finish(code === 0 ? '' : `exit status ${code ?? signal}`);
    });
  });
}

/** A program of node_modules, or by its own name when no package brings it. */
export function tool(name: string): string {
  const path = join(root, 'node_modules', '.bin', name);
  return existsSync(path) ? path : name;
}
