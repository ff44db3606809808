/**
 * A load generator that remembers: it asks and writes through the pool at a steady rate, counts every request that
 * was not answered with 200, and in the end looks on every member's volume for each write that was acknowledged.
 *
 * Runs as a pod from the portal's own image, so it works in any cluster. Prints one JSON line when it begins
 * (`ready`) and one when it was told to end by SIGTERM (`report`).
 */
import { createHash } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Outages } from './outages.ts';
import type { Outage } from './outages.ts';

export interface MemberReport {
  readonly member: string;
  readonly acknowledged: number;
  /** Acknowledged with this volume, but not on it. */
  readonly lost: number;
  readonly firstLost: readonly string[];
  /** What was there in the beginning is there byte for byte, and nothing that nobody wrote. */
  readonly identical: boolean;
  readonly detail: string;
}

export interface LoadReport {
  readonly requests: number;
  readonly failed: number;
  readonly firstFailures: readonly string[];
  readonly acknowledged: number;
  readonly acknowledgedWritesLost: number;
  readonly dataIdentical: boolean;
  /** Answers by the version that gave them. */
  readonly versions: Readonly<Record<string, number>>;
  readonly members: readonly MemberReport[];
  /** Of writes: from the first that failed to the next that was acknowledged. The load generator always says it. */
  readonly downtime?: { readonly seconds: number; readonly outages: readonly Outage[] };
  readonly seconds: number;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Baseline {
  readonly member: string;
  readonly url: string;
  readonly volume: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly seed: string;
}

interface Acknowledgement {
  readonly volume: string;
  readonly version: string;
}

const requestTimeoutMs = 5_000;
const requestsPerVisit = 40;
const atLeastWithinMs = 120_000;
const settleMs = 60_000;

function ask(url: string, options: { readonly method?: string; readonly agent?: Agent | false }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: options.method ?? 'GET', agent: options.agent ?? false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') }),
      );
    });
    sent.setTimeout(requestTimeoutMs, () => sent.destroy(new Error(`no answer within ${requestTimeoutMs} ms`)));
    sent.on('error', reject);
    sent.end();
  });
}

/** Asks until a member answers: in the end one may just be starting. */
async function askPatiently(url: string, withinMs: number): Promise<string> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask(url, {}).catch((error: unknown) => ({ status: 0, body: String(error) }));
    if (answer.status === 200) return answer.body;
    if (performance.now() > deadline) throw new Error(`${url}: ${answer.status} ${answer.body}`);
    await delay(250);
  }
}

class Load {
  readonly #client: string;
  readonly #url: string;
  readonly #sent = new Set<string>();
  /** Volume to the lines it acknowledged. */
  readonly #acknowledged = new Map<string, Set<string>>();
  readonly #versions = new Map<string, number>();
  readonly #failures: string[] = [];
  readonly #outages = new Outages();
  readonly #startedAt = performance.now();
  #sequence = 0;
  #requests = 0;
  #failed = 0;
  isStopped = false;

  constructor(client: string, url: string) {
    this.#client = client;
    this.#url = url;
  }

  /** One user: a request, a pause, a request … A slow answer is not made up for by a burst. */
  async work(pauseMs: number, isKeptAlive: boolean): Promise<void> {
    let agent: Agent | false = false;
    let next = performance.now() + Math.random() * pauseMs;
    for (let turn = 0; !this.isStopped; turn += 1) {
      await delay(Math.max(0, next - performance.now()));
      next = Math.max(next + pauseMs, performance.now());
      // Users come and go: a connection kept for ever would never meet a member that came back.
      if (isKeptAlive && turn % requestsPerVisit === 0) {
        if (agent !== false) agent.destroy();
        agent = new Agent({ keepAlive: true, maxSockets: 1 });
      }
      await this.#once(turn % 2 === 0, agent);
    }
    if (agent !== false) agent.destroy();
  }

  async #once(isWrite: boolean, agent: Agent | false): Promise<void> {
    const line = isWrite ? `${this.#client} ${(this.#sequence += 1)}` : '';
    const path = isWrite ? `/write?client=${this.#client}&seq=${this.#sequence}` : '/about';
    if (isWrite) this.#sent.add(line);
    this.#requests += 1;
    const sentAtMs = Date.now();
    try {
      const answer = await ask(this.#url + path, { method: isWrite ? 'POST' : 'GET', agent });
      if (answer.status !== 200) throw new Error(`status ${answer.status} ${answer.body.slice(0, 80)}`);
      const said: Acknowledgement = JSON.parse(answer.body);
      this.#versions.set(said.version, (this.#versions.get(said.version) ?? 0) + 1);
      if (isWrite) this.#acknowledge(said.volume, line);
      if (isWrite) this.#outages.good(sentAtMs, Date.now());
    } catch (error) {
      this.#failed += 1;
      if (isWrite) this.#outages.failed(sentAtMs);
      if (this.#failures.length < 10) this.#failures.push(`${new Date().toISOString()} ${path}: ${String(error)}`);
    }
  }

  #acknowledge(volume: string, line: string): void {
    const lines = this.#acknowledged.get(volume) ?? new Set();
    this.#acknowledged.set(volume, lines.add(line));
  }

