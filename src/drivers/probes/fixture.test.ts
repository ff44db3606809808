/** Local servers, certificates and runs of suites against them, for the tests of this folder; holds no case of its own. */
import assert from 'node:assert/strict';
import { createPrivateKey, sign } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { Server } from 'node:net';
import { probeSuiteSpec, type ProbeSuiteSpec } from '../../api/probe-suite.ts';
import type { ProbeRequest } from '../../planner/effects.ts';
import type { ProbeObservation } from '../../planner/observed.ts';
import { silentLogger } from '../../shared/logger.ts';
import { cluster, context, never, operation, type Cluster } from '../../../test/conformance/scene.ts';
import type { Evidence, ProbeDriver } from '../contract.ts';
import { createProbeDriver } from './driver.ts';

const servers: Server[] = [];

export async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

export async function serve(handler: RequestListener): Promise<{ base: string; port: number }> {
  const port = await listen(createServer(handler));
  return { base: `http://127.0.0.1:${port}`, port };
}

export async function serveTls(options: ServerOptions, handler: RequestListener): Promise<number> {
  return listen(createTlsServer(options, handler));
}

export function closeServers(): void {
  for (const server of servers) {
    if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function')
      server.closeAllConnections();
    server.close();
  }
}

export function suiteOf(spec: object): ProbeSuiteSpec {
  return probeSuiteSpec.parse(spec);
}

export function request(parameters: Record<string, string> = {}, more: Partial<ProbeRequest> = {}): ProbeRequest {
  return { id: 'run/probe/1/0', suite: 'web', scope: 'Pool', parameters, workloads: [], ...more };
}

/** Waits for the next change of any run. */
export function nextChange(driver: ProbeDriver): () => Promise<void> {
  let changed = Promise.withResolvers<void>();
  driver.onChange(() => changed.resolve());
  return async () => {
    await changed.promise;
    changed = Promise.withResolvers<void>();
  };
}

export interface Ran {
  readonly seen: ProbeObservation;
  readonly changes: readonly string[];
  /** For the deployment log. */
  readonly logs: readonly Evidence[];
}

interface RunOptions {
  readonly wanted?: ProbeRequest;
  readonly scene?: Cluster;
  readonly user?: string;
  /** How far time moves when the run waits. */
  readonly stepMs?: number;
  /** While time stands still before each step: what the world does. */
  readonly meanwhile?: () => void;
  /** Timers that are pending while the run waits for time alone; a Job's wait is inside a try, which has a timer too. */
  readonly idleTimers?: number;
}

/** Runs to the end. Between tries one timer is pending; while a connection is open there are two, and time stands still. */
export async function runSuite(suite: ProbeSuiteSpec, options: RunOptions = {}): Promise<Ran> {
  const { wanted = request(), scene = cluster(), user, stepMs = 10_000, idleTimers = 1 } = options;
  const driver = createProbeDriver({ ...scene, logger: silentLogger });
  const look = (): ProbeObservation => driver.observe(context(), wanted.id);
  const changes: string[] = [];
  driver.onChange(() => changes.push(look().message));
  await driver.request({ ...operation(), user }, { kind: 'RunProbes', request: wanted }, suite, never);
  for (let quiet = 0; look().state === 'running';) {
    await scene.clock.settle();
    quiet = scene.clock.pendingTimers() <= idleTimers ? quiet + 1 : 0;
    if (quiet < 5) continue;
    options.meanwhile?.();
    await scene.clock.advance(stepMs);
    quiet = 0;
  }
  await driver.close();
  return { seen: look(), changes, logs: driver.readLog(context(), wanted.id) };
}

/** The same certificate with an end in the past, signed anew: the validity is rewritten inside the DER. */
export function expire({ cert, key }: { cert: string; key: string }): { cert: string; key: string } {
  const der = Buffer.from(cert.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  const whole = contentOf(der);
  const bodyLength = contentOf(whole).length + headerLength(whole);
  const body = Buffer.from(whole.subarray(0, bodyLength));
  const algorithm = whole.subarray(
    bodyLength,
    bodyLength + headerLength(whole.subarray(bodyLength)) + contentOf(whole.subarray(bodyLength)).length,
  );
  body.write('210101000000Z', body.indexOf('491231235959Z'), 'latin1');
  const signature = sign('sha256', body, createPrivateKey(key));
  const bits = Buffer.concat([Buffer.from([0x03, signature.length + 1, 0]), signature]);
  const content = Buffer.concat([body, algorithm, bits]);
  const outer = Buffer.concat([Buffer.from([0x30, 0x82, content.length >> 8, content.length & 0xff]), content]);
  return { cert: `-----BEGIN CERTIFICATE-----\n${outer.toString('base64')}\n-----END CERTIFICATE-----\n`, key };
}

function headerLength(der: Buffer): number {
  const first = der[1] ?? 0;
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
}

function contentOf(der: Buffer): Buffer {
  const header = headerLength(der);
  const length = header === 2 ? (der[1] ?? 0) : der.readUIntBE(2, header - 2);
  return der.subarray(header, header + length);
}
