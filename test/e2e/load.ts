/** Runs the load generator as a pod of the example, and reads what it counted. */
import { waitFor } from '../cluster/poll.ts';
import type { LoadReport } from '../portal/load.ts';
import type { Example } from './example.ts';

export type { LoadReport } from '../portal/load.ts';

export interface LoadOptions {
  /** Names the pod and marks the writes. */
  readonly name: string;
  /** Requests per second. */
  readonly rate: number;
  readonly users?: number;
  /** A connection for every request; keep `rate` below 230 then. */
  readonly isOneShot?: boolean;
  /** Goes on after the end until so many requests were made. */
  readonly atLeast?: number;
}

export interface RunningLoad {
  /** Ends the load, looks at the data on every volume and answers with the counts. @throws when it does not end in time */
  stop(): Promise<LoadReport>;
}

const members = ['portal-1', 'portal-2'];

/** Starts it and returns once requests flow. */
export async function startLoad(example: Example, options: LoadOptions): Promise<RunningLoad> {
  const pod = `load-${options.name}`;
  await example.kubectl(['apply', '-f', '-'], JSON.stringify(manifest(pod, example, options)));
  await waitFor({
    what: `load generator ${pod} to begin`,
    timeoutMs: 60_000,
    intervalMs: 250,
    check: async () => (await readEvents(example, pod)).find((event) => event.event === 'ready'),
  });
  return { stop: () => stopLoad(example, pod) };
}

async function stopLoad(example: Example, pod: string): Promise<LoadReport> {
  await example.kubectl(['exec', pod, '--', 'node', '-e', 'process.kill(1, "SIGTERM")']);
  const report = await waitFor({
    what: `load generator ${pod} to report`,
    timeoutMs: 240_000,
    intervalMs: 250,
    check: async () => (await readEvents(example, pod)).find((event) => event.event === 'report')?.report,
  });
  await example.kubectl(['delete', 'pod', pod, '--wait=false']);
  return report;
}

interface LoadEvent {
  readonly event: string;
  readonly report?: LoadReport;
}

async function readEvents(example: Example, pod: string): Promise<LoadEvent[]> {
  const text = await example.client.podLog({ namespace: example.namespace, name: pod }, { tailLines: 20 });
  return text.split('\n').flatMap((line): LoadEvent[] => (line.startsWith('{') ? [JSON.parse(line)] : []));
}

function manifest(name: string, example: Example, options: LoadOptions): unknown {
  // Servers with one database under them all hold the same: one is asked.
  const asked = example.isMajor ? members.slice(0, 1) : members;
  const image = example.image(example.isMajor ? 'portal:1.1.0' : 'portal:1.0.0');
  const memberArgs = asked.flatMap((member) => ['--member', `${member}=http://${member}-0.portal-members:8080`]);
  const args = [
    '/app/load.mjs',
    '--client',
    options.name,
    '--rate',
    `${options.rate}`,
    '--users',
    `${options.users ?? 20}`,
    '--at-least',
    `${options.atLeast ?? 0}`,
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'load' } },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'load',
          image,
          command: ['node', ...args, ...memberArgs, ...(options.isOneShot === true ? ['--one-shot'] : [])],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  };
}
