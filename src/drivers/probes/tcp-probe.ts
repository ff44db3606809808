import { connect } from 'node:net';
import type { TcpProbe } from '../../api/probe-suite.ts';
import { withDeadline } from '../../kube/deadline.ts';
import { parseDuration } from '../../shared/duration.ts';
import type { TryResult } from './attempts.ts';
import { lookAtSocket } from './open-socket.ts';
import { fill } from './secrets.ts';
import type { TryContext } from './try-context.ts';

/** Passes when a connection opens. @throws what connections throw */
export async function tryTcp(probe: TcpProbe, { clock, values, target, signal }: TryContext): Promise<TryResult> {
  const host = target.place?.address ?? fill(probe.host, values);
  await withDeadline({ clock, afterMs: parseDuration(probe.timeout), signal }, (limited) =>
    lookAtSocket(connect({ host, port: probe.port }), 'connect', limited, () => undefined),
  );
  return { answer: 'pass', message: '' };
}
