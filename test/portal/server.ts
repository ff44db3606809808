/**
 * The example application: a portal that keeps what its users write on a volume, or in PostgreSQL when `PGHOST` or
 * `DATABASE_URL` is set; then it works with the schema of its release only, and is not ready on another.
 * It is the only program of its container. What differs between releases stands in `release.json` beside it, so
 * releases differ by image digest alone, and each bad release is bad in one way that one gate should catch.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { DatabaseStore } from './database-store.ts';
import type { Storage } from './storage.ts';
import { Store } from './store.ts';

export type Fault =
  | 'none'
  | 'never-ready'
  | 'crash-on-start'
  | 'broken-login'
  /** Login is broken on the second server only: its configuration does not suit this release. */
  | 'broken-login-on-2'
  | 'wrong-version'
  | 'damage-data'
  /** Login breaks once users have written something: bad only after it has served. */
  | 'breaks-after-writes'
  /** Login breaks once the member was drained and put back: bad only in the last tests. */
  | 'breaks-after-shed';

interface Release {
  readonly version: string;
  /** Of the database it works with. */
  readonly schema: string;
  readonly fault: Fault;
  /** Versions of what comes with it. */
  readonly components?: Readonly<Record<string, string>>;
}

type Answer = readonly [status: number, body: unknown];

/** Paths the kubelet, the load balancer and the operator ask; whoever asks nothing else is no user. */
const operatorPaths = new Set(['/healthz', '/stats', '/shed']);

class Portal {
  readonly #release: Release;
  readonly #store: Storage;
  readonly #member: string;
  readonly #password: string;
  readonly #sockets = new Map<Socket, 'new' | 'user' | 'operator'>();
  #shedding = false;
  #wasShed = false;
  #writes = 0;
  #problem: string | undefined;

  constructor(release: Release, store: Storage, env: { readonly member: string; readonly password: string }) {
    this.#release = release;
    this.#store = store;
    this.#member = env.member;
    this.#password = env.password;
  }

  connect(socket: Socket): void {
    this.#sockets.set(socket, 'new');
    socket.on('close', () => this.#sockets.delete(socket));
  }

  shed(on: boolean): void {
    this.#wasShed ||= this.#shedding && !on;
    this.#shedding = on;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://portal');
    const isUser = !operatorPaths.has(url.pathname);
    if (isUser || this.#sockets.get(request.socket) === 'new') {
      this.#sockets.set(request.socket, isUser ? 'user' : 'operator');
    }
    const [status, body] = await this.#answer(request, url);
    const isText = typeof body === 'string';
    if (this.#shedding) response.setHeader('connection', 'close');
    response.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json' });
    response.end(isText ? body : JSON.stringify(body));
  }

  async #answer(request: IncomingMessage, url: URL): Promise<Answer> {
    switch (url.pathname) {
      case '/healthz':
        return this.#health();
      case '/about':
        return [200, { version: this.#version(), member: this.#member, components: this.#release.components ?? {} }];
      case '/login':
        return this.#login(await readBody(request));
      case '/write':
        return this.#write(url.searchParams.get('client') ?? '', Number(url.searchParams.get('seq')));
      case '/read':
        return this.#read(Number(url.searchParams.get('bytes') ?? Infinity));
      case '/lines':
        return [200, (await this.#store.lines()).toString('utf8')];
      case '/shed':
        this.shed(request.method !== 'DELETE');
        return [200, { shedding: this.#shedding }];
      case '/stats':
        return [200, { open: [...this.#sockets.values()].filter((kind) => kind !== 'operator').length }];
      default:
        return [404, { error: 'no such page' }];
    }
  }

  async #write(client: string, seq: number): Promise<Answer> {
    if (!/^[\w-]{1,40}$/.test(client) || !Number.isSafeInteger(seq))
      return [400, { error: 'client and seq are needed' }];
    const volume = await this.#store.append(client, seq);
    this.#writes += 1;
    return [200, { member: this.#member, volume, version: this.#release.version }];
  }

  async #health(): Promise<Answer> {
    const problem = this.#release.fault === 'never-ready' ? 'not yet' : await this.#store.problem();
    // Asked every second: said once.
    if (problem !== undefined && problem !== this.#problem) console.error(`not ready: ${problem}`);
    this.#problem = problem;
    return problem === undefined ? [200, { ready: true }] : [503, { ready: false, problem }];
  }

  async #read(bytes: number): Promise<Answer> {
    return [200, { member: this.#member, ...(await this.#store.digest(bytes)) }];
  }

  #login(body: string): Answer {
    const { fault } = this.#release;
    const isBroken =
      fault === 'broken-login' ||
      (fault === 'broken-login-on-2' && this.#member.startsWith('portal-2')) ||
      (fault === 'breaks-after-writes' && this.#writes > 0) ||
      (fault === 'breaks-after-shed' && this.#wasShed);
    if (isBroken) return [500, { error: 'the session service cannot be reached' }];
    const { password } = parseLogin(body);
    if (password !== this.#password) return [401, { error: 'wrong password' }];
    return [200, { session: createHash('sha256').update(`${this.#member} ${password}`).digest('hex').slice(0, 16) }];
  }

  #version(): string {
    return this.#release.fault === 'wrong-version' ? '0.9.0' : this.#release.version;
  }
}

function parseLogin(body: string): { readonly password?: string } {
  try {
    return JSON.parse(body);
  } catch {
    return {};
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) {
    parts.push(part);
    if (parts.length > 16) break;
  }
  return Buffer.concat(parts).toString('utf8');
}

function openStorage(release: Release): Storage {
  const url = process.env['DATABASE_URL'];
  if (url === undefined && process.env['PGHOST'] === undefined) return new Store(process.env['DATA_FOLDER'] ?? '/data');
  return new DatabaseStore({ release: release.version, schema: release.schema, url });
}

async function main(): Promise<void> {
  const release: Release = JSON.parse(readFileSync(new URL('release.json', import.meta.url), 'utf8'));
  if (release.fault === 'crash-on-start') throw new Error('cannot read my own settings');
  const store = openStorage(release);
  if (release.fault === 'damage-data') await store.damage();
  const portal = new Portal(release, store, {
    member: process.env['MEMBER_NAME'] ?? 'portal',
    password: process.env['PROBE_PASSWORD'] ?? 'probe',
  });
  const server = createServer((request, response) => {
    portal.handle(request, response).catch((error: unknown) => {
      response.writeHead(500).end(JSON.stringify({ error: String(error) }));
    });
  });
  // Longer than any client or balancer keeps a quiet connection: whoever closes first must not be the server.
  server.keepAliveTimeout = 75_000;
  // Whoever connects and says nothing stays: that is what a drain has to cope with.
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  server.on('connection', (socket) => portal.connect(socket));
  // PID 1 has no default action for SIGTERM: without this handler every stop would take the whole grace period.
  process.once('SIGTERM', () => {
    portal.shed(true);
    server.close(() => process.exit(0));
  });
  server.listen(Number(process.env['LISTEN_PORT'] ?? '8080'), () => console.log(`${release.version} serves`));
}

await main();
