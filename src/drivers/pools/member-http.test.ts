import assert from 'node:assert/strict';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { systemClock } from '../../kube/system-clock.ts';
import { RetryError } from '../../shared/errors.ts';
import { pool } from '../../../test/builders/objects.ts';
import { type Target, createMemberCaller } from './member-http.ts';

const never = new AbortController().signal;
const options = { operation: 'uid-run-1/g1-drain/1', signal: never };
const target: Target = { member: 'web-1', server: 'web-1', address: '127.0.0.1', pod: 'web-1-0' };

class Application implements AsyncDisposable {
  readonly calls: string[] = [];
  readonly #server: Server;

  private constructor(answer: (request: IncomingMessage, response: ServerResponse) => void) {
    this.#server = createServer((request, response) => {
      this.calls.push(
        `${request.method} ${request.headers.host?.replace(/:\d+$/, '')}${request.url} ${String(request.headers['idempotency-key'] ?? '')}`.trim(),
      );
      answer(request, response);
    });
  }

  static async of(status: number, body = ''): Promise<Application> {
    const application = new Application((_, response) => response.writeHead(status).end(body));
    await new Promise<void>((resolve) => application.#server.listen(0, '127.0.0.1', resolve));
    return application;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function shedding(port: number): ReturnType<typeof pool> {
  const http = { url: `http://\${MEMBER}:${port}/shed`, method: 'POST', undrainMethod: 'DELETE' } as const;
  return pool('web', { service: { name: 'web' }, drain: { hook: { http }, settle: '1s' } });
}

function counting(url: string, json = '$.open'): ReturnType<typeof pool> {
  return pool('web', { service: { name: 'web' }, drain: { connections: { http: { url, json } }, settle: '1s' } });
}

describe('calls to the members of a pool', () => {
  it('goes to the pod itself, with the operation as key against doing it twice', async () => {
    await using application = await Application.of(204);
    const caller = createMemberCaller(systemClock);
    await caller.hook(shedding(application.port), target, 'drain', options);
    await caller.hook(shedding(application.port), target, 'undrain', options);
    assert.deepEqual(application.calls, [
      'POST web-1/shed uid-run-1/g1-drain/1/web-1-0/drain',
      'DELETE web-1/shed uid-run-1/g1-drain/1/web-1-0/undrain',
    ]);
  });

  it('waits with a reason when a member refuses or cannot be reached', async () => {
    await using application = await Application.of(503);
    const caller = createMemberCaller(systemClock);
    await assert.rejects(caller.hook(shedding(application.port), target, 'drain', options), RetryError);
    await assert.rejects(caller.hook(shedding(1), target, 'drain', options), RetryError);
  });

  it('adds up the counts of all pods', async () => {
    await using application = await Application.of(200, '{"open": 3}');
    const caller = createMemberCaller(systemClock);
    const url = `http://\${MEMBER}:${application.port}/stats`;
    assert.deepEqual(await caller.count(counting(url), [target, { ...target, pod: 'web-1-1' }], never), {
      known: true,
      value: 6,
    });
    assert.deepEqual(
      await caller.count(counting(url), [{ ...target, address: '' }], never),
      { known: true, value: 0 },
      'a pod without address has no users',
    );
  });

  const unknowns: Readonly<Record<string, readonly [status: number, body: string]>> = {
    'the answer is an error': [500, '{"open": 0}'],
    'the answer is not JSON': [200, 'open: 0'],
    'there is nothing at the path': [200, '{}'],
    'it is not a number': [200, '{"open": "none"}'],
    'it is less than nothing': [200, '{"open": -1}'],
  };
  for (const [name, [status, body]] of Object.entries(unknowns)) {
    it(`does not know the count when ${name}`, async () => {
      await using application = await Application.of(status, body);
      const count = await createMemberCaller(systemClock).count(
        counting(`http://\${MEMBER}:${application.port}/stats`),
        [target],
        never,
      );
      assert.equal(count.known, false);
    });
  }

  it('does not know the count when nobody answers, or nothing counts', async () => {
    const caller = createMemberCaller(systemClock);
    assert.equal((await caller.count(counting('http://${MEMBER}:1/stats'), [target], never)).known, false);
    assert.deepEqual(await caller.count(pool('web', { service: { name: 'web' } }), [target], never), {
      known: false,
      why: 'nothing counts the connections',
    });
  });
});
