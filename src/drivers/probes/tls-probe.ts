import { isIP } from 'node:net';
import { checkServerIdentity, connect, type PeerCertificate } from 'node:tls';
import type { TlsProbe } from '../../api/probe-suite.ts';
import { withDeadline } from '../../kube/deadline.ts';
import type { EpochMs } from '../../shared/clock.ts';
import { parseDuration } from '../../shared/duration.ts';
import type { TryResult } from './attempts.ts';
import { tlsRules } from './network.ts';
import { lookAtSocket } from './open-socket.ts';
import { fill } from './secrets.ts';
import type { TryContext } from './try-context.ts';

const dayMs = 86_400_000;

interface Handshake {
  readonly host: string;
  readonly port: number;
  /** The certificate must be for it; sent along unless it is an address. */
  readonly name: string;
  readonly rules: {
    readonly ca?: string | undefined;
    readonly insecureSkipVerify: boolean;
    readonly minVersion: '1.2' | '1.3';
  };
}

/** Passes when the handshake succeeds and the certificate stays valid for long enough. @throws what connections throw */
export async function tryTls(
  probe: TlsProbe,
  { clock, secrets, values, target, signal }: TryContext,
): Promise<TryResult> {
  const named = fill(probe.host, values);
  const rules = await tlsRules(secrets, probe, signal);
  const handshake = { host: target.place?.address ?? named, port: probe.port, name: probe.serverName ?? named, rules };
  const certificate = await withDeadline({ clock, afterMs: parseDuration(probe.timeout), signal }, (limited) =>
    shakeHands(handshake, limited),
  );
  return judgeCertificate(certificate, probe.notAfterDays, clock.now());
}

/** Validity is judged here too: with `insecureSkipVerify` nobody else has looked. */
export function judgeCertificate(
  certificate: Pick<PeerCertificate, 'valid_from' | 'valid_to'>,
  notAfterDays: number,
  now: EpochMs,
): TryResult {
  const from = Date.parse(certificate.valid_from);
  const until = Date.parse(certificate.valid_to);
  if (Number.isNaN(from) || Number.isNaN(until))
    return { answer: 'fail', message: 'certificate has no readable validity' };
  if (now < from) return { answer: 'fail', message: `certificate is not valid before ${day(from)}` };
  if (now >= until) return { answer: 'fail', message: `certificate has expired on ${day(until)}` };
  const days = Math.floor((until - now) / dayMs);
  if (days >= notAfterDays) return { answer: 'pass', message: '' };
  return {
    answer: 'fail',
    message: `certificate expires on ${day(until)}, in ${days} days, want at least ${notAfterDays}`,
  };
}

const day = (at: EpochMs): string => new Date(at).toISOString().slice(0, 10);

function shakeHands({ host, port, name, rules }: Handshake, signal: AbortSignal): Promise<PeerCertificate> {
  const socket = connect({
    host,
    port,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(rules.ca === undefined ? {} : { ca: rules.ca }),
    rejectUnauthorized: !rules.insecureSkipVerify,
    minVersion: rules.minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    // In isolation the connection goes to a pod's address, and the certificate is for the name all the same.
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  });
  return lookAtSocket(socket, 'secureConnect', signal, (open) => open.getPeerCertificate());
}
