import { after, before, beforeEach, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { startFakeApiServer } from '../../test/fakes/api-server.ts';
import type { FakeApiServer, Fault } from '../../test/fakes/api-server.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import type { ManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import type { MemoryClient } from '../../test/fakes/memory-client.ts';
import { silentLogger } from '../shared/logger.ts';
import { createClient } from './client.ts';
import { createCredentialSource } from './credentials.ts';
import { evictPod } from './evict.ts';
import {
  KubeError,
  isAlreadyExists,
  isConflict,
  isNotFound,
  isOutcomeUnknown,
  isTooManyRequests,
  isUnreachable,
} from './kube-error.ts';
import type { ConfigMap } from './objects.ts';
import { configMaps, deployments, pods } from './resources.ts';
import { createTransport } from './transport.ts';
import type { Transport } from './transport.ts';
import type { KubeClient } from './types.ts';

const at = { namespace: 'default', name: 'a' };

function configMap(name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name }, data };
}

function configFor(server: FakeApiServer, user: object): () => KubeConfig {
  return () => {
    const config = new KubeConfig();
    const cluster =
      server.ca === undefined
        ? { name: 'c', server: server.url, skipTLSVerify: true }
        : { name: 'c', server: server.url, caData: Buffer.from(server.ca).toString('base64'), skipTLSVerify: false };
    config.loadFromClusterAndUser(cluster, { name: 'u', ...user });
    return config;
  };
}

/** Settles real I/O; bounded, and without waiting longer than the answer takes. */
async function until(isDone: () => boolean, clock: ManualClock, stepMs = 0): Promise<void> {
  for (let turns = 0; turns < 20_000 && !isDone(); turns++) await clock.advance(stepMs);
  assert.ok(isDone(), 'never came');
}