  /** Waits until so many requests were made. */
  async reach(requests: number, withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (this.#requests < requests && performance.now() < deadline) await delay(100);
  }

  async report(baselines: readonly Baseline[]): Promise<LoadReport> {
    const outages = this.#outages.list(Date.now());
    const members = await Promise.all(baselines.map((baseline) => this.#check(baseline)));
    return {
      requests: this.#requests,
      failed: this.#failed,
      firstFailures: this.#failures,
      acknowledged: [...this.#acknowledged.values()].reduce((sum, lines) => sum + lines.size, 0),
      acknowledgedWritesLost: members.reduce((sum, member) => sum + member.lost, 0),
      dataIdentical: members.every((member) => member.identical),
      versions: Object.fromEntries([...this.#versions].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      members,
      downtime: { seconds: outages.reduce((sum, { seconds }) => sum + seconds, 0), outages: outages.slice(0, 20) },
      seconds: Math.round((performance.now() - this.#startedAt) / 100) / 10,
    };
  }

  async #check(before: Baseline): Promise<MemberReport> {
    const acknowledged = this.#acknowledged.get(before.volume) ?? new Set();
    const base = { member: before.member, acknowledged: acknowledged.size };
    try {
      const digest = JSON.parse(await askPatiently(`${before.url}/read?bytes=${before.bytes}`, settleMs));
      const text = await askPatiently(`${before.url}/lines`, settleMs);
      const prefix = createHash('sha256').update(Buffer.from(text).subarray(0, before.bytes)).digest('hex');
      const since = text.slice(before.bytes).split('\n').slice(0, -1);
      const there = new Set(since);
      const lost = [...acknowledged].filter((line) => !there.has(line));
      const wrong = [
        ...(digest.volume === before.volume ? [] : ['another volume']),
        ...(prefix === before.sha256 ? [] : ['earlier writes differ']),
        ...(digest.seed === before.seed && digest.intact ? [] : ['the unchanging part differs']),
        ...(since.every((line) => !line.startsWith(`${this.#client} `) || this.#sent.has(line))
          ? []
          : ['writes that nobody made']),
        ...(there.size === since.length ? [] : ['writes twice']),
      ];
      return {
        ...base,
        lost: lost.length,
        firstLost: lost.slice(0, 5),
        identical: wrong.length === 0,
        detail: wrong.join(', '),
      };
    } catch (error) {
      return { ...base, lost: 0, firstLost: [], identical: false, detail: `cannot be read: ${String(error)}` };
    }
  }
}

async function readBaseline(member: string, url: string): Promise<Baseline> {
  const digest = JSON.parse(await askPatiently(`${url}/read`, settleMs));
  return { member, url, volume: digest.volume, bytes: digest.bytes, sha256: digest.sha256, seed: digest.seed };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: 'string', default: 'http://portal:8080' },
      /** NAME=URL, once per member: where its volume is looked at, past the pool. Servers with one database: one. */
      member: { type: 'string', multiple: true, default: [] },
      client: { type: 'string', default: 'load' },
      rate: { type: 'string', default: '200' },
      users: { type: 'string', default: '20' },
      /** After SIGTERM it goes on until so many requests were made, for two minutes at most. */
      'at-least': { type: 'string', default: '0' },
      /** A connection for every request. Above 230/s this measures the kernel: source ports come round again. */
      'one-shot': { type: 'boolean', default: false },
    },
  });
  const load = new Load(values.client, values.url);
  const stopped = new Promise<void>((resolve) => process.once('SIGTERM', resolve));
  const baselines = await Promise.all(
    values.member.map((pair) => readBaseline(pair.split('=')[0] ?? pair, pair.split('=')[1] ?? pair)),
  );
  await askPatiently(`${values.url}/about`, settleMs);
  console.log(JSON.stringify({ event: 'ready' }));
  const users = Number(values.users);
  const pauseMs = (users * 1000) / Number(values.rate);
  const working = Array.from({ length: users }, () => load.work(pauseMs, !values['one-shot']));
  await stopped;
  await load.reach(Number(values['at-least']), atLeastWithinMs);
  load.isStopped = true;
  await Promise.all(working);
  console.log(JSON.stringify({ event: 'report', report: await load.report(baselines) }));
  process.exit(0);
}

await main();
