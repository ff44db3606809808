/** Telling people of a run, over a server in memory: what is sent, what is written, and what a restart repeats. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { describe, it } from 'node:test';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import { decodeUpgradeSet } from '../api/decode.ts';
import * as kinds from '../api/resources.ts';
import type { Channel, StepEntry, UpgradeRun, UpgradeRunStatus } from '../api/upgrade-run.ts';
import type { UpgradeSet } from '../api/upgrade-set.ts';
import { createSend, type Delivery, type Send } from '../drivers/send-message.ts';
import type { ReconcileResult } from '../kube/controller.ts';
import { KubeError } from '../kube/kube-error.ts';
import { configMaps, secrets } from '../kube/resources.ts';
import { silentLogger, type Logger } from '../shared/logger.ts';
import { setAt, upgradeRun } from '../status/fixture.test.ts';
import { createCaches } from './assemble.ts';
import { tellPeople, type TellParts } from './tell-people.ts';
import { createToldStore } from './told-store.ts';

const started = Date.parse('2026-12-05T20:00:00Z');
const name = { namespace: 'shop', name: 'portal-1' };
const never = new AbortController().signal;
const delivered: Delivery = { kind: 'delivered' };
const down: Delivery = { kind: 'failed', why: 'Secret ops-chat: answered 503', remedy: 'mend it', isFinal: false };
const refused: Delivery = { ...down, why: 'Secret ops-chat: answered 403', isFinal: true };

type Entry = Partial<StepEntry> & { readonly id: string };
const locked: Entry = { id: 'preflight', state: 'Succeeded' };
const drained: Entry = { id: 'g1-drain', state: 'Succeeded' };

function scene(notify: readonly Channel[] = [{ secret: 'ops-chat', events: ['Start', 'Step', 'Issue', 'End'] }]) {
  const clock = createManualClock(started);
  const client = createMemoryClient({ clock });
  const watching = { client, watcher: client, namespaces: [], logger: silentLogger, random: () => 0.5, clock };
  const { caches } = createCaches(watching);
  const sent: string[] = [];
  const events: string[] = [];
  let version = 1;
  let mayAct = true;
  const answers = new Map<string, Delivery | 'real'>();
  const logs: string[] = [];
  const log = (text: string, fields: object = {}): void => void logs.push(`${text} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  const real = createSend({ client, clock });
  const send: Send = (context, line, message, signal) => {
    const { type, id } = message;
    sent.push(`${line}: ${type === 'step' ? id.replace('uid-portal-1/', '') : type}`);
    const answer = answers.get(line);
    return answer === 'real' ? real(context, line, message, signal) : Promise.resolve(answer ?? delivered);
  };
  const set = client.seed<UpgradeSet>(kinds.upgradeSets, setAt('portal-1'));
  caches.upgradeSets.replaced([set], '1');
  const process = (): TellParts => ({
    context: {
      client,
      caches,
      clock,
      now: () => clock.now(),
      leader: { mayAct: () => mayAct, epoch: () => 1 },
      announcer: { announce: (_, type, reason, __, note) => void events.push(`${type} ${reason}: ${note}`) },
    },
    send,
    store: createToldStore(client),
    memory: new Map(),
  });
  let parts = process();
  const look = (): Promise<ReconcileResult> => tellPeople(parts, name, never, logger);
  return {
    clock,
    client,
    sent,
    events,
    logs,
    answers,
    look,
    /** The journal is now like this. */
    runs(steps: readonly Entry[], status: Partial<UpgradeRunStatus> = {}): void {
      const run = upgradeRun('portal-1', steps, status);
      const policy = { ...run.spec.policy, ...(notify.length === 0 ? {} : { notify: [...notify] }) };
      const owned = { ...run.spec, upgradeSetUID: set.metadata.uid ?? '', policy };
      version += 1;
      const metadata = { ...run.metadata, resourceVersion: String(version) };
      caches.upgradeRuns.replaced([{ ...run, metadata, spec: owned } satisfies UpgradeRun], String(version));
    },
    restart(): void {
      parts = process();
    },
    /** Is the lease renewed in time? */
    leads(isLeader: boolean): void {
      mayAct = isLeader;
    },
    /** Until nothing is left to do, with time moving on as asked for. @returns how long it took */
    async tellAll(): Promise<number> {
      const begun = clock.monotonic();
      for (let turn = 0; turn < 100; turn += 1) {
        const result = await look();
        if (result.kind === 'settled') return clock.monotonic() - begun;
        await clock.advance(result.afterMs);
      }
      return assert.fail('it never comes to rest');
    },
    /** What the set shows of its lines. */
    async condition(): Promise<string | undefined> {
      const now = decodeUpgradeSet(await client.get(kinds.upgradeSets, { namespace: 'shop', name: 'portal' }));
      caches.upgradeSets.replaced([now], String(clock.now()));
      const found = now.status?.conditions?.find(({ type }) => type === 'Notified');
      return found === undefined ? undefined : `${found.status} ${found.reason}: ${found.message}`;
    },
    writes: () => client.server.writes.length,
  };
}