describe('client over HTTPS', () => {
  let clock: ManualClock;
  let memory: MemoryClient;
  let server: FakeApiServer;
  let transport: Transport;
  let client: KubeClient;

  before(async () => {
    clock = createManualClock(Date.now());
    memory = createMemoryClient({ clock });
    server = await startFakeApiServer({ client: memory, tls: true });
    const credentials = createCredentialSource({ load: configFor(server, { token: 'secret' }), clock });
    transport = createTransport({ credentials, logger: silentLogger });
    client = createClient({ transport, clock, logger: silentLogger, random: () => 0 });
  });
  after(async () => {
    await transport.close();
    await server.close();
  });
  beforeEach(async () => {
    server.fault = () => undefined;
    server.requests.length = 0;
    for (const object of memory.all(configMaps)) await memory.delete(configMaps, object.metadata);
    memory.server.writes.length = 0;
  });

  const failOnce = (fault: Fault): void => {
    let count = 0;
    server.fault = () => (count++ === 0 ? fault : undefined);
  };

  it('creates, reads, patches, applies and deletes, with the token and user agent of its transport', async () => {
    await client.create(configMaps, configMap('a', { x: '1' }));
    await assert.rejects(client.create(configMaps, configMap('a')), isAlreadyExists);
    await client.mergePatch(configMaps, at, { data: { y: '2' } });
    await client.jsonPatch(configMaps, at, [{ op: 'remove', path: '/data/x' }]);
    const applied = { ...configMap('a'), data: { z: '3' } };
    const got = await client.apply(configMaps, applied, { fieldManager: 'belay' });
    assert.deepEqual(got.data, { y: '2', z: '3' });
    await assert.rejects(
      client.replace(configMaps, { ...got, metadata: { ...got.metadata, resourceVersion: '1' } }),
      isConflict,
    );
    await assert.rejects(client.delete(configMaps, at, { uid: 'other' }), isConflict);
    await client.delete(configMaps, at, { uid: got.metadata.uid ?? '' });
    assert.equal(await client.find(configMaps, at), undefined);
    await assert.rejects(client.get(configMaps, at), isNotFound);
    const [first] = server.requests;
    assert.deepEqual([first?.headers.authorization, first?.headers['user-agent']], ['Bearer secret', 'belay']);
  });

  it('lists all pages and stamps apiVersion and kind on each item', async () => {
    for (let i = 0; i < 1203; i++) memory.seed(configMaps, configMap(`n-${String(i).padStart(4, '0')}`));
    const { items } = await client.list(configMaps, { namespace: 'default' });
    assert.equal(items.length, 1203);
    assert.deepEqual([items[1202]?.metadata.name, items[0]?.kind, items[0]?.apiVersion], ['n-1202', 'ConfigMap', 'v1']);
    assert.equal(server.requests.length, 3);
  });

  it('lists again without pages when the continue token expired', async () => {
    for (let i = 0; i < 700; i++) memory.seed(configMaps, configMap(`n-${i}`));
    server.fault = (request) =>
      request.query.has('continue') ? { kind: 'status', status: 410, reason: 'Expired' } : undefined;
    const { items } = await client.list(configMaps, {});
    assert.equal(items.length, 700);
  });

  it('impersonates a service account with its groups', async () => {
    await client.as('system:serviceaccount:team:deployer').find(configMaps, at);
    const headers = server.requests[0]?.headers ?? {};
    assert.equal(headers['impersonate-user'], 'system:serviceaccount:team:deployer');
    assert.equal(
      headers['impersonate-group'],
      'system:serviceaccounts, system:serviceaccounts:team, system:authenticated',
    );
  });

  it('waits as long as Retry-After says, for reads and for writes', async () => {
    for (const isWrite of [false, true]) {
      failOnce({ kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 7 });
      let isDone = false;
      const call = isWrite ? client.create(configMaps, configMap('a')) : client.find(configMaps, at);
      const startedAt = clock.monotonic();
      void call.finally(() => (isDone = true));
      await until(() => isDone, clock, 10);
      assert.ok(clock.monotonic() - startedAt >= 7000);
    }
  });

  it('does not repeat an eviction that a disruption budget refuses', async () => {
    server.fault = () => ({ kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 });
    await assert.rejects(evictPod(client, at), isTooManyRequests);
    assert.equal(server.requests.length, 1);
  });

  it('repeats a read after a reset and leaves a write whose fate is unknown to the caller', async () => {
    memory.seed(configMaps, configMap('a'));
    failOnce({ kind: 'reset' });
    let got: ConfigMap | undefined;
    void client.get(configMaps, at).then((value) => (got = value));
    await until(() => got !== undefined, clock, 10);
    failOnce({ kind: 'resetAfter' });
    await assert.rejects(client.mergePatch(configMaps, at, { data: { x: '1' } }), isOutcomeUnknown);
    assert.equal((await client.get(configMaps, at)).data?.['x'], '1');
  });

  it('ends a call without an answer at its deadline of 30 s, and with the signal of its caller', async () => {
    server.fault = () => ({ kind: 'hang' });
    const startedAt = clock.monotonic();
    let error: unknown;
    void client.get(configMaps, at).catch((e: unknown) => (error = e));
    await until(() => error !== undefined, clock, 1000);
    assert.deepEqual(
      [error instanceof KubeError && error.reason, clock.monotonic() - startedAt >= 30_000],
      ['Timeout', true],
    );
    const stop = new AbortController();
    const aborted = client.get(configMaps, at, stop.signal).catch((e: unknown) => e);
    stop.abort();
    const abortError = await aborted;
    assert.equal(abortError instanceof KubeError && abortError.reason, 'Aborted');
  });

  it('gives the Status of the server, or the text of a proxy that is no Status', async () => {
    server.fault = () => ({ kind: 'status', status: 502, body: '<html>bad gateway</html>' });
    const error = await client.get(configMaps, at).catch((e: unknown) => e);
    assert.ok(error instanceof KubeError);
    assert.deepEqual([error.status, error.reason], [502, 'Unknown']);
    assert.match(error.message, /bad gateway/);
  });

  it('asks whether it may write right before each attempt of a write', async () => {
    let isLeader = true;
    const fenced = createClient({ transport, clock, logger: silentLogger, random: () => 0, mayWrite: () => isLeader });
    server.fault = () => {
      isLeader = false;
      return { kind: 'status', status: 429, retryAfterSeconds: 1 };
    };
    let error: unknown;
    void fenced.create(configMaps, configMap('a')).catch((e: unknown) => (error = e));
    await until(() => error !== undefined, clock, 100);
    assert.equal(error instanceof KubeError && error.reason, 'Fenced');
    assert.equal(server.requests.length, 1);
    server.fault = () => undefined;
    assert.equal(await fenced.find(configMaps, at), undefined);
  });

  it('knows the skew of its clock from the Date header', async () => {
    await client.find(deployments, at);
    const skew = client.clockSkewMs();
    assert.ok(skew !== undefined && Math.abs(skew) < 600_000);
  });

  it('reads the tail of a log', async () => {
    memory.server.logs.set('default/a', 'line\n');
    assert.equal(await client.podLog(at, { tailLines: 5 }), 'line\n');
    assert.equal(await client.find(pods, at), undefined);
  });

  it('opens at most 8 TLS connections for 1 000 calls and keeps none too many', async () => {
    const before = server.accepted();
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 100 }, () => client.find(configMaps, at)));
    }
    assert.ok(server.accepted() <= 8 + before, `${server.accepted() - before} connections`);
    assert.ok(server.open() <= 8, `${server.open()} open`);
  });
});

