import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A real HAProxy on loopback: one process of a load balancer. */
export interface HaproxyProcess extends AsyncDisposable {
  readonly endpoint: string;
  readonly frontend: number;
  start(): Promise<void>;
  /** Ends the process and everything connected to it. */
  stop(): Promise<void>;
  /** A new process takes the listening sockets over, the old one ends when its users are gone. */
  reload(): Promise<void>;
  /** What a person types at the socket. */
  type(command: string): Promise<string>;
}

export interface HaproxyOptions {
  readonly servers: readonly { readonly name: string; readonly port: number; readonly options?: string }[];
  readonly mode?: 'http' | 'tcp';
  readonly level?: 'admin' | 'operator';
}

/** A port of loopback that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function haproxy(options: HaproxyOptions): Promise<HaproxyProcess> {
  const [api, frontend] = [await freePort(), await freePort()];
  const folder = mkdtempSync(join(tmpdir(), 'belay-haproxy-'));
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, configuration(options, api, frontend));
  const all: ChildProcess[] = [];

  async function launch(extra: readonly string[]): Promise<void> {
    const child = spawn('haproxy', ['-db', '-f', file, ...extra], { stdio: 'ignore' });
    all.push(child);
    await waitFor(() => ask(api, 'show info').then((text) => text.includes(`Pid: ${child.pid ?? 0}\n`)));
  }

  async function stop(): Promise<void> {
    for (const child of all.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
  }

  return {
    endpoint: `tcp://127.0.0.1:${api}`,
    frontend,
    start: () => launch([]),
    reload: () => launch(['-sf', String(all.at(-1)?.pid ?? 0)]),
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
    type: (command) => ask(api, command),
  };
}

function configuration(
  { servers, mode = 'tcp', level = 'admin' }: HaproxyOptions,
  api: number,
  frontend: number,
): string {
  const lines = servers.map(({ name, port, options = '' }) => `  server ${name} 127.0.0.1:${port} ${options}`);
  return `global
  stats socket ipv4@127.0.0.1:${api} level ${level}
defaults
  mode ${mode}
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend web
  bind 127.0.0.1:${frontend}
  default_backend web
backend web
${lines.join('\n')}
`;
}

export function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`${command}\n`));
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

/** Waits for something outside this process; at most ten seconds. */
export async function waitFor(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await isSo().catch(() => false)) return;
    await delay(20);
  }
  throw new Error('it did not happen within ten seconds');
}
