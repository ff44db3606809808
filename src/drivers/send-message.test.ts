/** Messages to people over real connections to this machine. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server } from 'node:net';
import { after, describe, it } from 'node:test';
import { cluster, namespace, never, type Cluster } from '../../test/conformance/scene.ts';
import { createSelfSigned } from '../../test/fakes/self-signed.ts';
import { KubeError } from '../kube/kube-error.ts';
import { secrets } from '../kube/resources.ts';
import type { Message } from '../planner/message.ts';
import { createSend, type Delivery } from './send-message.ts';

const token = 'xoxb-31337-secret-token';
const path = '/services/T024/B8XK/9f3c2a7e';
const context = { namespace, run: 'portal-7', upgradeSet: 'portal', user: undefined };
const message: Message = {
  id: 'uid-1/start',
  type: 'start',
  time: '2026-12-05T20:00:00.000Z',
  text: 'portal-7 begins: 1 < 2 & so on',
  data: { run: 'portal-7', set: 'portal' },
};

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const servers: Server[] = [];
after(() => {
  for (const server of servers) {
    if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function')
      server.closeAllConnections();
    server.close();
  }
});

async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

type Reply = (response: ServerResponse) => void;
const status =
  (code: number, body = '', headers: Record<string, string> = {}): Reply =>
  (response) =>
    void response.writeHead(code, headers).end(body);

async function receiver(reply: Reply): Promise<{ base: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const port = await listen(
    createServer((request, response) => {
      const chunks: Uint8Array[] = [];
      request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        seen.push({ method, url, headers, body: Buffer.concat(chunks).toString('utf8') });
        reply(response);
      });
    }),
  );
  return { base: `http://127.0.0.1:${port}`, seen };
}

function seedLine({ client }: Cluster, values: Record<string, string>): void {
  const data = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
  client.seed(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'ops-chat' }, data });
}

/** @returns how it went, and everything the receiver saw */
async function sendOver(values: Record<string, string>, scene = cluster()): Promise<Delivery> {
  seedLine(scene, values);
  return createSend(scene)(context, 'ops-chat', message, never);
}

function tell(delivery: Delivery): string {
  if (delivery.kind === 'delivered') return 'delivered';
  const { why, remedy, isFinal } = delivery;
  return `${isFinal ? 'for good' : 'for now'}: ${why} -> ${remedy}`;
}

