/** A client that does not let go: what a drain has to wait for. */
import { waitFor } from '../cluster/poll.ts';
import type { Example } from './example.ts';

/** A pod that opens a connection to portal-1 and never says anything. */
export async function holdConnection(example: Example): Promise<void> {
  const script =
    "require('net').connect(8080, 'portal-1-0.portal-members').on('connect', () => console.log('connected')).on('error', () => {}); setInterval(() => {}, 1000)";
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'guest', labels: { app: 'guest' } },
    spec: {
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'guest',
          image: example.image('portal:1.0.0'),
          command: ['node', '-e', script],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  };
  await example.kubectl(['apply', '-f', '-'], JSON.stringify(pod));
  const guest = { namespace: example.namespace, name: 'guest' };
  const connected = async () =>
    (await example.client.podLog(guest, { tailLines: 5 })).includes('connected') ? true : undefined;
  await waitFor({ what: 'the guest to connect', timeoutMs: 30_000, intervalMs: 250, check: connected });
}

/** Ends the guest at once, and its connection with it. */
export async function letGo(example: Example): Promise<void> {
  await example.kubectl(['delete', 'pod', 'guest', '--grace-period=0', '--force']);
}