describe('telling people of a run', () => {
  it('001-67: each change is told once, with one write for each message and none at rest', async () => {
    const made = scene();
    made.runs([locked, { id: 'g1-drain' }]);
    await made.tellAll();
    assert.deepEqual(made.sent.splice(0), [
      'ops-chat: start',
      'ops-chat: step/preflight/1/Succeeded',
      'ops-chat: step/g1-drain/1/Running',
    ]);
    assert.equal(made.writes(), 3);
    made.runs([locked, drained]);
    await made.tellAll();
    assert.deepEqual(made.sent.splice(0), ['ops-chat: step/g1-drain/1/Succeeded']);
    assert.equal(made.writes(), 4);
    await made.tellAll();
    assert.deepEqual([made.sent, made.writes()], [[], 4]);
    assert.equal(await made.condition(), undefined);
  });

  it('001-118: sends nothing without the lease, and tells the end once it is renewed although nothing changes any more', async () => {
    const made = scene();
    made.runs([locked], { phase: 'Completed' });
    made.leads(false);
    assert.deepEqual(await made.look(), { kind: 'requeue', afterMs: 1_000 });
    assert.equal(made.sent.length, 0);
    made.leads(true);
    await made.tellAll();
    assert.ok(made.sent.includes('ops-chat: end'), made.sent.join());
  });

  it('costs nothing where nobody is to be told', async () => {
    const made = scene([]);
    let calls = 0;
    made.client.server.interceptors.push(() => void (calls += 1));
    made.runs([locked, drained]);
    assert.deepEqual(await made.look(), { kind: 'settled' });
    assert.deepEqual([calls, made.sent], [0, []]);
  });

  it('what is told belongs to the run and goes with it', async () => {
    const made = scene();
    made.runs([locked]);
    await made.tellAll();
    const [kept] = made.client.all(configMaps);
    assert.deepEqual(
      [kept?.metadata.name, kept?.metadata.ownerReferences?.map(({ kind, uid }) => `${kind} ${uid}`)],
      ['belay-told-portal-1', ['UpgradeRun uid-portal-1']],
    );
  });

  it('001-67 001-118: after a restart nothing is repeated, and what came meanwhile is told', async () => {
    const made = scene();
    made.runs([locked]);
    await made.tellAll();
    made.sent.length = 0;
    made.restart();
    made.runs([locked, drained], { phase: 'AwaitingDecision', choices: [{ choice: 'Resume' }] });
    await made.tellAll();
    assert.deepEqual(made.sent, ['ops-chat: step/g1-drain/1/Succeeded', 'ops-chat: issue']);
  });

  it('001-67: stopped between a message and its mark, the next process sends that one again, and no other', async () => {
    const made = scene();
    made.runs([locked]);
    made.client.server.interceptors.push(({ isWrite }) => {
      if (isWrite && made.sent.length === 2) throw new KubeError({ status: 503, reason: 'Down', message: 'down' });
    });
    await assert.rejects(made.tellAll(), /down/);
    made.client.server.interceptors.length = 0;
    made.restart();
    await made.tellAll();
    const twice = 'ops-chat: step/preflight/1/Succeeded';
    assert.deepEqual(made.sent, ['ops-chat: start', twice, twice]);
  });

  it('sends nothing more while it cannot write down what was sent', async () => {
    const made = scene();
    made.runs([locked, drained]);
    made.client.server.interceptors.push(({ isWrite }) => {
      if (isWrite) throw new KubeError({ status: 503, reason: 'Down', message: 'down' });
    });
    for (let turn = 0; turn < 5; turn += 1) await assert.rejects(made.look(), /down/);
    assert.deepEqual(made.sent, ['ops-chat: start']);
    made.client.server.interceptors.length = 0;
    await made.tellAll();
    assert.deepEqual(made.sent.length, 3, 'and goes on where it was');
  });

  it('goes on over what another leader has written', async () => {
    const made = scene();
    made.runs([locked]);
    await made.look();
    const [kept] = made.client.all(configMaps);
    assert.ok(kept !== undefined);
    made.client.seed(configMaps, { ...kept, data: { ...kept.data, elsewhere: '{"start":"yes"}' } });
    await assert.rejects(made.tellAll(), { reason: 'Conflict' });
    await made.tellAll();
    assert.deepEqual(made.sent, ['ops-chat: start', 'ops-chat: step/preflight/1/Succeeded']);
    assert.equal(made.client.all(configMaps)[0]?.data?.['elsewhere'], '{"start":"yes"}');
  });

  it('a line that does not answer is tried six times in half a minute, then the set says what to mend', async () => {
    const made = scene([{ secret: 'ops-chat', events: ['Start', 'Issue', 'End'] }]);
    made.answers.set('ops-chat', down);
    made.runs([locked]);
    assert.equal(await made.tellAll(), 31_000);
    assert.deepEqual(
      made.sent.splice(0),
      Array.from({ length: 6 }, () => 'ops-chat: start'),
    );
    const why = 'the message "start" of run portal-1 did not get through: Secret ops-chat: answered 503; mend it';
    assert.deepEqual(made.events, [`Warning NotifyFailed: UpgradeSet portal: ${why}`]);
    assert.equal(await made.condition(), `False NotifyFailed: ${why}`);
  });

  it('over a line that was given up the next message is tried once, and when it gets through the set says so', async () => {
    const made = scene();
    made.answers.set('ops-chat', down);
    made.runs([locked]);
    await made.tellAll();
    await made.condition();
    assert.deepEqual([made.sent.splice(0).length, made.events.length], [7, 2], 'six for the start, one for the step');
    made.answers.delete('ops-chat');
    made.runs([locked, drained]);
    await made.tellAll();
    assert.deepEqual(made.sent, ['ops-chat: step/g1-drain/1/Succeeded']);
    assert.equal(await made.condition(), 'True MessagesDelivered: the last message got through');
  });

  it('a refusal is not repeated', async () => {
    const made = scene([{ secret: 'ops-chat', events: ['Start'] }]);
    made.answers.set('ops-chat', refused);
    made.runs([locked]);
    assert.equal(await made.tellAll(), 0);
    assert.deepEqual([made.sent, made.events.length], [['ops-chat: start'], 1]);
  });

  it('what a receiver repeats of the token stands in no event, no condition and no log', async () => {
    const token = 'xoxb-31337-secret-token';
    const server = createServer((_, response) => void response.writeHead(403).end(`no rights: ${token}`));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const made = scene([{ secret: 'ops-chat', events: ['Start'] }]);
    made.answers.set('ops-chat', 'real');
    const values = { type: 'slack', url: `http://127.0.0.1:${address.port}/hook/B8XK9f3c2a7e`, token };
    const data = Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    );
    made.client.seed(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { ...name, name: 'ops-chat' }, data });
    made.runs([locked]);
    await made.tellAll();
    server.close();
    assert.match(made.events.join(), /answered 403: "no rights: \*\*\*"; mend url, type or token in Secret ops-chat$/);
    const everything = [...made.events, ...made.logs, (await made.condition()) ?? ''].join('\n');
    assert.ok(made.logs.length > 0);
    assert.ok(!everything.includes('31337') && !everything.includes('B8XK9f3c2a7e'), everything);
  });

  it('one line that does not answer keeps nothing from the other, and each has its own choice', async () => {
    const made = scene([
      { secret: 'ops-chat', events: ['Start'] },
      { secret: 'audit', events: ['Start', 'Step'] },
    ]);
    made.answers.set('ops-chat', down);
    made.runs([locked]);
    await made.look();
    await made.look();
    assert.deepEqual(made.sent, ['ops-chat: start', 'audit: start', 'audit: step/preflight/1/Succeeded']);
    await made.tellAll();
    assert.match((await made.condition()) ?? '', /^False NotifyFailed/);
    made.runs([locked, drained]);
    await made.tellAll();
    assert.match((await made.condition()) ?? '', /^False/, 'the other line says nothing of this one');
  });

  it('of a run that ended more than an hour ago nobody is told, whatever is written down', async () => {
    const made = scene();
    const finished = '2026-12-05T20:00:00.000Z';
    made.runs([locked], { phase: 'Completed', finished });
    await made.clock.advance(3_600_000);
    await made.tellAll();
    assert.deepEqual([made.sent, made.writes()], [[], 0]);
    const soon = scene();
    soon.runs([locked], { phase: 'Completed', finished });
    await soon.clock.advance(3_599_000);
    await soon.tellAll();
    assert.equal(soon.sent.at(-1), 'ops-chat: end');
  });
});