describe('client and its credentials', () => {
  const signal = new AbortController().signal;

  it('reads the token file again after a 401', async () => {
    const clock = createManualClock();
    const folder = mkdtempSync(join(tmpdir(), 'belay-token-'));
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'old\n');
    const server = await startFakeApiServer({ client: createMemoryClient({ clock }) });
    server.fault = (request) =>
      request.headers.authorization === 'Bearer new' ? undefined : { kind: 'status', status: 401 };
    const user = { authProvider: { name: 'tokenFile', config: { tokenFile } } };
    const credentials = createCredentialSource({ load: configFor(server, user), clock });
    const transport = createTransport({ credentials, logger: silentLogger });
    try {
      const client = createClient({ transport, clock, logger: silentLogger });
      await assert.rejects(client.get(configMaps, at, signal), /401|told/);
      writeFileSync(tokenFile, 'new\n');
      await clock.advance(1000);
      assert.equal(await client.find(configMaps, at, signal), undefined);
    } finally {
      await transport.close();
      await server.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('trusts a rotated CA without a restart', async () => {
    const clock = createManualClock();
    const [first, second] = await Promise.all(
      [1, 2].map(() => startFakeApiServer({ client: createMemoryClient({ clock }), tls: true })),
    );
    assert.ok(first?.ca !== undefined && second?.ca !== undefined);
    const folder = mkdtempSync(join(tmpdir(), 'belay-ca-'));
    const caFile = join(folder, 'ca.crt');
    writeFileSync(caFile, first.ca);
    const load = (): KubeConfig => {
      const config = new KubeConfig();
      config.loadFromClusterAndUser({ name: 'c', server: second.url, caFile, skipTLSVerify: false }, { name: 'u' });
      return config;
    };
    const transport = createTransport({ credentials: createCredentialSource({ load, clock }), logger: silentLogger });
    const client = createClient({ transport, clock, logger: silentLogger, deadlineMs: 100, random: () => 0 });
    try {
      let error: unknown;
      void client.get(configMaps, at).catch((e: unknown) => (error = e));
      await until(() => error !== undefined, clock, 1);
      writeFileSync(caFile, second.ca);
      await clock.advance(10_000);
      let answer: unknown = 'none';
      void createClient({ transport, clock, logger: silentLogger })
        .find(configMaps, at)
        .then((value) => (answer = value));
      await until(() => answer !== 'none', clock);
      assert.equal(answer, undefined);
    } finally {
      await transport.close();
      await Promise.all([first.close(), second.close()]);
      rmSync(folder, { recursive: true });
    }
  });

  it('repeats even a write when the connection is refused, and says so at the deadline', async () => {
    const clock = createManualClock();
    const server = await startFakeApiServer({ client: createMemoryClient({ clock }) });
    await server.close();
    const credentials = createCredentialSource({ load: configFor(server, {}), clock });
    const transport = createTransport({ credentials, logger: silentLogger });
    let attempts = 0;
    const client = createClient({ transport, clock, logger: silentLogger, random: () => 0, onCall: () => attempts++ });
    let error: unknown;
    void client.create(configMaps, configMap('a')).catch((e: unknown) => (error = e));
    await until(() => error !== undefined, clock, 100);
    assert.ok(isUnreachable(error));
    assert.ok(attempts > 5);
    await transport.close();
  });
});
