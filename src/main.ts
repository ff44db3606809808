/** The only place that reads configuration and joins implementations. */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { assembleControllers, createCaches } from './controllers/assemble.ts';
import type { ControllerContext } from './controllers/context.ts';
import { createDrivers, createPreflightChecks } from './drivers/assemble.ts';
import { watchConnections } from './drivers/pools/connection-watch.ts';
import { createSend } from './drivers/send-message.ts';
import { createClient } from './kube/client.ts';
import { findConfig } from './kube/cluster-config.ts';
import { createCredentialSource } from './kube/credentials.ts';
import { createEventRecorder } from './kube/events.ts';
import { createElector } from './kube/leader.ts';
import { runManager } from './kube/manager.ts';
import { startHealthServer } from './kube/server.ts';
import { systemClock } from './kube/system-clock.ts';
import { createReachability } from './kube/reachability.ts';
import { createTransport } from './kube/transport.ts';
import { createWatcher } from './kube/watcher.ts';
import { createLogger } from './observability/logger.ts';
import { createMetrics } from './observability/metrics.ts';
import { effectKinds, rollbackReasons } from './status/metric-labels.ts';
import { sampleSets } from './status/samples.ts';
import { byHand } from './cli/by-hand.ts';
import { logs } from './cli/logs.ts';
import { report } from './cli/report.ts';

const version = '0.1.0';

const options = {
  'namespace-scope': { type: 'string', default: '' },
  'leader-election-namespace': { type: 'string', default: '' },
  'leader-election': { type: 'string', default: 'true' },
  'metrics-address': { type: 'string', default: ':8080' },
  'log-level': { type: 'string', default: 'info' },
  'require-service-account': { type: 'string', default: 'false' },
} as const;

const usage = `Usage: belay COMMAND [options]

  simulate     an upgrade of your own manifests in a simulated cluster; see belay simulate --help
  logs         the deployment log of a run
  by-hand      how to finish a run without the operator
  report       the audit record of a run
  controller   the controller: reads KUBECONFIG, or the account of the pod it runs in
  version      print the version

From a clone: npm -s start -- COMMAND [options]
`;

async function main(argv: readonly string[]): Promise<number> {
  const [command, ...rest] = argv;
  if (command === undefined || command === '--help' || command === '-h' || command === 'help') {
    (command === undefined ? process.stderr : process.stdout).write(usage);
    return command === undefined ? 2 : 0;
  }
  if (command === 'simulate') {
    // Only where it is asked for: CEL has no place in the controller's own thread.
    const { simulate } = await import('./cli/simulate.ts');
    return simulate(rest, (text) => process.stdout.write(text));
  }
  const reading = { logs, 'by-hand': byHand, report };
  if (command === 'logs' || command === 'by-hand' || command === 'report')
    return reading[command](
      rest,
      (text) => process.stdout.write(text),
      (text) => process.stderr.write(text),
    );
  if (command === 'version') {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  if (command === 'controller') return runControllerRole(rest);
  process.stderr.write(`unknown command "${command}"\n\n${usage}`);
  return 2;
}

async function runControllerRole(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options });
  const logger = createLogger(values['log-level']);
  const clock = systemClock;
  const config = await findConfig(process.env);
  const namespaces = values['namespace-scope'].split(',').filter((name) => name !== '');
  const ownNamespace =
    values['leader-election-namespace'] || process.env['POD_NAMESPACE'] || config.namespace || 'default';
  const identity = `${process.env['POD_NAME'] ?? 'belay'}_${randomUUID()}`;
  const transport = createTransport({
    credentials: createCredentialSource({ load: () => config.load(), clock }),
    logger,
    userAgent: `belay/${version}`,
  });
  const random = Math.random;
  const elects = values['leader-election'] !== 'false';
  const reachability = createReachability(clock);
  const electorClient = createClient({ transport, clock, logger, lane: 'watches', onCall: reachability.called });
  const elector = createElector({
    client: electorClient,
    lease: { namespace: ownNamespace, name: 'belay-controller' },
    identity,
    clock,
    logger,
    random,
  });
  const isLeader = (): boolean => !elects || elector.isLeader();
  let called: (facts: { method: string; code: string; durationMs: number }) => void = () => {};
  const client = createClient({ transport, clock, logger, mayWrite: isLeader, onCall: (facts) => called(facts) });
  const watcher = createWatcher({ transport, clock });
  const watching = { client, watcher, namespaces, logger, random, clock };
  const { caches, runnables } = createCaches(watching);
  const recorder = createEventRecorder({
    client,
    clock,
    logger,
    controller: 'belay.dev/controller',
    instance: identity,
  });
  const made = createDrivers({ client, clock, logger, steadyForMs: reachability.steadyForMs });
  const { pools, connectionsOf } = watchConnections(made.pools);
  const drivers = { ...made, pools };
  const now = (): number => clock.now() + correction(client.clockSkewMs());
  const metrics = createMetrics({
    sets: () =>
      sampleSets({ sets: caches.upgradeSets.list(), runs: caches.upgradeRuns.list(), now: now(), connectionsOf }),
    suites: () =>
      caches.probeSuites.list().map(({ metadata }) => ({ namespace: metadata.namespace ?? '', name: metadata.name })),
    effectKinds,
    rollbackReasons,
    isLeader,
    version,
  });
  called = (facts) => {
    metrics.called(facts);
    reachability.called(facts);
  };
  const abort = new AbortController();
  const context: ControllerContext = {
    client,
    caches,
    drivers,
    preflight: createPreflightChecks({ client, clock, pools: drivers.pools }),
    clock,
    now,
    leader: { mayAct: isLeader, epoch: () => (elects ? (elector.epoch() ?? 0) : 0) },
    announcer: {
      announce: (object, type, reason, action, note) =>
        recorder.record(
          { apiVersion: object.apiVersion, kind: object.kind, metadata: object.metadata },
          { type, reason, action, note },
        ),
    },
    logger,
    counters: metrics,
    requireServiceAccount: values['require-service-account'] === 'true',
  };
  const controllers = assembleControllers({
    ...watching,
    context,
    caches,
    metrics: metrics.controller,
    counters: metrics,
    send: createSend({ client, clock }),
    abortSignal: abort.signal,
  });
  const synced = (): boolean => Object.values(caches).every((cache) => cache.hasSynced());
  const [host = '', port = '8080'] = values['metrics-address'].split(/:(?=\d+$)/);
  const server = await startHealthServer({
    host: host === '' ? '0.0.0.0' : host,
    port: Number(port),
    logger,
    endpoints: {
      '/healthz': () => ({ status: 200, body: 'ok' }),
      '/readyz': () =>
        synced() ? { status: 200, body: 'ok' } : { status: 503, body: 'the caches are not filled yet' },
      '/metrics': async () => ({ status: 200, body: await metrics.scrape(), contentType: metrics.contentType }),
    },
  });
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  const outcome = await runManager(
    {
      always: [...runnables, { name: 'events', run: (signal) => recorder.run(signal) }],
      whileLeading: controllers,
      ...(elects ? { elector } : {}),
      clock,
      logger,
      abort,
    },
    stop.signal,
  );
  await server.close();
  await transport.close();
  logger.info('Stopped', { outcome: outcome.kind });
  return outcome.kind === 'stopped' ? 0 : 1;
}

/** The `Date` header counts whole seconds: a smaller difference is rounding, and following it would make times jump. */
function correction(skewMs: number | undefined): number {
  return skewMs !== undefined && Math.abs(skewMs) > 2_000 ? skewMs : 0;
}

void main(process.argv.slice(2)).then((code) => process.exit(code));