describe('a message to people', () => {
  it('goes as a CloudEvent whose source is the run, with the token', async () => {
    const { base, seen } = await receiver(status(202));
    assert.equal(tell(await sendOver({ type: 'cloudevents', url: `${base}${path}`, token })), 'delivered');
    const [sent] = seen;
    assert.deepEqual(
      [sent?.method, sent?.url, sent?.headers['content-type'], sent?.headers.authorization],
      ['POST', path, 'application/cloudevents+json; charset=utf-8', `Bearer ${token}`],
    );
    assert.deepEqual(JSON.parse(sent?.body ?? ''), {
      specversion: '1.0',
      id: 'uid-1/start',
      type: 'dev.belay.upgraderun.start',
      source: '/apis/belay.dev/v1alpha1/namespaces/shop/upgraderuns/portal-7',
      subject: 'portal',
      time: '2026-12-05T20:00:00.000Z',
      datacontenttype: 'application/json',
      data: { text: message.text, run: 'portal-7', set: 'portal' },
    });
  });

  it('goes as a text with the three characters that mean something escaped, and without a token where there is none', async () => {
    const { base, seen } = await receiver(status(200, 'ok'));
    assert.equal(tell(await sendOver({ type: 'slack', url: `${base}${path}\n` })), 'delivered');
    assert.deepEqual(JSON.parse(seen[0]?.body ?? ''), { text: 'portal-7 begins: 1 &lt; 2 &amp; so on' });
    assert.equal(seen[0]?.headers.authorization, undefined);
  });

  it('that is refused is refused for good, with what the receiver says and what to mend', async () => {
    const { base } = await receiver(status(403, 'invalid_token'));
    assert.equal(
      tell(await sendOver({ type: 'slack', url: base })),
      'for good: Secret ops-chat: the receiver answered 403: "invalid_token" -> mend url, type or token in Secret ops-chat',
    );
  });

  for (const code of [408, 429, 500, 503]) {
    it(`that meets ${code} may get through later`, async () => {
      const { base } = await receiver(status(code));
      assert.equal(
        tell(await sendOver({ type: 'slack', url: base })),
        `for now: Secret ops-chat: the receiver answered ${code} -> see that the receiver works`,
      );
    });
  }

  it('is not carried on to where a redirect leads', async () => {
    const elsewhere = await receiver(status(200));
    const { base } = await receiver(status(307, '', { location: elsewhere.base }));
    assert.match(
      tell(await sendOver({ type: 'slack', url: base, token })),
      /^for good: Secret ops-chat: the receiver answered 307, a redirect -> write the address it leads to into url/,
    );
    assert.equal(elsewhere.seen.length, 0);
  });

  it('has five seconds, whatever the receiver does', async () => {
    const scene = cluster();
    const arrived = Promise.withResolvers<void>();
    const { base } = await receiver(() => arrived.resolve());
    const delivery = sendOver({ type: 'slack', url: base }, scene);
    await arrived.promise;
    await scene.clock.advance(4_999);
    assert.ok(scene.clock.pendingTimers() > 0, 'it still waits');
    await scene.clock.advance(1);
    assert.equal(
      tell(await delivery),
      'for now: Secret ops-chat: no answer within 5 s -> see that the url in Secret ops-chat answers',
    );
  });

  it('to nobody may get through later', async () => {
    const port = await listen(createServer());
    servers.at(-1)?.close();
    assert.match(
      tell(await sendOver({ type: 'slack', url: `http://127.0.0.1:${port}/` })),
      /^for now: Secret ops-chat: connection refused/,
    );
  });

  it('believes the authority that the Secret names, and no other', async () => {
    const own = createSelfSigned();
    const port = await listen(createTlsServer(own, (_, response) => void response.end()));
    const url = `https://localhost:${port}/`;
    assert.equal(tell(await sendOver({ type: 'slack', url, ca: own.cert })), 'delivered');
    assert.match(tell(await sendOver({ type: 'slack', url })), /^for now: .*certificate is not trusted/);
  });

  it('shows no host where the certificate is for another one', async () => {
    const own = createSelfSigned();
    const port = await listen(
      createTlsServer(own, (_, response) => void response.end()),
      '127.0.0.3',
    );
    const told = tell(await sendOver({ type: 'slack', url: `https://127.0.0.3:${port}/`, ca: own.cert }));
    assert.match(told, /certificate is for another name: /);
    assert.doesNotMatch(told, /127\.0\.0\.3/);
  });

  it('shows nothing of the address or the token, even where the receiver repeats them', async () => {
    const echo: Reply = status(400, `${token} at ${path}?key=hunter22 is wrong`);
    const { base } = await receiver(echo);
    const told = tell(await sendOver({ type: 'slack', url: `${base}${path}?key=hunter22`, token }));
    assert.match(told, /the receiver answered 400: "\*\*\* at \*\*\* is wrong"/);
    for (const secret of [token, path, '9f3c2a7e', 'hunter22']) assert.ok(!told.includes(secret), told);
  });

  for (const said of ['bad key "hunter22"', `Cannot POST ${path}`, 'no_hook 9f3c2a7e', 'no hook 9f3c 2a7e/x']) {
    it(`shows nothing of the address where the receiver says ${said}`, async () => {
      const { base } = await receiver(status(404, said));
      const url = said.includes('2a7e/x') ? `${base}/hooks/9f3c%202a7e%2Fx` : `${base}${path}?key=hunter22&thread=1`;
      const told = tell(await sendOver({ type: 'slack', url }));
      assert.match(told, /the receiver answered 404: ".*[*]{3}/);
      assert.doesNotMatch(told, /hunter22|9f3c/);
    });
  }

  const bad: Readonly<Record<string, readonly [Record<string, string>, RegExp]>> = {
    'no type': [{ url: 'https://chat.example/' }, /^for good: .*its key type is neither cloudevents nor slack/],
    'a type that is not offered': [{ type: 'smtp', url: 'https://chat.example/' }, /neither cloudevents nor slack/],
    'no url': [{ type: 'slack' }, /^for good: .*its key url is no http or https URL -> write the address/],
    'a url of another protocol': [{ type: 'slack', url: 'ftp://chat.example/x' }, /no http or https URL/],
    'a url with a password': [
      { type: 'slack', url: 'https://bob:hunter22@chat.example/' },
      /^for good: Secret ops-chat: its key url holds a user or a password, which are not sent -> take them out/,
    ],
    'a token of two lines': [
      { type: 'slack', url: 'https://chat.example/', token: 'a\nb: c' },
      /^for good: .*its key token has spaces .* -> write the bare token/,
    ],
  };
  for (const [what, [values, want]] of Object.entries(bad)) {
    it(`goes nowhere over a Secret with ${what}`, async () => assert.match(tell(await sendOver(values)), want));
  }

  it('waits for a Secret that is not there', async () => {
    assert.equal(
      tell(await createSend(cluster())(context, 'ops-chat', message, never)),
      'for now: Secret ops-chat: it does not exist -> create Secret ops-chat with the keys type and url',
    );
  });

  it('reads the Secret as the account of the set, and says whom to allow it', async () => {
    const scene = cluster();
    const users: string[] = [];
    scene.client.server.interceptors.push(({ resource, user }) => {
      if (resource !== 'secrets') return;
      users.push(user);
      throw new KubeError({ status: 403, reason: 'Forbidden', message: 'forbidden' });
    });
    const user = 'system:serviceaccount:shop:upgrader';
    assert.equal(
      tell(await createSend(scene)({ ...context, user }, 'ops-chat', message, never)),
      `for now: Secret ops-chat: ${user} may not read it -> allow ${user} to get Secret ops-chat`,
    );
    assert.deepEqual(users, [user]);
  });
});
