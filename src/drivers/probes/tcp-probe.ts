import { connect } from 'node:net';
import type { TcpProbe } from '../../api/probe-suite.ts';
import { withDeadline } from '../../kube/deadline.ts';
import { parseDuration } from '../../shared/duration.ts';
import type { TryResult } from './attempts.ts';
import { fill } from './secrets.ts';
import type { TryContext } from './try-context.ts';

/** Passes when a connection opens. @throws what connections throw */
export async function tryTcp(probe: TcpProbe, { clock, values, target, signal }: TryContext): Promise<TryResult> {
  const host = target.place?.address ?? fill(probe.host, values);
  await withDeadline({ clock, afterMs: parseDuration(probe.timeout), signal }, (limited) => open(host, probe.port, limited));
  return { answer: 'pass', message: '' };
}

function open(host: string, port: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ host, port });
    const end = (finish: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      finish();
    };
    const onAbort = (): void => end(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => end(resolve));
    // Not `once`: a second error after the first would end the process.
    socket.on('error', (error) => end(() => reject(error)));
  });
}
